"""TIFF and zarr images of any number of axes, lazily, with the size of their pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

import dask.array as da
import numpy as np
import tifffile
import zarr

from napari_frtm.errors import VideoError
from napari_frtm.io.video.errors import reading
from napari_frtm.io.video.pixel_size import PixelSize, of_ome_zarr, of_tiff
from napari_frtm.io.video.stacks import is_zarr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_PAGE = 256 * 2**20  # bytes; larger pages are read by tiles
_NAMES = {"t": "t", "z": "z", "c": "c", "s": "c", "y": "y", "x": "x"}


@dataclass(frozen=True, slots=True, eq=False)
class Hyperstack:
    """An image file of any number of axes.

    Attributes
    ----------
    levels : tuple of dask arrays
        The image, and smaller copies of it if the file has them; chunks as in the file.
    axes : tuple of str
        Name of each axis, without RGB; empty where the file does not say.
    rgb : bool
        Whether there is one more axis, the last: RGB or RGBA.
    pixel_size : PixelSize
        By axis name, where the file says.
    """

    levels: tuple[da.Array, ...]
    axes: tuple[str, ...]
    rgb: bool
    pixel_size: PixelSize


def is_hyperstack(path: str | Path) -> bool:
    """Whether `open_hyperstack` is likely to open `path`, judged by its name alone."""
    path = Path(path)
    return is_zarr(path) if path.is_dir() else path.suffix.lower() in (".tif", ".tiff")


def open_hyperstack(path: str | Path) -> Hyperstack:
    """Open a TIFF file, or a zarr array or image (OME-Zarr); no pixels are read yet.

    Raises
    ------
    VideoError
        If it cannot be read.
    """
    path = Path(path)
    with reading(path):
        return _open_zarr(path) if path.is_dir() else _open_tiff(path)


class _Array(Protocol):
    """An array that stays on disk until it is indexed."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    @property
    def chunks(self) -> tuple[int, ...]: ...

    def __getitem__(self, key: tuple[slice, ...], /) -> object: ...


class _OnDisk:
    """What dask needs to see of an array on disk; keeps the file open that it is read from."""

    def __init__(self, path: Path, array: _Array, file: _File | None) -> None:
        if array.dtype.kind not in "buif":
            raise VideoError(
                f"{path.name} holds values of type {array.dtype}; pixels are integers or floats. "
                "Convert it."
            )
        self.shape = array.shape
        self.ndim = len(array.shape)
        self.dtype = array.dtype.newbyteorder("=")
        self._path, self._array, self._file = path, array, file

    def __getitem__(self, key: tuple[slice, ...]) -> NDArray[Any]:
        with reading(self._path):
            if self._file is None:
                return np.asarray(self._array[key], self.dtype)
            with self._file.lock:
                return np.asarray(self._array[key], self.dtype)

    def lazy(self) -> da.Array:
        """Return the array as dask sees it."""
        return da.from_array(self, chunks=self._array.chunks, name=False, asarray=False)


class _File:
    """A TIFF file that is closed when nothing refers to it any more."""

    def __init__(self, path: Path) -> None:
        self.lock = Lock()
        self.tiff = tifffile.TiffFile(path)
        if len({series.shape for series in self.tiff.series}) < len(self.tiff.series):
            # Pages that were written one by one, each described as a series of its own.
            self.tiff.close()
            self.tiff = tifffile.TiffFile(path, is_shaped=False)

    def __del__(self) -> None:
        if hasattr(self, "tiff"):
            self.tiff.close()


def _open_tiff(path: Path) -> Hyperstack:
    file = _File(path)
    series = file.tiff.series[0]
    mode = "page" if series.keyframe.nbytes <= _PAGE else None
    levels = []
    for level in range(len(series.levels)):
        array = zarr.open_array(series.aszarr(level=level, chunkmode=mode), mode="r")
        levels.append(_OnDisk(path, array, file).lazy())
    rgb = series.axes.endswith("YXS") and series.shape[-1] in (3, 4)
    letters = series.axes[:-1] if rgb else series.axes
    return Hyperstack(tuple(levels), _names(letters), rgb, of_tiff(file.tiff))


def _open_zarr(path: Path) -> Hyperstack:
    """Open an array, an OME-Zarr image with its levels, or the first array of a group."""
    node = zarr.open(path, mode="r")
    size = PixelSize()
    if isinstance(node, zarr.Array):
        arrays = [node]
        names = getattr(node.metadata, "dimension_names", None) or ()
    else:
        attributes = dict(node.attrs)
        images = attributes.get("ome", attributes).get("multiscales")
        if images:
            arrays = [node[dataset["path"]] for dataset in images[0]["datasets"]]
            axes = images[0].get("axes", "tczyx")
            names = [axis if isinstance(axis, str) else axis["name"] for axis in axes]
            size = of_ome_zarr(images[0])
        else:
            arrays = [array for _, array in sorted(node.arrays())[:1]]
            names = ()
        if not arrays:
            raise VideoError(f"{path.name} holds no array. Choose the folder of a zarr array.")
    names = [str(name or "") for name in names] or [""] * arrays[0].ndim
    rgb = arrays[0].ndim > 2 and arrays[0].shape[-1] in (3, 4) and names[-1] in ("", "c", "s")
    levels = tuple(_OnDisk(path, array, None).lazy() for array in arrays)
    return Hyperstack(levels, _names(names[:-1] if rgb else names), rgb, size)


def _names(axes: Sequence[str]) -> tuple[str, ...]:
    """Return names of axes; the only unknown one before height and width is time."""
    names = [_NAMES.get(axis[:1].lower(), "") for axis in axes]
    names[-2:] = ["y", "x"]
    leading = names[:-2]
    if leading.count("") == 1 and "t" not in leading:
        names[leading.index("")] = "t"
    known = [name for name in names if name]
    return tuple(names) if len(set(known)) == len(known) else ("",) * len(names)
