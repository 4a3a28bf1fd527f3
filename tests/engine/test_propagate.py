"""The video loop: ranges, directions, chunks, keyframes, going on later."""

from __future__ import annotations

import weakref
from dataclasses import replace
from typing import TYPE_CHECKING

import dask.array as da
import numpy as np
import pytest
import torch
import zarr

from napari_frtm.config import Direction, FrtmConfig, TargetConfig, Variant, preset
from napari_frtm.engine.network import FrtmNetwork
from napari_frtm.engine.propagate import Propagation, propagate
from napari_frtm.engine.tracker import Tracker
from napari_frtm.errors import FrtmError

if TYPE_CHECKING:
    from conftest import Clip

    from napari_frtm.types import Prediction


def _overlap(prediction: Prediction, truth: np.ndarray, object_id: int) -> float:
    """J of one object."""
    found, true = prediction.labels == object_id, truth == object_id
    return float((found & true).sum() / (found | true).sum())


@pytest.mark.parametrize("variant", [Variant.D_ONLY, Variant.D_ONLY_NO_UPDATE])
def test_two_objects_are_followed_to_the_end(
    clip: Clip, network: FrtmNetwork, lite: FrtmConfig, variant: Variant
) -> None:
    """With their ids, at J that a frozen mask does not reach."""
    config = replace(lite, variant=variant)

    predictions = list(propagate(network, config, clip.frames, {0: clip.truth[0]}))

    assert [p.index for p in predictions] == list(range(24))
    assert np.array_equal(predictions[0].labels, clip.truth[0])
    for object_id in (1, 4):
        overlaps = [_overlap(p, clip.truth[p.index], object_id) for p in predictions[1:]]
        frozen = [_overlap(predictions[0], t, object_id) for t in clip.truth[1:]]
        assert np.mean(overlaps) > 0.7
        assert np.mean(overlaps) > np.mean(frozen) + 0.2
    last = predictions[-1]
    assert last.object_ids == (1, 4)
    assert last.probabilities.shape == (2, 120, 160)
    assert last.scores.shape == (2, 8, 10)
    assert last.labels.dtype == np.uint8


@pytest.mark.parametrize("variant", list(Variant))
def test_chunks_equal_frame_by_frame(
    clip: Clip, full_network: FrtmNetwork, lite: FrtmConfig, variant: Variant
) -> None:
    """All variants: the frames between two updates at once, or one at a time."""
    config = replace(lite, variant=variant, update_interval=5)
    chunked = list(propagate(full_network, config, clip.frames[:14], {0: clip.truth[0]}))

    tracker = Tracker(full_network, config)
    single = [tracker.annotate(0, clip.frames[0], clip.truth[0])]
    for t in range(1, 14):
        single += tracker.segment([t], [clip.frames[t]])

    for one, other in zip(chunked, single, strict=True):
        assert np.array_equal(one.labels, other.labels)
        assert np.allclose(one.scores, other.scores, atol=1e-5)


@pytest.mark.parametrize("variant", [Variant.D_ONLY, Variant.FULL_NO_UPDATE, Variant.FULL])
def test_frames_in_a_batch_equal_one_by_one(
    clip: Clip, full_network: FrtmNetwork, monkeypatch: pytest.MonkeyPatch, variant: Variant
) -> None:
    """As on a GPU, where several frames go through the networks together.

    Convolutions round otherwise in a batch; a strong regularisation keeps the updates from
    magnifying that, which the paper's would do.
    """
    target = TargetConfig(channels=32, regularisation=(0.3, 1.0), update_cg_steps=4)
    config = replace(preset("lite", variant), target=target)
    alone = list(propagate(full_network, config, clip.frames, {0: clip.truth[0]}))

    monkeypatch.setattr(FrtmNetwork, "frames_at_once", lambda *_: 3)
    together = list(propagate(full_network, config, clip.frames, {0: clip.truth[0]}))

    for one, other in zip(alone, together, strict=True):
        assert np.allclose(one.scores, other.scores, atol=1e-3)
        assert (one.labels != other.labels).mean() < 1e-3


def test_runs_are_deterministic_and_the_seed_matters(
    clip: Clip, network: FrtmNetwork, lite: FrtmConfig
) -> None:
    """Bit by bit."""
    first, again, other = (
        list(propagate(network, replace(lite, seed=seed), clip.frames[:6], {0: clip.truth[0]}))
        for seed in (0, 0, 1)
    )

    assert all(np.array_equal(a.scores, b.scores) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a.scores, b.scores) for a, b in zip(first, other, strict=True))


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
            assert _overlap(p, clip.truth[p.index], 1) > 0.5


