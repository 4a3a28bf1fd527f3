"""Where an object was last seen, and what of a new mask can be it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_frtm.engine.extensions.location import Location
from napari_frtm.engine.tracking.propagate import Propagation, propagate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_frtm.config import FrtmConfig
    from napari_frtm.engine.networks.network import FrtmNetwork

LEAP = 0.5


def _soft(*squares: tuple[int, int, int]) -> NDArray[np.float32]:
    """Return a soft mask of squares, by top, left and side, with a faint rim around them."""
    mask = np.zeros((96, 128), np.float32)
    for top, left, side in squares:
        mask[top - 2 : top + side + 2, left - 2 : left + side + 2] = 0.3
    for top, left, side in squares:
        mask[top : top + side, left : left + side] = 0.9
    return mask


LOCATION = Location.from_annotation(_soft((40, 20, 20)), 7)


def test_a_piece_far_from_the_last_mask_is_dropped_with_its_rim() -> None:
    """Its size is 20 pixels, so it may leap by 10."""
    soft = _soft((40, 26, 20), (40, 90, 10))

    assert LOCATION.drop_far(soft, 8, LEAP)

    np.testing.assert_array_equal(soft, _soft((40, 26, 20)))


@pytest.mark.parametrize(
    ("squares", "index"),
    [
        ([(40, 26, 20), (40, 49, 10)], 8),  # near enough: 9 pixels from the last mask
        ([(40, 90, 10)], 8),  # nothing is nearer
        ([(10, 90, 10), (70, 90, 10)], 8),  # nothing is nearer than either
        ([(40, 26, 4), (40, 90, 10)], 8),  # what is near may be something left behind
        ([(40, 26, 20), (40, 90, 10)], 16),  # it was not seen for long
    ],
)
def test_what_can_be_the_object_stays(squares: list[tuple[int, int, int]], index: int) -> None:
    """Nothing of the mask changes."""
    soft = _soft(*squares)

    assert not LOCATION.drop_far(soft, index, LEAP)

    np.testing.assert_array_equal(soft, _soft(*squares))


def test_pieces_that_were_drawn_far_apart_may_be_found_so() -> None:
    """Several cells may be one object; a slip of the brush is none of them."""
    cells = Location.from_annotation(_soft((10, 10, 10), (40, 50, 10)), 7)
    slipped = Location.from_annotation(_soft((40, 20, 20), (10, 100, 3)), 7)
    soft = _soft((12, 12, 10), (40, 52, 10), (70, 90, 10))

    assert not cells.drop_far(soft, 8, LEAP)
    assert slipped.apart == 0
    assert slipped.drop_far(_soft((40, 26, 20), (40, 90, 10)), 8, LEAP)


def _twins(count: int) -> NDArray[np.uint8]:
    """Return a video of a disc that drifts to the right; a second one enters far away."""
    rows, columns = np.ogrid[:96, :160]
    video = np.full((count, 96, 160, 3), 60, np.uint8)
    for t in range(count):
        video[t][(rows - 30) ** 2 + (columns - 40 - 2 * t) ** 2 < 15**2] = (220, 180, 40)
        if t >= 2:
            video[t][(rows - 72) ** 2 + (columns - 130) ** 2 < 12**2] = (220, 180, 40)
    return video


def _mask() -> NDArray[np.uint8]:
    rows, columns = np.ogrid[:96, :160]
    return ((rows - 30) ** 2 + (columns - 40) ** 2 < 15**2).astype(np.uint8)


def _found_elsewhere(network: FrtmNetwork, config: FrtmConfig) -> int:
    """Return how many pixels of the second disc are taken for the first in the last frame."""
    *_, last = propagate(network, config, _twins(10), {0: _mask()})
    assert (last.labels[20:40, 45:70] > 0).mean() > 0.5
    return int((last.labels[60:84, 118:142] > 0).sum())


def test_a_double_that_enters_elsewhere_is_not_the_object(
    network: FrtmNetwork, lite: FrtmConfig
) -> None:
    """Without a limit, as in the paper, both are."""
    assert _found_elsewhere(network, replace(lite, leap=None)) > 100
    assert _found_elsewhere(network, replace(lite, leap=0.5)) == 0


def test_a_restored_run_knows_where_objects_were(network: FrtmNetwork, lite: FrtmConfig) -> None:
    """It goes on in the middle as if it had not stopped."""
    video = _twins(10)
    whole = Propagation(network, lite, video, {0: _mask()})
    first = Propagation(network, lite, video, {0: _mask()})
    chunks = first.chunks()
    for _ in range(2):
        next(chunks)
    second = Propagation(network, lite, video, {0: _mask()})
    second.load_state_dict(first.state_dict())

    rest = [p for chunk in second.chunks() for p in chunk]
    expected = [p for chunk in whole.chunks() for p in chunk][-len(rest) :]

    for p, q in zip(rest, expected, strict=True):
        assert p.index == q.index
        np.testing.assert_array_equal(p.labels, q.labels)
