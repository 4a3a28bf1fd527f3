"""Overlays, movies and contact sheets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from napari_frtm.errors import OutputError
from napari_frtm.io.export import overlay as module
from napari_frtm.io.export.movies.encodings import H264
from napari_frtm.io.export.overlay import OverlayMovie, contact_sheet, overlay, to_uint8
from napari_frtm.io.video.opening import open_video
from napari_frtm.types import BYTES, Contrast

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def stripes(size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return red, green and blue stripes."""
    image = np.zeros((*size, 3), np.uint8)
    for channel in range(3):
        image[:, channel * size[1] // 3 : (channel + 1) * size[1] // 3, channel] = 200
    return image


def decode(path: Path) -> tuple[str, float, list[NDArray[np.uint8]]]:
    """Return the codec, the rate and the frames of a movie."""
    with av.open(str(path)) as movie:
        stream = movie.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in movie.decode(stream)]
        return stream.codec.name, float(stream.average_rate or 0), frames


@pytest.mark.parametrize(
    ("frame", "contrast", "expected"),
    [
        pytest.param(np.array([[0, 100, 300]], np.uint16), (0, 200), [0, 128, 255], id="uint16"),
        pytest.param(np.array([[np.nan, 0.5, 1]]), (0.5, 1), [0, 0, 255], id="float-and-nan"),
        pytest.param(np.array([[-np.inf, 0, np.inf]]), (-1, 1), [0, 128, 255], id="infinite"),
        pytest.param(np.array([[7, 7, 8]]), (7, 7), [0, 0, 0], id="no-contrast"),
        pytest.param(np.array([[0, 9, 255]], np.uint8), (0, 255), [0, 9, 255], id="as-it-is"),
        pytest.param(np.array([[False, True, True]]), (0, 1), [0, 255, 255], id="bool"),
    ],
)
def test_grey_becomes_rgb(
    frame: NDArray[Any], contrast: tuple[float, float], expected: list[int]
) -> None:
    """Between the contrast limits, rounded."""
    image = to_uint8(frame, Contrast(*contrast))

    assert image.dtype == np.uint8
    assert image.tolist() == [[[value] * 3 for value in expected]]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_channels_become_three(channels: int) -> None:
    """Colours keep their order, opacity is dropped."""
    frame = np.arange(2 * 2 * channels, dtype=np.uint8).reshape(2, 2, channels)

    image = to_uint8(frame, BYTES)

    assert image.shape == (2, 2, 3)
    assert (image[..., 0] == frame[..., 0]).all()
    assert (image[..., 2] == frame[..., min(2, channels - 1)]).all()


def test_an_overlay_tints_and_outlines() -> None:
    """Object 1 is (128, 0, 0); half of it over 100 is 114, 50, 50."""
    frame = np.full((9, 9, 3), 100, np.uint8)
    labels = np.zeros((9, 9), np.int32)
    labels[2:7, 2:7] = 1

    image = overlay(frame, labels)

    assert image[4, 4].tolist() == [114, 50, 50]
    assert image[2, 4].tolist() == [128, 0, 0]
    assert (image[labels == 0] == 100).all()
    assert (frame == 100).all()


def test_touching_objects_are_told_apart() -> None:
    """Each has its own contour, also with ids beyond the palette."""
    labels = np.repeat(np.array([[1, 256 + 1]]), 8, axis=1) * np.ones((16, 1), int)

    image = overlay(np.zeros((16, 16, 3), np.uint8), labels, alpha=0)

    assert image[8, 7].tolist() == [128, 0, 0]
    assert image[8, 8].tolist() == [0, 128, 0]
    assert not image[8, 3].any()


def test_an_overlay_of_another_size_is_misuse() -> None:
    """Sizes are never guessed."""
    with pytest.raises(ValueError, match="do not fit"):
        overlay(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5), int))


@pytest.mark.parametrize(
    ("size", "fps", "rate"),
    [
        pytest.param((48, 96), 30, 30, id="even"),
        pytest.param((47, 95), None, 25, id="odd"),
        pytest.param((48, 96), 24000 / 1001, 24000 / 1001, id="ntsc"),
        pytest.param((48, 96), 0.01, 1, id="time-lapse"),
    ],
)
def test_a_movie_holds_what_was_written(
    tmp_path: Path, size: tuple[int, int], fps: float | None, rate: float
) -> None:
    """Number, size, rate and colours, up to the loss of the codec."""
    path = tmp_path / "overlay.mp4"
    with OverlayMovie(path, fps, size) as movie:
        for level in (0, 40, 80):
            movie.write(np.maximum(stripes(size), np.uint8(level)))

    _, average, frames = decode(path)

    assert average == pytest.approx(rate, rel=1e-4)
    assert [frame.shape for frame in frames] == [(48, 96, 3)] * 3
    middles = [frames[1][24, x].tolist() for x in (16, 48, 80)]
    expected = [[200, 40, 40], [40, 200, 40], [40, 40, 200]]
    assert np.abs(np.subtract(middles, expected)).max() <= 6
    assert list(tmp_path.iterdir()) == [path]


