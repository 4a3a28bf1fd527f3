"""Layers to arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import pytest
import zarr
from napari.layers import Image, Labels

from napari_frtm.errors import FrtmError
from napari_frtm.plugin.source.axes import Take, VideoAxes
from napari_frtm.plugin.source.layers import (
    check_annotation,
    contrast_of,
    displayed_frame,
    painted_frames,
    placement,
    video_frames,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.viewer import Viewer


def _painted(kind: str) -> Any:
    data = np.zeros((7, 4, 5), np.int64)
    data[2, 1, 1], data[5, 3, 4] = 300, 2
    if kind == "dask":
        return da.from_array(data, chunks=(3, 4, 5))
    return zarr.array(data, chunks=(3, 4, 5)) if kind == "zarr" else data


@pytest.mark.parametrize("kind", ["numpy", "dask", "zarr"])
def test_painted_frames_are_found(kind: str) -> None:
    """Whatever holds them."""
    painted = painted_frames(_painted(kind), range(7), "mine")

    assert list(painted) == [2, 5]
    assert painted[2][1, 1] == 300
    assert painted[5].shape == (4, 5)


def test_only_frames_within_the_range_count() -> None:
    """The others are not read into a run."""
    assert list(painted_frames(_painted("zarr"), range(4, 6), "mine")) == [5]


def test_painted_frames_are_copies() -> None:
    """So that painting during a run does not change it."""
    data = _painted("numpy")
    painted = painted_frames(data, range(7), "mine")

    data[:] = 0

    assert painted[2].any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(((2, 0, 0), 70_000), "70000 on frame 2", id="large"),
        pytest.param(((2, 0, 0), -1), "Frame 2 of 'mine' has ids from -1", id="negative"),
    ],
)
def test_unusable_labels_are_refused(change: tuple[Any, int], message: str) -> None:
    """With the name of the layer and what is wrong."""
    data = _painted("numpy")
    data[change[0]] = change[1]

    with pytest.raises(FrtmError, match=message):
        painted_frames(data, range(7), "mine")


def test_frames_that_are_not_looked_at_are_not_read() -> None:
    """And those without paint are left out."""
    assert not painted_frames(_painted("dask"), range(3, 5), "mine")
    assert list(painted_frames(_painted("zarr"), [1, 2], "mine")) == [2]


@pytest.mark.parametrize(
    ("shape", "rgb", "expected"),
    [
        pytest.param((3, 32, 40), False, (3, 32, 40), id="gray"),
        pytest.param((3, 32, 40, 3), True, (3, 32, 40, 3), id="rgb"),
        pytest.param((3, 32, 40, 4), True, (3, 32, 40, 3), id="rgba"),
    ],
)
def test_video_frames(shape: tuple[int, ...], rgb: bool, expected: tuple[int, ...]) -> None:
    """Alpha is left out."""
    frames = video_frames(Image(np.zeros(shape, np.uint8), rgb=rgb))

    assert frames.shape == expected
    assert frames[1].shape == expected[1:]


@pytest.mark.parametrize(
    ("shape", "rgb", "message"),
    [
        pytest.param((32, 40), False, "single image", id="2d"),
        pytest.param((32, 40, 3), True, "single image", id="2d-rgb"),
        pytest.param((5, 2, 3, 4, 6, 32, 40), False, "too many axes", id="7d"),
        pytest.param((5, 2, 3, 4, 6, 32, 40, 3), True, "too many axes", id="7d-rgb"),
        pytest.param((5, 32, 40, 3), False, "colours as an axis of length 3", id="colour-axis"),
        pytest.param((1, 32, 40), False, "one frame", id="one-frame"),
        pytest.param((1, 1, 32, 40), False, "one frame", id="one-frame-4d"),
    ],
)
def test_others_are_no_videos(shape: tuple[int, ...], rgb: bool, message: str) -> None:
    """The message says why."""
    with pytest.raises(FrtmError, match=message):
        video_frames(Image(np.zeros(shape, np.uint8), rgb=rgb))


def test_largest_level_of_a_pyramid_is_the_video() -> None:
    """Masks come at full resolution."""
    levels = [np.zeros((3, 32, 40)), np.zeros((3, 16, 20))]

    assert video_frames(Image(levels, multiscale=True)).shape == (3, 32, 40)


def test_contrast_is_what_the_user_sees() -> None:
    """Contrast limits and gamma, which napari applies to gray and to colours."""
    gray = Image(np.zeros((3, 4, 5), np.uint16), contrast_limits=(10, 500), gamma=0.5)
    colours = Image(np.zeros((3, 4, 5, 3), np.float32), rgb=True, contrast_limits=(0, 9), gamma=2)

    assert contrast_of(gray) == (10, 500, 0.5)
    assert contrast_of(colours) == (0, 9, 2)
    assert contrast_of(Image(np.zeros((3, 4, 5, 3), np.uint8), rgb=True)) == (0, 255, 1)


def test_blended_channels_are_bytes() -> None:
    """Scaled by what the layer shows."""
    data = np.zeros((5, 2, 3, 4), np.uint16)
    data[1, 1] = 350
    layer = Image(data, contrast_limits=(100, 600), rgb=False)
    axes = VideoAxes(0, {1: Take.COLOUR}, 4)

    assert video_frames(layer, axes)[1][0, 0].tolist() == [0, 128, 0]
    assert contrast_of(layer, axes) == (0, 255, 1)


@pytest.mark.parametrize(
    ("layer", "axes", "message"),
    [
        pytest.param(
            Image(np.zeros((5, 2, 4, 6))),
            VideoAxes(0, {1: 2}, 4),
            "no channel or plane 2",
            id="take",
        ),
        pytest.param(
            Image(np.zeros((5, 2, 4, 6, 3), np.uint8), rgb=True),
            VideoAxes(0, {1: Take.COLOUR}, 4),
            "in colour already",
            id="blend-rgb",
        ),
        pytest.param(
            Image(np.zeros((1, 9, 4, 6)), axis_labels=("t", "z", "y", "x")),
            None,
            "one frame",
            id="one-time",
        ),
    ],
)
def test_what_cannot_be_used_says_why(layer: Image, axes: VideoAxes | None, message: str) -> None:
    """With the name of the layer."""
    layer.name = "clip"

    with pytest.raises(FrtmError, match=f"'clip' .*{message}"):
        video_frames(layer, axes)


def test_axes_of_an_earlier_shape_are_forgotten() -> None:
    """When the layer's data was replaced."""
    assert video_frames(Image(np.zeros((3, 4, 5))), VideoAxes(0, {1: 0}, 4)).shape == (3, 4, 5)


