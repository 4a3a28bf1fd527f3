"""The video loop: ranges, directions, keyframes, going on later."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from masks import overlap

from napari_frtm.config import Direction, FrtmConfig
from napari_frtm.engine.tracking.propagate import Propagation, propagate

if TYPE_CHECKING:
    from conftest import Clip

    from napari_frtm.engine.networks.network import FrtmNetwork


@pytest.mark.parametrize(
    ("direction", "annotated", "span", "expected"),
    [
        pytest.param("forward", [3], (2, 8), [3, 4, 5, 6, 7], id="forward"),
        pytest.param("backward", [5], (2, 8), [5, 4, 3, 2], id="backward"),
        pytest.param("both", [4], (2, 8), [4, 5, 6, 7, 3, 2], id="both"),
        pytest.param("both", [3, 6], (2, 8), [7, 6, 5, 4, 3, 2], id="both-two-keyframes"),
        pytest.param("both", [2, 4, 7], (2, 8), [7, 6, 5, 4, 3, 2], id="both-three-keyframes"),
        pytest.param("forward", [2, 5], (2, 8), [2, 3, 4, 5, 6, 7], id="forward-two-keyframes"),
        pytest.param("forward", [7], (2, 8), [7], id="last-frame"),
    ],
)
def test_every_frame_of_the_range_comes_once(
    clip: Clip,
    network: FrtmNetwork,
    lite: FrtmConfig,
    direction: str,
    annotated: list[int],
    span: tuple[int, int],
    expected: list[int],
) -> None:
    """In the order that is announced; keyframes come back as they were drawn."""
    run = Propagation(
        network,
        lite,
        clip.frames,
        {t: clip.truth[t] for t in annotated},
        span=range(*span),
        direction=Direction(direction),
    )

    predictions = [p for chunk in run.chunks() for p in chunk]

    assert [p.index for p in predictions] == run.order == expected
    assert run.finished == len(expected)
    for p in predictions:
        if p.index in annotated:
            assert np.array_equal(p.labels, clip.truth[p.index])
        else:
            assert overlap(p, clip.truth[p.index], 1) > 0.5


def test_an_object_may_start_late(clip: Clip, network: FrtmNetwork, lite: FrtmConfig) -> None:
    """Object 4 is drawn on frame 10 alone; object 1 goes on there as predicted."""
    first = np.where(clip.truth[0] == 1, 1, 0)
    late = np.where(clip.truth[10] == 4, 4, 0)

    predictions = list(propagate(network, lite, clip.frames, {0: first, 10: late}))

    assert predictions[9].object_ids == (1,)
    assert predictions[10].object_ids == (1, 4)
    assert overlap(predictions[10], clip.truth[10], 1) > 0.6
    assert np.array_equal(predictions[10].labels == 4, clip.truth[10] == 4)
    assert overlap(predictions[20], clip.truth[20], 4) > 0.5


def test_both_directions_carry_a_late_object_back(
    clip: Clip, network: FrtmNetwork, lite: FrtmConfig
) -> None:
    """Before its first keyframe only the backward pass knows it."""
    annotations = {0: np.where(clip.truth[0] == 1, 1, 0), 12: np.where(clip.truth[12] == 4, 4, 0)}

    predictions = propagate(network, lite, clip.frames, annotations, direction=Direction.BOTH)

    by_index = {p.index: p for p in predictions}
    middle = by_index[6]
    assert middle.object_ids == (1, 4)
    assert overlap(middle, clip.truth[6], 1) > 0.5
    assert overlap(middle, clip.truth[6], 4) > 0.5
    assert np.array_equal(by_index[0].labels == 1, annotations[0] == 1)
    assert overlap(by_index[0], clip.truth[0], 4) > 0.3


def test_keyframes_come_back_as_drawn_at_any_resolution(
    clip: Clip, network: FrtmNetwork, lite: FrtmConfig
) -> None:
    """Three of them, going both ways, worked on at half the size; small objects too."""
    annotations = {t: clip.truth[t].copy() for t in (0, 4, 8)}
    annotations[4][5:7, 5:8] = 9
    run = Propagation(
        network,
        replace(lite, short_side=60),
        clip.frames[:9],
        annotations,
        direction=Direction.BOTH,
    )

    predictions = {p.index: p for chunk in run.chunks() for p in chunk}

    for t, drawn in annotations.items():
        for object_id in np.unique(drawn[drawn > 0]):
            assert np.array_equal(predictions[t].labels == object_id, drawn == object_id)


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("stop_after", [1, 2, 4])
def test_a_stopped_run_goes_on_bit_by_bit(
    clip: Clip, network: FrtmNetwork, lite: FrtmConfig, direction: Direction, stop_after: int
) -> None:
    """From the state saved after any chunk."""

    def run() -> Propagation:
        annotations = {4: clip.truth[4], 9: clip.truth[9]}
        return Propagation(
            network,
            replace(lite, update_interval=3),
            clip.frames[:14],
            annotations,
            direction=direction,
        )

    whole = [p for chunk in run().chunks() for p in chunk]
    stopped = run()
    chunks = stopped.chunks()
    before = [p for _ in range(stop_after) for p in next(chunks)]
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
