"""Keeps two programs from writing one session folder at once."""

from __future__ import annotations

import json
import os
import socket
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from napari_frtm.errors import OutputError
from napari_frtm.io.atomic import reporting, write_json
from napari_frtm.io.session.files import SessionError

if TYPE_CHECKING:
    from pathlib import Path


class SessionInUseError(SessionError):
    """Another program has the session, or this one has it already."""


class SessionLock:
    """The right to write a session folder.

    The system takes it back when the program that holds it ends, however it ends; so a lock
    cannot outlive its program, nor be mistaken for one of another program with the same number.
    Who holds it stands in a file beside it, for messages only.

    Parameters
    ----------
    folder : Path
        The session folder; it must exist.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = FileLock(folder / ".lock", timeout=0, thread_local=False)

    def acquire(self) -> None:
        """Take the right to write.

        Raises
        ------
        SessionInUseError
            If another program has it, or this one by another object.
        OutputError
            If the folder cannot be written.
        """
        with reporting(self._folder):
            try:
                self._lock.acquire()
            except Timeout as timeout:  # an OSError itself
                raise SessionInUseError(f"{self._folder} is in use {self._holder()}") from timeout
        try:
            write_json(self._owner_file, {"pid": os.getpid(), "host": socket.gethostname()})
        except OutputError:
            self._lock.release()
            raise

    def release(self) -> None:
        """Give the right back; may be called again, and in any thread."""
        self._lock.release()

    @property
    def _owner_file(self) -> Path:
        return self._folder / ".owner.json"

    def _holder(self) -> str:
        """Say who has the lock, and what to do."""
        try:
            owner = json.loads(self._owner_file.read_text())
            pid, host = owner["pid"], owner["host"]
        except (OSError, ValueError, LookupError, TypeError):
            return "by another program. Close it there first."
        if (pid, host) == (os.getpid(), socket.gethostname()):
            return f"in this napari already (process {pid}). Close the other video first."
        return f"by process {pid} on {host}. Close it there first."
