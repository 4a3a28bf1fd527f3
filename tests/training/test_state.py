"""Schedules, the mean of the weights, the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from napari_frtm.config import SegmentationConfig
from napari_frtm.engine.networks.backbone import Backbone
from napari_frtm.engine.networks.network import FrtmNetwork
from napari_frtm.engine.networks.segmentation import SegmentationNetwork
from napari_frtm.errors import FrtmError
from napari_frtm.training.config import OptimiserConfig, TrainConfig
from napari_frtm.training.state import Log, TrainState, TrainStep, learning_rate

if TYPE_CHECKING:
    from pathlib import Path

DROP = OptimiserConfig()
COSINE = OptimiserConfig(schedule="cosine", learning_rate=2.0, warm_up=0.1)


@pytest.mark.parametrize(
    ("config", "progress", "expected"),
    [
        pytest.param(DROP, 0.0, 1e-3, id="start"),
        pytest.param(DROP, 0.66, 1e-3, id="before-drop"),
        pytest.param(DROP, 0.67, 1e-4, id="after-drop"),
        pytest.param(COSINE, 0.05, 1.0, id="warm-up"),
        pytest.param(COSINE, 0.5, 1.0, id="half"),
        pytest.param(COSINE, 1.0, 0.0, id="end"),
    ],
)
def test_learning_rate(config: OptimiserConfig, progress: float, expected: float) -> None:
    """The paper's schedule, and the cosine."""
    assert learning_rate(config, progress) == pytest.approx(expected)


def _state(recipe: TrainConfig) -> TrainState:
    torch.manual_seed(0)
    backbone = Backbone("mobilenet_v2")
    config = SegmentationConfig(channels=(1, 1, 1, 1))
    return TrainState(FrtmNetwork(backbone, SegmentationNetwork(backbone.channels, config)), recipe)


def test_the_mean_follows_the_weights(recipe: TrainConfig) -> None:
    """First quickly, then with the decay of the recipe, here one half."""
    state = _state(recipe)
    learning, mean = state.network.segmentation, state.mean.segmentation
    old = mean.head[0].bias.clone()
    for parameter in learning.parameters():
        parameter.grad = torch.ones_like(parameter)

    state.advance(0.1)

    new = learning.head[0].bias
    decay = 2 / 11
    torch.testing.assert_close(mean.head[0].bias, decay * old + (1 - decay) * new)
    assert not torch.equal(old, new)


def test_damaged_states_and_other_recipes_are_refused(recipe: TrainConfig, tmp_path: Path) -> None:
    """With a message that says what to do."""
    from dataclasses import replace

    path = tmp_path / "last.pt"
    _state(recipe).save(path)

    with pytest.raises(FrtmError, match="begun with another recipe"):
        _state(replace(recipe, seed=7)).load(path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(FrtmError, match="is damaged"):
        _state(recipe).load(path)


def test_the_log_forgets_steps_that_were_lost(tmp_path: Path) -> None:
    """Rows after the step that a training goes on from."""
    path = tmp_path / "log.csv"
    log = Log(path, 0)
    for step in (1, 2, 1_234_567):
        log.add(TrainStep(step=step, loss=1 / 3, learning_rate=1e-3, seconds=2.5, progress=0.5))

    assert path.read_text().splitlines()[-1] == "1234567,0.333333,0.001,2.5,0.5,,"
    Log(path, 2)
    assert len(path.read_text().splitlines()) == 3
    path.write_bytes(path.read_bytes() + b"2,0.3")
    Log(path, 2)
    assert len(path.read_text().splitlines()) == 3  # without the row that was cut off
    Log(path, 0)
    assert path.read_text() == "step,loss,learning_rate,seconds,progress,jaccard,boundary_f\n"
