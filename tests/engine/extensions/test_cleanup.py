"""Clean-up of masks, against pictures drawn by hand."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_frtm.engine.extensions.cleanup import (
    clean_up,
    drop_specks,
    fill_holes,
    grow,
    keep_largest,
    smooth_in_time,
    vote,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


def _labels(picture: str) -> NDArray[np.uint8]:
    """Return labels from rows of digits, a dot for background."""
    rows = picture.replace(".", "0").split()
    return np.array([[int(digit) for digit in row] for row in rows], np.uint8)


def _mask(picture: str) -> NDArray[np.bool_]:
    return _labels(picture) == 1


ONE = "..... ..... ..1.. ..... ....."
CASES = [
    pytest.param(partial(grow, pixels=0), ONE, ONE, id="grow-by-nothing"),
    pytest.param(
        partial(grow, pixels=2), ONE, "..1.. .111. 11111 .111. ..1..", id="grow-by-a-disk"
    ),
    pytest.param(
        partial(grow, pixels=-1), "..... .111. .111. .111. .....", ONE, id="shrink-to-the-middle"
    ),
    pytest.param(
        partial(grow, pixels=-1), "111.. 111.. 111..", "11... 11... 11...", id="shrink-inside-only"
    ),
    pytest.param(partial(grow, pixels=-1), "111 111", "111 111", id="shrink-nothing-but-object"),
    pytest.param(partial(grow, pixels=1), "... ...", "... ...", id="grow-nothing"),
    pytest.param(
        partial(fill_holes, largest=1), "11111 1.1.1 111.1 11111", "11111 111.1 111.1 11111",
        id="fill-small-hole-only",
    ),
    pytest.param(
        partial(fill_holes, largest=9), "1111 1.1. 1111", "1111 111. 1111", id="border-is-no-hole"
    ),
    pytest.param(
        partial(fill_holes, largest=9), ".1. 1.1 .1.", ".1. 111 .1.", id="fill-behind-diagonals"
    ),
    pytest.param(partial(fill_holes, largest=9), "... ...", "... ...", id="no-object-no-hole"),
    pytest.param(
        partial(drop_specks, smallest=3), "11..1 1..1. .....", "11... 1.... .....",
        id="drop-two-diagonal-pixels",
    ),
    pytest.param(
        partial(drop_specks, smallest=2), "11..1 1..1. .....", "11..1 1..1. .....",
        id="drop-what-is-smaller-only",
    ),
    pytest.param(keep_largest, "1.11 1..1 1... ...1", "1... 1... 1... ....", id="largest-is-upper"),
    pytest.param(keep_largest, "..1 ... 11.", "... ... 11.", id="largest-is-lower"),
    pytest.param(keep_largest, "... ...", "... ...", id="largest-of-nothing"),
]  # fmt: skip


@pytest.mark.parametrize(("step", "before", "after"), CASES)
def test_one_mask(
    step: Callable[[NDArray[np.bool_]], NDArray[np.bool_]], before: str, after: str
) -> None:
    """Against pictures drawn by hand; what is given stays as it is."""
    mask = _mask(before)

    result = step(mask)

    np.testing.assert_array_equal(result, _mask(after))
    np.testing.assert_array_equal(mask, _mask(before))


@pytest.mark.parametrize("pixels", [-12, -3, 3, 50])
def test_growth_is_by_a_true_disk(pixels: int) -> None:
    """All pixels whose distance is up to the radius, and no other."""
    rows, columns = np.mgrid[:120, :120]
    distance = (rows - 60) ** 2 + (columns - 60) ** 2
    point = distance == 0

    result = grow(point if pixels > 0 else ~point, pixels)

    disk = distance <= pixels**2
    np.testing.assert_array_equal(result, disk if pixels > 0 else ~disk)


def _film(*pictures: str) -> NDArray[np.bool_]:
    return np.stack([_mask(picture) for picture in pictures])


@pytest.mark.parametrize(
    ("before", "radius", "after"),
    [
        pytest.param("1 1 . 1 1", 1, "1 1 1 1 1", id="flicker"),
        pytest.param(". . 1 . .", 1, ". . . . .", id="flash"),
        pytest.param(". . 1 1 1", 2, ". . 1 1 1", id="edge-stays"),
        pytest.param("1 . . . 1", 1, "1 . . . 1", id="tie-at-the-ends-stays"),
        pytest.param("1 . 1 . .", 0, "1 . 1 . .", id="no-neighbours"),
        pytest.param("1 . 1 . . .", 9, "1 . 1 . . .".replace("1", "."), id="longer-than-the-film"),
    ],
)
def test_smooth_in_time(before: str, radius: int, after: str) -> None:
    """One pixel over time."""
    result = smooth_in_time(_film(*before.split()), radius)

    np.testing.assert_array_equal(result, _film(*after.split()))


def test_smoothing_is_pixel_by_pixel() -> None:
    """A median over time, where the window is whole."""
    masks = np.random.default_rng(0).random((9, 13, 7)) < 0.5

    result = smooth_in_time(masks, 2)

    windows = np.lib.stride_tricks.sliding_window_view(masks, 5, axis=0)
    np.testing.assert_array_equal(result[2:-2], np.median(windows, axis=-1).astype(bool))


def test_a_vote_swaps_pixels_of_chosen_objects_only() -> None:
    """1 and 2 settle among themselves; 3 keeps its pixels and goes unsmoothed."""
    window = [_labels(row) for row in ("1 2 1 2 .", "2 . 3 1 3", "1 2 1 2 .")]

    result = vote(window, 1, [1, 2])

    np.testing.assert_array_equal(result, _labels("1 2 3 2 3"))


def test_objects_grow_into_background_only() -> None:
    """Not into an object that is left alone, nor over it to the other side."""
    labels = _labels(".....3. 1....32 .....3.")

    result = clean_up(labels, [1, 2], [partial(grow, pixels=2)], reach=2)

    np.testing.assert_array_equal(result, _labels("11...32 111..32 11...32"))


def test_contested_pixels_go_to_the_nearest_object() -> None:
    """The one in the middle, equally near, to the lower number."""
    labels = _labels("2.....1")

    result = clean_up(labels, [1, 2], [partial(grow, pixels=4)], reach=4)

    np.testing.assert_array_equal(result, _labels("2221111"))


def test_freed_pixels_become_background() -> None:
    """Not the neighbour's."""
    labels = _labels("..... .112. .112. ..12.")

    result = clean_up(labels, [1], [partial(grow, pixels=-1)])

    np.testing.assert_array_equal(result, _labels("..... ...2. ...2. ...2."))