def test_a_movie_has_the_pixels_of_its_video(tmp_path: Path) -> None:
    """Of a 16:9 DVD they are wider than high."""
    path = tmp_path / "overlay.mp4"
    with OverlayMovie(path, 25, (48, 96), pixel_aspect=64 / 45) as movie:
        for _ in range(2):
            movie.write(stripes((48, 96)))

    assert open_video(path).pixel_aspect == pytest.approx(64 / 45)


def test_without_h264_the_movie_is_mpeg4(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some builds of FFmpeg have no H.264 encoder."""
    absent = {"vc1": {}, "mpeg4": H264.codecs["mpeg4"]}  # FFmpeg has no encoder "vc1"
    monkeypatch.setattr(module, "H264", replace(H264, codecs=absent))
    path = tmp_path / "overlay.mp4"

    with OverlayMovie(path, 25, (48, 96)) as movie:
        movie.write(stripes((48, 96)))

    codec, _, frames = decode(path)
    assert codec == "mpeg4"
    assert np.abs(frames[0][24, 16].astype(int) - [200, 0, 0]).max() <= 6


@pytest.mark.parametrize("error", [KeyError("k"), OSError("not about the movie"), GeneratorExit()])
def test_an_interrupted_movie_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    """The error passes through as it is, and the old movie stays."""
    path = tmp_path / "overlay.mp4"
    path.write_text("old")

    def interrupted() -> None:
        with OverlayMovie(path, 25, (48, 96)) as movie:
            movie.write(stripes((48, 96)))
            raise error

    with pytest.raises(type(error)) as raised:
        interrupted()

    assert raised.value is error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("missing/overlay.mp4", "folder does not exist", id="no-folder"),
        pytest.param("overlay.movie", "output format", id="no-format"),
    ],
)
def test_a_movie_that_cannot_be_opened(tmp_path: Path, name: str, message: str) -> None:
    """The message says why, and nothing is left."""
    with pytest.raises(OutputError, match=message), OverlayMovie(tmp_path / name, 25, (48, 96)):
        pass

    assert not list(tmp_path.iterdir())


def test_a_movie_without_frames_is_an_error(tmp_path: Path) -> None:
    """And no file."""
    with (
        pytest.raises(OutputError, match="no frame"),
        OverlayMovie(tmp_path / "overlay.mp4", 25, (48, 96)),
    ):
        pass

    assert not list(tmp_path.iterdir())


def test_frames_of_another_size_are_misuse(tmp_path: Path) -> None:
    """A movie has one size."""
    with OverlayMovie(tmp_path / "overlay.mp4", 25, (48, 96)) as movie:
        movie.write(stripes((48, 96)))

        with pytest.raises(ValueError, match=r"size \(48, 96\), got \(96, 48, 3\)"):
            movie.write(stripes((96, 48)))


def test_a_contact_sheet_has_rows_and_captions() -> None:
    """Three images in two columns, 30 wide: 60 high ones are scaled to 15."""
    images = [np.full((60, 120, 3), value, np.uint8) for value in (10, 20, 30)]

    sheet = contact_sheet(images, ["a", "b", "frame 100 of a long name"], columns=2, width=30)

    tile = 15 + module.CAPTION + module.MARGIN
    assert sheet.shape == (2 * tile + module.MARGIN, 2 * (30 + module.MARGIN) + module.MARGIN, 3)
    first, below = module.MARGIN + 7, module.MARGIN + 7 + tile
    assert sheet[first, 10].tolist() == [10] * 3
    assert sheet[first, 10 + 36].tolist() == [20] * 3
    assert sheet[below, 10].tolist() == [30] * 3
    assert sheet[below, 10 + 36].tolist() == [255] * 3
    assert sheet[first + 8 : tile, 6:36].min() < 128


@pytest.mark.parametrize("captions", [[], ["a", "b"]])
def test_captions_must_fit(captions: list[str]) -> None:
    """One for each image."""
    with pytest.raises(ValueError, match="do not fit"):
        contact_sheet([np.zeros((4, 4, 3), np.uint8)], captions)
