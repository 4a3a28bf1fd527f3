"""CZI files of Zeiss microscopes, through Zeiss's own library: one plane at a time."""

from __future__ import annotations

from importlib.util import find_spec
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_frtm.errors import VideoError
from napari_frtm.io.video.stacks.microscopes.planes import Planes
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
    kind = _kind(reader, path.name)
    bounds, scenes = reader.total_bounding_box, reader.scenes_bounding_rectangle
    scene = min(scenes) if scenes else None
    size = (scenes[scene].h, scenes[scene].w) if scenes else None
    size = size or (_length(bounds, "Y"), _length(bounds, "X"))
    colour = kind.startswith("Bgr")
    lengths = {axis: _length(bounds, axis) for axis in _AXES if axis in bounds}

    def read(plane: dict[str, int]) -> NDArray[Any]:
        image = reader.read(plane=plane, scene=scene, pixel_type=kind)
        return np.asarray(image[..., ::-1] if colour else image[..., 0])

    dtype: np.dtype[Any] = np.dtype(_KINDS[kind])
    planes = Planes(lengths, (*size, *[3] * colour), dtype, read, path.name)
    size_of_pixels = of_czi(reader.raw_metadata)
    return Content([planes], planes.axes, size_of_pixels, Lock(), _left_out(reader, path.name))


def _kind(reader: Any, name: str) -> str:
    """Return the one type of pixels that all channels have."""
    kinds = {str(kind) for kind in reader.pixel_types.values()}
    if len(kinds) != 1 or not kinds <= _KINDS.keys():
        raise VideoError(
            f"{name} holds pixels of the types {', '.join(sorted(kinds))}. Channels of one "
            f"type are read, which is one of {', '.join(_KINDS)}. Export it as OME-TIFF."
        )
    return kinds.pop()


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
