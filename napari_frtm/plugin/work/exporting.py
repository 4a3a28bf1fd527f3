"""Masks on their way out: an export or a measurement under way, in a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_frtm.io.export.settings import Progress as Step
from napari_frtm.plugin.run.job import Job
from napari_frtm.plugin.run.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from napari_frtm.plugin.work.session import Session

_END = object()


class Exporting(QObject):  # type: ignore[misc]
    """Something that reads masks frame by frame, and says how far it is.

    Parameters
    ----------
    name : str
        What it is, for example ``Export to masks.npz``.
    steps : callable
        Returns the generator of its steps; what it yields besides is its result.
    session : Session, optional
        Whose masks it reads; it ends with that.

    Attributes
    ----------
    step : str
        What is being done, in words.
    progress : Progress or None
        How far the step is; None before the first.
    error : str
        What went wrong, for the user.
    advanced, ended : Signal
        It is further; all is done, or it was stopped.
    made : Signal
        With its result, if it has one.
    failed : Signal
        With what went wrong.
    """

    advanced = Signal()
    ended = Signal()
    made = Signal(object)
    failed = Signal(str)

    def __init__(
        self,
        name: str,
        steps: Callable[[], Generator[Any, None, None]],
        session: Session | None = None,
    ) -> None:
        super().__init__()
        self.name = name
        self.session = session
        self.step = ""
        self.progress: Progress | None = None
        self.error = ""
        self._steps = steps
        self._complete = False
        self._changed: set[int] = set()
        self._job = Job("the export of masks (FRTM)")
        self._job.yielded.connect(self._take)
        self._job.failed.connect(self._fail)
        self._job.ended.connect(self._finish)

    def start(self) -> None:
        """Begin."""
        if self.session is not None:
            self.session.announce()  # what was changed before is no change meanwhile
            self.session.redrawn.connect(self._note)
        self._job.start(_to_the_end, self._steps)

    def cancel(self) -> None:
        """Stop after the frame that is being worked on."""
        self._job.cancel()

    @property
    def is_stopping(self) -> bool:
        """Whether it was cancelled."""
        return self._job.stopping

    @property
    def changed_meanwhile(self) -> frozenset[int]:
        """The frames that have changed since it began."""
        if self.session is not None:
            self.session.announce()  # what was changed just now
        return frozenset(self._changed)

    @property
    def outcome(self) -> str:
        """How it is or has ended, for the user."""
        if self.error:
            return f"{self.name} failed: {self.error}"
        if self.is_stopping and not self._complete:
            done = 0 if self.progress is None else self.progress.done
            return f"{self.name}: cancelled after {done} frames ({self.step or 'Starting'})."
        if self._changed:
            return (
                f"{self.name}: done. {len(self._changed)} frames were changed meanwhile; do it "
                "again for all frames as they are now."
            )
        return f"{self.name}: done."

    def _take(self, item: object) -> None:
        if item is _END:
            self._complete = True
            return
        if not isinstance(item, Step):
            if not self.is_stopping:
                self.made.emit(item)
            return
        if item.step != self.step or self.progress is None:
            self.step, self.progress = item.step, Progress(item.total)
        self.progress.reach(item.done)
        self.advanced.emit()

    def _note(self, frames: set[int]) -> None:
        self._changed |= frames

    def _finish(self) -> None:
        if self.session is not None:
            self.session.redrawn.disconnect(self._note)
        self.ended.emit()

    def _fail(self, text: str) -> None:
        self.error = text
        self.failed.emit(text)


def _to_the_end(
    steps: Callable[[], Generator[Any, None, None]],
) -> Generator[Any, None, None]:
    """Yield the steps, and say that they are all done: then it is too late to stop."""
    yield from steps()
    yield _END
