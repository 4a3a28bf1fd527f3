"""A clean-up of many masks under way."""

from __future__ import annotations

from threading import Semaphore
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QTimer

from napari_frtm.errors import FrtmError
from napari_frtm.plugin.work.changing import Changing
from napari_frtm.session.edits.clean_up import cleaned, in_turn

if TYPE_CHECKING:
    from napari_frtm.plugin.work.session import Session
    from napari_frtm.session.edits.clean_up import CleanUp
    from napari_frtm.types import Labels


class Cleaning(Changing):
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
    """

    def __init__(
        self, session: Session, clean: CleanUp, frames: range, *, keyframes_too: bool
    ) -> None:
        super().__init__(session, "The clean-up", "the clean-up of masks (FRTM)", frames)
        self._frames = frames
        self._clean = clean
        self._keyframes_too = keyframes_too
        self._free = Semaphore()  # while no frame waits for napari
        self._job.yielded.connect(self._take)

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
        frames = cleaned(self._clean, store.labels, self._frames, filled, left_alone)
        self._job.start(in_turn, frames, self._free)

    def _take(self, item: tuple[int, Labels | None]) -> None:
        frame, labels = item
        QTimer.singleShot(0, self._free.release)  # after what else napari has to do
        left_alone = frames_left_alone(self.session, keyframes_too=self._keyframes_too)
        if labels is not None and not self.is_stopping and frame not in left_alone:
            try:  # the user may have drawn or accepted it since: then it is left alone
                self.session.edits.change(frame, labels)
            except (FrtmError, OSError) as error:
                self.cancel()
                self._fail(str(error))
        self._advance()


def frames_left_alone(session: Session, *, keyframes_too: bool) -> frozenset[int]:
    """Return the frames that a clean-up leaves alone: those that are accepted, or drawn."""
    drawn = frozenset() if keyframes_too else frozenset(session.timeline.keyframes)
    return frozenset(np.flatnonzero(session.timeline.frozen).tolist()) | drawn
