"""NumPy files: an array, or an archive of them."""

from __future__ import annotations

import math
import zipfile
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib import format as npy

from napari_frtm.errors import VideoError
from napari_frtm.io.video.stacks.stored import Content

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

NUMPY = (".npy", ".npz")
_LARGEST = 4 * 2**30  # bytes: an array in an archive is read as a whole


def open_numpy(path: Path) -> Content:
    """Return what a NumPy file holds; no pixels are read yet.

    Of an archive it is the only array with three axes or more.
    """
    array = np.load(path, mmap_mode="r") if path.suffix.lower() == ".npy" else _Archived(path)
    return Content([array], [""] * len(array.shape))


class _Archived:
    """An array in an .npz archive, read as a whole when it is first indexed."""

    def __init__(self, path: Path) -> None:
        headers = _headers(path)
        videos = [name for name, (shape, _) in headers.items() if len(shape) > 2]
        if len(videos) != 1:
            found = ", ".join(f"{name} {shape}" for name, (shape, _) in headers.items())
            raise VideoError(
                f"{path.name} holds {found or 'nothing'}; it has to have one array with three axes "
                "or more. Save the video by itself."
            )
        self._path, self._name = path, videos[0]
        self.shape, self.dtype = headers[videos[0]]
        if math.prod(self.shape) * self.dtype.itemsize > _LARGEST:
            raise VideoError(
                f"{path.name} says that its array has the shape {self.shape}: more than "
                f"{_LARGEST / 2**30:g} GB. Save it as .npy, of which only what is shown is read."
            )
        self._array: NDArray[Any] | None = None
        self._lock = Lock()

    def __getitem__(self, key: tuple[int | slice, ...]) -> NDArray[Any]:
        with self._lock:
            if self._array is None:
                with np.load(self._path) as archive:
                    self._array = archive[self._name]
        return np.asarray(self._array[key])


def _headers(path: Path) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
    """Return shape and type of each array in an archive."""
    headers = {}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith(".npy"):
                with archive.open(name) as file:
                    version = npy.read_magic(file)
                    read = npy.read_array_header_1_0 if version == (1, 0) else None
                    shape, _, dtype = (read or npy.read_array_header_2_0)(file)
                headers[name.removesuffix(".npy")] = shape, dtype
    return headers
