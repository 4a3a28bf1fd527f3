"""Changes of masks that are one step each, and how they are undone."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

import numpy as np
from napari.utils.notifications import show_error
from qtpy.QtCore import QObject, QTimer

from napari_frtm.errors import FrtmError
from napari_frtm.plugin.work.history import Packed, frame_before, restore

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from napari_frtm.plugin.work.history import FrameBefore, Step
    from napari_frtm.plugin.work.session import Session
    from napari_frtm.types import Labels

_SLICE = 0.03  # seconds of an undo at a time


class Edits(QObject):  # type: ignore[misc]
    """Applies and undoes the steps of a session."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._restoring: Iterator[tuple[int, FrameBefore]] | None = None
        self._open: Step | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a change or an undo of many frames still goes on."""
        return self._restoring is not None or self._open is not None

    def apply(self, pairs: Iterable[tuple[int, Labels]], name: str) -> None:
        """Replace the masks of frames, as one step.

        Parameters
        ----------
        pairs : iterable of (int, array of shape (H, W))
            Frames and their new masks. Keyframes among them stay keyframes.
        name : str
            Of the step, for the user.

        Raises
        ------
        OutputError
            If the session folder cannot be written.
        """
        step = self.begin(name)
        for frame, labels in pairs:
            self.change(step, frame, labels)
        self.end(step)

    def begin(self, name: str) -> Step:
        """Return a step to which `change` adds frames, and which `end` ends."""
        self._open = self._session.history.begin(name)
        return self._open

    def change(self, step: Step, frame: int, labels: Labels) -> None:
        """Replace the masks of a frame as a part of a step, unless they are the same."""
        session = self._session
        old = session.labels(frame)
        if not np.array_equal(old, labels):
            step.before[frame] = frame_before(session.timeline, frame, Packed.of(old))
            session.replace(frame, labels)

    def end(self, step: Step) -> None:
        """End a step; it is forgotten if it changed nothing."""
        self._open = None
        if not step.before:
            self._session.history.forget(step)

    def undo(self) -> str | None:
        """Undo the last step; return its name, or None if there is none.

        Where it changed many frames, they follow little by little, so that napari can be used.

        Raises
        ------
        FrtmError
            While masks are being changed.
        """
        if self.is_busy:
            raise FrtmError("Masks are still being changed. Try again in a moment, or cancel that.")
        step = self._session.history.pop()
        if step is None:
            return None
        self._restoring = iter(step.before.items())
        self._restore_some()
        return step.name

    def _restore_some(self) -> None:
        """Go on with an undo for a short time, and come back for the rest."""
        try:
            self._restore_until(monotonic() + _SLICE)
        except FrtmError as error:  # a full disk, for instance; the rest stays as it is
            self._restoring = None
            show_error(str(error))
        if self._restoring is not None:
            QTimer.singleShot(0, self._restore_some)

    def _restore_until(self, end: float) -> None:
        session = self._session
        for frame, before in self._restoring or ():
            if not session.timeline.frozen[frame]:
                empty = np.zeros(session.results.size[1:], np.uint8)
                session.replace(frame, empty if before.labels is None else before.labels.labels)
                restore(session.timeline, frame, before)
            if monotonic() > end:
                return
        self._restoring = None
