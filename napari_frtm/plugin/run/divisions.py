"""The search for objects that may have divided, in a thread; nothing is changed by it."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_frtm.plugin.run.job import Job
from napari_frtm.plugin.run.progress import Progress
from napari_frtm.session.edits.division_search import possible_divisions
from napari_frtm.session.edits.object_edits import first_frame

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari_frtm.session.edits.division_search import PossibleDivision
    from napari_frtm.session.store.store import Store

_PATIENCE = 0.1  # seconds between two words of how far it is


class DivisionSearch(QObject):  # type: ignore[misc]
    """Looks for divisions in the masks of a session, and knows which are none.

    Parameters
    ----------
    store : Store
        Of the session; it is only read.

    Attributes
    ----------
    denied : set of PossibleDivision
        Those that the user has said to be none.
    progress : Progress or None
        How far the search under way is, or how far the last one came; None before any.
    changed : Signal
        A search has begun, advanced or ended, or another division is offered or is not any more.
    failed : Signal
        With what went wrong, for the user.
    """

    changed = Signal()
    failed = Signal(str)

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.denied: set[PossibleDivision] = set()
        self.progress: Progress | None = None
        self._store = store
        self._found: list[PossibleDivision] = []
        self._job: Job | None = None
        self._again = False

    @property
    def is_searching(self) -> bool:
        """Whether masks are being read."""
        return self._job is not None

    @property
    def offered(self) -> list[PossibleDivision]:
        """What was found, in order of frames, as far as the object is still there on that frame."""
        there = [
            each
            for each in self._found
            if each not in self.denied
            and first_frame(self._store, each.object_id, range(each.frame, each.frame + 1))
            is not None
        ]
        return sorted(there, key=lambda each: (each.frame, each.object_id))

    def use(self, store: Store, denied: set[PossibleDivision]) -> None:
        """Search another store from now on; what was found is forgotten."""
        self.cancel()
        self._store, self.denied, self._found, self.progress = store, denied, [], None
        self.changed.emit()

    def start(self) -> None:
        """Search all frames that have masks, anew if a search is under way."""
        if self._job is not None:
            self._again = True
            self._job.cancel()
            return
        self._found = []
        frames = np.flatnonzero(self._store.timeline.filled).tolist()
        self.progress = Progress(len(frames))
        self._job = Job("the search for divisions (FRTM)")
        self._job.yielded.connect(self._take)
        self._job.failed.connect(self.failed)
        self._job.ended.connect(self._finish)
        self._job.start(_searched, self._store, frames, frozenset(self.denied))
        self.changed.emit()

    def cancel(self) -> None:
        """Stop after the frame that is being read; what was found stays."""
        self._again = False
        if self._job is not None:
            self._job.cancel()

    def deny(self, possible: PossibleDivision) -> None:
        """Do not offer a division any more."""
        self.denied.add(possible)
        self.changed.emit()

    def _take(self, item: tuple[int, list[PossibleDivision]]) -> None:
        done, found = item
        if self._job is not None and not self._job.stopping and self.progress is not None:
            self.progress.reach(done)
            self._found += found
            self.changed.emit()

    def _finish(self) -> None:
        self._job = None
        if self._again:
            self._again = False
            self.start()
        else:
            self.changed.emit()


def _searched(
    store: Store, frames: list[int], denied: frozenset[PossibleDivision]
) -> Generator[tuple[int, list[PossibleDivision]], None, None]:
    """Yield how many frames are done, and what was found since, every now and then."""
    since = monotonic()
    gathered: list[PossibleDivision] = []
    steps = possible_divisions(store.labels, frames, denied)
    for done, (_, found) in enumerate(steps, start=1):
        gathered += found
        if monotonic() - since > _PATIENCE or done == len(frames):
            yield done, gathered
            since, gathered = monotonic(), []
