"""Files that are either complete or untouched."""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from uuid import uuid4

from napari_frtm.errors import OutputError
from napari_frtm.io.drive import DOES_NOT_ANSWER, exists, is_away
from napari_frtm.io.silent_drive import told_if_silent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CANNOT_FORCE = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)  # some network drives: no cut to fear
_LATE = 0.2
"""Seconds in which threads of zarr may still write to a folder after one of them has failed."""
REASONS = {
    errno.ENOSPC: "the disk is full. Free some space or choose another disk.",
    errno.EDQUOT: "your disk quota is used up. Free some space or choose another disk.",
    errno.EFBIG: "the file is larger than the disk or the system allows. Choose another disk.",
    errno.EACCES: "permission denied. Choose another folder, or close programs that use the file.",
    errno.EPERM: "permission denied. Choose another folder, or close programs that use the file.",
    errno.EROFS: "the disk is read-only. Choose another folder.",
    errno.ENOENT: "its folder does not exist (any more). Create it, connect its drive, or choose "
    "another one.",
    errno.ENOTDIR: "its folder is a file. Choose another folder.",
    errno.EISDIR: "there is a folder of this name. Choose another name.",
    errno.ENAMETOOLONG: "the name is too long. Choose a shorter one.",
}


@contextmanager
def replacing(path: Path, *, lasting: bool = False) -> Iterator[Path]:
    """Give a temporary path to write to, which takes the place of `path` in the end.

    The temporary lies beside `path` and has its suffix, so that writers choose the same format;
    its name starts with a dot. If the block fails, `path` stays as it was and the temporary is
    removed. A symbolic link at `path` stays a link: the file it points to is replaced.

    Parameters
    ----------
    path : Path
        The file to write; its folder must exist.
    lasting : bool
        Whether it must outlast a power cut from now on: it is forced to the disk, which takes
        milliseconds.

    Yields
    ------
    Path
        Where the block writes.

    Raises
    ------
    OutputError
        In place of an `OSError` in the block or of the replacement.
    """
    temporary = None
    try:
        with reporting(path):
            target = path.resolve()
            temporary = target.with_name(f".{uuid4().hex}{target.suffix}")
            yield temporary
            if lasting:
                _force(temporary)
            temporary.replace(target)
            if lasting and os.name == "posix":  # where a folder is forced like a file
                _force(target.parent)
    finally:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


@contextmanager
def reporting(path: Path) -> Iterator[None]:
    """Turn an `OSError` of the block into an `OutputError` about `path`.

    Raises
    ------
    OutputError
        What could not be written, why, and what to do.
    """
    try:
        with told_if_silent(path):
            yield
    except OSError as error:
        raise OutputError(f"Cannot write {path}: {reason_of(error)}") from error


def reason_of(error: OSError) -> str:
    """Return what the system says, in words that tell what to do."""
    if is_away(error):
        return f"{error.strerror}: {DOES_NOT_ANSWER}."
    return REASONS.get(error.errno or 0, f"{error.strerror or error}.")


def _force(path: Path) -> None:
    """Wait until the system has put a file, or the names in a folder, on the disk."""
    opened = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(opened)
    except OSError as error:
        if error.errno not in _CANNOT_FORCE:
            raise
    finally:
        os.close(opened)


def write_bytes(path: Path, data: bytes, *, lasting: bool = False) -> None:
    """Write a whole file, or nothing; see `replacing`.

    Raises
    ------
    OutputError
        If the file cannot be written; a file that was there is as before.
    """
    with replacing(path, lasting=lasting) as temporary:
        temporary.write_bytes(data)


def write_json(path: Path, value: object, *, lasting: bool = False) -> None:
    """Write a value as indented JSON, or nothing; see `replacing`.

    Raises
    ------
    OutputError
        If the file cannot be written; a file that was there is as before.
    ValueError
        If the value holds NaN or infinity, which JSON has no words for.
    """
    data = (json.dumps(value, indent=2, allow_nan=False) + "\n").encode()
    write_bytes(path, data, lasting=lasting)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder to fill, which takes the place of the folder `path` in the end.

    It lies beside `path`. If the block fails, `path` stays as it was and the temporary is removed.

    Parameters
    ----------
    path : Path
        The folder to write; the one that it is in must exist.

    Yields
    ------
    Path
        An empty folder.

    Raises
    ------
    OutputError
        In place of an `OSError` in the block or of the replacement.
    """
    target = path.resolve()
    temporary, old = (target.with_name(f".{uuid4().hex}{target.suffix}") for _ in range(2))
    try:
        with reporting(path):
            temporary.mkdir()
            made = temporary.stat()
            yield temporary
            if not os.path.samestat(made, temporary.stat()):  # a drive is gone: this is beneath it
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            if target.exists():
                target.rename(old)
            temporary.rename(target)
    except BaseException:
        if exists(old) and not exists(target):  # the second renaming failed
            old.rename(target)
        shutil.rmtree(temporary, ignore_errors=True)
        time.sleep(_LATE)
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    shutil.rmtree(old, ignore_errors=True)
