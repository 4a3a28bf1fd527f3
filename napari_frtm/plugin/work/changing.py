"""A change of many masks under way: one step of a session, made in a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_frtm.plugin.run.job import Job
from napari_frtm.plugin.run.progress import Progress

if TYPE_CHECKING:
    from napari_frtm.plugin.work.session import Session


class Changing(QObject):  # type: ignore[misc]
    """What a clean-up and a change of objects have in common; each begins with its own `start`.

    Parameters
    ----------
    session : Session
        Whose masks are changed.
    name : str
        What it is called when it stops, for the user.
    task : str
        What napari calls it when it asks before closing.
    frames : range
        The frames that may be changed, step 1.

    Attributes
    ----------
    progress : Progress
        How far it is.
    error : str
        What went wrong, for the user.
    advanced, ended : Signal
        Another frame is done; all are, or it was stopped.
    failed : Signal
        With what went wrong, for the user.
    """

    advanced = Signal()
    ended = Signal()
    failed = Signal(str)

    def __init__(self, session: Session, name: str, task: str, frames: range) -> None:
        super().__init__()
        self.session = session
        self.name = name
        self.progress = Progress(len(frames))
        self.error = ""
        self._job = Job(task)
        self._job.failed.connect(self._fail)
        self._job.ended.connect(self._finish)

    @property
    def is_stopping(self) -> bool:
        """Whether it was cancelled."""
        return self._job.stopping

    def start(self) -> None:
        """Begin.

        Raises
        ------
        FrtmError
            If masks are being changed already, or the session folder cannot be written.
        """
        raise NotImplementedError

    def cancel(self) -> None:
        """Stop; frames that are done stay so, and can be undone."""
        self._job.cancel()

    def _advance(self) -> None:
        self.progress.reach(self.progress.done + 1)
        self.advanced.emit()

    def _fail(self, text: str) -> None:
        self.error = text
        self.failed.emit(f"{self.name} stopped: {text}")

    def _finish(self) -> None:
        self.session.edits.end()
        self.session.touch()
        self.ended.emit()
