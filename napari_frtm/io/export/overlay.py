"""Pictures to look at: labels over frames, as images, movies and contact sheets."""

from __future__ import annotations

import math
from contextlib import contextmanager, suppress
from fractions import Fraction
from typing import TYPE_CHECKING, Self

import av
import cv2
import numpy as np

from napari_frtm.errors import OutputError
from napari_frtm.io.atomic import replacing, reporting
from napari_frtm.io.object_ids import davis_palette

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray

    from napari_frtm.types import Frame, Labels

DEFAULT_FPS = 25
FPS_RANGE = (1.0, 240.0)
CODECS = {"libx264": {"crf": "18", "preset": "fast"}, "mpeg4": {"qmin": "2", "qmax": "4"}}
"""In the order of preference, with their quality."""
BT709, LIMITED_RANGE = 1, 1
"""How movies code colours, in the numbers of ITU-T H.273; players assume it for large ones."""
LARGE = 720
MARGIN, CAPTION = 6, 24


def to_uint8(frame: Frame, contrast: tuple[float, float]) -> NDArray[np.uint8]:
    """Return a frame as RGB for display.

    Parameters
    ----------
    frame : array of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)
        Any real type; opacity is dropped.
    contrast : tuple of float
        The values that become black and white; NaN becomes black.

    Returns
    -------
    uint8 array of shape (H, W, 3)
    """
    low, high = contrast
    image = np.atleast_3d(frame)[..., :3]
    if image.shape[-1] != 3:
        image = np.repeat(image[..., :1], 3, axis=-1)
    if image.dtype == np.uint8 and (low, high) == (0, 255):
        return np.asarray(image, np.uint8)
    real = image.astype(np.result_type(image.dtype, np.float32))
    span = high - low if high > low else 1.0
    scaled = (np.clip(np.nan_to_num(real, nan=low), low, max(high, low)) - low) * (255 / span)
    return np.asarray(np.rint(scaled), np.uint8)


def overlay(frame: NDArray[np.uint8], labels: Labels, alpha: float = 0.5) -> NDArray[np.uint8]:
    """Return the frame with its objects tinted and outlined in the colours of the palette.

    Parameters
    ----------
    frame : uint8 array of shape (H, W, 3)
        RGB.
    labels : integer array of shape (H, W)
        0 is background; ids above 255 begin again with the colour of 1.
    alpha : float
        Share of the colour inside the objects, in [0, 1]; the contour has all of it.

    Returns
    -------
    uint8 array of shape (H, W, 3)
    """
    if frame.shape != (*labels.shape, 3):
        raise ValueError(f"Frame of shape {frame.shape} and labels of {labels.shape} do not fit.")
    index = np.where(labels > 0, 1 + (labels.astype(np.int64) - 1) % 255, 0).astype(np.uint8)
    colours = davis_palette()[index]
    thickness = 1 if min(labels.shape) < LARGE else 2
    kernel = np.ones((2 * thickness + 1, 2 * thickness + 1), np.uint8)
    contour = (cv2.erode(index, kernel) != cv2.dilate(index, kernel)) & (index > 0)
    image = np.where(
        index[..., None] > 0, cv2.addWeighted(frame, 1 - alpha, colours, alpha, 0), frame
    )
    return np.where(contour[..., None], colours, image)


def contact_sheet(
    images: Sequence[NDArray[np.uint8]],
    captions: Sequence[str],
    columns: int = 4,
    width: int = 320,
) -> NDArray[np.uint8]:
    """Return images side by side, row by row, each with its caption below.

    Parameters
    ----------
    images : sequence of uint8 arrays of shape (H, W, 3)
        RGB; their sizes may differ.
    captions : sequence of str
        As many; long ones are cut off at the width of the image.
    columns : int
        Images in a row.
    width : int
        Width of each image in the sheet, pixels.

    Returns
    -------
    uint8 array of shape (H, W, 3)
    """
    if not images or len(images) != len(captions):
        raise ValueError(f"{len(images)} images and {len(captions)} captions do not fit.")
    columns = min(columns, len(images))
    tiles = [_scaled(image, width) for image in images]
    height = max(len(tile) for tile in tiles) + CAPTION
    rows = math.ceil(len(tiles) / columns)
    step_y, step_x = height + MARGIN, width + MARGIN
    sheet = np.full((rows * step_y + MARGIN, columns * step_x + MARGIN, 3), 255, np.uint8)
    for i, (tile, caption) in enumerate(zip(tiles, captions, strict=True)):
        y, x = MARGIN + i // columns * step_y, MARGIN + i % columns * step_x
        sheet[y : y + len(tile), x : x + width] = tile
        line = np.full((CAPTION, width, 3), 255, np.uint8)
        origin = (0, CAPTION - 8)
        cv2.putText(line, caption, origin, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1)
        sheet[y + len(tile) : y + len(tile) + CAPTION, x : x + width] = line
    return sheet


