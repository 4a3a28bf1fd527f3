"""Drives and networks that go away while a program works on them."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

DOES_NOT_ANSWER = "its drive or network does not answer. Connect it again, and go on then"
AWAY = frozenset(
    getattr(errno, name)
    for name in (
        *("EIO", "ENXIO", "ENODEV", "ESTALE", "ENOTCONN", "ESHUTDOWN", "ETIMEDOUT", "EREMOTEIO"),
        *("EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH", "ECONNREFUSED", "ECONNRESET"),
        *("ECONNABORTED", "ENOMEDIUM", "ENOLINK"),
    )
    if hasattr(errno, name)
)
"""What systems say of a drive that is not there any more, or of a server that is silent."""


def is_away(error: BaseException) -> bool:
    """Whether an error says that a drive is gone, rather than something about a file."""
    return isinstance(error, OSError) and error.errno in AWAY


def unreachable(path: Path) -> bool:
    """Whether nothing can be known of a place; False if it is there, or surely is not."""
    try:
        if os.name == "posix":  # the system remembers for a while how things were
            os.close(os.open(path, os.O_RDONLY))
        else:
            path.stat()
    except OSError as error:
        return is_away(error)
    return False


def device(path: Path) -> int | None:
    """Return which drive a place, or the nearest above it that is there, is on; None if unknown.

    It changes when a drive is taken away: what is left then is the empty folder that it was
    mounted on.
    """
    for place in (path, *path.parents):
        try:
            return place.stat().st_dev
        except OSError as error:
            if is_away(error):
                return None
    return None


def is_file(path: Path) -> bool:
    """Whether there is a file; `Path.is_file` raises if a drive is away."""
    return os.path.isfile(path)  # noqa: PTH113


def exists(path: Path) -> bool:
    """Whether there is anything; `Path.exists` raises if a drive is away."""
    return os.path.exists(path)  # noqa: PTH110
