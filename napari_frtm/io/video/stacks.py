"""Stacks of images in one file: TIFF, zarr, NumPy."""

from __future__ import annotations

import re
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import tifffile
import zarr

from napari_frtm.errors import VideoError
from napari_frtm.io.video.errors import reading

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_ZARR_FILES = ("zarr.json", ".zarray", ".zgroup")


class _Array(Protocol):
    """An array that stays on disk until it is indexed."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def __getitem__(self, key: tuple[int | slice, ...], /) -> object: ...


def is_zarr(path: Path) -> bool:
    """Whether a folder holds a zarr array or group."""
    return path.is_dir() and any((path / name).exists() for name in _ZARR_FILES)


class ArrayStack:
    """Frames of a TIFF, zarr or NumPy file, read one by one.

    Safe to share between threads and to pickle: the copy opens the file again.
    """

    fps = None

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = Lock()
        self._tiff: tifffile.TiffFile | None = None
        with reading(path):
            self._array, axes = self._open()
        shape = self._array.shape
        self._axes = frame_axes(shape, axes, path.name)
        self.shape = (*(shape[axis] for axis in self._axes[:3]), *(3 for _ in self._axes[3:]))
        self.dtype = _pixel_type(self._array.dtype, path.name)
        self.names = tuple(f"{i:05d}" for i in range(self.shape[0]))

    def __reduce__(self) -> tuple[type[ArrayStack], tuple[Path]]:
        return ArrayStack, (self.path,)

    def __del__(self) -> None:
        tiff = getattr(self, "_tiff", None)
        if tiff is not None:
            tiff.close()

    def read(self, index: int) -> NDArray[np.generic]:
        """Return frame `index`, of shape (H, W) or (H, W, 3).

        Raises
        ------
        VideoError
            If it cannot be read.
        """
        selection: list[int | slice] = [0] * len(self._array.shape)
        selection[self._axes[0]] = index
        for axis in self._axes[1:]:
            selection[axis] = slice(None)
        with self._lock, reading(self.path):
            frame = np.asarray(self._array[tuple(selection)])
        if frame.dtype == bool:
            frame = frame * np.uint8(255)
        frame = frame[..., :3] if len(self._axes) == 4 else frame
        return np.ascontiguousarray(frame, self.dtype)

    def _open(self) -> tuple[_Array, str | None]:
        """Return the array, still on disk, and the letters of its axes if the file has them."""
        if self.path.suffix.lower() == ".npy":
            return np.load(self.path, mmap_mode="r"), None
        if self.path.is_dir():
            return _open_zarr(self.path)
        self._tiff = tifffile.TiffFile(self.path)
        if len({series.shape for series in self._tiff.series}) < len(self._tiff.series):
            # Pages that were written one by one, each described as a series of its own.
            self._tiff.close()
            self._tiff = tifffile.TiffFile(self.path, is_shaped=False)
        series = self._tiff.series[0]
        store = series.aszarr(level=0, chunkmode="page")
        return zarr.open_array(store, mode="r"), series.axes


def frame_axes(shape: Sequence[int], axes: str | None, name: str) -> tuple[int, ...]:
    """Return the positions of time, y, x and, in colour, of the channels.

    Parameters
    ----------
    shape : sequence of int
        Of the whole array; axes of length 1 do not count.
    axes : str or None
        One letter per axis, as in OME: T, Z, C, Y, X, S (samples of a colour) or others.
    name : str
        For messages.

    Raises
    ------
    VideoError
        If these are not the axes of one video.
    """
    axes = (axes or _likely_axes(shape)).upper()
    kept = [i for i, n in enumerate(shape) if n > 1 or axes[i] in "YX"]
    layout = "".join(axes[i] for i in kept)
    colour = layout.endswith(("YXS", "YXC")) and shape[kept[-1]] in (3, 4)
    if layout == "YX" or (colour and len(kept) == 3):
        raise VideoError(
            f"{name} has one frame; nothing to follow. To use a sequence of images, open their "
            "folder; if there should be more frames, the file is damaged."
        )
    if not re.fullmatch("[^CSYX]YX[SC]" if colour else "[^CSYX]YX", layout):
        raise VideoError(
            f"{name} has the axes {axes} and the shape {tuple(shape)}. A video has time, height "
            "and width (TYX), in colour also 3 channels (TYXC): choose one channel and one plane, "
            "save them as a file of their own and open that."
        )
    return tuple(kept)


def _likely_axes(shape: Sequence[int]) -> str:
    colour = len(shape) > 2 and shape[-1] in (3, 4)
    plane = "YXS" if colour else "YX"
    return ("T" + "Q" * len(shape))[: max(0, len(shape) - len(plane))] + plane


def _pixel_type(dtype: np.dtype[Any], name: str) -> np.dtype[Any]:
    """Return the type of the frames: as stored, in the byte order of this machine."""
    if dtype.kind not in "buif":
        raise VideoError(
            f"{name} holds values of type {dtype}; frames are integers or floats. Convert it."
        )
    return np.dtype(np.uint8) if dtype.kind == "b" else dtype.newbyteorder("=")


def _open_zarr(path: Path) -> tuple[_Array, str | None]:
    """Open an array, the full resolution of an OME-Zarr image, or the first array of a group."""
    node = zarr.open(path, mode="r")
    if isinstance(node, zarr.Array):
        return node, _named_axes(node.metadata)
    attributes = dict(node.attrs)
    images = attributes.get("ome", attributes).get("multiscales")
    if images:
        axes = "".join(_letter(axis) for axis in images[0].get("axes", "TCZYX"))
        return node[images[0]["datasets"][0]["path"]], axes
    arrays = sorted(node.arrays())
    if not arrays:
        raise VideoError(f"{path.name} holds no array. Choose the folder of a zarr array.")
    return arrays[0][1], _named_axes(arrays[0][1].metadata)


def _letter(axis: str | dict[str, str]) -> str:
    """Return the letter of an axis; a name alone before version 0.4 of OME-Zarr."""
    return (axis if isinstance(axis, str) else axis["name"])[0]


def _named_axes(metadata: object) -> str | None:
    names = getattr(metadata, "dimension_names", None) or ()
    return "".join(name[0] for name in names) if names and all(names) else None
