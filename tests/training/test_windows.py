"""Training in windows of a crop."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from napari_frtm.config import TARGET_STRIDE
from napari_frtm.training.config import WindowsConfig
from napari_frtm.training.data.samples import Batch
from napari_frtm.training.state import TrainState
from napari_frtm.training.weights import initial_network
from napari_frtm.training.windows import windows_loss

if TYPE_CHECKING:
    from napari_frtm.training.config import TrainConfig

SIZE = 96


@pytest.fixture
def windowed(recipe: TrainConfig) -> TrainConfig:
    """Return a recipe with windows as small as they can be."""
    return replace(recipe, dice=0.0, windows=WindowsConfig(margin=(0, 0), least=(64, 64)))


def _loss(config: TrainConfig, share: float) -> tuple[torch.Tensor, TrainState]:
    """Return the loss of two crops with an object in a corner, and the state that learns."""
    state = TrainState(initial_network(config, None, "cpu"), config)
    assert state.teacher is not None
    assert state.network.segmentation is not None
    torch.manual_seed(0)
    images = torch.rand(2, 3, SIZE, SIZE)
    masks = torch.zeros(2, SIZE, SIZE, dtype=torch.bool)
    masks[:, :20, :20] = True
    coarse = torch.nn.functional.avg_pool2d(masks.float(), TARGET_STRIDE)
    share_of_each = torch.full((2,), share)
    batch = Batch(images, masks, None, (None, None), 0, (None, None), teacher=share_of_each)
    with torch.no_grad():
        features = state.network.backbone(images)
    return windows_loss(state.network, state.teacher, coarse, features, batch, config), state


def test_first_weights_have_nothing_to_learn_from_whole_crops(windowed: TrainConfig) -> None:
    """They answer as they do: the gradient of the loss is nothing beside that of the truth."""
    whole = replace(windowed, windows=WindowsConfig(margin=(0, 0), least=(SIZE, SIZE)))
    steepness = []
    for share in (1.0, 0.0):
        loss, state = _loss(whole, share)
        loss.backward()
        assert state.network.segmentation is not None
        gradients = [p.grad for p in state.network.segmentation.parameters() if p.grad is not None]
        steepness.append(float(torch.cat([g.flatten() for g in gradients]).norm()))

    assert steepness[0] < 0.02 * steepness[1]


def test_batch_norms_keep_their_statistics(windowed: TrainConfig) -> None:
    """A window alone has none that are worth anything."""
    _, state = _loss(windowed, 1.0)

    fresh = initial_network(windowed, None, "cpu").segmentation
    assert state.network.segmentation is not None
    assert fresh is not None
    then = dict(state.network.segmentation.named_buffers())
    for name, before in fresh.named_buffers():
        assert torch.equal(before, then[name])
