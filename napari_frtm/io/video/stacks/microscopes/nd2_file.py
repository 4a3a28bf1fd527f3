"""ND2 files of Nikon microscopes, through the library nd2: one plane at a time."""

from __future__ import annotations

import math
from importlib.util import find_spec
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from fsspec.implementations.local import LocalFileSystem

from napari_frtm.errors import VideoError
from napari_frtm.io.video.stacks.microscopes.planes import Planes
from napari_frtm.io.video.stacks.pixel_size import of_nd2
from napari_frtm.io.video.stacks.stored import Content

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

ND2 = (".nd2",)
ND2_BEGINS = b"\xda\xce\xbe\x0a"
_AXES = "TZC"


def open_nd2(path: Path) -> Content:
    """Return what an ND2 file holds; no pixels are read yet.

    Of several positions it is the first, with a remark; so it is of axes that have no name here.
    A recording that was broken off ends with the last time of which there is all, with a remark.

    Raises
    ------
    VideoError
        If the library is not installed, or nothing was recorded.
    """
    if find_spec("nd2") is None:
        raise VideoError(
            f"{path.name} is read by the library nd2, which is not installed: pip install "
            "'napari-frtm[nd2]'."
        )
    from nd2 import ND2File

    # a file that is mapped into memory would end the program when its drive goes away
    file = ND2File(LocalFileSystem().open(str(path), "rb"))
    frames = _Frames(file, path.name)
    axes = {axis: n for axis, n in file.sizes.items() if axis in _AXES}
    if "T" in axes:
        axes["T"] = frames.times
    colour = file.sizes.get("S", 1) == 3
    size = (file.sizes.get("Y", 1), file.sizes.get("X", 1), *[3] * colour)
    planes = Planes(axes, size, np.dtype(file.dtype), frames.plane, path.name)
    return Content([planes], planes.axes, of_nd2(file), Lock(), tuple(frames.remarks))


class _Frames:
    """The frames of a file, each with all channels of one place and time."""

    def __init__(self, file: Any, name: str) -> None:
        self._file = file
        sizes = {axis: int(n) for axis, n in file.sizes.items()}
        self._loops = {axis: n for axis, n in sizes.items() if axis not in "CYXS"}
        self._shape = (sizes.get("C", 1), sizes.get("Y", 1), sizes.get("X", 1), sizes.get("S", 1))
        self.times = sizes.get("T", 1)
        self.remarks = []
        recorded = int(file.attributes.sequenceCount or 0)
        if recorded < math.prod(self._loops.values()):
            self.times = self._complete(recorded, name)
        self.remarks += [
            f"{name} has {n} along the axis {axis} as well: the first is seen."
            for axis, n in self._loops.items()
            if axis not in _AXES
        ]

    def plane(self, place: dict[str, int]) -> NDArray[Any]:
        """Return one channel at one place and time, (H, W) or (H, W, 3)."""
        number = 0
        for axis, length in self._loops.items():  # the last axis is the fastest
            number = number * length + place.get(axis, 0)
        frame = np.asarray(self._file.read_frame(number)).reshape(self._shape)
        image = frame[place.get("C", 0)]
        return np.array(image if self._shape[-1] == 3 else image[..., 0])

    def _complete(self, recorded: int, name: str) -> int:
        """Return of how many times there is all, where less was recorded than was planned."""
        planned = math.prod(self._loops.values())
        slowest = next(iter(self._loops))
        times = recorded // (planned // self._loops[slowest])
        if slowest != "T" or not times:
            raise VideoError(
                f"{name} holds {recorded} of {planned} frames that were to be recorded: what is "
                "there is not the beginning of a video. Export it as OME-TIFF."
            )
        self.remarks.append(
            f"{name} holds {recorded} of {planned} frames that were to be recorded: the first "
            f"{times} times are complete, and seen."
        )
        return times
