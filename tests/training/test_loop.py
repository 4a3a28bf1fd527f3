"""Training runs of a few steps."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file

from napari_frtm.config import SegmentationConfig, Variant, preset
from napari_frtm.engine.tracking.baseline import BaselineTracker
from napari_frtm.engine.tracking.tracker import Tracker
from napari_frtm.errors import CheckpointError, FrtmError
from napari_frtm.io.weights.checkpoint import load_network, read_network
from napari_frtm.training.config import JointConfig, WindowsConfig
from napari_frtm.training.data.sources import DataError
from napari_frtm.training.loop import BEST, JOINT, LAST, LOG, SHEET, Training, train
from napari_frtm.training.prepare import Preparing
from napari_frtm.training.state import Log, TrainStep
from napari_frtm.training.weights import initial_network

if TYPE_CHECKING:
    from conftest import Clip

    from napari_frtm.training.config import TrainConfig

PARITY = Path(__file__).parents[1] / "parity"


@pytest.fixture
def training(recipe: TrainConfig, data: Path, tmp_path: Path, cached: Path) -> Training:
    """Return a training of ten steps."""
    return Training(config=recipe, data=data, out=tmp_path / "run", targets=cached)


def _steps(training: Training, wanted: int | None = None) -> list[TrainStep]:
    steps = []
    for event in train(training):
        if isinstance(event, TrainStep):
            steps.append(event)
            if len(steps) == wanted:
                break
    return steps


def _curve(steps: list[TrainStep]) -> list[tuple[object, ...]]:
    return [(s.step, s.loss, s.learning_rate, s.jaccard, s.boundary_f) for s in steps]


def test_the_loss_falls_and_files_are_written(training: Training, clip: Clip) -> None:
    """And what was learned runs in the tracker, as a checkpoint of the package."""
    longer = replace(training, config=replace(training.config, steps=30))

    steps = _steps(longer)

    losses = [step.loss for step in steps]
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])
    assert [s.step for s in steps if s.jaccard is not None] == [6, 12, 18, 24, 30]
    assert steps[-1].progress == 1
    assert (training.out / SHEET).is_file()
    assert len((training.out / LOG).read_text().splitlines()) == 31
    full = preset("lite", Variant.FULL)
    network = load_network(full, device="cpu", checkpoint=training.out / BEST)
    tracker = Tracker(network, full)
    tracker.annotate(0, clip.frames[0], clip.truth[0])
    (prediction,) = tracker.segment([1], clip.frames[1:2])
    assert prediction.labels.shape == (120, 160)


@pytest.mark.parametrize(
    "changes",
    [{}, {"joint": JointConfig(refit=3)}, {"base_net": True}, {"windows": WindowsConfig()}],
    ids=["frozen", "joint", "base-net", "windows"],
)
def test_a_killed_training_goes_on_as_if_it_had_not_been(
    training: Training, tmp_path: Path, changes: dict[str, Any]
) -> None:
    """Bit by bit: from the step last saved, with the same losses and the same weights."""
    training = replace(training, config=replace(training.config, **changes))
    whole = _steps(training)
    killed = replace(training, out=tmp_path / "killed")
    begun = _steps(killed, 9)  # saved after 8 last
    resumed = _steps(replace(killed, resume=True))

    assert resumed[0].step == 9
    assert _curve(begun[:8]) + _curve(resumed) == _curve(whole)
    first, second = (
        torch.load(out / LAST, weights_only=True) for out in (training.out, killed.out)
    )
    for part in {"network", "mean", "fitted"} & first.keys():
        assert all(torch.equal(first[part][k], second[part][k]) for k in first[part])
    best = [load_file(out / BEST) for out in (training.out, killed.out)]
    assert all(torch.equal(best[0][k], best[1][k]) for k in best[0])
    steps = [line.split(",")[:2] for line in (killed.out / LOG).read_text().splitlines()]
    assert steps == [line.split(",")[:2] for line in (training.out / LOG).read_text().splitlines()]


def test_a_kill_between_state_and_log_leaves_no_gap(
    training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log has a row of every step, whatever of the two was written last."""
    add = Log.add

    def killed(log: Log, step: TrainStep) -> None:
        if step.step == training.config.checkpoint_interval:
            raise KeyboardInterrupt
        add(log, step)

    with monkeypatch.context() as patch:
        patch.setattr(Log, "add", killed)
        with pytest.raises(KeyboardInterrupt):
            _steps(training)
    left = training.out / f".{'0' * 32}.pt"
    left.write_bytes(b"left behind")

    _steps(replace(training, resume=True))

    assert not left.exists()
    rows = (training.out / LOG).read_text().splitlines()[1:]
    assert [int(row.split(",")[0]) for row in rows] == [*range(1, training.config.steps + 1)]