def test_an_object_may_start_late(clip: Clip, network: FrtmNetwork, lite: FrtmConfig) -> None:
    """Object 4 is drawn on frame 10 alone; object 1 goes on there as predicted."""
    first = np.where(clip.truth[0] == 1, 1, 0)
    late = np.where(clip.truth[10] == 4, 4, 0)

    predictions = list(propagate(network, lite, clip.frames, {0: first, 10: late}))

    assert predictions[9].object_ids == (1,)
    assert predictions[10].object_ids == (1, 4)
    assert _overlap(predictions[10], clip.truth[10], 1) > 0.6
    assert np.array_equal(predictions[10].labels == 4, clip.truth[10] == 4)
    assert _overlap(predictions[20], clip.truth[20], 4) > 0.5


def test_both_directions_carry_a_late_object_back(
    clip: Clip, network: FrtmNetwork, lite: FrtmConfig
) -> None:
    """Before its first keyframe only the backward pass knows it."""
    annotations = {0: np.where(clip.truth[0] == 1, 1, 0), 12: np.where(clip.truth[12] == 4, 4, 0)}

    predictions = propagate(network, lite, clip.frames, annotations, direction=Direction.BOTH)

    by_index = {p.index: p for p in predictions}
    middle = by_index[6]
    assert middle.object_ids == (1, 4)
    assert _overlap(middle, clip.truth[6], 1) > 0.5
    assert _overlap(middle, clip.truth[6], 4) > 0.5
    assert np.array_equal(by_index[0].labels == 1, annotations[0] == 1)
    assert _overlap(by_index[0], clip.truth[0], 4) > 0.3


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


@pytest.mark.parametrize("kind", ["numpy", "dask", "zarr", "list-like"])
def test_any_video_that_can_be_indexed(
    clip: Clip, network: FrtmNetwork, lite: FrtmConfig, kind: str
) -> None:
    """Each frame is read once, and only when its turn has come."""
    reads: list[int] = []

    class Counting:
        shape = (6, 120, 160, 3)

        def __getitem__(self, index: int) -> np.ndarray:
            reads.append(index)
            return clip.frames[index]

    frames = {
        "numpy": clip.frames[:6],
        "dask": da.from_array(clip.frames[:6], chunks=(1, 120, 160, 3)),
        "zarr": zarr.array(clip.frames[:6], chunks=(1, 120, 160, 3)),
        "list-like": Counting(),
    }[kind]

    predictions = propagate(network, lite, frames, {0: clip.truth[0]})
    next(predictions)

    if kind == "list-like":
        assert reads in ([0], [0, 1])
    assert _overlap(list(predictions)[-1], clip.truth[5], 1) > 0.6
    if kind == "list-like":
        assert reads == list(range(6))


@pytest.mark.parametrize("scale", [2, 3])
def test_masks_come_at_the_resolution_of_the_video(
    clip: Clip, network: FrtmNetwork, lite: FrtmConfig, scale: int
) -> None:
    """Enlarged frames, worked on at their former size."""
    frames = clip.frames[:4].repeat(scale, 1).repeat(scale, 2)
    truth = clip.truth[:4].repeat(scale, 1).repeat(scale, 2)
    config = replace(lite, short_side=120)

    predictions = list(propagate(network, config, frames, {0: truth[0]}))

    assert predictions[3].labels.shape == (120 * scale, 160 * scale)
    assert predictions[3].probabilities.shape == (2, 120, 160)
    assert _overlap(predictions[3], truth[3], 1) > 0.6


