"""What stacks of all kinds of files have in common: arrays that stay on disk until indexed."""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_frtm.errors import VideoError
from napari_frtm.io.video.reading import Unchanged, reading
from napari_frtm.io.video.stacks.pixel_size import PixelSize

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from numpy.typing import NDArray


ZARR = ("zarr.json", ".zarray", ".zgroup")
"""Files of which a folder of zarr has one."""

_PIECES = 4_096  # chunks of a plane that dask can list in a moment


class Array(Protocol):
    """What zarr, NumPy and tifffile give."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its size along each axis."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values, in any byte order."""
        ...

    def __getitem__(self, key: tuple[int | slice, ...], /) -> object:
        """Read a part, convertible with `numpy.asarray`."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """What a file of any kind holds.

    Attributes
    ----------
    arrays : sequence of Array
        The image, and smaller copies of it if there are some.
    axes : sequence of str
        Letter or name of each axis as the file has it; empty where it does not say.
    pixel_size : PixelSize
        By axis name, where the file says.
    exclusive : context manager
        To hold while reading.
    remarks : tuple of str
        What the user should know, such as other images in the file.
    """

    arrays: Sequence[Array]
    axes: Sequence[str]
    pixel_size: PixelSize = field(default_factory=PixelSize)
    exclusive: AbstractContextManager[object] = field(default_factory=nullcontext)
    remarks: tuple[str, ...] = ()


class StoredArray:
    """An array on disk, in the byte order of this machine; safe to share between threads."""

    def __init__(self, path: Path, array: Array, exclusive: AbstractContextManager[object]) -> None:
        if array.dtype.kind not in "buif":
            raise VideoError(
                f"{path.name} holds values of type {array.dtype}; pixels are integers or floats. "
                "Convert it."
            )
        self.shape = tuple(array.shape)
        self.ndim = len(self.shape)
        self.dtype = array.dtype.newbyteorder("=")
        chunks: tuple[int, ...] = getattr(array, "chunks", None) or _by_plane(self.shape)
        self.chunks = _coarse(chunks, self.shape)
        self._path, self._array, self._exclusive = path, array, exclusive
        described = next((path / name for name in ZARR if (path / name).exists()), None)
        self._described = described and described.absolute()
        self._file = None if described else Unchanged(path)

    def __getitem__(self, key: tuple[int | slice, ...]) -> NDArray[Any]:
        with reading(self._path), self._exclusive:
            values = np.asarray(self._array[key], self.dtype)
            if self._file is not None:
                self._file.check()
            if self._described is not None:
                self._described.stat()  # of a folder that is gone, zarr reads empty frames
            return values


class WithoutLastAxis:
    """An array without its last axis, which is of length one: (T, H, W, 1) as (T, H, W)."""

    def __init__(self, array: Array) -> None:
        self._array = array
        self.shape = tuple(array.shape[:-1])
        self.dtype = array.dtype

    def __getitem__(self, key: tuple[int | slice, ...]) -> object:
        return self._array[(*key, 0)]


def _coarse(chunks: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return chunks so large that a plane has not too many of them; multiples of those stored."""
    axes = _plane(shape)
    sizes = list(zip(shape[-axes:], chunks[-axes:], strict=True))
    pieces = math.prod(-(-size // max(1, chunk)) for size, chunk in sizes)
    if pieces <= _PIECES:
        return chunks
    factor = math.ceil((pieces / _PIECES) ** 0.5)
    return (*chunks[:-axes], *(min(size, chunk * factor) for size, chunk in sizes))


def _by_plane(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return chunks of one plane each, colour included."""
    axes = _plane(shape)
    return (*(1 for _ in shape[:-axes]), *shape[-axes:])


def _plane(shape: tuple[int, ...]) -> int:
    """Return how many axes a plane has: the colour's, too."""
    return min(len(shape), 3 if len(shape) > 2 and shape[-1] in (3, 4) else 2)
