"""Corrections: parts of a video run again, with keyframes outside them, and objects that leave."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from masks import overlap

from napari_frtm.config import Direction, FrtmConfig
from napari_frtm.engine.tracking.propagate import Propagation, propagate
from napari_frtm.engine.tracking.tracker import Tracker

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conftest import Clip
    from numpy.typing import NDArray

    from napari_frtm.engine.networks.network import FrtmNetwork
    from napari_frtm.types import Prediction


def drawn(clip: Clip, indices: Iterable[int], *ids: int) -> dict[int, NDArray[np.uint8]]:
    """Return the truth of some frames; of some objects, if given."""
    wanted = ids or (1, 4)
    return {t: np.where(np.isin(clip.truth[t], wanted), clip.truth[t], 0) for t in indices}


@pytest.mark.parametrize(
    ("direction", "annotated", "references", "expected"),
    [
        pytest.param("forward", [], [2], range(8, 12), id="forward"),
        pytest.param("forward", [10], [2], range(8, 12), id="forward-with-a-correction"),
        pytest.param("backward", [], [2, 14], range(11, 7, -1), id="backward"),
        pytest.param("both", [], [2, 14], range(11, 7, -1), id="both"),
        pytest.param("both", [9], [2, 14, 20], range(11, 7, -1), id="both-with-a-correction"),
        pytest.param("forward", [], [14], range(8, 12), id="all-ahead"),
    ],
)
def test_a_part_is_run_from_references_alone(
    clip: Clip,
    network: FrtmNetwork,
    lite: FrtmConfig,
    direction: str,
    annotated: list[int],
    references: list[int],
    expected: range,
) -> None:
    """Its frames only, in the order that is announced, each with both objects."""
    run = Propagation(
        network,
        lite,
        clip.frames,
        drawn(clip, annotated),
        span=range(8, 12),
        direction=Direction(direction),
        references=drawn(clip, references),
    )

    chunks = list(run.chunks())

    predictions = [p for chunk in chunks for p in chunk]
    assert chunks[0] == []
    assert [p.index for p in predictions] == run.order == list(expected)
    assert run.finished == 4
    for p in predictions:
        assert p.object_ids == (1, 4)
        assert overlap(p, clip.truth[p.index], 1) > (0.99 if p.index in annotated else 0.6)


def test_a_reference_teaches_what_an_annotation_does(
    clip: Clip, network: FrtmNetwork, lite: FrtmConfig
) -> None:
    """Bit by bit: the frame behind a keyframe, run with it, or alone; the nearest goes first."""
    together = list(propagate(network, lite, clip.frames[:6], drawn(clip, [4])))
    tracker = Tracker(network, lite)
    for t in (4, 0, 4):
        tracker.annotate(t, clip.frames[t], clip.truth[t])
    (three,) = tracker.segment([5], [clip.frames[5]])

    def alone(*references: int) -> Prediction:
        kept = drawn(clip, references)
        (p,) = propagate(network, lite, clip.frames, {}, span=range(5, 6), references=kept)
        return p

    assert np.array_equal(alone(4).probabilities, together[1].probabilities)
    assert np.array_equal(alone(0, 4).probabilities, three.probabilities)
    assert np.array_equal(alone(0, 4).labels, three.labels)


def test_an_object_that_first_appears_ahead_is_not_invented(
    clip: Clip, network: FrtmNetwork, lite: FrtmConfig
) -> None:
    """Unless the other pass brings it from there."""
    references = drawn(clip, [0], 1) | drawn(clip, [12])

    def ids(direction: Direction) -> set[tuple[int, ...]]:
        part = range(5, 7)
        predictions = propagate(
            network, lite, clip.frames, {}, span=part, direction=direction, references=references
        )
        return {p.object_ids for p in predictions}

    assert ids(Direction.FORWARD) == {(1,)}
    assert ids(Direction.BACKWARD) == ids(Direction.BOTH) == {(1, 4)}


def test_a_correction_between_two_keyframes_meets_them(
    clip: Clip, network: FrtmNetwork, lite: FrtmConfig
) -> None:
    """Annotated frames come back as drawn, the ones beside them are close to them."""
    predictions = propagate(
        network,
        lite,
        clip.frames,
        drawn(clip, [6, 10, 14]),
        span=range(6, 15),
        direction=Direction.BOTH,
        references=drawn(clip, [0, 20]),
        complete=range(24),
    )

    by_index = {p.index: p for p in predictions}
    assert sorted(by_index) == list(range(6, 15))
    for t, p in by_index.items():
        if t in (6, 10, 14):
            assert np.array_equal(p.labels, clip.truth[t])
        else:
            assert overlap(p, clip.truth[t], 1) > 0.7


@pytest.mark.parametrize("direction", [Direction.FORWARD, Direction.BOTH])
def test_an_object_that_is_not_drawn_on_a_complete_frame_is_absent(
    clip: Clip, network: FrtmNetwork, lite: FrtmConfig, direction: Direction
) -> None:
    """Without it the engine finds it there."""
    annotations = drawn(clip, [0]) | drawn(clip, [6], 1)

    def middle(complete: tuple[int, ...]) -> Prediction:
        predictions = propagate(
            network,
            lite,
            clip.frames[:8],
            annotations,
            direction=direction,
            complete=complete,
        )
        return {p.index: p for p in predictions}[6]

    assert overlap(middle(()), clip.truth[6], 4) > 0.5
    assert np.array_equal(middle((6,)).labels, annotations[6])
    assert middle((6,)).probabilities[1].max() < 0.01


def test_absence_is_learned(clip: Clip, network: FrtmNetwork, lite: FrtmConfig) -> None:
    """An object erased on a complete keyframe scores less behind it, where it looks as before."""
    first, erased = drawn(clip, [0]), drawn(clip, [6], 1)

    def score(**how: object) -> float:
        span = range(7, 9)
        kept = first | erased
        (p, _) = propagate(network, lite, clip.frames, {}, span=span, references=kept, **how)  # type: ignore[arg-type]
        return float(p.scores[1].max())

    assert score(complete=(6,)) < 0.8 * score()


def test_an_empty_keyframe_ends_all_objects(
    clip: Clip, network: FrtmNetwork, lite: FrtmConfig
) -> None:
    """It is delivered empty, though it comes before anything else in the range."""
    empty = np.zeros_like(clip.truth[0])

    predictions = list(
        propagate(
            network,
            lite,
            clip.frames,
            {8: empty},
            span=range(8, 12),
            references=drawn(clip, [0, 16]),
            complete=(8,),
        )
    )

    assert [p.index for p in predictions] == [8, 9, 10, 11]
    assert not predictions[0].labels.any()


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("stop_after", [1, 2, 3, 5, 8])
def test_a_stopped_correction_goes_on_bit_by_bit(
    clip: Clip, network: FrtmNetwork, lite: FrtmConfig, direction: Direction, stop_after: int
) -> None:
    """While references are learned, and later; in both directions, in either pass."""

    def run() -> Propagation:
        return Propagation(
            network,
            replace(lite, update_interval=2),
            clip.frames,
            drawn(clip, [8], 1),
            span=range(6, 11),
            direction=direction,
            references=drawn(clip, [0, 14]) | drawn(clip, [2], 1),
            complete=(2, 8),
        )

    whole = [p for chunk in run().chunks() for p in chunk]
    stopped = run()
    chunks = stopped.chunks()
    before = [p for _ in range(stop_after) for p in next(chunks, [])]
    state = {k: v.clone() for k, v in stopped.state_dict().items()}
    chunks.close()
    continued = run()
    continued.load_state_dict(state)
    assert continued.finished == len(before)
    after = [p for chunk in continued.chunks() for p in chunk]

    for one, other in zip(whole, [*before, *after], strict=True):
        assert one.index == other.index
        assert np.array_equal(one.labels, other.labels)
        assert np.array_equal(one.probabilities, other.probabilities)
        assert np.array_equal(one.scores, other.scores, equal_nan=True)
        assert np.array_equal(one.confidence, other.confidence)


@pytest.mark.parametrize("index", [5, -1, 24])
def test_a_reference_in_the_range_or_outside_the_video_is_misuse(
    clip: Clip, network: FrtmNetwork, lite: FrtmConfig, index: int
) -> None:
    """Before anything is computed."""
    with pytest.raises(ValueError, match=f"reference {index} must lie"):
        Propagation(
            network,
            lite,
            clip.frames,
            {},
            span=range(3, 8),
            references={index: clip.truth[0]},
        )
