"""How large compressed data become, before they are decoded: a few kilobytes may fill memory."""

from __future__ import annotations

import bz2
import lzma
import zlib
from typing import Any

_ZSTD = b"\x28\xb5\x2f\xfd"
_BLOCK = 2**17  # the most that a compressed block of zstd becomes
_DEFLATED = (b"\x1f\x8b", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")  # gzip and zlib
_PIECE = 2**20
_DEFLATE, _OTHERS = 1032, 10**6  # times that data may grow


def grows_beyond(data: bytes, most: int) -> bool:
    """Whether compressed data become more than `most` bytes; by their own words, or counted."""
    if data.startswith(_ZSTD):
        return _zstd_size(data) > most
    if data[:1] in (b"\1", b"\2") and int.from_bytes(data[12:16], "little") == len(data):
        return int.from_bytes(data[4:8], "little") > most  # Blosc
    decoder, times = _decoder(data)
    return decoder is not None and len(data) * times > most and _counted(decoder, data, most) > most


def _decoder(data: bytes) -> tuple[Any, int]:
    """Return what decodes data with a magic number, and how many times they may grow."""
    if data[:2] in _DEFLATED:
        return zlib.decompressobj(wbits=47), _DEFLATE
    if data.startswith(b"BZh"):
        return bz2.BZ2Decompressor(), _OTHERS
    if data.startswith(b"\xfd7zXZ"):
        return lzma.LZMADecompressor(), _OTHERS
    return None, 0


def _counted(decoder: Any, data: bytes, most: int) -> int:
    """Return how much data become, or a little more than `most`."""
    size = 0
    try:
        while size <= most and not decoder.eof:
            piece = decoder.decompress(data, _PIECE)
            data = getattr(decoder, "unconsumed_tail", b"")
            size += len(piece)
            if not piece:
                break
    except (OSError, zlib.error, lzma.LZMAError, EOFError):
        return size  # said when it is read
    return size


def _zstd_size(data: bytes) -> int:
    """Return how much the frames of zstd become, at most: by their heads and by their blocks."""
    stated = blocks = place = 0
    while data[place : place + 4] == _ZSTD:
        flags = data[place + 4] if place + 4 < len(data) else 0
        single = bool(flags & 0x20)
        place += 5 + (not single) + (0, 1, 2, 4)[flags & 3]
        width = (1 if single else 0, 2, 4, 8)[flags >> 6]
        stated += int.from_bytes(data[place : place + width], "little")
        place += width
        last = False
        while not last and place + 3 <= len(data):
            head = int.from_bytes(data[place : place + 3], "little")
            last, kind, size = bool(head & 1), head >> 1 & 3, head >> 3
            blocks += size if kind < 2 else _BLOCK
            place += 3 + (1 if kind == 1 else size)
        place += 4 * bool(flags & 4)  # a checksum
    return max(stated, blocks)
