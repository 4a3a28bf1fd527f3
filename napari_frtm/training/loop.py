"""Training of the segmentation network (paper, section 3.3): a generator of its steps."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

import torch

from napari_frtm.config import TARGET_STRIDE
from napari_frtm.errors import FrtmError
from napari_frtm.io.atomic import reporting
from napari_frtm.training.losses import mask_loss
from napari_frtm.training.prepare import Preparing, prepare
from napari_frtm.training.samples import Samples, disturb, without_some
from napari_frtm.training.state import Log, TrainState, TrainStep, learning_rate
from napari_frtm.training.targets import TargetCache, scores
from napari_frtm.training.validation import save_sheet, validate
from napari_frtm.training.weights import frozen_network, new_segmentation, save_weights

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from pathlib import Path

    from napari_frtm.engine.network import FrtmNetwork
    from napari_frtm.training.config import TrainConfig
    from napari_frtm.training.samples import Batch
    from napari_frtm.training.targets import Target

BEST, LAST, LOG, SHEET = "best.safetensors", "last.pt", "log.csv", "validation.png"


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """All that a training needs.

    Attributes
    ----------
    config : TrainConfig
        The recipe.
    data : Path
        Folder that the paths of its data sets start from.
    out : Path
        Folder for weights, state and log.
    targets : Path or None
        Folder of cached target models, which trainings can share; ``targets`` in `out` without it.
    minutes : float or None
        Time budget: the schedule follows the clock, not the steps.
    resume : bool
        Go on with the training in `out`, if one is there.
    init : str or None
        Weights to start from: ``lite`` or a file.
    device : str
        ``cpu``, ``cuda``, ...
    """

    config: TrainConfig
    data: Path
    out: Path
    targets: Path | None = None
    minutes: float | None = None
    resume: bool = False
    init: str | None = None
    device: str = "cpu"


def train(training: Training) -> Generator[Preparing | TrainStep, None, None]:
    """Train; yield while target models are fitted, then each step when it is taken.

    Writes ``best.safetensors`` (the mean weights that were best in validation, or the latest
    without one), ``last.pt`` (to resume from), ``log.csv`` (a row a step) and ``validation.png``
    (masks to look at) into `training.out`.

    Raises
    ------
    FrtmError
        If data, weights or a state to resume are missing or damaged, or a file cannot be written.
    """
    config, out = training.config, training.out
    network = frozen_network(config, training.device)
    state = _begin(training, network)
    cache = TargetCache(training.targets or out / "targets", network, config.method)
    targets = yield from prepare(config, training.data, cache)
    log = Log(out / LOG, state.step)
    start = time.monotonic() - state.seconds
    samples = Samples(targets.training, config)
    with closing(samples.batches(state.step * config.accumulate)) as batches:
        while (done := _progress(training, state)) < 1:
            rate = learning_rate(config.optimiser, done)
            loss = _advance(network, state, islice(batches, config.accumulate), rate)
            state.seconds = time.monotonic() - start
            step = TrainStep(
                step=state.step,
                loss=loss,
                learning_rate=rate,
                seconds=state.seconds,
                progress=min(_progress(training, state), 1.0),
            )
            step = _keep(training, state, network, targets.validation, step)
            log.add(step)
            yield step


def _begin(training: Training, network: FrtmNetwork) -> TrainState:
    """Return the state to start from, or to go on from."""
    out = training.out
    with reporting(out):
        out.mkdir(parents=True, exist_ok=True)
    begun = (out / LAST).exists()
    if begun and not training.resume:
        raise FrtmError(f"There is a training in {out}. Add --resume to go on, or choose another.")
    segmentation = new_segmentation(training.config, network, training.init)
    state = TrainState(segmentation, training.config)
    if begun:
        state.load(out / LAST)
    return state


def _advance(
    network: FrtmNetwork, state: TrainState, batches: Iterable[Batch], rate: float
) -> float:
    """Take one step of the optimiser; return the loss before it, the mean over the batches."""
    losses = [_gradients(network, state, batch) for batch in batches]
    state.advance(rate)
    return sum(losses)


def _gradients(network: FrtmNetwork, state: TrainState, batch: Batch) -> float:
    """Add the gradients of a batch to those of the network; return its share of the loss."""
    device, config = network.device, state.config
    images = batch.images.to(device).float().div_(255)
    images = images.contiguous(memory_format=torch.channels_last)
    half = torch.autocast(device.type, torch.bfloat16, enabled=config.bfloat16)
    with torch.no_grad():
        with half:
            features = network.backbone(images)
        coarse = scores(batch.filters.to(device), features[TARGET_STRIDE].float())
        coarse = disturb(coarse, batch.seeds)
        features = without_some(features, config.crop.dropped, batch.number)
    with half:
        logits = state.segmentation(coarse[:, None], state.segmentation.prepare(features))
    masks = batch.masks.to(device).float()
    loss = mask_loss(logits[:, 0].float(), masks, config.dice) / config.accumulate
    loss.backward()  # type: ignore[no-untyped-call]
    return loss.item()


def _progress(training: Training, state: TrainState) -> float:
    """Return how much of the training is done; 1 or more when it is over."""
    if training.minutes is not None:
        return state.seconds / (60 * training.minutes)
    return state.step / training.config.steps


def _keep(
    training: Training,
    state: TrainState,
    network: FrtmNetwork,
    targets: list[Target],
    step: TrainStep,
) -> TrainStep:
    """At intervals and at the end, measure the mean weights, keep the best, save the state."""
    config, out, last = training.config, training.out, step.progress == 1
    save = last or step.step % config.checkpoint_interval == 0
    if config.validation is None:
        if save:
            save_weights(out / BEST, config, state.mean)
    elif last or step.step % config.validation.interval == 0:
        measured = validate(network, state.mean, targets, config)
        step = replace(step, jaccard=measured.jaccard, boundary_f=measured.boundary_f)
        save_sheet(out / SHEET, measured)
        if measured.mean > state.best:
            state.best = measured.mean
            save_weights(out / BEST, config, state.mean)
        save = True
    if save:
        state.save(out / LAST)
    return step
