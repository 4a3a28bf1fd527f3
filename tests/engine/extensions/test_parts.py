"""Parts of frames for the backbone: where they lie, and that they change little."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from napari_frtm.config import LocalityConfig, preset
from napari_frtm.engine.extensions import parts
from napari_frtm.engine.extensions.location import Location
from napari_frtm.engine.extensions.parts import (
    WHOLE_EVERY,
    features_of_part,
    part_around,
    part_within_reach,
)
from napari_frtm.engine.networks.network import FrtmNetwork
from napari_frtm.engine.tracking.propagate import propagate
from napari_frtm.evaluation.metrics import jaccard
from napari_frtm.io.weights.checkpoint import load_network
from napari_frtm.types import Box

if TYPE_CHECKING:
    from napari_frtm.config import FrtmConfig

FRAME = (608, 1088)
WHOLE = Box(0, 0, *FRAME)


@pytest.fixture(scope="module")
def lite_network() -> FrtmNetwork:
    """Return the network with the embedded weights."""
    return load_network(preset("lite"), device="cpu")


def _seen(box: Box, index: int) -> Location:
    mask = np.zeros(FRAME, np.float32)
    mask[box.slices] = 1
    return Location.from_annotation(mask, index)


def test_a_part_holds_all_that_can_be_reached() -> None:
    """Half a size in each direction, and the pixels that F needs around; on multiples of 32."""
    last = _seen(Box(300, 500, 400, 600), 2)

    part = part_within_reach([last], 3, 0.5, FRAME)

    reached = part.without_rim(32, WHOLE)
    assert reached.union(Box(250, 450, 450, 650)) == reached
    assert part.area < 0.3 * WHOLE.area
    assert all(side % 32 == 0 for side in part)


@pytest.mark.parametrize(
    ("lasts", "index"),
    [
        pytest.param([_seen(Box(300, 500, 400, 600), 7)], WHOLE_EVERY, id="at intervals"),
        pytest.param([_seen(Box(300, 500, 400, 600), 1)], 3, id="lost a frame ago"),
        pytest.param([None], 3, id="not seen yet"),
        pytest.param([_seen(Box(0, 0, 500, 700), 2)], 3, id="large"),
        pytest.param(
            [_seen(Box(0, 0, 50, 50), 2), _seen(Box(550, 1000, 600, 1050), 2)], 3, id="scattered"
        ),
    ],
)
def test_all_of_a_frame_is_seen(lasts: list[Location | None], index: int) -> None:
    """Where an object may be anywhere, and where a part would not be much less."""
    assert part_within_reach(lasts, index, 0.5, FRAME) == WHOLE


def test_features_of_a_part_are_those_of_the_frame(lite_network: FrtmNetwork) -> None:
    """But for what the deepest level sees from far away."""
    rng = torch.Generator().manual_seed(0)
    smooth = torch.rand(1, 3, 40, 68, generator=rng)
    image = torch.nn.functional.interpolate(smooth, (640, 1088), mode="bicubic").clamp(0, 1)

    part, inside = Box(96, 192, 480, 640), Box(128, 224, 448, 608)
    with torch.inference_mode():
        features, box = features_of_part(lite_network, image, part, refine=True)
        whole = lite_network.features(image, refine=True)

    assert box == inside
    for stride, level in features.items():
        top, left, bottom, right = (side // stride for side in inside)
        wanted = whole[stride][..., top:bottom, left:right].float()
        error = (level.float() - wanted).norm() / wanted.norm()
        assert error <= {4: 0, 8: 0, 16: 0.15, 32: 0.5}[stride], stride


@pytest.mark.parametrize("local", [False, True])
def test_masks_are_those_of_whole_frames(
    lite_network: FrtmNetwork, local: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bright patch that moves through a large frame; only a part of it goes through F."""
    rng = np.random.default_rng(0)
    ground = rng.integers(60, 120, (8, 480, 640, 3)).astype(np.uint8)
    truth = np.zeros(ground.shape[:3], np.uint8)
    for t in range(len(ground)):
        truth[t, 200 + 4 * t : 260 + 4 * t, 300 + 5 * t : 380 + 5 * t] = 1
    frames = np.where(truth[..., None] > 0, ground + 110, ground).astype(np.uint8)
    config: FrtmConfig = preset("lite", "d-only" if local else "full")
    if local:
        config = replace(config, locality=LocalityConfig(scale=1.0))
    seen: list[int] = []
    features = FrtmNetwork.features

    def watched(
        self: FrtmNetwork, images: torch.Tensor, *, refine: bool
    ) -> dict[int, torch.Tensor]:
        seen.append(images.shape[-2] * images.shape[-1])
        return features(self, images, refine=refine)

    def run() -> list[np.ndarray]:
        return [p.labels for p in propagate(lite_network, config, frames, {0: truth[0]})]

    monkeypatch.setattr(FrtmNetwork, "features", watched)
    of_parts, areas = run(), seen[-7:]
    monkeypatch.setattr(parts, "_LARGE", 0.0)
    of_frames, all_areas = run(), seen[-7:]

    assert max(areas) < 0.7 * min(all_areas)
    for part, frame in zip(of_parts, of_frames, strict=True):
        assert jaccard(part > 0, frame > 0) > 0.9


def test_a_part_is_around_all_boxes() -> None:
    """One for all of them, for the features are shared."""
    part = part_around([Box(100, 100, 150, 150), Box(140, 300, 200, 350)], FRAME)

    assert part == Box(64, 64, 256, 384)


def test_all_of_a_frame_is_seen_where_little_of_an_object_is_left() -> None:
    """It may be something else; the object itself may come to light anywhere."""
    last = _seen(Box(300, 500, 400, 600), 2)
    left = last.moved(np.pad(np.ones((50, 50), np.float32), ((320, 0), (520, 0))), 3)

    assert part_within_reach([left], 4, 0.5, FRAME) == WHOLE
    assert part_within_reach([last], 3, 0.5, FRAME) != WHOLE
