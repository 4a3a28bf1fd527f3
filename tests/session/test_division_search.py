"""Possible divisions: what is one, and what only looks like it, on discs that part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from napari_frtm.session.edits.division_search import (
    DENIED,
    PossibleDivision,
    denied_divisions,
    possible_divisions,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_frtm.types import Labels

SIZE = (40, 60)
ONE = ((20, 30, 9),)  # (row, column, radius): area 253
TWO = ((20, 18, 6), (20, 42, 6))  # 113 each
NEAR = ((20, 23, 6), (20, 37, 6))
SPECK = (*ONE, (5, 5, 2))
UNEVEN = ((20, 22, 8), (20, 36, 3))  # 197 and 29
FAR = ((8, 8, 6), (30, 50, 6))
BESIDE = ((20, 15, 9), (20, 45, 9))  # twice the area
AT_BORDER = ((0, 20, 7), (0, 40, 7))
THREE = ((20, 12, 5), (20, 30, 5), (20, 48, 5))
NONE = ()

Discs = tuple[tuple[int, int, int], ...]


def _drawn(discs: Discs, object_id: int = 3) -> Labels:
    labels = np.zeros(SIZE, np.uint8)
    for row, column, radius in discs:
        cv2.circle(labels, (column, row), radius, object_id, -1)
    return labels


def _found(
    movie: Sequence[Labels],
    frames: Iterable[int] | None = None,
    denied: set[PossibleDivision] | None = None,
) -> list[PossibleDivision]:
    frames = range(len(movie)) if frames is None else frames
    steps = possible_divisions(movie.__getitem__, frames, denied or ())
    return [each for _, found in steps for each in found]


@pytest.mark.parametrize(
    ("discs", "at"),
    [
        pytest.param([ONE, ONE, TWO, TWO, TWO], 2, id="division"),
        pytest.param([ONE, ONE, ONE, TWO, TWO], 3, id="in-the-last-frames"),
        pytest.param([ONE, SPECK, TWO, TWO], 2, id="speck-before"),
        pytest.param([ONE, ONE, NEAR, UNEVEN, NEAR], 2, id="uneven-meanwhile"),
        pytest.param([ONE, ONE, UNEVEN, TWO, TWO], 3, id="uneven-at-first"),
        pytest.param([ONE, ONE, NEAR, ONE, NEAR, NEAR], 4, id="after-a-split-that-heals"),
        pytest.param([ONE, ONE, ONE, TWO], None, id="on-the-last-frame-only"),
        pytest.param([ONE, ONE, NEAR, ONE, ONE], None, id="heals"),
        pytest.param([ONE, ONE, SPECK, SPECK, SPECK], None, id="speck"),
        pytest.param([ONE, ONE, UNEVEN, UNEVEN, UNEVEN], None, id="uneven"),
        pytest.param([TWO, TWO, TWO, TWO], None, id="drawn-in-two-pieces"),
        pytest.param([TWO, ONE, TWO, TWO], None, id="one-on-a-single-frame"),
        pytest.param([ONE, ONE, NEAR, NONE, NONE], None, id="vanishes"),
        pytest.param([ONE, ONE, NONE, TWO, TWO], None, id="comes-back-as-two"),
        pytest.param([ONE, ONE, FAR, FAR, FAR], None, id="far-apart"),
        pytest.param([ONE, ONE, BESIDE, BESIDE], None, id="something-else-as-well"),
        pytest.param([ONE, ONE, THREE, THREE], None, id="three"),
        pytest.param([ONE, ONE, AT_BORDER, AT_BORDER], None, id="cut-off-by-the-border"),
    ],
)
def test_what_a_division_is(discs: list[Discs], at: int | None) -> None:
    """One object, one piece before, two that stay apart; nothing else."""
    found = _found([_drawn(each) for each in discs])

    assert found == ([] if at is None else [PossibleDivision(3, at)])


def test_one_daughter_at_the_border_is_no_reason_against_it() -> None:
    """Only if both are cut off, the border may be what parts them."""
    whole, parted = ((11, 30, 9),), ((3, 20, 6), (18, 34, 6))

    found = _found([_drawn(each) for each in (whole, whole, parted, parted)])

    assert found == [PossibleDivision(3, 2)]


def test_objects_are_apart() -> None:
    """One that divides beside one that does not; it is told once, with the frame that shows it."""
    movie = [_drawn(ONE if t < 3 else TWO) for t in range(6)]
    for labels in movie:
        labels[:6, :6] = 200

    steps = list(possible_divisions(movie.__getitem__, range(6)))

    assert steps == [(t, [PossibleDivision(3, 3)] if t == 4 else []) for t in range(6)]


def test_frames_without_masks_are_left_out() -> None:
    """What lies between two of those that are given says nothing; no other frame is read."""
    movie = [_drawn(each) for each in (ONE, NONE, ONE, NONE, TWO, NONE, TWO)]

    assert _found(movie, range(0, 7, 2)) == [PossibleDivision(3, 4)]
    assert _found(movie) == []


def test_one_that_was_denied_is_not_told_again() -> None:
    """But a later one of the same object is."""
    movie = [_drawn(each) for each in (ONE, ONE, NEAR, NEAR, NEAR, ONE, ONE, TWO, TWO)]
    first, second = PossibleDivision(3, 2), PossibleDivision(3, 7)
    assert _found(movie) == [first]

    assert _found(movie, denied={first}) == [second]
    assert _found(movie, denied={first, second}) == []


def test_frames_are_read_as_they_are_asked_for() -> None:
    """One by one, so that a search can be stopped."""
    read = []

    def labels(frame: int) -> Labels:
        read.append(frame)
        return _drawn(ONE)

    steps = possible_divisions(labels, range(10**6))
    next(steps)
    next(steps)
    steps.close()

    assert read == [0, 1]


def test_what_was_denied_is_kept_as_plain_values() -> None:
    """As JSON has them; a session that keeps nothing of the kind denies nothing."""
    assert denied_divisions({"no_divisions": [[3, 57]]}) == {PossibleDivision(3, 57)}
    assert denied_divisions({}) == set()


@pytest.mark.parametrize(
    "kept", [None, 3, "no", {"a": 1}, [3], [[1]], [[1, "x"]], [[1, 2, 3]], [[True, 2]]], ids=repr
)
def test_damaged_denials_are_passed_over(kept: object) -> None:
    """A session that was edited by hand opens all the same."""
    assert denied_divisions({DENIED: kept}) == set()
    assert denied_divisions({DENIED: [[4, 7]]}) == {PossibleDivision(4, 7)}