def test_steps_are_done_in_order_for_each_object() -> None:
    """An opening: the teeth of 1 and 2 go; the object not named keeps its own."""
    labels = _labels("............ .1111..2222. .111...222.. .111...222.. ............")
    labels = np.vstack([labels, np.where(labels == 1, 3, 0)]).astype(np.uint8)

    result = clean_up(labels, [1, 2, 77], [partial(grow, pixels=-1), partial(grow, pixels=1)], 1)

    opened = _labels("............ ..1.....2... .111...222.. ..1.....2... ............")
    np.testing.assert_array_equal(result[:5], opened)
    np.testing.assert_array_equal(result[5:], labels[5:])


def test_an_object_inside_a_hole_stays() -> None:
    """The hole around it is filled."""
    labels = _labels("11111 1...1 1.2.1 1...1 11111")

    result = clean_up(labels, [1], [partial(fill_holes, largest=9)])

    np.testing.assert_array_equal(result, _labels("11111 11111 11211 11111 11111"))


def test_the_boxes_of_objects_change_nothing() -> None:
    """Each object cut out with a margin, against the whole image."""
    rng = np.random.default_rng(1)
    labels = np.kron(rng.integers(0, 4, (6, 9)), np.ones((5, 5))).astype(np.uint16)
    steps = [partial(grow, pixels=3), partial(fill_holes, largest=30), partial(grow, pixels=-2)]

    result = clean_up(labels, [2], steps, reach=3)

    mask = labels == 2
    for step in steps:
        mask = step(mask)
    expected = np.where(mask & np.isin(labels, (0, 2)), 2, np.where(labels == 2, 0, labels))
    np.testing.assert_array_equal(result, expected)
    assert result.dtype == np.uint16


def test_labels_without_the_objects_come_back_as_they_are() -> None:
    """As a copy."""
    labels = np.zeros((3, 4), np.uint8)

    result = clean_up(labels, [1], [keep_largest])

    assert not result.any()
    assert result is not labels
