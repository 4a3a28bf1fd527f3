"""Saves what is small - keyframes, timeline, settings - in one background thread."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from napari_frtm.errors import FrtmError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from concurrent.futures import Future

logger = logging.getLogger(__name__)


class Saver:
    """Writes in the order given; what could not be written is tried again with the next write.

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
        self._unsaved: dict[Hashable, Callable[[], None]] = {}
        self._failing = False

    def submit(self, what: Hashable, write: Callable[[], None]) -> None:
        """Write something soon; a later write of the same thing replaces one that failed."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "frtm-saver")
        self._waiting[what] = self._thread.submit(self._write, what, write)

    def is_waiting(self, what: Hashable) -> bool:
        """Whether a write of this is still to be done."""
        waiting = self._waiting.get(what)
        return waiting is not None and not waiting.done()

    def flush(self) -> None:
        """Wait until all is written that can be."""
        if self._thread is not None:
            self._thread.submit(lambda: None).result()

    def close(self) -> None:
        """Write what is left, and end the thread."""
        if self._thread is not None:
            self._thread.shutdown()
            self._thread = None

    def _write(self, what: Hashable, write: Callable[[], None]) -> None:
        self._unsaved.pop(what, None)
        self._unsaved[what] = write
        for key, each in list(self._unsaved.items()):
            try:
                each()
            except (FrtmError, OSError) as error:
                self._say(str(error))
                return
            del self._unsaved[key]
        self._say("")

    def _say(self, reason: str) -> None:
        if bool(reason) == self._failing:
            return
        self._failing = bool(reason)
        if reason:
            logger.warning("The session cannot be saved: %s", reason)
        self.on_failure(reason)
