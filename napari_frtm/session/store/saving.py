"""Saves keyframes, timeline, settings, and what could not be saved, in a background thread."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING

from napari_frtm.errors import FrtmError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from concurrent.futures import Future

logger = logging.getLogger(__name__)


class Saver:
    """Writes one thing after the other; what could not be written is tried again after the next.

    Attributes
    ----------
    on_failure : callable
        Called in the background thread with the reason, once when writing begins to fail, and with
        an empty text once it works again.
    """

    def __init__(self) -> None:
        self.on_failure: Callable[[str], None] = lambda reason: None
        self._thread: ThreadPoolExecutor | None = None
        self._waiting: dict[Hashable, Future[None]] = {}
        self._unsaved: dict[Hashable, Callable[[], object]] = {}
        self._lock = Lock()  # of what is unsaved
        self._reason = ""

    def submit(self, what: Hashable, write: Callable[[], object]) -> None:
        """Write something soon; a later write of the same thing replaces one that failed."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "frtm-saver")
        with self._lock:
            self._unsaved.pop(what, None)
            self._unsaved[what] = write
        self._waiting[what] = self._thread.submit(self._write, what)

    def is_waiting(self, what: Hashable) -> bool:
        """Whether a write of this is still to be done."""
        waiting = self._waiting.get(what)
        return waiting is not None and not waiting.done()

    @property
    def is_failing(self) -> bool:
        """Whether something could not be written and is still to be."""
        return bool(self._reason)

    def has_unsaved(self, kind: str) -> bool:
        """Whether anything called by a tuple that begins with `kind` is still to be written."""
        with self._lock:
            return any(isinstance(what, tuple) and what[0] == kind for what in self._unsaved)

    def flush(self) -> str:
        """Wait until all is written that can be; return why the rest is not, or an empty text."""
        if self._thread is not None:
            self._thread.submit(lambda: None).result()
        return self._reason

    def close(self) -> None:
        """Write what can be written of what is left, and end the thread."""
        if self._thread is not None:
            self._thread.shutdown()
            self._thread = None

    def _write(self, what: Hashable) -> None:
        """Write the newest first: if that works again, so may all that has failed before."""
        with self._lock:
            writes = sorted(self._unsaved.items(), key=lambda item: item[0] != what)
        for key, write in writes:
            try:
                write()
            except (FrtmError, OSError) as error:
                self._say(str(error))
                return
            with self._lock:
                if self._unsaved.get(key) is write:
                    del self._unsaved[key]
        self._say("")

    def _say(self, reason: str) -> None:
        before, self._reason = self._reason, reason
        if bool(reason) == bool(before):
            return
        if reason:
            logger.warning("The session cannot be saved: %s", reason)
        self.on_failure(reason)
