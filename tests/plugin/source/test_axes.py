"""Which axis of a layer is time, and the frames that follow from it."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import pytest
import zarr

from napari_frtm.plugin.source.axes import Guess, LayerFrames, Take, VideoAxes, guess_axes

if TYPE_CHECKING:
    from numpy.typing import NDArray


@pytest.mark.parametrize(
    ("shape", "labels", "expected"),
    [
        pytest.param((9, 4, 5), "", Guess(VideoAxes(), True), id="tyx"),
        pytest.param((30, 4, 5), "zyx", Guess(VideoAxes(), True), id="planes-as-time"),
        pytest.param((65, 2, 4, 5), "", Guess(VideoAxes(0, {1: 0}, 4), True), id="tcyx"),
        pytest.param((2, 65, 4, 5), "", Guess(VideoAxes(1, {0: 0}, 4), True), id="ctyx"),
        pytest.param((9, 30, 4, 5), "", Guess(VideoAxes(0, {1: 0}, 4), False), id="unclear"),
        pytest.param((2, 3, 4, 5), "", Guess(VideoAxes(0, {1: 0}, 4), False), id="both-short"),
        pytest.param((9, 30, 4, 5), "tzyx", Guess(VideoAxes(0, {1: Take.MAX}, 4), True), id="tz"),
        pytest.param((30, 9, 4, 5), "ztyx", Guess(VideoAxes(1, {0: Take.MAX}, 4), True), id="zt"),
        pytest.param(
            (65, 2, 4, 5), "ctyx", Guess(VideoAxes(1, {0: 0}, 4), True), id="labels-first"
        ),
        pytest.param((2, 9, 4, 5), "czyx", Guess(VideoAxes(1, {0: 0}, 4), False), id="no-time"),
        pytest.param((1, 9, 4, 5), "", Guess(VideoAxes(1, ndim=4), True), id="length-one"),
        pytest.param((1, 3, 4, 5), "tcyx", Guess(VideoAxes(0, {1: 0}, 4), True), id="one-frame"),
        pytest.param((9, 1, 2, 4, 5), "tzcyx", Guess(VideoAxes(0, {2: 0}, 5), True), id="ome"),
        pytest.param(
            (9, 8, 2, 4, 5), "tzcyx", Guess(VideoAxes(0, {1: Take.MAX, 2: 0}, 5), True), id="tzc"
        ),
        pytest.param((9, 8, 2, 4, 5), "", Guess(VideoAxes(0, {1: 0, 2: 0}, 5), False), id="5d"),
        pytest.param(
            (3, 2, 9, 4, 5), "czayx", Guess(VideoAxes(2, {0: 0, 1: Take.MAX}, 5), True), id="cz"
        ),
        pytest.param((9, 8, 7, 6, 5, 4, 5), "", None, id="too-many"),
        pytest.param((4, 5), "", None, id="2d"),
    ],
)
def test_axes_are_guessed(shape: tuple[int, ...], labels: str, expected: Guess | None) -> None:
    """By labels in capitals or not; without them, few positions are channels."""
    assert guess_axes(shape, tuple(labels)) == expected
    assert guess_axes(shape, tuple(labels.upper())) == expected


def test_axes_are_guessed_by_whole_words() -> None:
    """As napari's users write them; its own names for axes say nothing."""
    expected = Guess(VideoAxes(1, {0: 0}, 4), True)

    assert guess_axes((30, 9, 4, 5), ("Channel", "Time", "y", "x")) == expected
    unnamed = tuple(f"axis -{n}" for n in (4, 3, 2, 1))
    assert guess_axes((30, 9, 4, 5), unnamed) == Guess(VideoAxes(0, {1: 0}, 4), False)


