"""Writing the sample files: movie, image stacks, first masks."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
import tifffile
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

PIXEL_UM = 0.325


def write_movie(path: Path, frames: Sequence[NDArray[np.uint8]], fps: int, crf: int) -> None:
    """Encode frames of shape (H, W, 3) as H.264 with B-frames; one thread, to be repeatable."""
    with av.open(str(path), "w") as movie:
        stream = movie.add_stream("libx264", rate=fps)
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, fps)
        stream.options = {"crf": str(crf), "preset": "veryslow", "bf": "3", "threads": "1"}
        stream.thread_count = 1
        stream.height, stream.width = frames[0].shape[:2]
        for image in frames:
            movie.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        movie.mux(stream.encode())


def read_movie(path: Path) -> NDArray[np.uint8]:
    """Return the frames of a movie, of shape (T, H, W, 3)."""
    with av.open(str(path)) as movie:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in movie.decode(video=0)])


def write_stack(path: Path, stack: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
    """Write a stack of shape (T, H, W) as a compressed TIFF, one page a frame."""
    tifffile.imwrite(
        path,
        stack,
        photometric="minisblack",
        compression="zlib",
        compressionargs={"level": 9},
        metadata={"axes": "TYX"},
    )


def write_microscopy(path: Path, stack: NDArray[np.uint16], interval: float) -> None:
    """Write frames `interval` seconds apart as an ImageJ TIFF with the pixel size."""
    tifffile.imwrite(
        path,
        stack,
        imagej=True,
        photometric="minisblack",
        compression="zlib",
        compressionargs={"level": 9},
        predictor=True,
        resolution=(1 / PIXEL_UM, 1 / PIXEL_UM),
        metadata={"axes": "TYX", "unit": "um", "finterval": interval},
    )


def write_mask(path: Path, mask: NDArray[np.uint8]) -> None:
    """Write a mask of shape (H, W) as an indexed PNG: black background, red object."""
    image = Image.fromarray(mask)
    image.putpalette([0, 0, 0, 228, 52, 38])
    image.save(path, optimize=True)
