"""Soft aggregation of masks, each in its box."""

from __future__ import annotations

import numpy as np
import pytest

from napari_frtm.engine.frames.partition import Partition
from napari_frtm.types import Box

SIZE = (20, 30)
BOXES = [Box(0, 0, 8, 12), Box(4, 6, 16, 24), Box(14, 20, 20, 30)]


def _masks() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.random(box.size, np.float32) for box in BOXES]


def _literal(planes: np.ndarray) -> np.ndarray:
    """Return the shares of the odds, background first, of whole planes (N, H, W)."""
    layers = np.concatenate([(1 - planes).prod(0, keepdims=True), planes]).clip(1e-6, 1 - 1e-6)
    odds = layers / (1 - layers)
    return odds / odds.sum(0)


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        pytest.param([0.5], [0.5, 0.5], id="undecided"),
        pytest.param([0.75], [0.1, 0.9], id="odds 3 against 1/3"),
        pytest.param([0.5, 0.5], [1 / 7, 3 / 7, 3 / 7], id="background 1/4 has odds 1/3"),
        pytest.param([1.0, 0.0], [0.0, 1.0, 0.0], id="certain"),
        pytest.param([0.0, 0.0], [1.0, 0.0, 0.0], id="nothing there"),
    ],
)
def test_objects_take_their_share_of_the_odds(
    probabilities: list[float], expected: list[float]
) -> None:
    """Odds p / (1 - p) of the objects and of the background, normalised."""
    masks = [np.full((1, 1), p, np.float32) for p in probabilities]

    merged = Partition.merged([Box(0, 0, 1, 1)] * len(masks), masks, (1, 1))

    found = [merged.background.item(), *(part.item() for part in merged.parts)]
    assert found == pytest.approx(expected, abs=1e-5)


def test_boxes_give_what_whole_planes_give() -> None:
    """Outside its box an object is nowhere."""
    masks = _masks()
    planes = np.zeros((3, *SIZE), np.float32)
    for plane, box, mask in zip(planes, BOXES, masks, strict=True):
        plane[box.slices] = mask

    merged = Partition.merged(BOXES, masks, SIZE)

    expected = _literal(planes)
    for found, box, whole in zip(merged.parts, BOXES, expected[1:], strict=True):
        np.testing.assert_allclose(found, whole[box.slices], atol=1e-6)
    np.testing.assert_allclose(merged.background, expected[0][merged.hull.slices], atol=1e-6)


def test_what_is_dropped_is_shared_by_the_others() -> None:
    """In the box of the one that was dropped; all sums to one again."""
    merged = Partition.merged(BOXES, _masks(), SIZE)
    merged.parts[1][:6] = 0

    merged.normalise(BOXES[1])

    total = merged.background.copy()
    for box, part in zip(merged.boxes, merged.parts, strict=True):
        total[box.within(merged.hull)] += part
    np.testing.assert_allclose(total[BOXES[1].within(merged.hull)], 1, atol=1e-5)


def test_what_was_drawn_is_taken_from_the_others() -> None:
    """Also outside the box in which the object had been looked for."""
    merged = Partition.merged(BOXES, _masks(), SIZE)
    drawn = Box(10, 0, 20, 10)

    merged.replace(0, drawn, np.ones(drawn.size, np.float32))

    masks = merged.masks
    assert masks[0].sum() == 100
    assert masks[0][10:20, 0:10].all()
    assert not masks[1][10:20, 0:10].any()
    assert merged.hull == Box(0, 0, 20, 30)
