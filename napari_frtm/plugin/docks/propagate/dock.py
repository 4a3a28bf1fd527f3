"""Dock widget *Propagate*: carry painted objects through a video."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.utils.notifications import show_error
from qtpy.QtWidgets import QPushButton, QWidget
from superqt.utils import signals_blocked

from napari_frtm.errors import FrtmError
from napari_frtm.plugin import keys
from napari_frtm.plugin.docks.propagate.form import PropagateForm, Way
from napari_frtm.plugin.docks.propagate.run_panel import RunPanel
from napari_frtm.plugin.docks.scrolling import scrollable
from napari_frtm.plugin.run.batch_process import Sent
from napari_frtm.plugin.source import layers
from napari_frtm.plugin.view.workspace_view import workspace_view
from napari_frtm.plugin.work.running import Run
from napari_frtm.session.run.coverage import Scope

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari.viewer
    from qtpy.QtCore import QEvent

    from napari_frtm.plugin.run.prepare import PaintedLayer
    from napari_frtm.plugin.view.session_view import SessionView
    from napari_frtm.types import Labels as LabelImage


class Propagate(QWidget):  # type: ignore[misc]
    """Follow the objects that are painted through a video; a view of the viewer's workspace.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where the video is, and where the masks appear.
    """

    dock_name = "Propagate"

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._view = workspace_view(viewer)
        self.workspace = self._view.workspace
        self.form = PropagateForm(viewer)
        self.new_masks_button = QPushButton("New masks layer")
        self.panel = RunPanel()
        self._shown: SessionView | None = None
        self._is_open = False
        self._hint = ""
        self._lay_out()
        self._connect()
        self._show_status()
        self._choose_video()
        keys.follow(viewer, self)

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        return self.workspace.run is not None

    @property
    def session_view(self) -> SessionView | None:
        """The session of the video chosen, as it is shown; None if it is no video."""
        return self._shown

    def start(self, scope: Scope = Scope.RANGE, *, continues: bool = False) -> None:
        """Start a run with what the form says; a message says why if it cannot be.

        If the form says so, that is the displayed frame alone, whatever the scope.
        """
        if self.running:
            return
        if self.form.way is Way.FRAME:
            scope = Scope.FRAME
        try:
            self._start(scope, continues)
        except FrtmError as error:
            show_error(str(error))
            self.panel.status.setText(str(error))

    def start_range(self) -> None:
        """Fill the frames from In to Out, or the displayed one if the form says so."""
        self.start()

    def start_here(self) -> None:
        """Compute again what depends on the displayed frame only."""
        self.start(Scope.FROM_HERE)

    def go_on(self) -> None:
        """Go on with a run that was broken off."""
        self.start(continues=True)

    def send(self) -> None:
        """Hand the video over to worker processes; a message says why if it cannot be."""
        try:
            self._send()
        except FrtmError as error:
            show_error(str(error))
            self.panel.status.setText(str(error))

    def new_masks(self) -> None:
        """Add a layer to paint the objects on, or select the one there is."""
        view = self._shown
        if view is None:
            show_error(self.form.missing or "Choose a video first.")
            return
        view.like = view.like or self.form.labels.layer
        view.new_masks()
        self.workspace.save(view.session)
        self._show_status()

    def changeEvent(self, event: QEvent) -> None:
        """Rest while the dock is closed: napari then takes the widget out of it."""
        if event.type() == event.Type.ParentChange:
            self._follow(self.parent() is not None)
        super().changeEvent(event)

    def _start(self, scope: Scope, continues: bool) -> None:
        form = self.form
        video, labels = form.video.layer, form.labels.layer
        if video is None:
            raise FrtmError(form.missing)
        view = self._view.open(video, form.axes.axes)
        session, here = view.session, view.current
        unread: PaintedLayer | None = None
        read: Callable[[dict[int, LabelImage]], None] = _ignore
        if labels is not None:
            layers.check_annotation(labels, session.source.frames, video.name)
            known = self._view.labels_input(session, labels)
            unread, read = known.unread(here), known.read
            view.like = view.like or labels
        elif not session.store.keyframes:
            raise FrtmError(form.missing)
        self._show_span()  # the keys may have set it just now
        session.form = form.state()
        run = Run(
            session,
            form.settings,
            scope,
            here,
            continues=continues,
            folder=form.folder.path,
            layer=unread,
            imported=read,
        )
        self.workspace.start(run)

    def _send(self) -> None:
        form, sending = self.form, self.workspace.sending
        sending.check()
        video, labels = form.video.layer, form.labels.layer
        if video is None:
            raise FrtmError(form.missing)
        view = self._view.open(video, form.axes.axes)
        session, settings = view.session, form.settings
        if labels is not None and self._view.labels_input(session, labels).unread(view.current):
            raise FrtmError(
                f"What is painted on '{labels.name}' was not read yet. Press Start, then Cancel; "
                "or paint on the masks layer."
            )
        if not session.store.keyframes:
            raise FrtmError(form.missing or "Paint the objects on one frame.")
        if form.way is Way.FRAME or settings.objects is not None:
            raise FrtmError(
                "A batch follows all objects through the whole range. Choose a direction, and "
                "leave the objects empty."
            )
        session.form = form.state()
        span, contrast = session.span, session.source.contrast
        folder = self._view.hand_over(view)
        sending.send(Sent(session=folder, settings=settings, span=span, contrast=contrast))
        self.panel.status.setText(f"'{video.name}' was sent. The dock Batch shows how far it is.")

    def _choose_video(self) -> None:
        """Let the video of the form be the current one; its work is taken up."""
        video = self.form.video.layer
        try:
            view = None if video is None else self._view.open(video, self.form.axes.axes)
        except FrtmError as error:
            view = None
            self.panel.status.setText(str(error))
        if view is None:
            self.workspace.choose(None)
        elif view is self._shown:
            self._show_folder(view)
        self._show_current()

    def _show_current(self) -> None:
        """Show the session that is the current one, with its settings."""
        view = self._view.current
        if view is not None and view is not self._shown:
            self._shown = view
            with signals_blocked(self.form), signals_blocked(self.form.frames):  # chosen elsewhere
                self.form.video.layer = view.video
                self.form.axes.axes = view.session.source.axes
            self._restore()
            self._show_status()
        elif view is None:
            self._shown = None
        self._look()

    def _restore(self) -> None:
        """Show the settings of the session, after its earlier work was taken up."""
        view = self._shown
        if view is None:
            return
        self._show_folder(view)
        with signals_blocked(self.form.frames):
            self.form.set_state(view.session.form)
        self._show_scores(self.form.scores.isChecked())
        self._show_span()

    def _show_folder(self, view: SessionView) -> None:
        folder = view.session.store.folder
        self.form.folder.path = view.session.source.folder if folder is None else folder.path

    def _taken_up(self, session: object) -> None:
        if self._shown is not None and session is self._shown.session:
            self._restore()
            self._look()

    def _look(self) -> None:
        """Show the run, or what has to be done before one."""
        run = self.workspace.run
        self.form.set_running(run is not None)
        if run is None:
            session = None if self._shown is None else self._shown.session
            self.panel.show_idle(unfinished=session is not None and session.has_unfinished_run)
            self._show_span()
        else:
            self.panel.show_run(run)
            self._follow_run()

    def _follow_run(self) -> None:
        run = self.workspace.run
        if run is None or run.newest is None:
            return
        view = self._view.view(run.session) if run.session in self.workspace.sessions else None
        if view is not None and self.form.follow.isChecked():
            view.go_to(run.newest)

    def _show_scores(self, shown: bool) -> None:
        if self._shown is not None:
            self._shown.show_scores(shown)

    def _show_span(self) -> None:
        """Show In and Out as they are in the session."""
        if self._shown is not None:
            session = self._shown.session
            if session.span != self.form.frames.span:
                whole = session.span == range(session.source.size[0])
                with signals_blocked(self.form.frames):
                    self.form.frames.span = session.span
                    self.form.frames.whole.setChecked(whole)

    def _share_span(self) -> None:
        """Let In and Out be those of the session."""
        view, form = self._shown, self.form
        if view is None or form.video.layer is not view.video:
            return  # another video is being chosen
        if form.axes.axes == view.session.source.axes:
            view.session.set_span(form.frames.span)

    def set_in(self) -> None:
        """Let the range begin at the displayed frame."""
        if self._shown is not None:
            self.form.frames.set_first(self._shown.current)

    def set_out(self) -> None:
        """Let the range end at the displayed frame."""
        if self._shown is not None:
            self.form.frames.set_last(self._shown.current)

    def toggle_pause(self) -> None:
        """Pause the run, or let it go on."""
        self.workspace.toggle_pause()

    def cancel(self) -> None:
        """Stop after the frames that are being computed; finished frames stay."""
        self.workspace.cancel()

    def _ended(self, outcome: str) -> None:
        self.panel.status.setText(outcome)

    def _show_status(self) -> None:
        """Say what the user has to do before a run, or where it starts from."""
        if self.running:
            return
        text = self.form.missing
        if self._shown is not None and self._shown.session.store.keyframes:
            frames = sorted(self._shown.session.store.keyframes)
            text = f"Starts from the keyframes {', '.join(map(str, frames[:8]))}."
        elif self._shown is not None and self.form.labels.layer is None:
            text = "Press New masks layer, and paint each object with its own label on one frame."
        self._hint = text
        self.panel.status.setText(text)

    def _session_changed(self) -> None:
        """Follow In and Out, and what is painted; how the last run ended stays until the next."""
        self._show_span()
        if self.panel.status.text() == self._hint:
            self._show_status()

    def _lay_out(self) -> None:
        self.new_masks_button.setToolTip(
            "Add a layer of the video's size and place to paint the objects on: the first masks, "
            "corrections and results are on it. It takes no memory before it is painted on."
        )
        layout = scrollable(self)
        for widget in (self.form, self.new_masks_button, self.panel):
            layout.addWidget(widget)
        layout.addStretch(1)

    def _connect(self) -> None:
        form, panel = self.form, self.panel
        self.new_masks_button.clicked.connect(self.new_masks)
        panel.start_button.clicked.connect(self.start_range)
        panel.here_button.clicked.connect(self.start_here)
        panel.continue_button.clicked.connect(self.go_on)
        panel.pause_button.clicked.connect(self.toggle_pause)
        panel.cancel_button.clicked.connect(self.cancel)
        panel.send_button.clicked.connect(self.send)
        form.changed.connect(self._show_status)
        form.video_changed.connect(self._choose_video)
        form.frames.changed.connect(self._share_span)
        form.frames.in_pressed.connect(self.set_in)
        form.frames.out_pressed.connect(self.set_out)
        form.scores.toggled.connect(self._show_scores)
        self._follow(True)

    def _follow(self, follows: bool) -> None:
        """Look at what changes from now on, or no longer."""
        if follows == self._is_open:
            return
        self._is_open = follows
        pairs = (
            (self.workspace.changed, self._show_current),
            (self.workspace.run_changed, self._look),
            (self.workspace.session_changed, self._session_changed),
            (self.workspace.taken_up, self._taken_up),
            (self.workspace.ended, self._ended),
        )
        for signal, slot in pairs:
            signal.connect(slot) if follows else signal.disconnect(slot)
        if follows:
            self._show_current()


def _ignore(painted: object) -> None:
    """Do without what was painted."""
