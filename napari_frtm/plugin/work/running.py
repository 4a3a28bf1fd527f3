"""A run of *Propagate* under way: what is painted is read, then masks come, each in a thread."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_frtm.errors import FrtmError
from napari_frtm.plugin.run.job import Job
from napari_frtm.plugin.run.preload import prepare_for_torch, without_collection
from napari_frtm.plugin.run.prepare import prepare
from napari_frtm.plugin.run.progress import Progress
from napari_frtm.session.run.carry_out import NetworkCache, carry_out
from napari_frtm.session.run.provenance import is_same, provenance, runs_with
from napari_frtm.session.run.request import Started

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from napari_frtm.plugin.run.prepare import PaintedLayer, Prepared
    from napari_frtm.plugin.work.session import Session
    from napari_frtm.session.run.coverage import Scope
    from napari_frtm.session.run.request import Advanced, Request, Settings


class Run(QObject):  # type: ignore[misc]
    """Fills frames of a session with masks; one undoable step of it.

    Parameters
    ----------
    session : Session
        Whose masks it writes.
    settings : Settings
        What was asked for.
    scope : Scope
        How much of the range to fill.
    here : int
        The frame that was displayed.
    continues : bool
        Whether it goes on with a run that was broken off.
    folder : Path, optional
        Where to save the session; if there is a session of the video, it is taken up.
    layer : PaintedLayer, optional
        The user's layer, if there are frames on it that have to be read.
    imported : callable
        Told the painted frames that were found there.

    Attributes
    ----------
    started : Started or None
        What it does, once the network is loaded.
    progress : Progress or None
        How far it is.
    newest : int or None
        The frame written last.
    error : str
        What went wrong, for the user.
    stopping : bool
        Whether it was cancelled.
    changed, writing, ended : Signal
        It is further, paused or goes on; it is about to write; it is done or has stopped.
    taken_up : Signal
        The session goes on with earlier work.
    failed : Signal
        With what went wrong.
    """

    changed = Signal()
    taken_up = Signal()
    writing = Signal()
    failed = Signal(str)
    ended = Signal()

    def __init__(
        self,
        session: Session,
        settings: Settings,
        scope: Scope,
        here: int,
        *,
        continues: bool = False,
        folder: Path | None = None,
        layer: PaintedLayer | None = None,
        imported: Callable[[dict[int, Any]], None] = lambda painted: None,
    ) -> None:
        super().__init__()
        self.session = session
        self.started: Started | None = None
        self.progress: Progress | None = None
        self.newest: int | None = None
        self.error = ""
        self.stopping = False
        self._asked = settings, scope, here
        self._continues = continues
        self._folder, self._layer, self._imported = folder, layer, imported
        self._networks = NetworkCache()
        self._job = Job("reading what is painted (FRTM)")

    @property
    def is_paused(self) -> bool:
        """Whether it waits."""
        return self._job.is_paused

    @property
    def outcome(self) -> str:
        """How it ended, for the user."""
        if self.progress is None:
            return self.error or "Cancelled."
        count = f"{self.progress.done} of {self.progress.total} frames"
        if self.error:
            return f"Failed after {count}: {self.error}"
        return f"Cancelled after {count}." if self.stopping else f"Finished: {count}."

    def start(self, networks: NetworkCache, after: Job | None) -> None:
        """Begin, with networks that may be loaded already; after another job, if there is one."""
        self._networks = networks
        self._job.yielded.connect(self._take)
        self._job.failed.connect(self._fail)
        self._job.ended.connect(self._launch)
        self._read() if after is None else after.ended.connect(self._read)

    def pause(self) -> None:
        """Wait after the frames that are being computed."""
        self._job.pause()

    def resume(self) -> None:
        """Go on."""
        self._job.resume()
        if self.progress is not None:
            self.progress.restart()

    def cancel(self) -> None:
        """Stop after the frames that are being computed; finished frames stay."""
        self.stopping = True
        self._job.cancel()
        self.changed.emit()

    def _read(self) -> None:
        """Read what is painted, and earlier work; or begin to save."""
        source, store = self.session.source, self.session.store
        self._job.start(prepare, source, store, self._folder, create=True, layer=self._layer)

    def _take(self, prepared: Prepared) -> None:
        if prepared.store is not None:
            self.session.take_up(prepared.store)
            self.taken_up.emit()
        if self._layer is not None:
            self.session.keyframes.take(prepared.painted, self._layer.frames)
            self._imported(prepared.painted)

    def _launch(self) -> None:
        """Start the run itself, now that all is read."""
        if self.stopping or self.error:
            self._finish()
            return
        try:
            request = self.session.request(*self._asked)
            largest = max((int(v.max(initial=0)) for v in request.keyframes.values()), default=0)
            self.session.store.make_room(largest)  # here: painting goes on in the same array
            self.session.edits.begin("Propagate")
        except (FrtmError, OSError, MemoryError) as error:
            self._fail(str(error))
            self._finish()
            return
        self._job = Job("the propagation of masks (FRTM)")
        self._job.yielded.connect(self._receive)
        self._job.failed.connect(self._fail)
        self._job.paused.connect(self.changed)
        self._job.resumed.connect(self.changed)
        self._job.ended.connect(self._finish)
        self._job.start(_carried_out, request, self._networks, self._continues)

    def _receive(self, item: Started | Advanced) -> None:
        if self.stopping and self.started is None:
            return
        session = self.session
        if isinstance(item, Started):
            frames = item.coverage.frames
            self.started = item
            self.progress = Progress(item.total, item.done)
            session.edits.rename(f"Propagate {frames.start}-{frames.stop - 1}")
            run, last = provenance(item), session.runs[-1] if session.runs else None
            if not (self._continues and is_same(last, run)):
                session.runs[:] = runs_with(session.runs, run)  # layers refer to the list
            session.save_settings()
            self.writing.emit()
        elif self.progress is not None:
            self.progress.reach(item.done)
            for written in item.frames:
                session.edits.note(written)
                self.newest = written.index
            session.touch(*(written.index for written in item.frames))
        self.changed.emit()

    def _fail(self, text: str) -> None:
        self.error = text
        self.failed.emit(text)

    def _finish(self) -> None:
        """Come to rest; the last signal of the thread, after an error too."""
        self.session.edits.end()
        self.ended.emit()


def _carried_out(
    request: Request, networks: NetworkCache, continues: bool
) -> Generator[Started | Advanced, None, None]:
    with closing(carry_out(request, networks, continues=continues)) as steps:
        with without_collection():
            prepare_for_torch()
            started = next(steps)
        yield started
        yield from steps
