"""Decoded frames as RGB images, turned as the movie says."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import av
import numpy as np
from av.sidedata.sidedata import SideData
from av.video.codeccontext import VideoCodecContext

from napari_frtm.io.video.reading import LARGEST

if TYPE_CHECKING:
    from pathlib import Path

    from av.video.frame import VideoFrame
    from numpy.typing import NDArray

Matrix: TypeAlias = tuple[int, int, int, int]
"""Coefficients (a, b, c, d): a picture's (x, y) is shown at (a x + c y, b x + d y)."""


def picture(
    frame: VideoFrame, matrix: Matrix, size: tuple[int, int] | None = None
) -> NDArray[np.uint8]:
    """Return a decoded frame as RGB of shape (H, W, 3), turned as `matrix` says.

    It is scaled to `size`, if given: some movies change their size on the way.
    """
    a, b, c, d = matrix
    upright = abs(a) + abs(d) >= abs(b) + abs(c)
    height, width = (size if upright else size[::-1]) if size else (frame.height, frame.width)
    image = np.asarray(frame.to_ndarray(format="rgb24", width=width, height=height), np.uint8)
    if not upright:
        image = image.transpose(1, 0, 2)
    flip_x, flip_y = (a < 0, d < 0) if upright else (c < 0, b < 0)
    image = image[:, ::-1] if flip_x else image
    image = image[::-1] if flip_y else image
    return np.ascontiguousarray(image)


def decode_picture(path: Path, codec: str) -> VideoFrame:
    """Return the picture in an image file, decoded by a codec of FFmpeg alone.

    Raises
    ------
    FFmpegError, StopIteration
        If it cannot be decoded.
    """
    decoder = av.CodecContext.create(codec, "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.options = {"max_pixels": str(LARGEST // 8)}
    frames = decoder.decode(av.Packet(path.read_bytes()))
    return next(iter([*frames, *decoder.decode(None)]))


def display_matrix(frame: VideoFrame) -> Matrix:
    """Return how a frame's picture is to be turned.

    To be asked once per movie: a frame that was asked for its side data refers to itself, and
    keeps its picture in memory until Python collects garbage.
    """
    data = frame.side_data.get("DISPLAYMATRIX")
    if not isinstance(data, SideData):
        return 1, 0, 0, 1
    a, b, _, c, d = np.frombuffer(bytes(data), np.int32)[:5].tolist()
    return a, b, c, d