def test_the_backbone_learns_too(training: Training) -> None:
    """If the recipe says so; target models are fitted on it, and its weights are kept."""
    config = replace(training.config, joint=JointConfig(rate=0.1, refit=2), steps=5)
    joint = replace(training, config=config)

    _steps(joint)

    assert len(list((joint.out / JOINT).glob("*"))) == 2  # of steps 4 (learning) and 5 (measured)
    full = preset("lite", Variant.FULL)
    before, after = (
        load_network(full, device="cpu"),
        load_network(full, device="cpu", checkpoint=joint.out / BEST),
    )
    moved = [
        not torch.equal(a, b)
        for a, b in zip(before.backbone.parameters(), after.backbone.parameters(), strict=True)
    ]
    assert all(moved)
    again = initial_network(config, str(joint.out / BEST), "cpu").backbone.torchvision_state()
    mean = torch.load(joint.out / LAST, weights_only=True)["mean"]
    name = "features.0.0.weight"
    torch.testing.assert_close(
        again[name], mean["backbone.stages.0.0.0.weight"], atol=1e-3, rtol=1e-3
    )


def test_gradients_add_up_over_batches(training: Training) -> None:
    """Two batches of one sample each are one step."""
    config = replace(training.config, accumulate=2, batch=1, steps=2, validation=None)

    steps = _steps(replace(training, config=config))

    assert [s.step for s in steps] == [1, 2]
    assert (training.out / BEST).is_file()