@pytest.mark.parametrize("shape", [(6, 32, 40), (32, 40), (6, 2, 32, 40), (6, 1, 32, 40)], ids=str)
def test_labels_of_a_video_with_channels(shape: tuple[int, ...]) -> None:
    """With all channels, with one for all, without channels, or of one frame."""
    frames = video_frames(Image(np.zeros((6, 2, 32, 40))))

    check_annotation(Labels(np.zeros(shape, np.uint8)), frames, "clip")
    with pytest.raises(FrtmError, match="but 'clip' has"):
        check_annotation(Labels(np.zeros((*shape[:-1], 41), np.uint8)), frames, "clip")


@pytest.mark.parametrize("kind", ["numpy", "dask", "zarr"])
@pytest.mark.parametrize("time", [0, 1])
def test_labels_painted_on_any_channel_count(kind: str, time: int) -> None:
    """The largest, where several are painted."""
    data: Any = np.zeros((7, 3, 4, 5), np.uint8)
    data[2, 0, 1, 1], data[2, 2, 1, 1], data[5, 1, 3, 4] = 1, 2, 3
    data = np.swapaxes(data, 0, time)
    if kind != "numpy":
        data = {"dask": da.from_array, "zarr": zarr.array}[kind](data, chunks=(2, 2, 4, 5))

    painted = painted_frames(data, range(7), "mine", VideoAxes(time, {1 - time: 0}, 4))

    assert {t: frame.max() for t, frame in painted.items()} == {2: 2, 5: 3}
    assert painted[5].shape == (4, 5)
    assert painted[2][1, 1] == 2