class OverlayMovie:
    """A movie to write frame by frame: H.264 in MP4, or MPEG-4 where there is no H.264 encoder.

    The file appears when the ``with`` block ends well; after an error nothing is left of it.
    Entering and leaving raise `OutputError` if the movie cannot be written, or has no frame.

    Parameters
    ----------
    path : Path
        Where to write; the suffix tells the container.
    fps : float or None
        Frames per second, brought into [1, 240]; 25 if unknown.
    size : tuple of int
        (H, W) of the images. Odd sizes grow by one pixel that repeats the last.
    """

    def __init__(self, path: Path, fps: float | None, size: tuple[int, int]) -> None:
        self._path = path
        self._size = size
        rate = min(max(fps or DEFAULT_FPS, FPS_RANGE[0]), FPS_RANGE[1])
        self._rate = Fraction(rate).limit_denominator(1001)
        self._written = 0

    def __enter__(self) -> Self:
        self._file = replacing(self._path)
        temporary = self._file.__enter__()
        try:
            with _encoding(self._path):
                self._container = av.open(str(temporary), "w")
                self._stream = self._open_stream()
                self._container.start_encoding()  # now rather than after the first result
        except BaseException:
            self._drop()
            raise
        return self

    def write(self, image: NDArray[np.uint8]) -> None:
        """Append a uint8 image of shape (H, W, 3), RGB.

        Raises
        ------
        OutputError
            If the movie cannot be written.
        """
        if image.shape != (*self._size, 3):
            raise ValueError(f"The movie has frames of size {self._size}, got {image.shape}.")
        odd = [(0, size % 2) for size in self._size]
        padded = np.pad(image, (*odd, (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(padded, format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace=BT709)
        with _encoding(self._path):
            self._container.mux(self._stream.encode(frame))
        self._written += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._drop()
            return
        try:
            if not self._written:
                raise OutputError(f"There is no frame to write to {self._path}.")
            with _encoding(self._path):
                self._container.mux(self._stream.encode())
                self._container.close()
        except BaseException:
            self._drop()
            raise
        self._file.__exit__(None, None, None)

    def _open_stream(self) -> av.VideoStream:
        codec = next((name for name in CODECS if name in av.codecs_available), "mpeg4")
        options = dict(CODECS[codec])
        stream = self._container.add_stream(codec, rate=self._rate, options=options)
        if not isinstance(stream, av.VideoStream):
            raise TypeError(f"{codec} is no video codec.")
        stream.height, stream.width = (size + size % 2 for size in self._size)
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = BT709
        context.color_range = LIMITED_RANGE
        return stream

    def _drop(self) -> None:
        """Leave nothing behind; the error on its way out is not ours to rename."""
        with suppress(OSError, av.FFmpegError, AttributeError):
            self._container.close()
        self._file.__exit__(GeneratorExit, GeneratorExit(), None)


@contextmanager
def _encoding(path: Path) -> Iterator[None]:
    """Turn errors of FFmpeg and of the system into an `OutputError` about `path`."""
    with reporting(path):
        try:
            yield
        except (av.FFmpegError, ValueError) as error:
            if isinstance(error, OSError):
                raise
            raise OutputError(f"Cannot write {path}: {error}.") from error


def _scaled(image: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    height = max(round(image.shape[0] * width / image.shape[1]), 1)
    method = cv2.INTER_AREA if width < image.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (width, height), interpolation=method), np.uint8)
