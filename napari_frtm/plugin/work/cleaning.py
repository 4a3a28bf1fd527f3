"""A clean-up of many masks under way: one step of the session, made in a thread."""

from __future__ import annotations

from threading import Semaphore
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_frtm.errors import FrtmError
from napari_frtm.plugin.run.job import Job
from napari_frtm.session.clean_up import cleaned, in_turn

if TYPE_CHECKING:
    from napari_frtm.plugin.work.session import Session
    from napari_frtm.session.clean_up import CleanUp
    from napari_frtm.types import Labels


class Cleaning(QObject):  # type: ignore[misc]
    """Cleans up the masks of some frames.

    Parameters
    ----------
    session : Session
        Whose masks are cleaned up.
    clean : CleanUp
        What to do.
    frames : range
        Frames to clean up, step 1.
    keyframes_too : bool
        Whether keyframes are cleaned up as well; frozen frames always stay.

    Attributes
    ----------
    done : int
        Frames that are done.
    advanced, ended : Signal
        Another frame is done; all are, or it was stopped.
    failed : Signal
        With what went wrong, for the user.
    """

    advanced = Signal()
    ended = Signal()
    failed = Signal(str)

    def __init__(
        self, session: Session, clean: CleanUp, frames: range, *, keyframes_too: bool
    ) -> None:
        super().__init__()
        self.session = session
        self.frames = frames
        self.done = 0
        self._clean = clean
        self._keyframes_too = keyframes_too
        self._free = Semaphore()  # while no frame waits for napari
        self._job = Job("the clean-up of masks (FRTM)")
        self._job.yielded.connect(self._take)
        self._job.failed.connect(self._fail)
        self._job.ended.connect(self._finish)

    def start(self) -> None:
        """Begin.

        Raises
        ------
        FrtmError
            If masks are being changed already.
        """
        self.session.edits.begin(self._clean.operation)
        store = self.session.store
        left_alone = frames_left_alone(self.session, keyframes_too=self._keyframes_too)
        filled = store.timeline.filled.copy()
        frames = cleaned(self._clean, store.labels, self.frames, filled, left_alone)
        self._job.start(in_turn, frames, self._free)

    def cancel(self) -> None:
        """Stop; frames that are done stay so, and can be undone."""
        self._job.cancel()

    def _take(self, item: tuple[int, Labels | None]) -> None:
        frame, labels = item
        self.done += 1
        QTimer.singleShot(0, self._free.release)  # after what else napari has to do
        left_alone = frames_left_alone(self.session, keyframes_too=self._keyframes_too)
        if labels is not None and not self._job.stopping and frame not in left_alone:
            try:  # the user may have drawn or accepted it since: then it is left alone
                self.session.edits.change(frame, labels)
            except (FrtmError, OSError) as error:
                self.cancel()
                self._fail(str(error))
        self.advanced.emit()

    def _fail(self, text: str) -> None:
        self.failed.emit(f"The clean-up stopped: {text}")

    def _finish(self) -> None:
        self.session.edits.end()
        self.ended.emit()


def frames_left_alone(session: Session, *, keyframes_too: bool) -> frozenset[int]:
    """Return the frames that a clean-up leaves alone: those that are accepted, or drawn."""
    drawn = frozenset() if keyframes_too else frozenset(session.timeline.keyframes)
    return frozenset(np.flatnonzero(session.timeline.frozen).tolist()) | drawn
