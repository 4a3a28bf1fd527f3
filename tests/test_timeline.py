"""What is known of each frame."""

from __future__ import annotations

import numpy as np
import pytest

from napari_frtm.timeline import Timeline


def _confident(*values: float) -> Timeline:
    timeline = Timeline.empty(len(values))
    for index, value in enumerate(values):
        if not np.isnan(value):
            timeline.record(index, {1: value}, {1: 10})
    return timeline


def test_a_record_replaces_what_was_known_of_a_frame() -> None:
    """An object that the new prediction does not have is unknown there."""
    timeline = Timeline.empty(3)
    timeline.record(1, {1: 0.5, 2: 0.25}, {1: 10, 2: 20})

    timeline.record(1, {2: 0.75}, {2: 30})

    assert timeline.filled.tolist() == [False, True, False]
    assert timeline.object_ids == [1, 2]
    assert np.isnan(timeline.confidence[1]).all()
    assert timeline.confidence[2][1] == 0.75
    assert timeline.area[2][1] == 30


def test_cleared_frames_are_as_never_filled() -> None:
    """Confidence and area go as well."""
    timeline = _confident(0.5, 0.5, 0.5)

    timeline.clear([0, 2])

    assert timeline.filled.tolist() == [False, True, False]
    assert np.isnan(timeline.confidence[1]).tolist() == [True, False, True]


def test_the_worst_object_counts_and_what_the_user_did_is_not_doubted() -> None:
    """Keyframes and frozen frames are left out."""
    timeline = _confident(0.9, 0.9, 0.9, np.nan)
    timeline.record(1, {1: 0.9, 2: 0.3}, {1: 1, 2: 1})
    timeline.keyframes.add(0)
    timeline.frozen[2] = True

    np.testing.assert_array_equal(timeline.doubt, np.float32([np.nan, 0.3, np.nan, np.nan]))


@pytest.mark.parametrize(
    ("here", "backward", "expected"),
    [
        pytest.param(0, False, 2, id="the worst of the next stretch, not its first"),
        pytest.param(2, False, 5, id="the next stretch"),
        pytest.param(5, False, 2, id="from the beginning again"),
        pytest.param(5, True, 2, id="the stretch before"),
        pytest.param(2, True, 5, id="from the end again"),
    ],
)
def test_next_doubtful(here: int, backward: bool, expected: int) -> None:
    """Stretches of doubtful frames are visited in turn."""
    timeline = _confident(0.9, 0.5, 0.1, 0.5, 0.9, 0.2)

    assert timeline.next_doubtful(here, backward=backward) == expected


def test_nothing_is_doubtful() -> None:
    """Then there is nowhere to go."""
    assert _confident(0.9, 0.9).next_doubtful(0) is None
