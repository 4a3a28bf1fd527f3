"""Frames along the width of a widget."""

from __future__ import annotations

import numpy as np
import pytest

from napari_frtm.plugin.docks.review.timescale import TimeScale, runs


@pytest.mark.parametrize(
    ("length", "x", "expected"),
    [
        pytest.param(2, 109, [0], id="wide-frame"),
        pytest.param(2, 110, [1], id="next-wide-frame"),
        pytest.param(60, 101, [3, 4, 5], id="three-frames-a-column"),
        pytest.param(50, 100, [0, 1], id="uneven-columns"),
        pytest.param(50, 101, [2, 3, 4], id="the-rest"),
        pytest.param(60, -5, [0, 1, 2], id="left-of-all"),
        pytest.param(60, 500, [57, 58, 59], id="right-of-all"),
    ],
)
def test_frames_of_a_column(length: int, x: float, expected: list[int]) -> None:
    """Twenty columns of pixels, from 100 on."""
    assert list(TimeScale(length, left=100, width=20).at(x)) == expected


@pytest.mark.parametrize("length", [2, 19, 20, 21, 333])
def test_every_frame_is_in_a_column(length: int) -> None:
    """And a column reduces just the frames that are found there."""
    scale = TimeScale(length, left=7, width=20)
    values = np.random.default_rng(0).random(length)

    lowest = scale.columns(np.fmin, values)

    columns = [scale.at(7 + x) for x in range(20)]
    assert {frame for column in columns for frame in column} == set(range(length))
    np.testing.assert_array_equal(lowest, [min(values[frame] for frame in c) for c in columns])


def test_frames_begin_where_they_are_found() -> None:
    """On wide frames."""
    scale = TimeScale(5, left=30, width=100)

    assert [scale.x(frame) for frame in range(5)] == [30, 50, 70, 90, 110]
    assert [scale.at(scale.x(frame)).start for frame in range(5)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param("000", [], id="none"),
        pytest.param("111", [(0, 3)], id="all"),
        pytest.param("1001101", [(0, 1), (3, 5), (6, 7)], id="some"),
    ],
)
def test_runs(flags: str, expected: list[tuple[int, int]]) -> None:
    """First and stop of each."""
    assert runs(np.array([flag == "1" for flag in flags], bool)) == expected
