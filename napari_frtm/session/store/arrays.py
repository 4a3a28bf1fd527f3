"""Arrays that results are kept in: in memory if small, else in a temporary folder."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

IN_MEMORY = 256 * 2**20
"""Bytes; larger arrays are on disk, one chunk a frame."""


def fits_in_memory(shape: tuple[int, ...], dtype: DTypeLike) -> bool:
    """Whether an array is small enough to be kept in memory."""
    return bool(np.prod(shape, dtype=np.int64) * np.dtype(dtype).itemsize <= IN_MEMORY)


def new_array(shape: tuple[int, ...], dtype: DTypeLike, fill: float = 0) -> Any:
    """Return an array of shape (T, ...) filled with one value: NumPy, or a temporary zarr.

    Frames that nothing is written to take no memory, and no space on disk.

    Raises
    ------
    OSError
        If the temporary folder cannot be written.
    """
    if fits_in_memory(shape, dtype):
        return np.full(shape, fill, dtype) if fill else np.zeros(shape, dtype)
    import zarr

    folder = Path(tempfile.mkdtemp(prefix="napari-frtm-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return zarr.create_array(
        store=folder / "frames.zarr",
        shape=shape,
        dtype=np.dtype(dtype),
        chunks=(1, *shape[1:]),
        fill_value=fill,
    )
