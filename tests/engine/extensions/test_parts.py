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
    SeenFrame,
    parts_around,
    parts_within_reach,
)
from napari_frtm.engine.networks.network import FrtmNetwork
from napari_frtm.engine.tracking.propagate import propagate
from napari_frtm.engine.tracking.tracker import Tracker
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

    (part,) = parts_within_reach([last], 3, 0.5, FRAME)

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
            [_seen(Box(y, x, y + 80, x + 80), 2) for y in (100, 400) for x in (100, 500, 900)],
            3,
            id="scattered",
        ),
    ],
)
def test_all_of_a_frame_is_seen(lasts: list[Location | None], index: int) -> None:
    """Where an object may be anywhere, and where a part would not be much less."""
    assert parts_within_reach(lasts, index, 0.5, FRAME) == [WHOLE]


def test_features_of_a_part_are_those_of_the_frame(lite_network: FrtmNetwork) -> None:
    """But for what the deepest level sees from far away."""
    rng = torch.Generator().manual_seed(0)
    smooth = torch.rand(1, 3, 40, 68, generator=rng)
    image = torch.nn.functional.interpolate(smooth, (640, 1088), mode="bicubic").clamp(0, 1)

    part, inside = Box(96, 192, 480, 640), Box(128, 224, 448, 608)
    with torch.inference_mode():
        seen = SeenFrame.of_parts(lite_network, image, [part], refine=True)
        whole = lite_network.features(image, refine=True)

    assert seen.parts == [inside]
    for stride, level in seen.features[0].items():
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


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        pytest.param(
            [Box(100, 100, 150, 150), Box(140, 300, 200, 350)],
            [Box(64, 64, 192, 192), Box(96, 256, 256, 384)],
            id="apart",
        ),
        pytest.param(
            [Box(100, 100, 150, 150), Box(100, 160, 150, 250)],
            [Box(64, 64, 192, 288)],
            id="together where that is no more",
        ),
        pytest.param(
            [Box(100, 100, 200, 200), Box(100, 400, 200, 500), Box(100, 150, 200, 450)],
            [Box(64, 64, 256, 544)],
            id="together where they overlap, one through another",
        ),
        pytest.param(
            [Box(0, 0, 50, 50), Box(550, 1000, 600, 1050)],
            [Box(0, 0, 96, 96), Box(512, 960, 608, 1088)],
            id="in the corners",
        ),
    ],
)
def test_parts_are_around_boxes(boxes: list[Box], expected: list[Box]) -> None:
    """As few pixels as hold each of them, and 32 more."""
    assert parts_around(boxes, FRAME) == expected


def test_windows_are_cut_out_of_the_part_they_are_in(lite_network: FrtmNetwork) -> None:
    """Also if they come from several, which go through F together if they have one size."""
    image = torch.rand(1, 3, 320, 640, generator=torch.Generator().manual_seed(0))
    apart = [Box(0, 0, 192, 192), Box(128, 448, 320, 640)]
    windows = [Box(32, 32, 96, 96), Box(192, 512, 256, 576)]

    with torch.inference_mode():
        seen = SeenFrame.of_parts(lite_network, image, apart, refine=True)
        each = [SeenFrame.of_parts(lite_network, image, [part], refine=True) for part in apart]

    assert seen.parts == [Box(0, 0, 160, 160), Box(160, 480, 320, 640)]
    for stride in (4, 8, 16, 32):
        found = seen.crops(windows, stride)
        for alone, window, crop in zip(each, windows, found, strict=True):
            assert torch.allclose(alone.crops([window], stride)[0], crop, rtol=0.01, atol=0.01)


def _two_patches() -> tuple[np.ndarray, np.ndarray]:
    """Return seven frames of 480 x 960 with two patches far apart, and the labels of the first."""
    rng = np.random.default_rng(0)
    frames = rng.integers(60, 120, (7, 480, 960, 3)).astype(np.uint8)
    labels = np.zeros((480, 960), np.uint8)
    for number, (top, left) in enumerate([(40, 60), (380, 840)]):
        for t, frame in enumerate(frames):
            frame[top + 2 * t : top + 2 * t + 48, left + 3 * t : left + 3 * t + 60] += 110
        labels[top : top + 48, left : left + 60] = number + 1
    return frames, labels


def test_objects_far_apart_have_parts_of_their_own(
    lite_network: FrtmNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F sees fewer than half of the pixels, and each is found as if it were alone."""
    frames, labels = _two_patches()
    seen: list[int] = []
    features = FrtmNetwork.features

    def watched(
        self: FrtmNetwork, images: torch.Tensor, *, refine: bool
    ) -> dict[int, torch.Tensor]:
        seen.append(images[:, 0].numel())
        return features(self, images, refine=refine)

    def follow(annotation: np.ndarray) -> list[np.ndarray]:
        tracker = Tracker(lite_network, preset("lite", "full"))
        tracker.annotate(0, frames[0], annotation)
        seen.clear()
        return [tracker.segment([t], [frames[t]])[0].labels for t in range(1, len(frames))]

    monkeypatch.setattr(FrtmNetwork, "features", watched)
    alone = [follow(np.where(labels == number, labels, 0)) for number in (1, 2)]
    together = follow(labels)

    assert sum(seen) < 0.5 * (len(frames) - 1) * 608 * 1216  # they are enlarged to 600 lines
    for number, masks in enumerate(alone, start=1):
        for one, both in zip(masks, together, strict=True):
            assert jaccard(one == number, both == number) > 0.95


def test_all_of_a_frame_is_seen_where_little_of_an_object_is_left() -> None:
    """It may be something else; the object itself may come to light anywhere."""
    last = _seen(Box(300, 500, 400, 600), 2)
    left = last.moved(np.pad(np.ones((50, 50), np.float32), ((320, 0), (520, 0))), 3)

    assert parts_within_reach([left], 4, 0.5, FRAME) == [WHOLE]
    assert parts_within_reach([last], 3, 0.5, FRAME) != [WHOLE]
