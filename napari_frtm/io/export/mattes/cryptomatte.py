"""Cryptomatte: the objects of a picture by number, with the share of each in every pixel.

After the specification (Friedman, Jones: Fully automatic ID mattes with support for motion blur
and transparency, 2015; version 1.2.0 of the file format): layers ``object00``, ``object01``, ...
have pairs of an id (R, B) and its coverage (G, A), the largest first; ids are the MurmurHash3 of
the names; the header has the names with their hashes.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from napari_frtm.io.export.extras import extra
from napari_frtm.io.export.masks.images import make_folder
from napari_frtm.io.export.mattes.alpha import Mattes
from napari_frtm.io.export.mattes.exr import attributes, write_exr

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_frtm.io.export.job import Job, WriteFrame

_LAYER = "object"
_RANKS = 6
"""Objects that may share a pixel; what readers expect."""


@contextmanager
def cryptomatte(job: Job) -> Iterator[WriteFrame]:
    """Write a file a frame."""
    extra("OpenEXR", "Cryptomatte")
    mattes = Mattes(job)
    names = {i: job.object_name(i) for i in job.object_ids}
    manifest = {name: f"{id_hash(name):08x}" for name in names.values()}
    prefix = f"cryptomatte/{id_hash(_LAYER):08x}"[: len("cryptomatte/") + 7]
    header = {
        f"{prefix}/name": _LAYER,
        f"{prefix}/hash": "MurmurHash3_32",
        f"{prefix}/conversion": "uint32_to_float32",
        f"{prefix}/manifest": json.dumps(manifest, separators=(",", ":")),
    }
    ids = np.array([id_float(name) for name in names.values()], np.float32)
    make_folder(job.path)

    def write(index: int) -> None:
        coverage = _coverage(mattes, job, index)
        channels = _ranked(coverage, ids)
        total = coverage.sum(0)
        channels |= dict.fromkeys("RGBA", total)  # for programs that do not know of Cryptomatte
        write_exr(job.path / f"{job.stem(index)}.exr", channels, attributes(job, index) | header)

    yield write


def id_hash(name: str) -> int:
    """Return MurmurHash3 (x86, 32 bits, seed 0) of a name in UTF-8, with usable exponent bits.

    Values that would be no normal number as float32 have a bit of their exponent changed.
    """
    value = murmur3(name.encode())
    exponent = value >> 23 & 255
    return value ^ 1 << 23 if exponent in (0, 255) else value


def id_float(name: str) -> float:
    """Return the bits of the hash of a name as a number."""
    return float(np.array(id_hash(name), np.uint32).view(np.float32))


def murmur3(data: bytes) -> int:
    """Return MurmurHash3 (x86, 32 bits, seed 0)."""
    value = 0
    whole = len(data) // 4 * 4
    for start in range(0, whole, 4):
        value ^= _scrambled(int.from_bytes(data[start : start + 4], "little"))
        value = (_rotated(value, 13) * 5 + 0xE6546B64) & 0xFFFFFFFF
    value ^= _scrambled(int.from_bytes(data[whole:], "little")) ^ len(data)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        value = ((value ^ value >> shift) * factor) & 0xFFFFFFFF
    return value ^ value >> 16


def _scrambled(word: int) -> int:
    return _rotated(word * 0xCC9E2D51 & 0xFFFFFFFF, 15) * 0x1B873593 & 0xFFFFFFFF


def _rotated(word: int, by: int) -> int:
    return (word << by | word >> (32 - by)) & 0xFFFFFFFF


def _coverage(mattes: Mattes, job: Job, index: int) -> NDArray[np.float32]:
    """Return the share of each object, of shape (N, H, W); together at most 1."""
    shape = (len(job.object_ids), *job.source.size)
    shares = np.zeros(shape, np.float32)
    for row, object_id in enumerate(job.object_ids):
        shares[row] = mattes.alpha(index, object_id)
    return np.asarray(shares / np.maximum(shares.sum(0), 1), np.float32)


def _ranked(
    coverage: NDArray[np.float32], ids: NDArray[np.float32]
) -> dict[str, NDArray[np.float32]]:
    """Return the channels: ids and coverages from the largest share to the smallest."""
    count, height, width = coverage.shape
    order = np.argsort(-coverage, axis=0, kind="stable")[:_RANKS]
    shares = np.zeros((_RANKS, height, width), np.float32)
    shares[: len(order)] = np.take_along_axis(coverage, order, 0)
    names = np.zeros_like(shares)
    names[: len(order)] = ids[order] if count else 0
    names[shares == 0] = 0
    channels = {}
    for pair in range(_RANKS // 2):
        layer = f"{_LAYER}{pair:02d}"
        for channel, values in zip("RGBA", (names, shares, names, shares), strict=True):
            channels[f"{layer}.{channel}"] = values[2 * pair + (channel in "BA")]
    return channels
