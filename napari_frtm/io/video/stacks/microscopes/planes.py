"""Planes that the library of a microscope's maker reads one by one, as one array."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_frtm.io.video.reading import check_extent, check_size

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray


class Planes:
    """An array (leading axes, H, W), or (leading axes, H, W, 3) in colour.

    Parameters
    ----------
    lengths : mapping of str to int
        Letter and length of each leading axis, in their order.
    size : tuple of int
        (H, W), or (H, W, 3).
    dtype : dtype
        Type of the values.
    read : callable
        Gives the plane at a place, an index for each leading axis.
    name : str
        Of the file, for messages.

    Raises
    ------
    VideoError
        If that is larger than any file is.
    """

    def __init__(
        self,
        lengths: Mapping[str, int],
        size: tuple[int, ...],
        dtype: np.dtype[Any],
        read: Callable[[dict[str, int]], NDArray[Any]],
        name: str,
    ) -> None:
        self.shape = (*lengths.values(), *size)
        self.dtype = dtype
        self.axes = [*lengths, "Y", "X", *"S" * (len(size) - 2)]
        self._leading = tuple(lengths)
        self._read = read
        check_extent(self.shape, len(size), name)
        check_size(size, dtype.itemsize, name)

    def __getitem__(self, key: tuple[int | slice, ...]) -> NDArray[Any]:
        count = len(self._leading)
        key = (*key, *[slice(None)] * (len(self.shape) - len(key)))
        ranges = [np.arange(n)[part] for n, part in zip(self.shape, key[:count], strict=False)]
        planes = [
            self._read(dict(zip(self._leading, (int(i) for i in place), strict=True)))[key[count:]]
            for place in product(*(np.atleast_1d(each) for each in ranges))
        ]
        several = [len(each) for each in ranges if each.ndim]
        return np.stack(planes).reshape(*several, *planes[0].shape)