@pytest.mark.parametrize(
    ("axes", "shape", "index"),
    [
        pytest.param(VideoAxes(), (9, 4, 5), (3,), id="tyx"),
        pytest.param(VideoAxes(0, {1: 0}, 4), (9, 1, 4, 5), (3, 0), id="tcyx"),
        pytest.param(VideoAxes(1, {0: 0}, 4), (1, 9, 4, 5), (0, 3), id="ctyx"),
        pytest.param(VideoAxes(0, {2: 0}, 5), (9, 1, 1, 4, 5), (3, 0, 0), id="tzcyx"),
    ],
)
def test_results_have_the_layer_s_axes(
    axes: VideoAxes, shape: tuple[int, ...], index: tuple[int, ...]
) -> None:
    """With one position along all but time."""
    assert axes.results_shape(9, 4, 5) == shape
    assert axes.frame_index(3) == index
    assert np.zeros(shape)[index].shape == (4, 5)


STACK = np.arange(7 * 3 * 4 * 5, dtype=np.uint16).reshape(7, 3, 4, 5)  # (T, C, H, W)
AXES = VideoAxes(0, {1: 2}, 4)
PLANES = np.random.default_rng(0).integers(0, 999, (7, 3, 2, 4, 5)).astype(np.uint16)


@pytest.mark.parametrize("kind", ["numpy", "dask", "zarr"])
@pytest.mark.parametrize("swapped", [False, True], ids=["tcyx", "ctyx"])
@pytest.mark.parametrize(
    ("take", "expected"),
    [
        pytest.param(2, STACK[5, 2], id="one"),
        pytest.param(Take.MAX, STACK[5].max(0), id="max"),
        pytest.param(Take.MEAN, STACK[5].mean(0, dtype=np.float32), id="mean"),
    ],
)
def test_frames_of_a_stack(
    kind: str, swapped: bool, take: int | Take, expected: NDArray[Any]
) -> None:
    """Of shape (T, H, W), whatever holds them and whichever axis is time."""
    data: Any = np.swapaxes(STACK, 0, 1) if swapped else STACK
    data = {"numpy": np.asarray, "dask": da.from_array, "zarr": zarr.array}[kind](data)
    axes = VideoAxes(1, {0: take}, 4) if swapped else replace(AXES, takes={1: take})
    frames = LayerFrames(data, axes)

    assert frames.shape == (7, 4, 5)
    assert frames[5].dtype == frames.dtype == expected.dtype
    np.testing.assert_array_equal(frames[5], expected)


@pytest.mark.parametrize("kind", ["numpy", "dask", "zarr"])
@pytest.mark.parametrize(
    ("takes", "expected"),
    [
        pytest.param({1: 2, 2: 1}, PLANES[4, 2, 1], id="one"),
        pytest.param({1: Take.MAX, 2: 1}, PLANES[4, :, 1].max(0), id="max"),
        pytest.param({1: 2, 2: Take.MEAN}, PLANES[4, 2].mean(0, dtype=np.float32), id="mean"),
        pytest.param(
            {1: Take.MAX, 2: Take.MEAN}, PLANES[4].mean(1, dtype=np.float32).max(0), id="both"
        ),
    ],
)
def test_frames_of_planes_and_channels(
    kind: str, takes: dict[int, int | Take], expected: NDArray[Any]
) -> None:
    """(T, Z, C, H, W): one of each, or put together."""
    data = {"numpy": np.asarray, "dask": da.from_array, "zarr": zarr.array}[kind](PLANES)
    frames = LayerFrames(data, VideoAxes(0, takes, 5))

    assert frames.shape == (7, 4, 5)
    assert frames[4].dtype == frames.dtype == expected.dtype
    np.testing.assert_allclose(frames[4], expected)


def test_channels_of_a_projection_blend_as_rgb() -> None:
    """Planes are put together first."""
    frames = LayerFrames(PLANES, VideoAxes(0, {1: Take.MAX, 2: Take.COLOUR}, 5), contrast=(0, 999))
    seen = LayerFrames(PLANES.max(1), VideoAxes(0, {1: Take.COLOUR}, 4), contrast=(0, 999))

    np.testing.assert_array_equal(frames[4], seen[4])
    assert frames[4].shape == (4, 5, 3)


