"""TIFF files as arrays of any number of axes, read page by page or by tiles."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

import tifffile

from napari_frtm.io.video.stacks.lzw import LZW, Checked
from napari_frtm.io.video.stacks.pixel_size import of_tiff
from napari_frtm.io.video.stacks.stored import Content
from napari_frtm.io.video.stacks.tiff_colour import Look, Pictures

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from napari_frtm.io.video.stacks.stored import Array

_PAGE = 256 * 2**20  # bytes; larger pages are read by tiles


def open_tiff(path: Path) -> Content:
    """Return what the first image of a TIFF file holds, as it looks; no pixels are read yet."""
    import zarr  # takes a second, which those who read label images need not wait for

    file = _File(path)
    series = file.tiff.series[0]
    look = Look.of(series.keyframe, path.name)
    mode = "page" if series.keyframe.nbytes <= _PAGE or not look.plain else None
    levels: list[Array] = []
    for level in range(len(series.levels)):
        stored: Array = zarr.open_array(series.aszarr(level=level, chunkmode=mode), mode="r")
        if int(series.keyframe.compression) == LZW:
            stored = Checked(stored, series.levels[level].pages, path.name)
        levels.append(stored if look.plain else Pictures(stored, look))
    axes = series.axes
    if not look.plain:
        axes = axes[: -3 if look.samples > 1 else -2] + "YX" + "S" * look.colour
    return Content(levels, axes, of_tiff(file.tiff), file)


class _File:
    """A TIFF file that one thread at a time reads, closed when nothing refers to it any more."""

    def __init__(self, path: Path) -> None:
        self._lock = Lock()
        self.tiff = tifffile.TiffFile(path)
        if len({series.shape for series in self.tiff.series}) < len(self.tiff.series):
            # Pages that were written one by one, each described as a series of its own.
            self.tiff.close()
            self.tiff = tifffile.TiffFile(path, is_shaped=False)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.release()

    def __del__(self) -> None:
        if hasattr(self, "tiff"):
            self.tiff.close()
