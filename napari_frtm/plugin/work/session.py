"""The work on one video, as docks and commands see and change it."""

from __future__ import annotations

from dataclasses import asdict, astuple
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_frtm.plugin.run.divisions import DivisionSearch
from napari_frtm.plugin.work.edits import Edits
from napari_frtm.plugin.work.keyframes import Keyframes
from napari_frtm.session.edits.division_search import DENIED, denied_divisions
from napari_frtm.session.run.request import Request
from napari_frtm.timeline import DOUBTFUL
from napari_frtm.types import Contrast

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_frtm.plugin.source.video import VideoSource
    from napari_frtm.session.edits.division_search import PossibleDivision
    from napari_frtm.session.run.coverage import Scope
    from napari_frtm.session.run.request import Settings
    from napari_frtm.session.store.history import History
    from napari_frtm.session.store.store import Store
    from napari_frtm.timeline import Timeline

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
    keyframes : Keyframes
        What the user has drawn.
    divisions : DivisionSearch
        Where objects may have divided, for the user to say.
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
        self.keyframes = Keyframes(self.edits)
        self.divisions = DivisionSearch(store)
        self._stale: set[int] = set()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.announce)
        self.edits.changed.connect(self._edited)
        self.keyframes.changed.connect(self._edited)
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

    @property
    def last_contrast(self) -> Contrast | None:
        """How the last run saw intensities; None if there was none, or it is not known."""
        try:
            return Contrast.of(self.runs[-1]["contrast"])
        except (IndexError, KeyError, TypeError, ValueError):
            return None

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
        self.keyframes.forget()
        self.divisions.use(store, denied_divisions(settings))
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

    def freeze(self, frames: Iterable[int], frozen: bool) -> None:
        """Accept frames, so that nothing overwrites them, or give them free again."""
        self.timeline.frozen[list(frames)] = frozen
        self.touch()

    def touch(self, *frames: int) -> None:
        """Show and save what has changed, a little later; the masks of these frames as well."""
        self._stale.update(frames)
        if not self._timer.isActive() and not self._closed:  # its folder may be another's by then
            self._timer.start(_ANNOUNCE)

    def deny_division(self, possible: PossibleDivision) -> None:
        """Do not offer a division any more, another time neither."""
        self.divisions.deny(possible)
        self.save_settings()

    def save_settings(self) -> None:
        """Save what the form says, and how the masks were made."""
        kept = {} if self.store.folder is None else self.store.folder.settings
        now = {"form": self.form, "runs": list(self.runs), "axes": asdict(self.source.axes)}
        if self.divisions.denied:
            now[DENIED] = sorted(map(astuple, self.divisions.denied))
        self.store.save_settings(kept | now)

    def close(self) -> None:
        """Save what is left to save, and let go of the folder."""
        self._closed = True
        self._timer.stop()
        self.divisions.cancel()
        self.store.close()

    def _edited(self, frames: tuple[int, ...]) -> None:
        self.touch(*frames)

    def announce(self) -> None:
        """Show and save what has changed, now."""
        stale, self._stale = self._stale, set()
        if stale:
            self.redrawn.emit(stale)
        self.store.save_timeline()
        self.changed.emit()
