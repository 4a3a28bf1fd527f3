"""One piece of work in a thread: a generator, beside a responsive viewer."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ParamSpec

from qtpy.QtCore import QObject, Signal

from napari_frtm.errors import FrtmError
from napari_frtm.plugin.run.worker import guarded, start_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from napari_frtm.plugin.run.worker import Worker

P = ParamSpec("P")

logger = logging.getLogger(__name__)


class Job(QObject):  # type: ignore[misc]
    """A generator that runs in a thread from `start` on; each ``yield`` is where it can stop.

    Signals come in the GUI thread: `yielded` with what the generator yields, `failed` with a text
    for the user, `ended` last and always.

    Parameters
    ----------
    name : str
        What napari calls it when it asks before closing.
    """

    yielded = Signal(object)
    failed = Signal(str)
    ended = Signal()
    paused = Signal()
    resumed = Signal()

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.name = name
        self.stopping = False
        self._worker: Worker | None = None

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._worker is not None

    @property
    def is_paused(self) -> bool:
        """Whether it waits."""
        return self._worker is not None and bool(self._worker.is_paused)

    def start(
        self, func: Callable[P, Generator[Any, Any, Any]], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Start the generator that `func` returns."""
        connect: dict[str, Callable[..., None]] = {
            "yielded": self._yielded,
            "errored": self._errored,
            "finished": self._finished,
            "paused": self.paused.emit,
            "resumed": self.resumed.emit,
        }
        self._worker = start_worker(_answering, self.name, connect, guarded(func, *args, **kwargs))

    def pause(self) -> None:
        """Wait at the next ``yield``."""
        if self._worker is not None:
            self._worker.pause()

    def resume(self) -> None:
        """Go on."""
        if self._worker is not None:
            self._worker.resume()

    def cancel(self) -> None:
        """Stop at the next ``yield``; the generator is closed in its thread."""
        self.stopping = True
        if self._worker is not None:
            self._worker.quit()

    def _yielded(self, item: object) -> None:
        if isinstance(item, _Failure):
            self._errored(item.error)
        else:
            self.yielded.emit(item)

    def _errored(self, error: Exception) -> None:
        text = str(error)
        if not isinstance(error, FrtmError):
            logger.error("%s failed.", self.name, exc_info=error)
            text = f"Something unexpected went wrong ({type(error).__name__}: {text})."
        self.failed.emit(text)

    def _finished(self) -> None:
        self._worker = None
        self.ended.emit()


@dataclass(frozen=True, slots=True)
class _Failure:
    """The last word of a generator that has failed."""

    error: Exception


def _answering(generator: Generator[Any, Any, Any]) -> Generator[Any, Any, None]:
    """Run a generator, and yield what it raises.

    napari's own slots for the errors of workers raise a `TypeError` with PySide6.
    """
    try:
        yield from generator
    except Exception as error:  # noqa: BLE001 - told to the user, whatever it is
        yield _Failure(error)
