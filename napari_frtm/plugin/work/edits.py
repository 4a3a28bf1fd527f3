"""Changes of masks that are one step each, and how they are undone and redone."""

from __future__ import annotations

from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_frtm.errors import FrtmError
from napari_frtm.session.store.history import History, Packed, Step
from napari_frtm.session.store.whole_frames import bring_back, whole_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from napari_frtm.io.session.objects import SessionObject
    from napari_frtm.session.store.history import FrameState
    from napari_frtm.session.store.store import Store, WrittenFrame
    from napari_frtm.types import Labels

_SLICE = 0.015  # seconds of an undo at a time


class Edits(QObject):  # type: ignore[misc]
    """Applies, undoes and redoes the steps of a session.

    Attributes
    ----------
    history : History
        The steps that can be undone and redone.
    store : Store
        What they change.
    changed : Signal
        With the frames whose masks have changed.
    taken_over : Signal
        With a frame whose keyframe no layer of the user's is asked about again.
    failed : Signal
        With a text for the user, if an undo cannot be written.
    """

    changed = Signal(object)
    taken_over = Signal(int)
    failed = Signal(str)

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store
        self.history = History()
        self._open: Step | None = None
        self._work: Iterator[None] | None = None
        self._end: Callable[[], None] = self.end

    @property
    def is_busy(self) -> bool:
        """Whether a change or an undo of many frames still goes on."""
        return self._work is not None or self._open is not None

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
        FrtmError
            While masks are being changed, or if the session folder cannot be written.
        """
        self.begin(name)
        try:
            for frame, labels in pairs:
                self.change(frame, labels)
        finally:
            self.end()

    def begin(self, name: str) -> None:
        """Begin a step, to which `change` and `note` add frames, and which `end` ends.

        Raises
        ------
        FrtmError
            While masks are being changed.
        """
        self._check_free()
        self._open = Step(name)

    def rename(self, name: str) -> None:
        """Call the step that is open otherwise."""
        if self._open is not None:
            self._open.name = name

    def change(self, frame: int, labels: Labels) -> None:
        """Replace the masks of a frame as a part of the step, unless they are the same."""
        store = self.store
        if self._open is not None and not np.array_equal(store.labels(frame), labels):
            self._open.before.setdefault(frame, store.state(frame))
            store.replace(frame, labels)
            self.changed.emit((frame,))

    def note(self, written: WrittenFrame) -> None:
        """Add a frame that a run has written to the step."""
        if self._open is not None:
            self._open.before.setdefault(written.index, written.before)

    def end(self) -> None:
        """End the step; one that changed nothing is forgotten."""
        step, self._open = self._open, None
        if step is not None and not step.is_empty:
            self.store.timeline.forget_absent()
            self.history.add(step)
            self.changed.emit(())

    def apply_gradually(self, pairs: Iterable[tuple[int, Labels, Labels]], name: str) -> None:
        """Take over masks that something else has replaced already, as one step, little by little.

        Parameters
        ----------
        pairs : iterable of (int, array of shape (H, W), array of shape (H, W))
            Frames, their masks of before and their new ones; equal ones are left out.
        name : str
            Of the step, for the user.

        Raises
        ------
        FrtmError
            While masks are being changed.
        """
        self.begin(name)
        self._go_on_with(self._taken_over(pairs), self.end)

    def note_restated(self, frame: int, before: FrameState) -> None:
        """Add a frame of which all that was known was replaced to the step."""
        if self._open is not None:
            self._open.before.setdefault(frame, before)
        self.taken_over.emit(frame)
        self.changed.emit((frame,))

    def set_objects(self, objects: Mapping[int, SessionObject], name: str) -> None:
        """Replace names and parents of the objects, as one step or a part of the one that is open.

        Raises
        ------
        FrtmError
            While masks are being changed by something else.
        """
        alone = self._open is None
        if alone:
            self.begin(name)
        store = self.store
        if self._open is not None and objects != store.objects:
            self._open.objects = store.objects
            store.set_objects(objects)
        if alone:
            self.end()

    def undo(self) -> str | None:
        """Undo the last step; return its name, or None if there is none.

        Where it changed many frames, they follow little by little, so that napari can be used.

        Raises
        ------
        FrtmError
            While masks are being changed.
        """
        return self._exchange(self.history.take_undo, self.history.put_redo)

    def redo(self) -> str | None:
        """Redo the step that was undone last; see `undo`."""
        return self._exchange(self.history.take_redo, self.history.put_undo)

    def _exchange(self, take: Callable[[], Step | None], put: Callable[[Step], None]) -> str | None:
        """Bring back what frames held before a step, and keep what they hold now."""
        self._check_free()
        step = take()
        if step is None:
            return None
        inverse = Step(step.name)
        self._go_on_with(self._restored(step, inverse), lambda: put(inverse))
        return step.name

    def _restored(self, step: Step, inverse: Step) -> Iterator[None]:
        store = self.store
        if step.objects is not None:
            inverse.objects = store.objects
            store.set_objects(step.objects)
        for frame, before in step.before.items():
            if not store.timeline.frozen[frame]:
                whole = before.soft is not None
                inverse.before[frame] = whole_state(store, frame) if whole else store.state(frame)
                bring_back(store, frame, before)
                self.changed.emit((frame,))
            yield
        store.timeline.forget_absent()

    def _taken_over(self, pairs: Iterable[tuple[int, Labels, Labels]]) -> Iterator[None]:
        store = self.store
        for frame, old, new in pairs:
            if self._open is not None and not np.array_equal(old, new):
                masks = Packed.of(old) if old.any() else None
                self._open.before[frame] = replace(store.state(frame), masks=masks)
                store.replace(frame, new)
                self.changed.emit((frame,))
            yield

    def _go_on_with(self, work: Iterator[None], end: Callable[[], None]) -> None:
        self._work, self._end = work, end
        self._work_on()

    def _work_on(self) -> None:
        """Go on for a short time, and come back for the rest."""
        if self._work is None:
            return
        stop = monotonic() + _SLICE
        try:
            for _ in self._work:
                if monotonic() > stop:
                    QTimer.singleShot(0, self._work_on)
                    return
        except (FrtmError, OSError) as error:  # a full disk, for instance; the rest stays as it is
            self.failed.emit(str(error))
        self._work = None
        self._end()
        self.changed.emit(())

    def _check_free(self) -> None:
        if self.is_busy:
            raise FrtmError("Masks are still being changed. Try again in a moment, or cancel that.")