def test_gray_16_bit_frames_with_their_contrast(
    clip: Clip, network: FrtmNetwork, lite: FrtmConfig
) -> None:
    """12 bits in 16: the same picture as in 8 bits once the contrast is told."""
    gray = clip.frames[:5].mean(-1)
    eight, twelve = gray.astype(np.uint8), (gray.astype(np.uint8) * 16.0).astype(np.uint16)

    one = list(propagate(network, lite, eight, {0: clip.truth[0]}))
    other = list(propagate(network, lite, twelve, {0: clip.truth[0]}, contrast=(0, 255 * 16)))

    assert all(np.array_equal(a.labels, b.labels) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(
    ("annotated", "span", "message"),
    [
        pytest.param([], None, "No frame is annotated", id="nothing-drawn"),
        pytest.param([0], (0, 30), "not within the video's 24 frames", id="too-long"),
        pytest.param([0], (5, 5), "range 5:5", id="empty-range"),
        pytest.param([0], (5, 9), "annotated frame 0 is outside the range 5:9", id="outside"),
    ],
)
def test_impossible_requests_are_refused(
    clip: Clip,
    network: FrtmNetwork,
    lite: FrtmConfig,
    annotated: list[int],
    span: tuple[int, int] | None,
    message: str,
) -> None:
    """Before anything is computed."""
    annotations = {t: clip.truth[t] for t in annotated}

    with pytest.raises(FrtmError, match=message):
        Propagation(network, lite, clip.frames, annotations, span=span and range(*span))


@pytest.mark.parametrize("kind", ["one pixel", "whole frame", "constant video", "NaN frames"])
def test_degenerate_input_gives_finite_scores(
    clip: Clip, network: FrtmNetwork, lite: FrtmConfig, kind: str
) -> None:
    """Nothing to learn from, but no NaN and no crash."""
    frames, labels = clip.frames[:10].astype(np.float32), np.zeros((120, 160), np.uint8)
    labels[50, 60] = 1
    if kind == "whole frame":
        labels[:] = 1
    elif kind == "constant video":
        frames[:] = 7
    elif kind == "NaN frames":
        frames[3:5] = np.nan

    predictions = list(propagate(network, lite, frames, {0: labels}))

    assert len(predictions) == 10
    assert all(
        np.isfinite(p.scores).all() and np.isfinite(p.probabilities).all() for p in predictions
    )


@pytest.mark.parametrize(
    ("value", "message"), [(np.nan, "Frame 2 has 100.0 % NaN"), (7, "Frame 2 has the value 7")]
)
def test_a_frame_that_shows_nothing_is_said_once(
    clip: Clip,
    network: FrtmNetwork,
    lite: FrtmConfig,
    caplog: pytest.LogCaptureFixture,
    value: float,
    message: str,
) -> None:
    """With its index."""
    frames = clip.frames[:6].astype(np.float32)
    frames[2:5] = value

    list(propagate(network, lite, frames, {0: clip.truth[0]}))

    (record,) = caplog.records
    assert message in record.getMessage()


@pytest.mark.parametrize("object_id", [-1, 70000])
def test_ids_that_no_mask_can_hold_are_refused(
    clip: Clip, network: FrtmNetwork, lite: FrtmConfig, object_id: int
) -> None:
    """Negative, or beyond 16 bits."""
    labels = np.where(clip.truth[0] == 1, object_id, 0)

    with pytest.raises(FrtmError, match=f"Frame 0 has the object id {object_id}"):
        Propagation(network, lite, clip.frames, {0: labels})


def test_an_object_that_leaves_is_not_seen_again(
    clip: Clip, network: FrtmNetwork, lite: FrtmConfig
) -> None:
    """Frames of background alone: next to nothing is marked."""
    empty = clip.frames[:8].copy()
    empty[1:] = np.roll(clip.frames[0, :, 60:61], 3, 0)[None]

    predictions = list(propagate(network, lite, empty, {0: clip.truth[0]}))

    assert max((p.labels > 0).mean() for p in predictions[1:]) < 0.02


def test_no_frame_is_kept_after_its_chunk(
    clip: Clip, network: FrtmNetwork, lite: FrtmConfig
) -> None:
    """Of 24 frames, those of a chunk and the one read ahead are alive."""
    alive: list[weakref.ref[np.ndarray]] = []

    class Counting:
        shape = clip.frames.shape

        def __getitem__(self, index: int) -> np.ndarray:
            frame = clip.frames[index].copy()
            alive.append(weakref.ref(frame))
            return frame

    most = 0
    config = replace(lite, update_interval=4)
    for _ in propagate(network, config, Counting(), {0: clip.truth[0]}):
        most = max(most, sum(one() is not None for one in alive))

    assert len(alive) == 24
    assert 1 <= most <= 6


def test_the_state_stops_growing(clip: Clip, network: FrtmNetwork, lite: FrtmConfig) -> None:
    """Once the sample memory is full."""
    config = replace(lite, memory=replace(lite.memory, capacity=8), update_interval=4)
    run = Propagation(network, config, clip.frames, {0: clip.truth[0]})

    sizes = [sum(t.numel() for t in run.state_dict().values()) for _ in run.chunks()]

    assert sizes[-1] == sizes[-2] == sizes[-3]


def test_half_precision_gives_nearly_the_same_masks(
    clip: Clip, full_network: FrtmNetwork, lite: FrtmConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In bfloat16, which every CPU can compute and some compute faster."""
    annotations = {0: clip.truth[0]}
    single = list(propagate(full_network, lite, clip.frames, annotations))

    monkeypatch.setattr(full_network, "half_precision", True)
    half = list(propagate(full_network, lite, clip.frames, annotations))

    assert (
        np.mean([(a.labels != b.labels).mean() for a, b in zip(single, half, strict=True)]) < 0.02
    )
    refined = replace(lite, variant=Variant.FULL)
    last = list(propagate(full_network, refined, clip.frames[:3], annotations))[-1]
    assert last.probabilities.dtype == np.float32
    assert np.isfinite(last.probabilities).all()


@pytest.mark.gpu
def test_cuda_gives_the_masks_of_the_cpu(clip: Clip, lite: FrtmConfig) -> None:
    """In half precision, but for a few pixels."""
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    from napari_frtm.io.checkpoint import load_network

    one, other = (
        list(propagate(load_network(lite, device=d), lite, clip.frames, {0: clip.truth[0]}))
        for d in ("cpu", "cuda")
    )

    assert np.mean([(a.labels != b.labels).mean() for a, b in zip(one, other, strict=True)]) < 0.01
