"""A change of objects on many frames under way: one step of the session, made in a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_frtm.errors import FrtmError
from napari_frtm.plugin.run.job import Job
from napari_frtm.plugin.run.progress import Progress
from napari_frtm.session.whole_frames import carried_out

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from napari_frtm.io.session.objects import SessionObject
    from napari_frtm.plugin.work.session import Session
    from napari_frtm.session.history import FrameState
    from napari_frtm.session.whole_frames import Change


class Editing(QObject):  # type: ignore[misc]
    """Changes objects on frames of a session.

    Parameters
    ----------
    session : Session
        Whose objects are changed.
    name : str
        Of the step, for the user.
    frames : range
        The frames that may be changed, step 1.
    changes : iterator of (int, callable)
        What becomes of each; see `carried_out`.
    largest_id : int
        The largest of the new ids.
    objects : mapping of int to SessionObject, optional
        Names and parents from then on, if they are others.

    Attributes
    ----------
    progress : Progress
        How far it is.
    frozen : int
        How many of the frames are left alone because they are frozen.
    advanced, ended : Signal
        Another frame is done; all are, or it was stopped.
    failed : Signal
        With what went wrong, for the user.
    """

    advanced = Signal()
    ended = Signal()
    failed = Signal(str)

    def __init__(
        self,
        session: Session,
        name: str,
        frames: range,
        changes: Iterator[tuple[int, Change]],
        *,
        largest_id: int,
        objects: Mapping[int, SessionObject] | None = None,
    ) -> None:
        super().__init__()
        self.session = session
        self.name = name
        self.progress = Progress(len(frames))
        self.error = ""
        frozen = session.timeline.frozen[frames.start : frames.stop]
        self.frozen = int(np.count_nonzero(frozen))
        self._changes = changes
        self._largest_id = largest_id
        self._objects = objects
        self._job = Job("the change of objects (FRTM)")
        self._job.yielded.connect(self._take)
        self._job.failed.connect(self._fail)
        self._job.ended.connect(self._finish)

    @property
    def is_stopping(self) -> bool:
        """Whether it was cancelled."""
        return self._job.stopping

    @property
    def outcome(self) -> str:
        """How it has ended, for the user; empty if all went well."""
        if not self.error and not self.is_stopping:
            return ""
        why = "failed" if self.error else "was stopped"
        return (
            f"{self.name} {why} after {self.progress.done} of {self.progress.total} frames. "
            "Undo brings them back."
        )

    def start(self) -> None:
        """Begin.

        Raises
        ------
        FrtmError
            If masks are being changed already, or the session folder cannot be written.
        """
        session = self.session
        session.edits.begin(self.name)
        try:
            session.store.make_room(self._largest_id)  # here: painting goes on in the same array
            if session.has_unfinished_run:  # it follows the objects of before
                session.store.end_run()
            if self._objects is not None:
                session.edits.set_objects(self._objects, self.name)
        except FrtmError:
            session.edits.end()
            raise
        self._job.start(carried_out, session.store, self._changes)

    def cancel(self) -> None:
        """Stop; frames that are done stay so, and can be undone."""
        self._job.cancel()

    def _take(self, item: tuple[int, FrameState | None]) -> None:
        frame, before = item
        if before is not None:  # also while it is stopping: the frame is changed
            self.session.edits.note_restated(frame, before)
        self.progress.reach(self.progress.done + 1)
        self.advanced.emit()

    def _fail(self, text: str) -> None:
        self.error = text
        self.failed.emit(f"{self.name} stopped: {text}")

    def _finish(self) -> None:
        self.session.edits.end()
        self.session.touch()
        self.ended.emit()
