"""Mattes as OpenEXR: a file for each object, or one with a layer for each object."""

from __future__ import annotations

import mmap
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_frtm.errors import OutputError
from napari_frtm.io.atomic import replacing
from napari_frtm.io.export.extras import extra
from napari_frtm.io.export.masks.images import make_folder
from napari_frtm.io.export.mattes.alpha import Mattes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_frtm.io.export.job import Job, WriteFrame

_LINES = 16
"""Lines that are compressed together."""
_NOT_WHOLE = (
    "Cannot write {path}: it is not whole ({reason}). Is the disk full? Free some space or choose "
    "another disk."
)


@contextmanager
def exr(job: Job) -> Iterator[WriteFrame]:
    """Write a folder for each object, with a file a frame: R, G, B and A are the matte."""
    extra("OpenEXR", "EXR")
    mattes, dtype = Mattes(job), exr_type(job)
    for object_id in job.object_ids:
        make_folder(job.path / job.object_name(object_id))

    def write(index: int) -> None:
        for object_id in job.object_ids:
            alpha = mattes.alpha(index, object_id).astype(dtype)
            path = job.path / job.object_name(object_id) / f"{job.stem(index)}.exr"
            write_exr(path, dict.fromkeys("RGBA", alpha), attributes(job, index))

    yield write


@contextmanager
def exr_layers(job: Job) -> Iterator[WriteFrame]:
    """Write a file a frame: the layer of each object has a channel A, RGBA are all together."""
    extra("OpenEXR", "EXR")
    mattes, dtype = Mattes(job), exr_type(job)
    make_folder(job.path)

    def write(index: int) -> None:
        alphas = {i: mattes.alpha(index, i) for i in job.object_ids}
        total = sum(alphas.values(), np.zeros(job.source.size, np.float32))
        channels = dict.fromkeys("RGBA", np.minimum(total, 1).astype(dtype))
        for object_id, alpha in alphas.items():
            channels[f"{job.object_name(object_id)}.A"] = alpha.astype(dtype)
        write_exr(job.path / f"{job.stem(index)}.exr", channels, attributes(job, index))

    yield write


def write_exr(
    path: Path, channels: Mapping[str, NDArray[Any]], header: Mapping[str, object]
) -> None:
    """Write an image of float16 or float32 channels, each of shape (H, W), ZIP compressed.

    Raises
    ------
    OutputError
        If it cannot be written, or OpenEXR is not installed; a file that was there is as before.
    """
    openexr = extra("OpenEXR", "EXR")
    known = {"compression": openexr.ZIP_COMPRESSION, "type": openexr.scanlineimage}
    pixels = {name: np.ascontiguousarray(values) for name, values in channels.items()}
    with replacing(path) as temporary:
        try:
            openexr.File({**known, **header}, pixels).write(str(temporary))
        except Exception as error:  # of any type
            raise OutputError(_NOT_WHOLE.format(path=path, reason=error)) from error
        if not is_whole(temporary):  # older versions of it do not tell that a disk was full
            raise OutputError(_NOT_WHOLE.format(path=path, reason="parts of it are missing"))


def is_whole(path: Path) -> bool:
    """Whether the table of an image of ZIP compressed lines has all of them, and the file too.

    It is written last. To look is much quicker than to read the pixels again, and surer: OpenEXR
    reads files that were cut off without an error.
    """
    with path.open("rb") as file:
        try:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                offsets = _table(data)
                packed = struct.unpack_from("<I", data, offsets[-1] + 4)[0]
                return all(offsets) and offsets[-1] + 8 + packed <= len(data)
        except (ValueError, IndexError, struct.error):  # empty, or cut off in the header
            return False


def _table(data: mmap.mmap) -> tuple[int, ...]:
    """Return where each group of lines begins; it stands behind the attributes of the header."""
    height, place = 0, 8
    while data[place]:
        kind = data.find(b"\0", place) + 1
        size = data.find(b"\0", kind) + 1
        if not kind or not size:
            raise ValueError("The header has no end.")
        if data[place:kind] == b"dataWindow\0":
            height = struct.unpack_from("<i", data, size + 4 + 12)[0] + 1
        place = size + 4 + struct.unpack_from("<I", data, size)[0]
    return struct.unpack_from(f"<{-(-height // _LINES)}Q", data, place + 1)


def exr_type(job: Job) -> np.dtype[Any]:
    """Return the type of channels: half (16 bits) or float (32 bits).

    Raises
    ------
    OutputError
        If others are asked for.
    """
    depth = job.settings.depth or 16
    if depth == 8:
        raise OutputError("EXR has channels of 16 or 32 bits, not 8. Choose one of them, or PNG.")
    return np.dtype(f"float{depth}")


def attributes(job: Job, index: int) -> dict[str, object]:
    """Return what the header says: who wrote it, and the rate of the frames if known."""
    from napari_frtm import __version__

    known: dict[str, object] = {"software": f"napari-frtm {__version__}"}
    known["frame"] = job.number(index)
    if job.source.fps:
        known["framesPerSecondMean"] = float(job.source.fps)
    return known
