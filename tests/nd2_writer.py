"""A writer of small ND2 files (Nikon, version 3), for tests: chunks, their map at the end."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_MAGIC = 0x0ABECEDA
_FILE = b"ND2 FILE SIGNATURE CHUNK NAME01!"
_MAP = b"ND2 FILEMAP SIGNATURE NAME 0001!"
_MAP_AT = b"ND2 CHUNK MAP SIGNATURE 0000001!"
_BEFORE_PIXELS = 4072 + 8  # bytes of the name of a frame's chunk, and its time
_UINT32, _DOUBLE, _LEVEL = 3, 6, 11


def write_nd2(
    path: Path,
    pixels: np.ndarray,
    *,
    positions: int = 1,
    recorded: int | None = None,
    described: bool = True,
) -> Path:
    """Write pixels (T, Z, C, H, W), or (T, Z, 1, H, W, 3) in colour.

    Parameters
    ----------
    path : Path
        The file.
    pixels : array
        8 or 16 bits, or floats of 32.
    positions : int
        The same at several places, times the number of the place plus one.
    recorded : int, optional
        Frames that are there, of those that were to be recorded; all of them without it.
    described : bool
        Whether there is what the library needs to understand the channels.
    """
    times, depth, channels, height, width = pixels.shape[:5]
    colour = 3 if pixels.ndim == 6 else 1
    frames = [
        np.moveaxis(pixels[t, z] * (p + 1), 0, 2).astype(pixels.dtype)
        for t in range(times)
        for p in range(positions)
        for z in range(depth)
    ][:recorded]
    bits = pixels.itemsize * 8
    attributes = {
        "uiWidth": width,
        "uiWidthBytes": width * channels * colour * pixels.itemsize,
        "uiHeight": height,
        "uiComp": channels * colour,
        "uiBpcInMemory": bits,
        "uiBpcSignificant": bits,
        "uiSequenceCount": len(frames),
        "eCompression": 2,
    }
    probe = {"pFluorescentProbe": {"uiCount": 0}} if described else {}
    planes = {f"a{i}": {"uiCompCount": colour, **probe} for i in range(channels)}
    picture = {
        "bCalibrated": 1,
        "dCalibration": 0.25,
        "sPicturePlanes": {"uiCount": channels, "sPlaneNew": planes},
    }
    chunks = {
        "ImageAttributesLV!": _levels({"SLxImageAttributes": attributes}),
        "ImageMetadataSeqLV|0!": _levels({"SLxPictureMetadata": picture}),
        "ImageMetadataLV!": _levels({"SLxExperiment": _loops(times, positions, depth)}),
    }
    chunks |= {f"ImageDataSeq|{i}!": bytes(8) + each.tobytes() for i, each in enumerate(frames)}
    _write(path, chunks)
    return path


def _loops(times: int, positions: int, depth: int) -> dict[str, Any]:
    """Return loops within each other, the slowest outside."""
    points = {f"a{i}": {"dPosX": 100.0 * i, "dPosY": 0.0, "dPosZ": 0.0} for i in range(positions)}
    loops: list[tuple[int, dict[str, Any]]] = [
        (1, {"uiCount": times, "dStart": 0.0, "dPeriod": 500.0, "dDuration": 0.0}),
        *([(2, {"Points": points})] if positions > 1 else []),
        (4, {"uiCount": depth, "dZLow": 0.0, "dZHigh": float(depth - 1), "dZStep": 1.0}),
    ]
    nested: dict[str, Any] = {}
    for kind, parameters in reversed(loops):
        inner = {"ppNextLevelEx": {"a": nested}} if nested else {}
        nested = {"eType": kind, "uLoopPars": parameters, **inner}
    return nested


def _levels(values: Mapping[str, Any]) -> bytes:
    """Return names and values one after the other; what is in a value has a level of its own."""
    out = b""
    for name, value in values.items():
        kind = {dict: _LEVEL, float: _DOUBLE}.get(type(value), _UINT32)
        head = struct.pack("BB", kind, len(name) + 1) + (name + "\0").encode("utf-16-le")
        if kind == _LEVEL:
            inner = _levels(value)
            length = len(head) + struct.calcsize("<IQ") + len(inner)
            out += head + struct.pack("<IQ", len(value), length) + inner + bytes(8 * len(value))
        else:
            out += head + struct.pack("<d" if kind == _DOUBLE else "<I", value)
    return out


def _write(path: Path, chunks: Mapping[str, bytes]) -> None:
    entries = b""
    with path.open("wb") as file:
        version = b"Ver3.0".ljust(64, b"\0")
        file.write(struct.pack("<IIQ32s64s", _MAGIC, 32, 64, _FILE, version))
        for name, data in chunks.items():
            room = _BEFORE_PIXELS - 8  # so much for names, as the microscope leaves it
            entries += name.encode() + struct.pack("<QQ", file.tell(), len(data))
            file.write(struct.pack("<IIQ", _MAGIC, room, len(data)))
            file.write(name.encode().ljust(room, b"\0") + data)
        at = file.tell()
        entries += _MAP_AT + struct.pack("<Q", at)
        file.write(struct.pack("<IIQ", _MAGIC, 32, len(entries)) + _MAP + entries)
        file.write(_MAP_AT + struct.pack("<Q", at))