def test_bfloat16_learns_as_well(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its losses are near those of single precision, where it is used for being faster."""
    config = replace(training.config, validation=None, steps=4)
    half = replace(config, bfloat16=True)
    monkeypatch.setattr("napari_frtm.training.loop.has_half_precision", lambda _: True)

    exact = _steps(replace(training, config=config))
    rough = _steps(replace(training, config=half, out=training.out.parent / "half"))

    assert [s.loss for s in rough] == pytest.approx([s.loss for s in exact], rel=0.05)


def test_a_time_budget_is_kept(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    """The schedule follows the clock, whose ticks here take five seconds each."""
    ticks = iter(range(0, 10_000, 5))
    monkeypatch.setattr("napari_frtm.training.loop.time.monotonic", lambda: next(ticks))
    config = replace(training.config, validation=None)

    steps = _steps(replace(training, config=config, minutes=0.5))

    assert [s.seconds for s in steps] == [5, 10, 15, 20, 25, 30]
    assert steps[-1].progress == 1
    assert steps[3].learning_rate == pytest.approx(1e-2 / 2)


def test_a_training_that_diverges_says_so(
    training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the step at which it happens, and what was saved before is whole."""
    losses = count(1)

    def diverging(logits: torch.Tensor, *arguments: object) -> torch.Tensor:
        return logits.square().mean() * (float("nan") if next(losses) == 6 else 1)

    monkeypatch.setattr("napari_frtm.training.loop.mask_loss", diverging)

    with pytest.raises(FrtmError, match=r"diverged: the loss of step 6 is nan.* learning_rate"):
        _steps(training)

    mean = torch.load(training.out / LAST, weights_only=True)["mean"]
    assert all(tensor.isfinite().all() for tensor in mean.values())


def test_gradients_that_are_not_finite_are_never_followed(
    training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the loss is: the square root has no slope at zero."""
    monkeypatch.setattr(
        "napari_frtm.training.loop.mask_loss", lambda x, *_: (x * 0).square().sqrt().sum()
    )

    with pytest.raises(FrtmError, match="gradients are not finite"):
        _steps(training)


def test_a_folder_with_a_training_is_not_overwritten(training: Training) -> None:
    """Unless asked to go on."""
    _steps(training, 4)

    with pytest.raises(FrtmError, match="Add --resume to go on"):
        _steps(training)


def test_resuming_before_the_first_state_starts_anew(training: Training) -> None:
    """A training killed early goes on like any other."""
    steps = _steps(replace(training, resume=True), 1)

    assert steps[0].step == 1


def test_training_starts_from_given_weights(training: Training) -> None:
    """Those of another training, in half precision, with its widths."""
    config = replace(training.config, validation=None, steps=2)
    _steps(replace(training, config=config))

    other = replace(config, segmentation=SegmentationConfig(channels=(8, 8, 8, 8)))
    started = initial_network(other, str(training.out / BEST), "cpu").segmentation

    mean = torch.load(training.out / LAST, weights_only=True)["mean"]
    for name, tensor in started.state_dict().items():
        torch.testing.assert_close(tensor.float(), mean[name].float(), rtol=1e-3, atol=1e-3)


def test_training_starts_from_the_embedded_weights_for_cells(recipe: TrainConfig) -> None:
    """They are no file of the user's; the backbone is that of `lite`."""
    started = initial_network(recipe, "cells", "cpu").segmentation
    embedded = read_network(replace(preset("cells"), outlines=False)).segmentation
    assert embedded is not None
    torch.testing.assert_close(started.state_dict(), embedded.state_dict(), rtol=0, atol=0)


def test_weights_of_another_backbone_are_refused(recipe: TrainConfig) -> None:
    """Here those of a ResNet-18, from the authors' release in miniature."""
    with pytest.raises(CheckpointError, match=r"segnet_rn18\.pth was made for resnet18"):
        initial_network(recipe, str(PARITY / "segnet_rn18.pth"), "cpu")


def test_data_without_objects_is_explained(training: Training) -> None:
    """The data set is named."""
    dataset = replace(training.config.datasets[0], smallest=0.9)
    config = replace(training.config, datasets=(dataset,))

    with pytest.raises(DataError, match="No object on any reference frame of davis"):
        _steps(replace(training, config=config))


def test_preparation_is_reported(training: Training) -> None:
    """Two reference frames to train on, one to validate with."""
    events = []
    for event in train(training):
        if not isinstance(event, Preparing):
            break
        events.append(event)

    assert events == [Preparing(i, 3) for i in (1, 2, 3)]


def test_base_net_learns_its_target_encoder(training: Training, clip: Clip) -> None:
    """Without target models; its weights run as the variant base-net, and as nothing else."""
    config = replace(training.config, base_net=True, steps=30)
    base = replace(training, config=config, targets=training.out / "targets")

    steps = _steps(base)

    losses = [step.loss for step in steps]
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])
    assert steps[-1].jaccard is not None
    assert not list(training.out.rglob("*_0.safetensors"))
    config = preset("lite", Variant.BASE_NET)
    network = load_network(config, device="cpu", checkpoint=training.out / BEST)
    tracker = BaselineTracker(network, config)
    tracker.annotate(0, clip.frames[0], clip.truth[0])
    (prediction,) = tracker.segment([1], clip.frames[1:2])
    assert prediction.labels.shape == (120, 160)
    with pytest.raises(CheckpointError, match="was trained for Base net"):
        load_network(preset("lite"), device="cpu", checkpoint=training.out / BEST)
    with pytest.raises(CheckpointError, match="There is no target encoder in the embedded"):
        load_network(config, device="cpu")
