"""CZI files of Zeiss microscopes, through Zeiss's own library: one plane at a time."""

from __future__ import annotations

from importlib.util import find_spec
from itertools import product
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_frtm.errors import VideoError
from napari_frtm.io.video.reading import check_extent, check_size
from napari_frtm.io.video.stacks.pixel_size import of_czi
from napari_frtm.io.video.stacks.stored import Content

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

CZI = (".czi",)
CZI_BEGINS = b"ZISRAWFILE"
_AXES = "TZC"
_KINDS = {
    "Gray8": np.uint8,
    "Gray16": np.uint16,
    "Gray32Float": np.float32,
    "Bgr24": np.uint8,
    "Bgr48": np.uint16,
}


def open_czi(path: Path) -> Content:
    """Return what a CZI file holds, tiles put together; no pixels are read yet.

    Of several scenes it is the first, with a remark; so it is of angles, phases and the like.

    Raises
    ------
    VideoError
        If the library is not installed, or pixels are of a kind that is no picture.
    """
    if find_spec("pylibCZIrw") is None:
        raise VideoError(
            f"{path.name} is read by Zeiss's library, which is not installed: pip install "
            "'napari-frtm[czi]'."
        )
    from pylibCZIrw.czi import CziReader

    reader = CziReader(str(path))
    planes = _Planes(reader, path.name)
    axes = [*planes.axes, "Y", "X", *"S" * planes.colour]
    return Content(
        [planes], axes, of_czi(reader.raw_metadata), Lock(), _left_out(reader, path.name)
    )


class _Planes:
    """The planes of the first scene, as one array; one thread at a time may read."""

    def __init__(self, reader: Any, name: str) -> None:
        self._reader = reader
        kinds = {str(kind) for kind in reader.pixel_types.values()}
        if len(kinds) != 1 or not kinds <= _KINDS.keys():
            raise VideoError(
                f"{name} holds pixels of the types {', '.join(sorted(kinds))}. Channels of one "
                f"type are read, which is one of {', '.join(_KINDS)}. Export it as OME-TIFF."
            )
        (self._kind,) = kinds
        self.colour = self._kind.startswith("Bgr")
        bounds = reader.total_bounding_box
        self.axes = [axis for axis in _AXES if axis in bounds]
        scenes = reader.scenes_bounding_rectangle
        self._scene = min(scenes) if scenes else None
        leading = tuple(_length(bounds, axis) for axis in self.axes)
        size = (scenes[self._scene].h, scenes[self._scene].w) if scenes else None
        size = size or (_length(bounds, "Y"), _length(bounds, "X"))
        self.shape = (*leading, *size, *[3] * self.colour)
        self.dtype: np.dtype[Any] = np.dtype(_KINDS[self._kind])
        check_extent(self.shape, 2 + self.colour, name)
        check_size(self.shape[len(leading) :], self.dtype.itemsize, name)

    def __getitem__(self, key: tuple[int | slice, ...]) -> NDArray[Any]:
        count = len(self.axes)
        key = (*key, *[slice(None)] * (len(self.shape) - len(key)))
        ranges = [np.arange(n)[part] for n, part in zip(self.shape, key[:count], strict=False)]
        places = product(*(np.atleast_1d(each) for each in ranges))
        planes = [self._plane([int(i) for i in place])[key[count:]] for place in places]
        several = [len(each) for each in ranges if each.ndim]
        return np.stack(planes).reshape(*several, *planes[0].shape)

    def _plane(self, place: list[int]) -> NDArray[Any]:
        plane = dict(zip(self.axes, place, strict=True))
        image = self._reader.read(plane=plane, scene=self._scene, pixel_type=self._kind)
        return np.asarray(image[..., ::-1] if self.colour else image[..., 0])


def _left_out(reader: Any, name: str) -> tuple[str, ...]:
    """Say what of a file is not in the video."""
    remarks = []
    scenes: Mapping[int, object] = reader.scenes_bounding_rectangle
    if len(scenes) > 1:
        remarks.append(f"{name} holds {len(scenes)} scenes; this is the first.")
    bounds: Mapping[str, tuple[int, int]] = reader.total_bounding_box
    more = [axis for axis in bounds if axis not in f"{_AXES}XYS" and _length(bounds, axis) > 1]
    if more:
        remarks.append(f"{name} has the axes {', '.join(more)} as well: the first of each is seen.")
    return tuple(remarks)


def _length(bounds: Mapping[str, tuple[int, int]], axis: str) -> int:
    start, stop = bounds[axis]
    return stop - start
