"""The frames of a session that the user has drawn: on the masks, or on a layer of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_frtm.errors import FrtmError
from napari_frtm.session.store.history import Packed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from napari_frtm.plugin.work.edits import Edits
    from napari_frtm.session.store.history import FrameState
    from napari_frtm.session.store.store import Store
    from napari_frtm.types import Labels


class Keyframes(QObject):  # type: ignore[misc]
    """Draws and gives up the keyframes of a session.

    Parameters
    ----------
    edits : Edits
        Those of the session; what is drawn cannot be undone with them, and what they change was
        not drawn.

    Attributes
    ----------
    before_painting : dict of int to FrameState
        What was known of frames before the user painted on them, for those painted on since.
    changed : Signal
        With the frames that are drawn now, or no longer.
    """

    changed = Signal(object)

    def __init__(self, edits: Edits) -> None:
        super().__init__()
        self.before_painting: dict[int, FrameState] = {}
        self._edits = edits
        self._imported: set[int] = set()
        self._own: set[int] = set()  # whatever the user's layer says
        edits.taken_over.connect(self._give_up)

    @property
    def _store(self) -> Store:
        return self._edits.store

    def forget(self) -> None:
        """Know nothing of what was painted or imported: the session has another store."""
        self.before_painting.clear()
        self._imported.clear()
        self._own.clear()

    def paint(self, frame: int, before: Packed | None) -> None:
        """Note that the user has painted on the masks of a frame, which showed `before`.

        Where there were masks, all of the frame counts as drawn: what is not there is absent.
        Where there were none, objects that were not drawn may be there still.
        """
        store = self._store
        self.before_painting.setdefault(frame, replace(store.state(frame), masks=before))
        known = frame in store.keyframes
        complete = frame in store.complete if known else bool(store.timeline.filled[frame])
        self.make(frame, complete=complete)

    def draw(self, frame: int, labels: Labels) -> None:
        """Let labels of shape (H, W) be what the user has drawn on a frame; see `paint`.

        Raises
        ------
        OutputError
            If the session folder cannot be written.
        """
        before = self._store.labels(frame)
        packed = Packed.of(before) if before.any() else None
        self._store.put(frame, labels)
        self.paint(frame, packed)

    def make(self, frame: int, *, complete: bool = True) -> None:
        """Let the masks of a frame count as drawn by the user."""
        self._store.set_keyframe(frame, self._store.labels(frame), complete=complete)
        self._edits.history.discard(frame)
        self.changed.emit((frame,))

    def drop(self, frame: int) -> None:
        """Let a frame be predicted again; what it showed before it was painted on comes back."""
        self._store.drop_keyframe(frame)
        before = self.before_painting.pop(frame, None)
        if before is not None:
            self._store.restore(frame, before)
        self.changed.emit((frame,))

    def toggle(self, frame: int) -> bool:
        """Let the masks of a frame count as drawn, or no longer; return which.

        Raises
        ------
        FrtmError
            If the frame has no masks.
        """
        if frame in self._store.keyframes:
            self.drop(frame)
            return False
        if not self._store.timeline.filled[frame]:
            raise FrtmError(
                f"Frame {frame} has no masks yet. Paint on it, or propagate to it first."
            )
        self.make(frame)
        return True

    def take(self, painted: Mapping[int, Labels], looked_at: Iterable[int]) -> None:
        """Take keyframes from a layer; frames looked at and not painted have none.

        Keyframes that were drawn on the masks themselves stay.

        Parameters
        ----------
        painted : mapping of int to array of shape (H, W)
            Frames that are painted on the layer.
        looked_at : iterable of int
            Frames of the layer that were read.
        """
        store = self._store
        on_masks = store.complete | set(self.before_painting) | self._own
        seen = set(looked_at)
        for frame in self._imported & seen - set(painted) - on_masks:
            store.drop_keyframe(frame)
        self._imported -= seen
        for frame in set(painted) - on_masks:
            self._imported.add(frame)
            if not np.array_equal(store.keyframes.get(frame, ()), painted[frame]):
                store.set_keyframe(frame, painted[frame], complete=False, shown=False)
        self.changed.emit(())

    def _give_up(self, frame: int) -> None:
        """Let a frame that was changed by an edit be the session's own."""
        self.before_painting.pop(frame, None)
        self._own.add(frame)
