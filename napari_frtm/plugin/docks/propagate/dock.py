"""Dock widget *Propagate*: carry painted objects through a video."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_frtm.errors import FrtmError
from napari_frtm.plugin import keys
from napari_frtm.plugin.docks.propagate.form import PropagateForm, Way
from napari_frtm.plugin.docks.propagate.run_panel import RunPanel
from napari_frtm.plugin.run.job import Runner
from napari_frtm.plugin.run.plan import Reach
from napari_frtm.plugin.run.request import Request
from napari_frtm.plugin.source import layers
from napari_frtm.plugin.work.workspace import save_in, watch

if TYPE_CHECKING:
    import napari.viewer
    from napari.utils.events import Event

    from napari_frtm.plugin.work.session import Session


class Propagate(QWidget):  # type: ignore[misc]
    """Follow the objects of a Labels layer through a video.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where the video is, and where the masks appear.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self.sessions = watch(viewer)
        self.runner = Runner(self)
        self.form = PropagateForm(viewer)
        self.panel = RunPanel()
        self._lay_out()
        self._connect()
        self._show_video()
        keys.follow(viewer, self)

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        return self.runner.run is not None

    @property
    def session(self) -> Session | None:
        """The session of the video chosen, if one has begun."""
        return self.sessions.find(self.form.video.layer)

    def start(self, reach: Reach = Reach.RANGE, *, continues: bool = False) -> None:
        """Start a run with what the form says; a message says why if it cannot be."""
        if self.running:
            return
        try:
            request = self._request(reach, continues)
        except FrtmError as error:
            show_error(str(error))
            self.panel.status.setText(str(error))
            return
        self.form.setEnabled(False)
        self.panel.show_busy()
        video, labels = self.form.video.layer, self.form.labels.layer
        self.runner.start(request, (video, None if request.labels is None else labels))

    def start_range(self) -> None:
        """Fill the frames from In to Out, or the displayed one if the form says so."""
        self.start()

    def start_here(self) -> None:
        """Compute again what depends on the displayed frame only."""
        self.start(Reach.FROM_HERE)

    def toggle_pause(self) -> None:
        """Pause the run, or go on with it."""
        if not self.running:
            return
        if self.runner.is_paused:
            self.runner.resume()
        else:
            self.runner.pause()
            self.panel.show_pausing()

    def cancel(self) -> None:
        """Stop after the frames that are being computed; finished frames stay."""
        if not self.running:
            return
        self.runner.cancel()
        self.panel.show_stopping()

    def set_in(self) -> None:
        """Let the range begin at the displayed frame."""
        self.form.frames.set_first(self._displayed())

    def set_out(self) -> None:
        """Let the range end at the displayed frame."""
        self.form.frames.set_last(self._displayed())

    def changeEvent(self, event: QEvent) -> None:
        """Stop when the dock is closed: napari then takes the widget out of it."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.cancel()
        super().changeEvent(event)

    def _request(self, reach: Reach, continues: bool) -> Request:
        form = self.form
        video, labels = form.video.layer, form.labels.layer
        if video is None:
            raise FrtmError(form.missing)
        frames = layers.video_frames(video, form.axes.axes)
        if labels is not None:
            layers.check_annotation(labels, frames, video.name)
        settings = form.settings
        session = self.sessions.of(video, frames.axes)
        if labels is None and not session.keyframes:
            raise FrtmError(form.missing)
        if session.is_busy:
            raise FrtmError("Masks are still being changed. Try again in a moment.")
        if form.folder.path is not None:
            save_in(session, form.folder.path)
        session.span = settings.span
        session.layers.like = session.layers.like or labels
        return Request(
            session=session,
            labels=None if labels is None else labels.data,
            labels_name="" if labels is None else labels.name,
            here=session.current,
            reach=Reach.FRAME if reach is Reach.RANGE and form.way is Way.FRAME else reach,
            contrast=layers.contrast_of(video, frames.axes),
            settings=settings,
            continues=continues,
        )

    def _displayed(self) -> int:
        video = self.form.video.layer
        if video is None:
            return 0
        return layers.displayed_frame(video, self._viewer.dims.point, self.form.axes.axes)

    def _show_plan(self) -> None:
        run = self.runner.run
        if run is None or run.plan is None:
            return
        self.panel.show_plan(run)
        runs = run.session.layers.runs
        axes = asdict(run.session.axes)
        run.session.saver.settings({"form": self.form.state(), "runs": runs, "axes": axes})
        if not run.plan.course.annotated and run.request.reach is Reach.RANGE:
            show_info(
                "No frame of this range is painted; the masks come from painted frames outside."
            )

    def _show_progress(self) -> None:
        run = self.runner.run
        if run is None:
            return
        self.panel.show_progress(run)
        if run.session.layers.scores is not None and self.form.scores.isChecked():
            run.session.layers.scores.visible = True
        if self.form.follow.isChecked() and run.newest is not None:
            run.session.go_to(run.newest)

    def _show_paused(self) -> None:
        if self.runner.run is not None:
            self.panel.show_paused(self.runner.run)

    def _show_end(self, outcome: str) -> None:
        self.form.setEnabled(True)
        self.panel.show_idle(unfinished=self._is_unfinished())
        self.panel.status.setText(outcome)

    def _layer_removed(self, event: Event) -> None:
        run = self.runner.run
        if run is None or run.stopping:
            return
        if event.value in run.needed or run.session.layers.owns(event.value):
            self.cancel()
            show_warning(f"'{event.value.name}' was removed, so its propagation was stopped.")

    def _show_video(self) -> None:
        """Take up earlier work on the video chosen, and its settings."""
        video = self.form.video.layer
        session = None if video is None else self.sessions.resume(video)
        folder = None if session is None else session.results.folder
        if session is not None and folder is not None:
            self.form.folder.path = folder.path
            self.form.axes.axes = session.axes
            self.form.set_state(folder.settings.get("form", {}))
        self._show_missing()
        self.panel.show_idle(unfinished=self._is_unfinished())

    def _is_unfinished(self) -> bool:
        """Whether a run on this video was broken off."""
        folder = self.session.results.folder if self.session is not None else None
        return folder is not None and folder.has_run

    def _share_range(self) -> None:
        """Let the other docks know In and Out."""
        if self.session is not None and not self.running:
            self.session.span = self.form.frames.span
            self.session.touch()

    def _show_missing(self) -> None:
        """Say what the user has to do before a run, or where it starts from."""
        if self.running:
            return
        text = self.form.missing
        if self.session is not None and self.session.keyframes and self.form.labels.layer is None:
            frames = ", ".join(map(str, sorted(self.session.keyframes)[:8]))
            text = f"Starts from the keyframes of this session: {frames}."
        self.panel.status.setText(text)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.addWidget(self.form)
        layout.addWidget(self.panel)
        layout.addStretch(1)

    def _connect(self) -> None:
        panel = self.panel
        panel.start_button.clicked.connect(self.start_range)
        panel.here_button.clicked.connect(self.start_here)
        panel.continue_button.clicked.connect(lambda: self.start(continues=True))
        panel.pause_button.clicked.connect(self.toggle_pause)
        panel.cancel_button.clicked.connect(self.cancel)
        self.form.changed.connect(self._show_missing)
        self.form.video_changed.connect(self._show_video)
        for box in (self.form.frames.first, self.form.frames.last):
            box.valueChanged.connect(self._share_range)
        self.form.frames.in_pressed.connect(self.set_in)
        self.form.frames.out_pressed.connect(self.set_out)
        self.runner.planned.connect(self._show_plan)
        self.runner.advanced.connect(self._show_progress)
        self.runner.paused.connect(self._show_paused)
        self.runner.resumed.connect(panel.show_resumed)
        self.runner.ended.connect(self._show_end)
        self._viewer.layers.events.removed.connect(self._layer_removed)
