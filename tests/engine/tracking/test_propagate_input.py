"""The video loop: any video, degenerate input, nothing kept."""

from __future__ import annotations

import weakref
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import pytest
import zarr
from masks import overlap

from napari_frtm.engine.tracking.propagate import Propagation, propagate
from napari_frtm.errors import FrtmError

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Clip

    from napari_frtm.config import FrtmConfig
    from napari_frtm.engine.networks.network import FrtmNetwork


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
    assert overlap(list(predictions)[-1], clip.truth[5], 1) > 0.6
    if kind == "list-like":
        assert reads == list(range(6))


def test_a_list_of_images_is_a_video(clip: Clip, network: FrtmNetwork, lite: FrtmConfig) -> None:
    """As people have them in memory."""
    frames = [frame.copy() for frame in clip.frames[:3]]

    predictions = list(propagate(network, lite, frames, {0: clip.truth[0]}))

    assert overlap(predictions[-1], clip.truth[2], 1) > 0.6


@pytest.mark.parametrize(
    ("kind", "contrast", "message"),
    [
        (np.float32, None, "hold float32: say which intensities"),
        (np.uint16, None, "hold uint16: say which intensities"),
        (np.uint8, (5, 5), "contrast must be two finite numbers"),
        (np.uint8, (0, float("nan")), "contrast must be two finite numbers"),
        (np.uint8, (255, 0), "contrast must be two finite numbers"),
        (np.uint8, (0, 255, 0), "and a gamma above 0"),
        (np.uint8, (0, 255, 1, 1), "contrast must be two finite numbers"),
        (np.uint8, (0, 255, float("nan")), "and a gamma above 0"),
    ],
)
def test_a_contrast_that_shows_nothing_is_refused(
    clip: Clip,
    network: FrtmNetwork,
    lite: FrtmConfig,
    kind: type,
    contrast: tuple[float, float] | None,
    message: str,
) -> None:
    """All frames would be black, or white, without a word."""
    frames = clip.frames[:3].astype(kind)

    with pytest.raises(ValueError, match=message):
        Propagation(network, lite, frames, {0: clip.truth[0]}, contrast=contrast)


@pytest.mark.parametrize("frames", [np.zeros((3, 4, 5, 2), np.uint8), np.zeros((4, 5)), 7, []])
def test_what_is_no_video_is_refused(
    clip: Clip, network: FrtmNetwork, lite: FrtmConfig, frames: object
) -> None:
    """With what it is."""
    with pytest.raises(ValueError, match="frames must be of shape"):
        Propagation(network, lite, frames, {0: clip.truth[0]})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda labels: labels * 0.5, "hold float64; objects are whole"),
        (
            lambda labels: labels[:-1],
            r"are of shape \(119, 160\), the video's frames of \(120, 160\)",
        ),
    ],
)
def test_soft_or_misshapen_labels_are_refused(
    clip: Clip, network: FrtmNetwork, lite: FrtmConfig, change: Callable[..., Any], message: str
) -> None:
    """Probabilities are no objects."""
    with pytest.raises(FrtmError, match=message):
        Propagation(network, lite, clip.frames[:3], {0: change(clip.truth[0])})


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
    assert overlap(predictions[3], truth[3], 1) > 0.6


def test_gray_16_bit_frames_with_their_contrast(
    clip: Clip, network: FrtmNetwork, lite: FrtmConfig
) -> None:
    """12 bits in 16: the same picture as in 8 bits once the contrast is told.

    But for bytes, which are off by one where they are scaled.
    """
    gray = clip.frames[:5].mean(-1)
    eight, twelve = gray.astype(np.uint8), (gray.astype(np.uint8) * 16.0).astype(np.uint16)

    one = list(propagate(network, lite, eight, {0: clip.truth[0]}))
    other = list(propagate(network, lite, twelve, {0: clip.truth[0]}, contrast=(0, 255 * 16)))

    for a, b in zip(one, other, strict=True):
        assert all(overlap(a, b.labels, object_id) > 0.95 for object_id in (1, 4))


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

    predictions = list(propagate(network, lite, frames, {0: labels}, contrast=(0, 255)))

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

    list(propagate(network, lite, frames, {0: clip.truth[0]}, contrast=(0, 255)))

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
    """Once the sample memory is full, but for the last mask, which is as large as the object."""
    config = replace(lite, memory=replace(lite.memory, capacity=8), update_interval=4)
    run = Propagation(network, config, clip.frames, {0: clip.truth[0]})

    sizes = [
        sum(t.numel() for name, t in run.state_dict().items() if ".location." not in name)
        for _ in run.chunks()
    ]

    assert sizes[-1] == sizes[-2] == sizes[-3]


@pytest.mark.parametrize(
    ("kind", "factor", "message"),
    [
        (np.float32, 1 / 255, "Frame 0 is seen all black: its values are"),
        (np.uint16, 256, "Frame 0 is seen all white: its values are"),
    ],
)
def test_frames_that_have_the_contrast_of_others_are_told(
    clip: Clip,
    network: FrtmNetwork,
    lite: FrtmConfig,
    caplog: pytest.LogCaptureFixture,
    kind: type,
    factor: float,
    message: str,
) -> None:
    """In [0, 1], or of 16 bits, as if they were bytes."""
    frames = (clip.frames[:3].clip(2).astype(float) * factor).astype(kind)

    list(propagate(network, lite, frames, {0: clip.truth[0]}, contrast=(0, 255)))

    (record,) = caplog.records
    assert message in record.getMessage()


def test_a_list_of_images_of_several_sizes_is_refused(
    clip: Clip, network: FrtmNetwork, lite: FrtmConfig
) -> None:
    """With the number of the first that differs."""
    frames = [clip.frames[0], clip.frames[1], clip.frames[2][:50]]

    with pytest.raises(ValueError, match=r"the first has \(120, 160, 3\), number 2 \(50, 160, 3\)"):
        propagate(network, lite, frames, {0: clip.truth[0]}).send(None)