def test_channels_blend_as_rgb() -> None:
    """Scaled by the contrast limits, clipped; a missing third channel is black."""
    channels = np.array([[100, 300, 1100], [350, 0, 600]], np.uint16)
    data = np.zeros((2, 2, 1, 3), np.uint16)
    data[1, :, 0] = channels
    frames = LayerFrames(data, VideoAxes(0, {1: Take.COLOUR}, 4), contrast=(100, 600))

    assert (frames.shape, frames.dtype) == ((2, 1, 3, 3), np.uint8)
    expected = [[[0, 128, 0], [102, 0, 0], [255, 255, 0]]]
    np.testing.assert_array_equal(frames[1], expected)


def test_values_that_are_not_finite_blend_as_black() -> None:
    """Also where only one channel has them."""
    data = np.full((2, 2, 1, 1), np.nan, np.float32)
    data[0, 1] = 1
    frames = LayerFrames(data, VideoAxes(0, {1: Take.COLOUR}, 4), contrast=(0, 1))

    assert frames[0].tolist() == [[[0, 255, 0]]]


@pytest.mark.parametrize(
    ("take", "reads"), [(1, [(5, 1)]), (Take.MAX, [(5, 0), (5, 1), (5, 2)])], ids=["one", "max"]
)
def test_only_what_is_needed_is_read(take: int | Take, reads: list[tuple[int, int]]) -> None:
    """One plane, or the planes of one frame."""
    seen = []

    def read(block: NDArray[Any], block_info: dict[int, dict[str, Any]]) -> NDArray[Any]:
        seen.append(tuple(start for start, _ in block_info[0]["array-location"][:2]))
        return block

    data = da.from_array(STACK, chunks=(1, 1, -1, -1)).map_blocks(
        read, dtype=STACK.dtype, meta=np.empty((0,) * 4, STACK.dtype)
    )
    _ = LayerFrames(data, replace(AXES, takes={1: take}))[5]

    assert sorted(seen) == reads


def test_planes_of_a_colour_video() -> None:
    """(T, Z, H, W, RGBA): one plane of a frame, without alpha."""
    data = np.random.default_rng(0).integers(0, 255, (3, 4, 5, 6, 4), np.uint8)
    one = LayerFrames(data, VideoAxes(0, {1: 3}, 4), rgb=True)
    most = LayerFrames(data, VideoAxes(0, {1: Take.MAX}, 4), rgb=True)

    assert one.shape == (3, 5, 6, 3)
    np.testing.assert_array_equal(one[2], data[2, 3, ..., :3])
    np.testing.assert_array_equal(most[2], data[2].max(0)[..., :3])


@pytest.mark.parametrize("take", [2, Take.MAX, Take.COLOUR])
def test_axes_come_back_from_a_session(take: int | Take) -> None:
    """A projection is one again, not the text that JSON made of it."""
    axes = VideoAxes(1, {0: take}, 4)

    back = VideoAxes.of_plain(json.loads(json.dumps(asdict(axes))))

    assert back == axes
    assert isinstance(back.takes[0], Take) == isinstance(take, Take)


def test_axes_of_older_sessions_come_back() -> None:
    """When there could be channels or planes, but not both."""
    saved = {"time": 1, "extra": 0, "take": "maximum projection", "ndim": 4}

    assert VideoAxes.of_plain(saved) == VideoAxes(1, {0: Take.MAX}, 4)
    assert VideoAxes.of_plain({"time": 0, "extra": None, "take": 0, "ndim": 3}) == VideoAxes()


@pytest.mark.parametrize(
    "saved",
    [
        {"time": 5, "ndim": 4},
        {"time": 0, "extra": 0, "ndim": 4},
        {"time": 0, "takes": {"0": 1}, "ndim": 4},
        {"takes": {"1": "blend as RGB", "2": "blend as RGB"}, "ndim": 5},
        {"takes": {"z": 1}, "ndim": 4},
        {"takes": [1], "ndim": 4},
        {"time": "t"},
        {"extra": 1, "take": "least", "ndim": 4},
        {"more": 1},
    ],
)
def test_axes_that_make_no_sense_are_refused(saved: dict[str, object]) -> None:
    """A session may come from a stranger."""
    with pytest.raises((TypeError, ValueError)):
        VideoAxes.of_plain(saved)
