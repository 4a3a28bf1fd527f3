"""What is being done in one viewer: its sessions, the current one, and the run under way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QThreadPool, Signal

from napari_frtm.errors import FrtmError
from napari_frtm.io.session.folder import is_session
from napari_frtm.plugin.run.job import Job
from napari_frtm.plugin.run.prepare import Prepared, prepare
from napari_frtm.plugin.work.sending import Sending
from napari_frtm.plugin.work.session import Session
from napari_frtm.plugin.work.sketching import Sketching
from napari_frtm.session.run.carry_out import NetworkCache
from napari_frtm.session.run.run_state import end_run
from napari_frtm.session.store.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from napari_frtm.plugin.source.video import VideoSource
    from napari_frtm.plugin.work.changing import Changing
    from napari_frtm.plugin.work.exporting import Exporting
    from napari_frtm.plugin.work.running import Run

_PATIENCE = 10_000  # milliseconds that a closing viewer waits for the frames being computed


class Workspace(QObject):  # type: ignore[misc]
    """The sessions of one viewer, and the run under way; knows neither viewer nor layers.

    Attributes
    ----------
    sessions : list of Session
        Those that have begun, in that order.
    current : Session or None
        The one that docks, commands and keys act on.
    run : Run or None
        The run under way, from the click on.
    changing : Changing or None
        The clean-up or change of objects under way.
    exporting : Exporting or None
        The export or measurement under way.
    sketching : Sketching
        Finds masks of single frames from strokes; what it finds is nobody's until it is accepted.
    sending : Sending
        Lets other processes work on sessions that were handed over.
    changed : Signal
        There are other sessions, or another one is current.
    session_changed : Signal
        Something of a session has changed; at most ten times a second.
    run_changed : Signal
        The run, a clean-up or an export has begun, advanced, paused, gone on or ended.
    started : Signal
        With the session, when a run is about to write to it.
    ended : Signal
        With how a run ended, in words.
    taken_up : Signal
        With the session whose earlier work was taken up.
    trouble : Signal
        With what went wrong, for the user.
    """

    changed = Signal()
    session_changed = Signal()
    run_changed = Signal()
    started = Signal(object)
    ended = Signal(str)
    taken_up = Signal(object)
    trouble = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.sessions: list[Session] = []
        self.current: Session | None = None
        self.run: Run | None = None
        self.changing: Changing | None = None
        self.exporting: Exporting | None = None
        self.sketching = Sketching()
        self.sketching.failed.connect(self.trouble)
        self.sending = Sending()
        self.sending.failed.connect(self.trouble)
        self._opening: dict[Session, Job] = {}
        self._next_folder: dict[Session, Path] = {}  # to save in, once that is done
        self._looked: set[Session] = set()  # sessions whose earlier work was looked for
        self._ending: list[Session] = []
        self._networks = NetworkCache()

    @property
    def is_busy(self) -> bool:
        """Whether a run is under way, from the click on, or masks are being changed."""
        return self.run is not None or any(session.edits.is_busy for session in self.sessions)

    @property
    def is_opening(self) -> bool:
        """Whether earlier work is being read."""
        return bool(self._opening)

    def find(self, source: VideoSource) -> Session | None:
        """Return the session of a video, with these axes, if one has begun."""
        wanted = source.layer_id, source.axes
        found = ((s.source.layer_id, s.source.axes) for s in self.sessions)
        return next((s for s, key in zip(self.sessions, found, strict=True) if key == wanted), None)

    def of_layer(self, layer_id: str) -> list[Session]:
        """Return the sessions of a layer: one for each channel or plane that was worked on."""
        return [session for session in self.sessions if session.source.layer_id == layer_id]

    def begin(self, source: VideoSource) -> Session:
        """Return a new session of a video, which is not announced before `session` asks for it."""
        session = Session(source, Store(source.size))
        session.edits.failed.connect(self.trouble)
        session.divisions.failed.connect(self.trouble)
        session.unsaved.connect(self._say_unsaved)
        session.changed.connect(self.session_changed)
        self.sessions.append(session)
        return session

    def session(self, source: VideoSource) -> Session:
        """Return the session of a video, which is the current one then; a new one if there is none.

        Earlier work that is saved where it belongs is read in a thread, and taken up.
        """
        session = self.find(source) or self.begin(source)
        session.source = source
        if session not in self._looked:
            self._looked.add(session)
            if source.folder is not None and is_session(source.folder):
                self._use_folder(session, source.folder, create=False)
        self.choose(session)
        return session

    def use_folder(self, session: Session, folder: Path) -> None:
        """Save a session in a folder from now on; earlier work on its video there is taken up."""
        self._use_folder(session, folder, create=True)

    def save(self, session: Session) -> None:
        """Save a session from now on where it belongs, if anywhere; it may have begun just now."""
        if session.source.folder is not None and session.store.folder is None:
            self._use_folder(session, session.source.folder, create=True)

    def choose(self, session: Session | None) -> None:
        """Let another session be the current one."""
        if session is not self.current:
            self.current = session
            self.changed.emit()

    def start(self, run: Run) -> None:
        """Start a run; what goes wrong comes as `trouble`.

        Raises
        ------
        FrtmError
            If another run is under way, or masks are being changed.
        """
        if self.run is not None:
            raise FrtmError("A run is under way. Wait until it is done, or cancel it.")
        if self.is_busy:
            raise FrtmError("Masks are still being changed. Try again in a moment.")
        self.run = run
        run.changed.connect(self.run_changed)
        run.taken_up.connect(self._run_taken_up)
        run.writing.connect(self._run_writes)
        run.failed.connect(self.trouble)
        run.ended.connect(self._run_ended)
        self.run_changed.emit()
        run.start(self._networks, self._opening.get(run.session))

    def toggle_pause(self) -> None:
        """Let the run wait after the frames that are being computed, or go on."""
        if self.run is not None:
            self.run.resume() if self.run.is_paused else self.run.pause()

    def change(self, changing: Changing) -> None:
        """Start a clean-up or a change of objects; what goes wrong comes as `trouble`.

        Raises
        ------
        FrtmError
            If a run is under way, or masks are being changed.
        """
        if self.is_busy:
            raise FrtmError("Masks are still being changed. Try again in a moment.")
        changing.failed.connect(self.trouble)
        changing.ended.connect(self._changed)
        changing.start()
        self.changing = changing
        self.run_changed.emit()

    def export(self, exporting: Exporting) -> None:
        """Start an export or a measurement; what goes wrong comes as `trouble`.

        Raises
        ------
        FrtmError
            If another one is under way.
        """
        if self.exporting is not None:
            raise FrtmError("Another export is under way. Wait until it is done, or cancel it.")
        self.exporting = exporting
        exporting.failed.connect(self.trouble)
        exporting.ended.connect(self._exported)
        exporting.start()
        self.run_changed.emit()

    def cancel(self) -> None:
        """Stop the run after the frames that are being computed; finished frames stay."""
        if self.run is not None:
            self.run.cancel()

    def end(self, session: Session) -> None:
        """End a session: its video is gone. Its run is stopped, and can go on another time."""
        if session not in self.sessions:
            return
        self.sessions.remove(session)
        self._looked.discard(session)
        if self.current is session:
            self.current = self.sessions[-1] if self.sessions else None
        if (opening := self._opening.pop(session, None)) is not None:
            opening.cancel()
        if self.changing is not None and self.changing.session is session:
            self.changing.cancel()
        if self.exporting is not None and self.exporting.session is session:
            self.exporting.cancel()
        writing = (self.run, self.changing)
        if any(work is not None and work.session is session for work in writing):
            self._ending.append(session)  # closed when its thread has let go of it
        else:
            session.close()
        if self.run is not None and self.run.session is session:
            self.cancel()
        self.changed.emit()

    def close(self) -> None:
        """End everything; waits for the frames that are being computed."""
        under_way = self.run, self.changing, self.exporting
        running = self._opening or any(work is not None for work in under_way)
        running = running or self.sketching.is_working or self.sending.is_running
        running = running or any(session.divisions.is_searching for session in self.sessions)
        self.sending.close()
        self.sketching.forget()
        if self.exporting is not None:
            self.exporting.cancel()
        for session in list(self.sessions):
            self.end(session)
        if running:
            QThreadPool.globalInstance().waitForDone(_PATIENCE)
        for session in self._ending:
            session.close()
        self._ending.clear()

    def _use_folder(self, session: Session, folder: Path, *, create: bool) -> None:
        """Read earlier work in a thread, or begin to save; one after the other."""
        if session in self._opening:
            self._next_folder[session] = folder
            return
        job = Job("reading earlier work (FRTM)")
        self._opening[session] = job

        def take(prepared: Prepared) -> None:
            if prepared.store is None:
                return
            if session not in self.sessions or session.has_work:
                prepared.store.close()
                return
            session.take_up(prepared.store)
            self.taken_up.emit(session)

        def finish() -> None:
            self._opening.pop(session, None)
            following = self._next_folder.pop(session, None)
            if following is not None and session in self.sessions:
                self._use_folder(session, following, create=True)
            self.changed.emit()

        job.yielded.connect(take)
        job.failed.connect(self.trouble)
        job.ended.connect(finish)
        job.start(prepare, session.source, session.store, folder, create=create)

    def _changed(self) -> None:
        changing, self.changing = self.changing, None
        if changing is not None:
            self._close_if_ending(changing.session)
        self.run_changed.emit()

    def _exported(self) -> None:
        self.exporting = None
        self.run_changed.emit()

    def _run_taken_up(self) -> None:
        if self.run is not None:
            self.taken_up.emit(self.run.session)

    def _run_writes(self) -> None:
        if self.run is not None:
            self.started.emit(self.run.session)

    def _run_ended(self) -> None:
        run, self.run = self.run, None
        if run is None:
            return
        if not self._close_if_ending(run.session):
            if run.stopping:
                end_run(run.session.store)
            run.session.announce()
            if run.started is not None and run.started.settings.preset == "cells":
                run.session.divisions.start()
        self.run_changed.emit()
        self.ended.emit(run.outcome)

    def _close_if_ending(self, session: Session) -> bool:
        """Close a session whose video is gone, now that no thread writes to it; return whether."""
        if session not in self._ending:
            return False
        self._ending.remove(session)
        session.close()
        return True

    def _say_unsaved(self, reason: str) -> None:
        if reason:
            self.trouble.emit(f"Your work cannot be saved now, but is still here: {reason}")
