"""Stacks of images in one file, TIFF, zarr, NumPy, CZI or ND2: arrays of any axes, lazily."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import dask.array as da

from napari_frtm.errors import VideoError
from napari_frtm.io.video.reading import check_extent, reading
from napari_frtm.io.video.stacks.microscopes.czi import CZI, CZI_BEGINS, open_czi
from napari_frtm.io.video.stacks.microscopes.nd2_file import ND2, ND2_BEGINS, open_nd2
from napari_frtm.io.video.stacks.numpy_file import NUMPY, open_numpy
from napari_frtm.io.video.stacks.stored import StoredArray, WithoutLastAxis
from napari_frtm.io.video.stacks.tiff import open_tiff
from napari_frtm.io.video.stacks.tiff_colour import TIFF
from napari_frtm.io.video.stacks.zarr_folder import is_zarr, open_zarr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_frtm.io.video.stacks.pixel_size import PixelSize
    from napari_frtm.io.video.stacks.stored import Content

STACKS = (*TIFF, *NUMPY, *CZI, *ND2)
_TIFF_BEGINS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_NUMPY_BEGINS = (b"\x93NUMPY", b"PK\x03\x04")
_BEGINS = (*_TIFF_BEGINS, *_NUMPY_BEGINS, CZI_BEGINS, ND2_BEGINS)
_NAMES = {"t": "t", "z": "z", "c": "c", "s": "c", "y": "y", "x": "x"}


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """An image of any number of axes.

    Attributes
    ----------
    path : Path
        The file, or folder of zarr.
    arrays : tuple of StoredArray
        The image, and smaller copies of it if there are some.
    axes : tuple of str
        ``t``, ``z``, ``c``, ``y`` or ``x`` for each axis but the colour's; empty where the file
        does not say.
    rgb : bool
        Whether there is one more axis, the last: RGB or RGBA.
    pixel_size : PixelSize
        By axis name, where the file says.
    remarks : tuple of str
        What the user should know, such as other images in the file.
    """

    path: Path
    arrays: tuple[StoredArray, ...]
    axes: tuple[str, ...]
    rgb: bool
    pixel_size: PixelSize
    remarks: tuple[str, ...] = ()

    @property
    def levels(self) -> list[da.Array]:
        """The arrays as dask sees them; chunks as in the file."""
        return [
            da.from_array(array, chunks=array.chunks, name=False, asarray=False)
            for array in self.arrays
        ]


def is_stack(path: str | Path) -> bool:
    """Whether `open_stack` is likely to open `path`, judged by its name alone."""
    path = Path(path)
    return is_zarr(path) if path.is_dir() else path.suffix.lower() in STACKS


def is_stack_file(path: Path) -> bool:
    """Whether a file begins as TIFF, NumPy, CZI and ND2 files do."""
    with reading(path), path.open("rb") as file:
        return file.read(16).startswith(_BEGINS)


def open_stack(path: str | Path) -> Stack:
    """Open a TIFF, NumPy, CZI or ND2 file, or a zarr array or image; no pixels are read yet.

    Raises
    ------
    VideoError
        If it cannot be read.
    """
    path = Path(path)
    with reading(path):
        content = _content(path)
        stored, axes = content.arrays, [axis[:1].lower() for axis in content.axes]
        if len(axes) > 3 and stored[0].shape[-1] == 1 and axes[-1] in ("", "c", "s"):
            stored, axes = [WithoutLastAxis(array) for array in stored], axes[:-1]
        arrays = tuple(StoredArray(path, array, content.exclusive) for array in stored)
    shape = arrays[0].shape
    if len(shape) < 2:
        raise VideoError(f"{path.name} has the shape {shape}; an image has height and width.")
    rgb = len(shape) > 2 and shape[-1] in (3, 4) and axes[-1] in ("", "c", "s")
    check_extent(shape, 3 if rgb else 2, path.name)
    names = _names(axes[:-1] if rgb else axes)
    return Stack(path, arrays, names, rgb, content.pixel_size, content.remarks)


def _content(path: Path) -> Content:
    if path.is_dir():
        return open_zarr(path)
    with path.open("rb") as file:
        begin = file.read(16)
    if begin.startswith(CZI_BEGINS) or path.suffix.lower() in CZI:
        return open_czi(path)
    if begin.startswith(ND2_BEGINS) or path.suffix.lower() in ND2:
        return open_nd2(path)
    if begin.startswith(_NUMPY_BEGINS) or path.suffix.lower() in NUMPY:
        return open_numpy(path)
    return open_tiff(path)


def _names(axes: Sequence[str]) -> tuple[str, ...]:
    """Return names of axes; the only unknown one before height and width is time."""
    *leading, y, x = (_NAMES.get(axis, "") for axis in axes)
    if leading.count("") == 1 and "t" not in leading:
        leading[leading.index("")] = "t"
    names = (*leading, y or "y", x or "x")
    known = [name for name in names if name]
    return names if len(set(known)) == len(known) else (*("" for _ in leading), "y", "x")
