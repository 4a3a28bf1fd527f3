"""Which frames a pass goes through, what it learns before, and how the passes share a frame."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_frtm.config import Direction
from napari_frtm.engine.tracking.passes import MOST_REFERENCES, Plan
from napari_frtm.errors import FrtmError


def plan(
    direction: str, span: range, drawn: dict[int, set[int]], complete: tuple[int, ...] = ()
) -> Plan:
    """Return a plan for keyframes with these objects on them."""
    labels = {t: np.array([[0, *ids]]) for t, ids in drawn.items()}
    return Plan.of(span, Direction(direction), labels, frozenset(complete))


@pytest.mark.parametrize(
    ("direction", "keyframes", "expected"),
    [
        pytest.param("forward", [12], [(12, 19)], id="from the keyframe"),
        pytest.param("forward", [5, 12], [(10, 19)], id="from the edge"),
        pytest.param("forward", [12, 25], [(12, 19)], id="a reference ahead is no start"),
        pytest.param("forward", [5], [(10, 19)], id="no annotation, forward"),
        pytest.param("forward", [25], [(10, 19)], id="no annotation, all ahead"),
        pytest.param("backward", [12], [(12, 10)], id="backward from the keyframe"),
        pytest.param("backward", [12, 25], [(19, 10)], id="backward from the edge"),
        pytest.param("backward", [5], [(19, 10)], id="no annotation, backward"),
        pytest.param("both", [12, 14], [(12, 19), (14, 10)], id="both"),
        pytest.param("both", [5, 25], [(10, 19), (19, 10)], id="both, between references"),
        pytest.param("both", [5], [(10, 19)], id="both, nothing comes from ahead"),
        pytest.param("both", [25, 30], [(19, 10)], id="both, nothing comes from behind"),
        pytest.param("both", [5, 12], [(10, 19), (12, 10)], id="both, one on each side"),
    ],
)
def test_passes_run_from_the_first_keyframe_or_the_edge(
    direction: str, keyframes: list[int], expected: list[tuple[int, int]]
) -> None:
    """Through the frames 10 to 19."""
    planned = plan(direction, range(10, 20), {t: {1} for t in keyframes})

    assert [(way.frames[0], way.frames[-1]) for way in planned.passes] == expected
    finished = [i for way in planned.passes for i in way.frames if planned.final(way, i)]
    assert sorted(finished) == sorted({i for way in planned.passes for i in way.frames})


@pytest.mark.parametrize(
    ("direction", "drawn", "expected"),
    [
        pytest.param("forward", {3: {1}, 7: {1}}, [(7, {1}), (3, {1}), (7, {1})], id="nearest"),
        pytest.param("forward", {7: {1, 2}}, [(7, {1, 2})], id="behind: all objects"),
        pytest.param(
            "forward",
            {7: {1}, 25: {1, 2}},
            [(7, {1}), (25, {1}), (7, {1})],
            id="ahead: known ones",
        ),
        pytest.param("forward", {10: {2}, 25: {1, 2}}, [(10, {2}), (25, {2})], id="the start"),
        pytest.param("forward", {10: {2}, 12: {1}}, [], id="no references"),
        pytest.param("forward", {7: {1}, 12: {2}, 25: {2}}, [(7, {1})], id="after the start"),
        pytest.param("forward", {25: {1, 2}}, [(25, {1, 2})], id="nothing but ahead"),
        pytest.param(
            "backward",
            {7: {1, 2}, 25: {2}, 30: {3}},
            [(25, {2}), (30, {3}), (7, {2}), (25, {2})],
            id="backward",
        ),
    ],
)
def test_references_teach_what_may_be_known(
    direction: str, drawn: dict[int, set[int]], expected: list[tuple[int, set[int]]]
) -> None:
    """The nearest first; objects that first appear ahead of the start are not invented."""
    (way,) = plan(direction, range(10, 20), drawn).passes

    assert way.initial_keyframes == expected


def test_the_nearest_references_are_learned_and_no_object_is_forgotten() -> None:
    """Object 2 was drawn once, long ago; object 3 is drawn where the pass starts."""
    drawn = {t: {1} for t in range(20, 40)} | {0: {2, 3}, 1: {1, 2}, 2: {1}, 40: {3}}

    (way,) = plan("forward", range(40, 50), drawn).passes

    assert [t for t, _ in way.initial_keyframes] == [40, *range(39, 39 - MOST_REFERENCES, -1), 1]


def test_a_complete_reference_teaches_absence() -> None:
    """Though nothing is drawn on it; without that, it is not worth reading."""
    drawn: dict[int, set[int]] = {3: {1}, 5: set(), 7: set()}

    (way,) = plan("forward", range(10, 20), drawn, complete=(5,)).passes

    assert way.initial_keyframes == [(5, set()), (3, {1}), (5, set())]


@pytest.mark.parametrize(
    ("object_id", "index", "expected"),
    [
        pytest.param(1, 12, 4 / 12, id="between references"),
        pytest.param(2, 12, 1 / 5, id="between annotations"),
        pytest.param(1, 17, 9 / 12, id="past an annotation without it"),
        pytest.param(2, 18, 0.5, id="only the forward pass knows it"),
        pytest.param(2, 11, 0.5, id="on its keyframe"),
    ],
)
def test_shares_follow_the_distance_to_the_keyframes(
    object_id: int, index: int, expected: float
) -> None:
    """Of each object, references included."""
    planned = plan("both", range(10, 20), {8: {1}, 11: {2}, 16: {2}, 20: {1}})

    assert planned.share(object_id, index) == pytest.approx(expected)


def test_a_complete_keyframe_counts_for_every_object() -> None:
    """It says that the object is not there."""
    planned = plan("both", range(10, 20), {10: {1}, 14: {2}, 19: {1}}, complete=(14,))

    assert planned.share(1, 13) == pytest.approx(3 / 4)


@pytest.mark.parametrize("drawn", [{}, {12: set()}])
def test_a_plan_needs_an_object(drawn: dict[int, Any]) -> None:
    """Drawn somewhere."""
    with pytest.raises(FrtmError, match="No frame is annotated"):
        plan("both", range(10, 20), drawn)
