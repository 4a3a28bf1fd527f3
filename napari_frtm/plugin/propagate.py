"""Dock widget *Propagate*: carry painted objects through a video."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari.utils.notifications import show_error, show_warning
from qtpy.QtCore import QEvent, QTimer
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_frtm.errors import FrtmError
from napari_frtm.plugin import layers
from napari_frtm.plugin.form import PropagateForm
from napari_frtm.plugin.progress import Progress
from napari_frtm.plugin.request import Plan, Request, carry_out
from napari_frtm.plugin.results import Results
from napari_frtm.plugin.worker import start_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import napari.viewer
    from napari.layers import Image, Labels, Layer
    from napari.utils.events import Event

    from napari_frtm.plugin.worker import Worker
    from napari_frtm.types import Prediction

logger = logging.getLogger(__name__)

_REFRESH = 100  # milliseconds between two updates of the canvas
_KINDS = {True: "refined masks", False: "coarse masks (target model only)"}
_DEVICES = {"cpu": "CPU", "cuda": "NVIDIA GPU", "mps": "Apple GPU"}


@dataclass(slots=True, eq=False)
class _Run:
    """A run under way, as the viewer sees it; results and progress come with its plan."""

    request: Request
    video: Image
    labels: Labels
    worker: Worker
    stopping: bool = False
    error: str = ""
    results: Results | None = None
    progress: Progress | None = None

    def needs(self, layer: Layer) -> bool:
        """Whether the run makes no sense without a layer."""
        masks = self.results.masks if self.results else None
        return layer in (self.video, self.labels, masks)


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
        self._run: _Run | None = None
        self.form = PropagateForm(viewer)
        self.start_button = QPushButton("Start")
        self.cancel_button = QPushButton("Cancel")
        self.bar = QProgressBar()
        self.progress_text = QLabel()
        self.status = QLabel()
        self._timer = QTimer(self)
        self._lay_out()
        self._connect()
        self._show_idle()
        self._show_ready()

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        return self._run is not None

    def start(self) -> None:
        """Start a run with what the form says; a message says why if it cannot be."""
        if self._run is not None:
            return
        video, labels = self.form.video.layer, self.form.labels.layer
        try:
            request = self._request(video, labels)
        except FrtmError as error:
            show_error(str(error))
            self.status.setText(str(error))
            return
        self._show_busy()
        connect: dict[str, Callable[..., None]] = {
            "yielded": self._receive,
            "errored": self._fail,
            "finished": self._finish,
        }
        worker = start_worker(carry_out, "the propagation of masks (FRTM)", connect, request)
        self.destroyed.connect(worker.quit)
        self._run = _Run(request, video, labels, worker)

    def cancel(self) -> None:
        """Stop after the frames that are being computed; finished frames stay."""
        if self._run is None:
            return
        self._run.stopping = True
        self._run.worker.quit()
        self.cancel_button.setEnabled(False)
        self.status.setText("Stopping after the current frames…")

    def changeEvent(self, event: QEvent) -> None:
        """Stop when the dock is closed: napari then takes the widget out of it."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.cancel()
        super().changeEvent(event)

    def _request(self, video: Image, labels: Labels) -> Request:
        if self.form.missing:
            raise FrtmError(self.form.missing)
        frames = layers.video_frames(video)
        layers.check_annotation(labels, frames, video.name)
        return Request(
            frames=frames,
            labels=labels.data,
            labels_name=labels.name,
            current=layers.displayed_frame(video, self._viewer.dims.point),
            contrast=layers.contrast_of(video),
            settings=self.form.settings,
        )

    def _receive(self, item: Plan | list[Prediction]) -> None:
        """Take what the worker has yielded."""
        run = self._run
        if run is None or (run.stopping and run.results is None):
            return
        try:
            self._begin(run, item) if isinstance(item, Plan) else self._store(run, item)
        except (FrtmError, OSError, MemoryError) as error:
            self.cancel()
            self._fail(error)

    def _begin(self, run: _Run, plan: Plan) -> None:
        run.results = Results(self._viewer, run.video, run.labels, run.request, plan)
        run.progress = Progress(plan.total)
        kind = _KINDS[plan.config.variant.refines]
        device = _DEVICES.get(plan.device.split(":")[0], plan.device)
        self.status.setText(f"{device}, {run.request.settings.preset}: {kind}")
        self.bar.setRange(0, plan.total)
        self.progress_text.setText("Learning the objects…")

    def _store(self, run: _Run, predictions: Sequence[Prediction]) -> None:
        if run.results is None or run.progress is None:
            return
        run.results.write(predictions)
        run.progress.advance(len(predictions))
        self.bar.setValue(run.progress.done)
        self.progress_text.setText(run.progress.text)
        if not self._timer.isActive():
            self._timer.start(_REFRESH)

    def _refresh(self) -> None:
        if self._run and self._run.results:
            self._run.results.refresh()

    def _fail(self, error: Exception) -> None:
        """Tell the user; at length in the status line, as napari's notifications are short."""
        text = str(error)
        if not isinstance(error, FrtmError):
            logger.error("Propagation failed.", exc_info=error)
            text = f"Something unexpected went wrong ({type(error).__name__}: {text})."
        show_error(text)
        if self._run is not None:
            self._run.error = text

    def _finish(self) -> None:
        """Come to rest; the worker's last signal, after an error too."""
        run = self._run
        self._timer.stop()
        if run is None:
            return
        self._refresh()
        self._run = None
        self.destroyed.disconnect(run.worker.quit)
        self._show_idle()
        self.status.setText(_outcome(run))

    def _layer_removed(self, event: Event) -> None:
        if self._run is not None and not self._run.stopping and self._run.needs(event.value):
            self.cancel()
            show_warning(f"'{event.value.name}' was removed, so its propagation was stopped.")

    def _show_busy(self) -> None:
        self.start_button.setEnabled(False)
        self.form.setEnabled(False)
        self.cancel_button.setEnabled(True)
        self.bar.setRange(0, 0)
        self.bar.show()
        self.progress_text.setText("Loading the network…")
        self.progress_text.show()
        self.status.clear()

    def _show_idle(self) -> None:
        self.form.setEnabled(True)
        self.start_button.setEnabled(True)
        self.cancel_button.setEnabled(False)
        self.bar.hide()
        self.progress_text.hide()

    def _show_ready(self) -> None:
        self.status.setText(self.form.missing)

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self.start_button)
        buttons.addWidget(self.cancel_button)
        layout = QVBoxLayout(self)
        layout.addWidget(self.form)
        layout.addLayout(buttons)
        for widget in (self.bar, self.progress_text, self.status):
            layout.addWidget(widget)
        layout.addStretch(1)
        self.bar.setTextVisible(False)
        self.progress_text.setWordWrap(True)
        self.status.setWordWrap(True)
        self.start_button.setToolTip("Learn the painted objects and find them in every frame.")
        self.cancel_button.setToolTip("Stop; the frames that are finished stay.")

    def _connect(self) -> None:
        self.start_button.clicked.connect(self.start)
        self.cancel_button.clicked.connect(self.cancel)
        self.form.changed.connect(self._show_ready)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._refresh)
        self._viewer.layers.events.removed.connect(self._layer_removed)


def _outcome(run: _Run) -> str:
    if run.progress is None:
        return run.error or "Cancelled."
    count = f"{run.progress.done} of {run.progress.total} frames"
    if run.error:
        return f"Failed after {count}: {run.error}"
    return f"Cancelled after {count}." if run.stopping else f"Finished: {count}."
