"""Looks whether LZW data can be decoded, with libtiff: imagecodecs trusts them, and may crash.

A damaged code may point to an entry of the table that is not there yet. imagecodecs follows it.
"""

from __future__ import annotations

import struct
import warnings
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from napari_frtm.errors import VideoError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from tifffile import TiffPage

    from napari_frtm.io.video.stacks.stored import Array

LZW = 5  # the value of the tag Compression
_ENTRY = struct.Struct("<HHII")


class Checked:
    """Pages in LZW as one array; each is looked at before it is read for the first time."""

    def __init__(self, stored: Array, pages: Sequence[TiffPage | None], name: str) -> None:
        self._stored, self._pages, self._name = stored, pages, name
        self._sound: set[int] = set()
        self.shape, self.dtype = tuple(stored.shape), stored.dtype
        sizes = np.cumprod([1, *self.shape])
        leading = int(np.argmax(sizes == len(pages)))  # axes that count the pages; 0 for one page
        self._numbers = np.arange(len(pages)).reshape(*self.shape[:leading], -1)
        self.chunks = getattr(stored, "chunks", None)

    def __getitem__(self, key: tuple[int | slice, ...]) -> NDArray[Any]:
        for number in self._numbers[key[: self._numbers.ndim - 1]].ravel().tolist():
            page = self._pages[number]
            if page is not None and number not in self._sound:
                check_lzw(page, self._name)
                self._sound.add(number)
        return np.asarray(self._stored[key])


def check_lzw(page: TiffPage, name: str) -> None:
    """Check the data of a page, while nobody else reads its file.

    Raises
    ------
    VideoError
        If they are damaged.
    """
    file, keyframe = page.parent.filehandle, page.keyframe
    places = zip(page.dataoffsets, page.databytecounts, strict=True)
    for number, (offset, count) in enumerate(places):
        if not count:
            continue
        file.seek(offset)
        data = file.read(count)
        if not _is_sound(data, *_segment(keyframe, number), int(keyframe.fillorder)):
            raise VideoError(f"{name} is damaged: its LZW data cannot be decoded. Write it again.")


def _segment(page: TiffPage, number: int) -> tuple[int, int]:
    """Return the bytes in a row of a strip or tile, and how many rows it has."""
    samples = 1 if int(page.planarconfig) == 2 else int(page.samplesperpixel)
    width = int(page.tilewidth if page.is_tiled else page.imagewidth)
    row = -(-width * samples * int(page.bitspersample) // 8)
    if page.is_tiled:
        return row, int(page.tilelength)
    step = min(int(page.rowsperstrip), int(page.imagelength))
    strips = -(-int(page.imagelength) // step)
    return row, min(step, int(page.imagelength) - step * (number % strips))


def _is_sound(data: bytes, row: int, rows: int, order: int) -> bool:
    """Whether libtiff decodes a strip: as a gray picture of 8 bits, whatever is in it."""
    tags = {256: row, 257: rows, 258: 8, 259: LZW, 262: 1, 266: order, 273: 8, 277: 1, 278: rows}
    tags |= {279: len(data)}
    padded = data + bytes(len(data) % 2)
    entries = b"".join(_ENTRY.pack(tag, 4, 1, value) for tag, value in sorted(tags.items()))
    file = b"II*\0" + struct.pack("<I", 8 + len(padded)) + padded
    file += struct.pack("<H", len(tags)) + entries + bytes(4)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            Image.open(BytesIO(file)).load()
    except Image.DecompressionBombError:
        return True  # too large to be looked at
    except OSError:
        return False
    return True
