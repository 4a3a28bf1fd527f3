"""Training of the segmentation network (paper, section 3.3): a generator of its steps."""

from __future__ import annotations

import math
import shutil
import time
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

import torch

from napari_frtm.config import TARGET_STRIDE
from napari_frtm.engine.networks.network import has_half_precision
from napari_frtm.errors import FrtmError
from napari_frtm.io.atomic import reporting
from napari_frtm.io.session.files import remove_temporaries
from napari_frtm.training.data.samples import Samples, disturb, without_some
from napari_frtm.training.data.targets import TargetCache, Unfitted, scores
from napari_frtm.training.losses import mask_loss
from napari_frtm.training.prepare import Preparing, prepare
from napari_frtm.training.state import Log, TrainState, TrainStep, learning_rate
from napari_frtm.training.validation import save_sheet, validate
from napari_frtm.training.weights import for_inference, initial_network, save_weights
from napari_frtm.training.windows import windows_loss

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from torch import Tensor

    from napari_frtm.engine.networks.backbone import Backbone
    from napari_frtm.engine.networks.network import FrtmNetwork
    from napari_frtm.training.config import TrainConfig
    from napari_frtm.training.data.samples import Batch
    from napari_frtm.training.data.targets import Target

BEST, LAST, LOG, SHEET = "best.safetensors", "last.pt", "log.csv", "validation.png"
JOINT = "joint"


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
    state = TrainState(initial_network(config, training.init, training.device), config)
    folder = training.targets or out / "targets"
    kind = Unfitted if config.base_net else TargetCache
    cache = kind(folder, for_inference(state.fitted), config.method)
    begun = _begin(training)
    targets = yield from prepare(config, training.data, cache)
    if begun:
        state.load(out / LAST)
    log = Log(out / LOG, state.step)
    start = time.monotonic() - state.seconds
    with closing(_batches(training, state, targets.training, cache)) as batches:
        while (done := _progress(training, state)) < 1:
            rate = learning_rate(config.optimiser, done)
            loss = _advance(state, cache.network.backbone, next(batches), rate)
            state.seconds = time.monotonic() - start
            step = TrainStep(
                step=state.step,
                loss=loss,
                learning_rate=rate,
                seconds=state.seconds,
                progress=min(_progress(training, state), 1.0),
            )
            step, due = _keep(training, state, cache, targets.validation, step)
            log.add(step)
            if due:  # last: what the log says of later steps is removed, what it lacks stays so
                state.save(out / LAST)
            yield step


def _begin(training: Training) -> bool:
    """Make the folder, without what a kill left; return whether there is a training in it."""
    out = training.out
    with reporting(out):
        out.mkdir(parents=True, exist_ok=True)
    begun = (out / LAST).exists()
    if begun and not training.resume:
        raise FrtmError(f"There is a training in {out}. Add --resume to go on, or choose another.")
    remove_temporaries(out)
    return begun


def _batches(
    training: Training, state: TrainState, targets: list[list[Target]], cache: TargetCache
) -> Generator[list[Batch], None, None]:
    """Yield the batches of each step, with target models of the state's fitted backbone."""
    config = training.config
    while True:
        if config.joint is not None:
            cache = _own_cache(training, state.fitted)
            _forget_others(cache)
        samples = Samples(targets, cache, config)
        with closing(samples.batches(state.step * config.accumulate)) as batches:
            renewed = False
            while not renewed:
                yield list(islice(batches, config.accumulate))
                renewed = state.is_refitting


def _own_cache(training: Training, network: FrtmNetwork) -> TargetCache:
    """Return the target models of a backbone of this training, fitted when they are needed."""
    return TargetCache(training.out / JOINT, for_inference(network), training.config.method)


def _forget_others(cache: TargetCache) -> None:
    """Remove the target models of earlier backbones."""
    for path in cache.folder.parent.glob("*"):
        if path != cache.folder:
            shutil.rmtree(path, ignore_errors=True)


