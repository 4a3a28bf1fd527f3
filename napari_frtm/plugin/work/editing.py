"""A change of objects on many frames under way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_frtm.errors import FrtmError
from napari_frtm.plugin.work.changing import Changing
from napari_frtm.session.run.run_state import end_run
from napari_frtm.session.store.whole_frames import carried_out

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from napari_frtm.io.session.objects import SessionObject
    from napari_frtm.plugin.work.session import Session
    from napari_frtm.session.store.history import FrameState
    from napari_frtm.session.store.whole_frames import Change


class Editing(Changing):
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
    frozen : int
        How many of the frames are left alone because they are frozen.
    """

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
        super().__init__(session, name, "the change of objects (FRTM)", frames)
        frozen = session.timeline.frozen[frames.start : frames.stop]
        self.frozen = int(np.count_nonzero(frozen))
        self._changes = changes
        self._largest_id = largest_id
        self._objects = objects
        self._job.yielded.connect(self._take)

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
                end_run(session.store)
            if self._objects is not None:
                session.edits.set_objects(self._objects, self.name)
        except FrtmError:
            session.edits.end()
            raise
        self._job.start(carried_out, session.store, self._changes)

    def _take(self, item: tuple[int, FrameState | None]) -> None:
        frame, before = item
        if before is not None:  # also while it is stopping: the frame is changed
            self.session.edits.note_restated(frame, before)
        self._advance()
