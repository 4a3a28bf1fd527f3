"""Samples whose target models are fitted on what a user could have drawn."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from napari_frtm.config import TARGET_STRIDE, Variant, preset
from napari_frtm.engine.sketch.prompts import NOT_IT, Prompts
from napari_frtm.evaluation.metrics import jaccard
from napari_frtm.training.config import WindowsConfig
from napari_frtm.training.data.prompts import SimulatedPrompts, simulated
from napari_frtm.training.loop import Training, train
from napari_frtm.training.sketched import sketched
from napari_frtm.training.state import TrainStep

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Clip
    from numpy.typing import NDArray

    from napari_frtm.engine.networks.network import FrtmNetwork
    from napari_frtm.training.config import TrainConfig


@pytest.fixture
def ellipse() -> NDArray[np.bool_]:
    """Return a mask of 3770 pixels."""
    rows, columns = np.ogrid[:128, :160]
    return np.asarray(((rows - 60) / 30) ** 2 + ((columns - 80) / 40) ** 2 < 1)


@pytest.fixture
def drawn(ellipse: NDArray[np.bool_]) -> list[SimulatedPrompts]:
    """Return what is drawn of it, two hundred times."""
    found = [simulated(ellipse, np.random.default_rng(seed)) for seed in range(200)]
    return [prompts for prompts in found if prompts is not None]


def test_strokes_and_points_are_right(
    ellipse: NDArray[np.bool_], drawn: list[SimulatedPrompts]
) -> None:
    """On the object are those that say so, and no others."""
    given = [prompts.first for prompts in drawn if isinstance(prompts.first, Prompts)]
    strokes = [first.strokes for first in given if not first.boxes]

    assert len(drawn) == 200
    assert len(strokes) > 100
    for each in strokes:
        assert ellipse[each == 1].all()
        assert not ellipse[each == NOT_IT].any()
        assert (each == 1).any()


def test_boxes_are_around_the_object(
    ellipse: NDArray[np.bool_], drawn: list[SimulatedPrompts]
) -> None:
    """Nearly: no side cuts off much, none is far away."""
    given = [prompts.first for prompts in drawn if isinstance(prompts.first, Prompts)]
    boxes = [first.boxes[1] for first in given if first.boxes]

    assert boxes
    for box in boxes:
        assert ellipse[box.slices].sum() > 0.9 * ellipse.sum()
        assert box.area < 1.4 * 60 * 80


def test_polygons_are_rough(ellipse: NDArray[np.bool_], drawn: list[SimulatedPrompts]) -> None:
    """Near the object, and never quite it."""
    masks = [prompts.first for prompts in drawn if not isinstance(prompts.first, Prompts)]
    overlaps = [jaccard(mask, ellipse) for mask in masks]

    assert len(masks) > 20
    assert 0.5 < min(overlaps) < max(overlaps) < 0.97


def test_of_almost_nothing_nothing_is_drawn() -> None:
    """A crop may show the edge of an object alone."""
    mask = np.zeros((64, 64), np.bool_)
    mask[:2, :9] = True

    assert simulated(mask, np.random.default_rng(0)) is None


@pytest.mark.parametrize("corrections", [0, 2])
def test_scores_are_those_of_a_sketch(network: FrtmNetwork, clip: Clip, corrections: int) -> None:
    """High on the object, from a stroke on it; S sees all of it."""
    image = torch.from_numpy(clip.frames[0][:96, :128].copy()).permute(2, 0, 1)[None] / 255
    truth = clip.truth[0][:96, :128] == 1
    strokes = np.zeros(truth.shape, np.int32)
    strokes[36:40, 25:42] = 1
    prompts = SimulatedPrompts(first=Prompts(strokes=strokes), corrections=corrections)
    with torch.no_grad():
        features = network.features(image, refine=True)

    scores, window = sketched(network, features, prompts, truth, preset("lite", Variant.D_ONLY))

    on_grid = truth.reshape(6, TARGET_STRIDE, 8, TARGET_STRIDE).mean((1, 3))
    assert scores.shape == (6, 8)
    assert scores[on_grid > 0.9].mean() > 0.4 + scores[on_grid == 0].mean()
    assert truth[window.slices].sum() == truth.sum()


def test_a_training_on_sketches_takes_its_steps(
    recipe: TrainConfig, data: Path, tmp_path: Path, cached: Path
) -> None:
    """No target model is fitted before, and the same seed gives the same losses."""
    dataset = replace(recipe.datasets[0], sketched=1.0)
    config = replace(recipe, datasets=(dataset,), windows=WindowsConfig(), validation=None, steps=3)
    losses = []
    for name in ("first", "second"):
        training = Training(config=config, data=data, out=tmp_path / name, targets=tmp_path / "t")
        steps = [event for event in train(training) if isinstance(event, TrainStep)]
        losses.append([step.loss for step in steps])

    assert len(losses[0]) == 3
    assert losses[0] == losses[1]
    assert not list((tmp_path / "t").rglob("*.safetensors"))
