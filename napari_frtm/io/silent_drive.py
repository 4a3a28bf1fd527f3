"""Drives that neither answer nor fail, as networks do that a system waits for without end."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from threading import Lock, Thread
from time import monotonic, sleep
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

logger = logging.getLogger(__name__)

PATIENCE = 5.0
"""Seconds of work on a file until its drive is asked; and of waiting for the answer until told."""

_POLL = 0.5
_OPEN = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)


@dataclass
class _Work:
    """What is being done with a file.

    Attributes
    ----------
    path : Path
        The file.
    since : float
        When it began, or when its drive last answered.
    """

    path: Path
    since: float = field(default_factory=monotonic)


_works: dict[int, _Work] = {}
_asked: dict[Path, bool] = {}  # files whose drive was asked, and whether the user was told
_numbers = count()
_lock = Lock()
_watched = False


@contextmanager
def told_if_silent(path: Path) -> Iterator[None]:
    """Log a warning while work on a file stands still because its drive does not answer.

    Work that only takes long is left alone: whether the drive answers is tried from beside, in a
    thread that may wait.
    """
    global _watched  # noqa: PLW0603 - one watcher for all threads, while there is something to watch
    number, work = next(_numbers), _Work(path)
    with _lock:
        _works[number] = work
        if not _watched:
            _watched = True
            Thread(target=_watch, name="drives", daemon=True).start()
    try:
        yield
    finally:
        with _lock:
            del _works[number]


def _watch() -> None:
    """Look after the works, until there is none."""
    global _watched  # noqa: PLW0603
    while True:
        sleep(_POLL)
        now = monotonic()
        with _lock:
            if not _works:
                _watched = False
                return
            waited = {work.path: now - work.since for work in _works.values()}
            silent = [
                path
                for path, told in _asked.items()
                if not told and waited.get(path, 0) > 2 * PATIENCE
            ]
            late = [path for path, t in waited.items() if t > PATIENCE and path not in _asked]
            _asked.update(dict.fromkeys(silent, True) | dict.fromkeys(late, False))
        for path in late:
            Thread(target=_ask, args=(path,), name="drive", daemon=True).start()
        for path in silent:
            logger.warning(
                "No answer from the drive or network of %s. Waiting for it; connect it again, or "
                "stop.",
                path,
            )


def _ask(path: Path) -> None:
    """Wait until the drive says anything about a file; that it is not there is an answer."""
    with suppress(OSError):
        os.close(os.open(path, _OPEN))
    with _lock:
        told = _asked.pop(path)
        for work in _works.values():
            if work.path == path:
                work.since = monotonic()
    if told:
        logger.warning("The drive of %s answers again.", path)
