"""Movies whose pictures say which one they are."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

COUNT = 40
B_FRAMES = {"bf": "3", "g": "12", "b_strategy": "0"}
_BITS = 6
_BLOCK = 16


def barcode(index: int) -> NDArray[np.uint8]:
    """Return an image with the bits of `index` as black and white blocks."""
    image = np.zeros((48, _BITS * _BLOCK, 3), np.uint8)
    for bit in range(_BITS):
        image[:, bit * _BLOCK : (bit + 1) * _BLOCK] = 255 * (index >> bit & 1)
    return image


def number(image: NDArray[np.uint8]) -> int:
    """Return the index that `barcode` wrote."""
    centres = image[24, _BLOCK // 2 :: _BLOCK, 0]
    return sum(int(value > 127) << bit for bit, value in enumerate(centres))


def write_movie(
    path: Path,
    codec: str = "libx264",
    options: dict[str, str] = B_FRAMES,
    pixels: str = "yuv420p",
    times: Sequence[int] = range(COUNT),
    rate: int = 25,
    rotation: float = 0,
    muxing: dict[str, str] | None = None,
) -> Path:
    """Write a movie of barcodes, the i-th at `times[i]` / `rate` seconds."""
    with av.open(str(path), "w", options=muxing or {}) as container:
        stream = container.add_stream(codec, rate=rate, options=dict(options))
        stream.height, stream.width, _ = barcode(0).shape
        stream.pix_fmt = pixels
        stream.codec_context.time_base = Fraction(1, rate)
        if rotation:
            stream.set_display_rotation(rotation)
        for index, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(barcode(index), format="rgb24")
            frame.pts = time
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
