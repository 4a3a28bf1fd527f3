"""Which frames a run covers."""

from __future__ import annotations

import pytest

from napari_frtm.config import Direction
from napari_frtm.errors import FrtmError
from napari_frtm.session.run.coverage import Scope, coverage

F, B, BOTH = Direction.FORWARD, Direction.BACKWARD, Direction.BOTH
SPAN, KEYFRAMES = range(2, 30), (0, 5, 10, 20, 40)


@pytest.mark.parametrize(
    ("reach", "direction", "here", "frames", "annotated"),
    [
        pytest.param(Scope.RANGE, F, 7, range(2, 30), (5, 10, 20), id="the whole range"),
        pytest.param(Scope.FROM_HERE, F, 10, range(10, 20), (10,), id="up to the next keyframe"),
        pytest.param(Scope.FROM_HERE, F, 20, range(20, 30), (20,), id="up to Out"),
        pytest.param(Scope.FROM_HERE, B, 10, range(6, 11), (10,), id="back to the one before"),
        pytest.param(Scope.FROM_HERE, B, 5, range(2, 6), (5,), id="back to In"),
        pytest.param(Scope.FROM_HERE, BOTH, 10, range(5, 21), (5, 10, 20), id="between both"),
        pytest.param(Scope.FROM_HERE, BOTH, 20, range(10, 30), (10, 20), id="between one and Out"),
        pytest.param(Scope.FROM_HERE, F, 12, range(12, 20), (), id="not from a keyframe"),
        pytest.param(Scope.FRAME, B, 12, range(12, 13), (), id="one frame"),
    ],
)
def test_course(
    reach: Scope, direction: Direction, here: int, frames: range, annotated: tuple[int, ...]
) -> None:
    """Keyframes that are not covered are learned from."""
    course = coverage(reach, direction, SPAN, KEYFRAMES, here)

    assert course.frames == frames
    assert course.annotated == annotated
    assert sorted(course.annotated + course.references) == list(KEYFRAMES)


@pytest.mark.parametrize(
    ("reach", "direction", "keyframes", "here", "message"),
    [
        pytest.param(Scope.RANGE, F, (), 7, "Nothing is painted", id="no keyframe"),
        pytest.param(Scope.FROM_HERE, F, (5,), 31, "not between In", id="outside"),
        pytest.param(Scope.FRAME, F, (5,), 5, "is a keyframe", id="a keyframe alone"),
        pytest.param(Scope.FROM_HERE, F, (5, 6), 5, "No frame depends", id="between neighbours"),
    ],
)
def test_nothing_to_do(
    reach: Scope, direction: Direction, keyframes: tuple[int, ...], here: int, message: str
) -> None:
    """The message says why."""
    with pytest.raises(FrtmError, match=message):
        coverage(reach, direction, SPAN, keyframes, here)