def _advance(state: TrainState, frozen: Backbone, batches: list[Batch], rate: float) -> float:
    """Take one step of the optimiser; return the loss before it, the mean over the batches."""
    loss = sum(_gradients(state, frozen, batch) for batch in batches)
    if not (math.isfinite(loss) and state.is_finite):
        raise FrtmError(
            f"The training diverged: the loss of step {state.step + 1} is {loss:g}, or its "
            "gradients are not finite. Start anew with a lower learning_rate in the recipe."
        )
    state.advance(rate)
    return loss


def _gradients(state: TrainState, frozen: Backbone, batch: Batch) -> float:
    """Add the gradients of a batch to those of the network; return its share of the loss."""
    network, config = state.network, state.config
    device = network.device
    images = batch.images.to(device).float().div_(255)
    images = images.contiguous(memory_format=torch.channels_last)
    faster = config.bfloat16 and has_half_precision(device.type)
    half = torch.autocast(device.type, torch.bfloat16, enabled=faster)
    with half, torch.set_grad_enabled(config.joint is not None):
        features = (frozen if config.joint is None else network.backbone)(images)
    coarse = _coarse_scores(network, frozen, batch, features[TARGET_STRIDE].float())
    features = without_some(features, config.crop.dropped, batch.number)
    assert network.segmentation is not None
    if state.teacher is not None:
        with half:
            loss = windows_loss(network, state.teacher, coarse, features, batch, config)
    else:
        with half:
            logits = network.segmentation(coarse[:, None], network.segmentation.prepare(features))
        masks = batch.masks.to(device).float()
        loss = mask_loss(logits[:, 0].float(), masks, config.dice, config.outline)
    loss = loss / config.accumulate
    loss.backward()  # type: ignore[no-untyped-call]
    return loss.item()


def _coarse_scores(network: FrtmNetwork, frozen: Backbone, batch: Batch, deep: Tensor) -> Tensor:
    """Return what S refines, (N, h, w): of the target models, or of Base net's encoder."""
    if batch.references is None:
        assert batch.filters is not None
        with torch.no_grad():
            found = disturb(scores(batch.filters.to(deep.device), deep), batch.seeds)
        if batch.regions is None:
            return found
        return torch.where(batch.regions.to(found.device), found, found.clamp(max=0))
    images, masks = (part.to(deep.device).float() for part in batch.references)
    with torch.no_grad():
        known = frozen(images.div_(255), (TARGET_STRIDE,))[TARGET_STRIDE].float()
    assert network.encoder is not None
    coarse: Tensor = network.encoder(deep, network.encoder.encode(known, masks))
    return coarse


def _progress(training: Training, state: TrainState) -> float:
    """Return how much of the training is done; 1 or more when it is over."""
    if training.minutes is not None:
        return state.seconds / (60 * training.minutes)
    return state.step / training.config.steps


def _keep(
    training: Training,
    state: TrainState,
    cache: TargetCache,
    targets: list[Target],
    step: TrainStep,
) -> tuple[TrainStep, bool]:
    """At intervals and at the end, measure the mean weights and keep the best.

    Returns the step with what was measured, and whether the state is to be saved.
    """
    config, out, last = training.config, training.out, step.progress == 1
    save = last or step.step % config.checkpoint_interval == 0
    if config.validation is None:
        if save:
            save_weights(out / BEST, config, state.mean)
    elif last or step.step % config.validation.interval == 0:
        if config.joint is not None:
            cache = _own_cache(training, state.mean)
        measured = validate(cache, state.mean, targets, config)
        step = replace(step, jaccard=measured.jaccard, boundary_f=measured.boundary_f)
        save_sheet(out / SHEET, measured)
        if measured.mean > state.best:
            state.best = measured.mean
            save_weights(out / BEST, config, state.mean)
        save = True
    return step, save
