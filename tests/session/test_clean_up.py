"""What a clean-up does, frame by frame."""

from __future__ import annotations

import numpy as np
import pytest

from napari_frtm.session.edits.clean_up import CleanUp, Operation, cleaned

T = 7


def _film(*pixels: str) -> np.ndarray:
    """Return labels of shape (T, 1, W) from one row of digits a frame."""
    return np.array([[[int(digit) for digit in row]] for row in pixels], np.uint8)


def _cleaned(film: np.ndarray, radius: int = 1, **options: object) -> list[str]:
    """Return the film after it was smoothed and written back frame by frame, as rows of digits."""
    film = film.copy()
    smooth = CleanUp(operation=Operation.SMOOTH, amount=radius)
    options = {"frames": range(len(film)), "filled": np.ones(len(film), bool)} | options
    for frame, labels in cleaned(smooth, lambda index: film[index].copy(), **options):
        if labels is not None:
            film[frame] = labels
    return ["".join(map(str, frame[0])) for frame in film]


def test_smoothing_reads_frames_before_they_are_replaced() -> None:
    """A flicker of one frame goes; what alternates is not smoothed twice."""
    film = _film("1", "0", "1", "0", "1", "0", "0")

    assert _cleaned(film) == ["1", "1", "0", "1", "0", "0", "0"]


def test_frames_without_masks_have_no_vote_and_stay_empty() -> None:
    """So the ends of what was propagated do not fade."""
    film = _film("0", "0", "1", "1", "0", "0", "0")
    filled = np.array([False, False, True, True, True, False, False])

    assert _cleaned(film, radius=2, filled=filled) == ["0", "0", "1", "1", "1", "0", "0"]


def test_frames_outside_the_range_have_a_vote() -> None:
    """As in the preview of one frame."""
    film = _film("1", "1", "0", "1", "1", "0", "1")

    assert _cleaned(film, frames=range(2, 3)) == ["1", "1", "1", "1", "1", "0", "1"]


def test_frames_that_are_left_alone_have_a_vote() -> None:
    """A keyframe pulls its neighbours."""
    film = _film("1", "0", "1", "0", "0", "0", "0")

    assert _cleaned(film, left_alone={2})[:4] == ["1", "1", "1", "0"]


@pytest.mark.parametrize(
    ("operation", "amount", "expected"),
    [
        pytest.param(Operation.GROW, 1, "1111022222", id="grow"),
        pytest.param(Operation.GROW, -1, "1100000222", id="shrink"),
        pytest.param(Operation.DROP, 4, "0000002222", id="drop"),
        pytest.param(Operation.LARGEST, 0, "1110002222", id="largest"),
    ],
)
def test_each_object_by_itself(operation: Operation, amount: int, expected: str) -> None:
    """All of them."""
    film = _film("1110002222")
    clean = CleanUp(operation=operation, amount=amount)

    ((_, labels),) = cleaned(clean, film.__getitem__, range(1), np.ones(1, bool))

    assert "".join(map(str, labels[0])) == expected


def test_one_object_only() -> None:
    """The other stays."""
    film = _film("1110002222")
    clean = CleanUp(operation=Operation.GROW, amount=1, object_ids=frozenset({1}))

    ((_, labels),) = cleaned(clean, film.__getitem__, range(1), np.ones(1, bool))

    assert "".join(map(str, labels[0])) == "1111002222"
