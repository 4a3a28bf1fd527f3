"""Results with the axes of a video's layer, without a copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_frtm.plugin.source.axes import VideoAxes


def with_axes(array: Any, axes: VideoAxes) -> Any:
    """Return a view of an array of shape (T, H, W) that has the axes of a video's layer.

    Axes other than time, height and width have length 1. Writing to the view, as napari does where
    a user paints, writes to `array`.
    """
    if axes.ndim == 3:
        return array
    if isinstance(array, np.ndarray):
        return array.reshape(axes.results_shape(*array.shape))
    return WithAxes(array, axes)


class WithAxes:
    """An array on disk, seen with further axes of length 1.

    Parameters
    ----------
    array : array of shape (T, H, W)
        Anything with zarr's indexing.
    axes : VideoAxes
        Where time is among the axes, and how many there are.
    """

    def __init__(self, array: Any, axes: VideoAxes) -> None:
        self._array = array
        self._kept = (axes.time, axes.ndim - 2, axes.ndim - 1)
        self.ndim = axes.ndim
        self.shape = axes.results_shape(*array.shape)
        self.dtype = array.dtype

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, key: Any) -> NDArray[Any]:
        parts = self._parts(key)
        values = np.asarray(self._array[self._inner(parts)])
        return values if _is_fancy(parts) else values.reshape(self._outer_shape(parts))

    def __setitem__(self, key: Any, values: Any) -> None:
        parts = self._parts(key)
        if np.ndim(values) and not _is_fancy(parts):
            values = np.broadcast_to(values, self._outer_shape(parts))
            inner = zip(self._inner(parts), self._array.shape, strict=True)
            values = values.reshape([_length(part, n) for part, n in inner if not _is_int(part)])
        self._array[self._inner(parts)] = values

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self._array, dtype).reshape(self.shape)

    def _inner(self, parts: list[Any]) -> tuple[Any, ...]:
        return tuple(parts[axis] for axis in self._kept)

    def _outer_shape(self, parts: list[Any]) -> list[int]:
        """Return the shape of what slices and numbers select."""
        each = zip(parts, self.shape, strict=True)
        return [_length(part, n) for part, n in each if not _is_int(part)]

    def _parts(self, key: Any) -> list[Any]:
        """Return one index per axis."""
        parts = list(key) if isinstance(key, tuple) else [key]
        missing = [slice(None)] * (self.ndim - sum(part is not Ellipsis for part in parts))
        place = next((i for i, part in enumerate(parts) if part is Ellipsis), len(parts))
        parts[place : place + 1] = missing
        return parts


def _is_int(part: Any) -> bool:
    return isinstance(part, int | np.integer)


def _is_fancy(parts: list[Any]) -> bool:
    return any(not _is_int(part) and not isinstance(part, slice) for part in parts)


def _length(part: slice, n: int) -> int:
    return len(range(*part.indices(n)))