def test_labels_must_have_the_video_s_shape() -> None:
    """A single image will do as well."""
    frames = video_frames(Image(np.zeros((3, 32, 40))))
    check_annotation(Labels(np.zeros((3, 32, 40), np.uint8)), frames, "clip")
    check_annotation(Labels(np.zeros((32, 40), np.uint8)), frames, "clip")

    with pytest.raises(FrtmError, match=r"\(3, 31, 40\), but 'clip' has \(3, 32, 40\)"):
        check_annotation(Labels(np.zeros((3, 31, 40), np.uint8)), frames, "clip")


def test_displayed_frame_heeds_the_scale_of_time() -> None:
    """World coordinates are not frames."""
    layer = Image(np.zeros((10, 4, 5)), scale=(0.5, 1, 1), translate=(1, 0, 0))

    assert displayed_frame(layer, (3.0, 0, 0)) == 4
    assert displayed_frame(layer, (99.0, 0, 0)) == 9
    assert displayed_frame(layer, (0.0, 3.0, 0, 0)) == 4
    assert (
        displayed_frame(Image(np.zeros((3, 10, 4, 5))), (2, 7, 0, 0), VideoAxes(1, {0: 0}, 4)) == 7
    )


@pytest.mark.parametrize(
    ("count", "time", "place"),
    [
        pytest.param(2, 0, {}, id="two"),
        pytest.param(3, 1, {"scale": (0.5, 0.3, 2, 2)}, id="three-scaled"),
        pytest.param(30, 0, {"scale": (3, 0.3, 1, 1), "translate": (7, 1.7, 1, -4)}, id="planes"),
    ],
)
def test_results_lie_over_every_channel(
    make_napari_viewer: Callable[[], Viewer], count: int, time: int, place: dict[str, Any]
) -> None:
    """Value, painting and frame are right at each position of the sliders."""
    axes = VideoAxes(time, {1 - time: 0}, 4)
    viewer = make_napari_viewer()
    video = viewer.add_image(np.zeros((*np.roll((6, count), time), 8, 9)), **place)
    results = np.zeros(axes.results_shape(6, 8, 9), np.uint8)
    for t in range(6):
        results[axes.frame_index(t)] = t + 1
    masks = viewer.add_labels(results, **placement(video, axes))

    assert viewer.dims.nsteps[:2] == video.data.shape[:2]
    for position in range(count):
        for t in (0, 3, 5):
            viewer.dims.set_current_step((time, 1 - time), (t, position))
            shown = viewer.dims.point
            assert displayed_frame(video, shown, axes) == displayed_frame(masks, shown, axes) == t
            assert masks.get_value(shown, world=True) == t + 1
            assert (masks._slice.image.raw == t + 1).all()
            masks.paint(
                masks.world_to_data((*shown[:2], *video.data_to_world((0, 0, 3, 4))[2:])), 9
            )
            assert masks.data[axes.frame_index(t)][3, 4] == 9
            masks.undo()


def test_results_lie_over_a_turned_video() -> None:
    """Their one position is in the middle of the video's channels."""
    axes = VideoAxes(0, {1: 0}, 4)
    place = {"scale": (1, 2, 3, 4), "rotate": 30, "shear": [0.1, 0, 0.2, 0, 0, 0.3]}
    video = Image(np.zeros((6, 4, 8, 9)), translate=(1, 2, 3, 4), **place)
    masks = Labels(np.zeros(axes.results_shape(6, 8, 9), np.uint8), **placement(video, axes))

    world = video.data_to_world((5, 1.5, 2, 7))

    np.testing.assert_allclose(masks.data_to_world((5, 0, 2, 7)), world)
