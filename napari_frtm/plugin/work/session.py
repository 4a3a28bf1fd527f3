"""The work on one video, as docks and commands see and change it."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_frtm.errors import FrtmError
from napari_frtm.plugin.work.edits import Edits
from napari_frtm.plugin.work.imported import ImportedKeyframes
from napari_frtm.session.request import Request
from napari_frtm.timeline import DOUBTFUL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from napari_frtm.plugin.source.video import VideoSource
    from napari_frtm.session.coverage import Scope
    from napari_frtm.session.history import FrameState, History, Packed
    from napari_frtm.session.request import Settings
    from napari_frtm.session.store import Store
    from napari_frtm.timeline import Timeline
    from napari_frtm.types import Labels

_ANNOUNCE = 100  # milliseconds between two updates of what is shown


class Session(QObject):  # type: ignore[misc]
    """The work on one video.

    Parameters
    ----------
    source : VideoSource
        The video.
    store : Store
        What is known of its frames.

    Attributes
    ----------
    span : range
        In to Out.
    doubtful : float
        Confidence below which a frame is doubtful, in [0, 1].
    form : dict
        What the form of *Propagate* says, as plain values.
    runs : list of dict
        How the masks were made, run by run.
    edits : Edits
        Changes that can be undone.
    before_painting : dict of int to FrameState
        What was known of frames before the user painted on them, for those painted on since.
    changed : Signal
        Something that docks show has changed; at most ten times a second.
    redrawn : Signal
        With the set of frames whose masks have changed, just before `changed`.
    unsaved : Signal
        With the reason, when saving begins to fail; with an empty text when it works again.
    """

    changed = Signal()
    redrawn = Signal(object)
    unsaved = Signal(str)

    def __init__(self, source: VideoSource, store: Store) -> None:
        super().__init__()
        self.source = source
        self.store = store
        self.span = range(source.size[0])
        self.doubtful = DOUBTFUL
        self.form: dict[str, Any] = {}
        self.runs: list[dict[str, Any]] = []
        self.edits = Edits(store)
        self.before_painting: dict[int, FrameState] = {}
        self._imported = ImportedKeyframes()
        self._stale: set[int] = set()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.announce)
        self.edits.changed.connect(self._edited)
        self.edits.taken_over.connect(self._taken_over)
        store.saver.on_failure = self.unsaved.emit
        self._closed = False

    @property
    def timeline(self) -> Timeline:
        """What is known of each frame."""
        return self.store.timeline

    @property
    def history(self) -> History:
        """The steps that can be undone and redone."""
        return self.edits.history

    @property
    def has_work(self) -> bool:
        """Whether anything is drawn or found."""
        return bool(self.store.keyframes) or bool(self.timeline.filled.any())

    @property
    def has_unfinished_run(self) -> bool:
        """Whether a run was broken off that can go on."""
        return self.store.folder is not None and self.store.folder.has_run

    def take_up(self, store: Store) -> None:
        """Go on with earlier work on the video, in place of what is here."""
        self.store.saver.on_failure = lambda reason: None
        self.store.close()
        self.store = self.edits.store = store
        store.saver.on_failure = self.unsaved.emit
        settings = {} if store.folder is None else store.folder.settings
        self.runs[:] = settings.get("runs", [])
        self.form = settings.get("form", {})
        chosen = self.form.get("range")
        self.span = range(*chosen) if chosen else range(self.source.size[0])
        self.before_painting.clear()
        self._imported = ImportedKeyframes()
        self._stale.update(np.flatnonzero(self.timeline.filled).tolist())
        self.announce()

    def set_span(self, span: range) -> None:
        """Set In and Out; step 1."""
        if span != self.span:
            self.span = span
            self.touch()

    def request(self, settings: Settings, scope: Scope, here: int) -> Request:
        """Return a snapshot of what a run needs."""
        return Request(
            frames=self.source.frames,
            keyframes=dict(self.store.keyframes),
            complete=frozenset(self.store.complete),
            store=self.store,
            settings=settings,
            span=self.span,
            scope=scope,
            here=here,
            contrast=self.source.contrast,
        )

    def painted(self, frame: int, before: Packed | None) -> None:
        """Note that the user has painted on the masks of a frame, which showed `before`.

        Where there were masks, all of the frame counts as drawn: what is not there is absent.
        Where there were none, objects that were not drawn may be there still.
        """
        store = self.store
        self.before_painting.setdefault(frame, replace(store.state(frame), masks=before))
        known = frame in store.keyframes
        complete = frame in store.complete if known else bool(self.timeline.filled[frame])
        self.make_keyframe(frame, complete=complete)

    def make_keyframe(self, frame: int, *, complete: bool = True) -> None:
        """Let the masks of a frame count as drawn by the user."""
        self.store.set_keyframe(frame, self.store.labels(frame), complete=complete)
        self.history.discard(frame)
        self.touch(frame)

    def drop_keyframe(self, frame: int) -> None:
        """Let a frame be predicted again; what it showed before it was painted on comes back."""
        self.store.drop_keyframe(frame)
        before = self.before_painting.pop(frame, None)
        if before is not None:
            self.store.restore(frame, before)
        self.touch(frame)

    def toggle_keyframe(self, frame: int) -> bool:
        """Let the masks of a frame count as drawn, or no longer; return which.

        Raises
        ------
        FrtmError
            If the frame has no masks.
        """
        if frame in self.store.keyframes:
            self.drop_keyframe(frame)
            return False
        if not self.timeline.filled[frame]:
            raise FrtmError(
                f"Frame {frame} has no masks yet. Paint on it, or propagate to it first."
            )
        self.make_keyframe(frame)
        return True

    def freeze(self, frames: Iterable[int], frozen: bool) -> None:
        """Accept frames, so that nothing overwrites them, or give them free again."""
        self.timeline.frozen[list(frames)] = frozen
        self.touch()

    def import_keyframes(self, painted: Mapping[int, Labels], looked_at: Iterable[int]) -> None:
        """Take keyframes from a layer of the user's; see `ImportedKeyframes.take`."""
        self._imported.take(self.store, painted, looked_at, drawn_here=set(self.before_painting))
        self.touch()

    def touch(self, *frames: int) -> None:
        """Show and save what has changed, a little later; the masks of these frames as well."""
        self._stale.update(frames)
        if not self._timer.isActive() and not self._closed:  # its folder may be another's by then
            self._timer.start(_ANNOUNCE)

    def save_settings(self) -> None:
        """Save what the form says, and how the masks were made."""
        kept = {} if self.store.folder is None else self.store.folder.settings
        axes = asdict(self.source.axes)
        self.store.save_settings(kept | {"form": self.form, "runs": list(self.runs), "axes": axes})

    def close(self) -> None:
        """Save what is left to save, and let go of the folder."""
        self._closed = True
        self._timer.stop()
        self.store.close()

    def _taken_over(self, frame: int) -> None:
        self.before_painting.pop(frame, None)
        self._imported.give_up(frame)

    def _edited(self, frames: tuple[int, ...]) -> None:
        self.touch(*frames)

    def announce(self) -> None:
        """Show and save what has changed, now."""
        stale, self._stale = self._stale, set()
        if stale:
            self.redrawn.emit(stale)
        self.store.save_timeline()
        self.changed.emit()
