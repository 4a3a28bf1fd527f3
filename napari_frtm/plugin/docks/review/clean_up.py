"""Box *Clean up* of the *Review* dock: preview and apply changes of many masks at once."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Semaphore
from typing import TYPE_CHECKING

import numpy as np
from napari.utils.notifications import show_error, show_warning
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_frtm.errors import FrtmError
from napari_frtm.plugin.run.worker import start_worker
from napari_frtm.plugin.view.preview import Preview
from napari_frtm.plugin.work.cleaning import AMOUNTS, CleanUp, Operation, cleaned, in_turn
from napari_frtm.plugin.work.workspace import open_sessions

if TYPE_CHECKING:
    from napari_frtm.plugin.run.worker import Worker
    from napari_frtm.plugin.work.history import Step
    from napari_frtm.plugin.work.session import Session
    from napari_frtm.types import Labels

_ALL, _ONE = "All", "Selected label"
_RANGE, _HERE = "In to Out", "This frame"


@dataclass(slots=True, eq=False)
class _Run:
    """A clean-up under way, and whose masks it changes; `free` while no frame waits for napari."""

    session: Session
    step: Step
    worker: Worker
    free: Semaphore
    failed: bool = False


class CleanUpBox(QWidget):  # type: ignore[misc]
    """Choose what to do, look at it, do it."""

    def __init__(self) -> None:
        super().__init__()
        self.operation = _combo(Operation, "What to do to each mask.")
        self.amount = QSpinBox()
        self.objects = _combo((_ALL, _ONE), "Which objects to clean up.")
        self.frames = _combo((_RANGE, _HERE), "Which frames to clean up.")
        self.keyframes = QCheckBox("Keyframes too")
        self.preview = QCheckBox("Preview")
        self.apply_button, self.cancel_button = QPushButton("Apply"), QPushButton("Cancel")
        self.bar = QProgressBar()
        self._session: Session | None = None
        self._outlines = Preview()
        self._run: _Run | None = None
        self._lay_out()
        self.operation.currentTextChanged.connect(self._offer_amount)
        for combo in (self.operation, self.objects):
            combo.currentTextChanged.connect(self.show_frame)
        for box in (self.preview, self.keyframes):
            box.toggled.connect(self.show_frame)
        self.amount.valueChanged.connect(self.show_frame)
        self.apply_button.clicked.connect(self.apply)
        self.cancel_button.clicked.connect(self.cancel)
        self._offer_amount()
        self._show_running(False)

    @property
    def clean_up(self) -> CleanUp:
        """What is chosen."""
        masks = None if self._session is None else self._session.masks
        ids = None
        if masks is not None and self.objects.currentText() == _ONE:
            ids = frozenset({int(masks.selected_label)})
        return CleanUp(
            operation=Operation(self.operation.currentText()),
            amount=self.amount.value(),
            object_ids=ids,
        )

    @property
    def running(self) -> bool:
        """Whether masks are being cleaned up."""
        return self._run is not None

    def set_session(self, session: Session | None) -> None:
        """Clean up the masks of another session."""
        if session is not self._session:
            self.stop()
            self._session = session
        self.setEnabled(session is not None)

    def show_frame(self) -> None:
        """Show the displayed frame as it would be; nothing without *Preview*."""
        session = self._session
        if session is None or session.masks is None or not self.preview.isChecked():
            self._outlines.remove()
            return
        here = session.current
        left_alone, filled = self._left_alone(session), session.timeline.filled
        ((_, clean),) = cleaned(
            self.clean_up, session.labels, range(here, here + 1), filled, left_alone
        )
        labels = session.labels(here) if clean is None else clean
        self._outlines.show(labels, session.masks, session.viewer.layers)

    def apply(self) -> None:
        """Clean up, in a thread; one step that can be undone."""
        session = self._session
        if session is None or self.running:
            return
        if obstacle := self._obstacle(session):
            show_warning(obstacle)
            return
        here = session.current
        frames = range(here, here + 1) if self.frames.currentText() == _HERE else session.span
        step = session.edits.begin(self.clean_up.operation)
        self.bar.setRange(0, len(frames))
        self.bar.setValue(0)
        self._show_running(True)
        free = Semaphore()
        worker = start_worker(
            in_turn,
            "the clean-up of masks (FRTM)",
            {"yielded": self._take, "errored": self._fail, "finished": self._finish},
            cleaned(
                self.clean_up,
                session.labels,
                frames,
                session.timeline.filled.copy(),
                self._left_alone(session),
            ),
            free,
        )
        self.destroyed.connect(worker.quit)
        self._run = _Run(session, step, worker, free)

    def stop(self) -> None:
        """Cancel, and take the preview away."""
        self.cancel()
        self.preview.setChecked(False)

    def cancel(self) -> None:
        """Stop; frames that are done stay so, and can be undone."""
        if self._run is not None:
            self._run.worker.quit()

    def _obstacle(self, session: Session) -> str:
        """Return why nothing can be cleaned up; empty if it can."""
        if session.masks is None:
            return f"'{session.video.name}' has no masks layer to clean up. Propagate masks first."
        if session.is_busy:
            return "Masks are still being changed. Try again in a moment."
        if self.clean_up.object_ids == frozenset({0}):
            return "The selected label, 0, is the background. Click an object in the table."
        return ""

    def _left_alone(self, session: Session) -> frozenset[int]:
        """Return the frames that the user has accepted or drawn."""
        drawn = frozenset() if self.keyframes.isChecked() else session.timeline.keyframes
        return frozenset(np.flatnonzero(session.timeline.frozen).tolist()) | drawn

    def _take(self, item: tuple[int, Labels | None]) -> None:
        frame, labels = item
        run = self._run
        self.bar.setValue(self.bar.value() + 1)
        if run is not None:
            QTimer.singleShot(0, run.free.release)  # after what else napari has to do
        if run is None or run.failed or labels is None or frame in self._left_alone(run.session):
            return  # the user may have drawn or accepted it since
        if not _is_open(run.session):
            self.cancel()
            return
        try:
            run.session.edits.change(run.step, frame, labels)
        except (FrtmError, OSError) as error:
            self.cancel()
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        if self._run is not None:
            self._run.failed = True
        show_error(f"The clean-up stopped: {error}")

    def _finish(self) -> None:
        """Come to rest; the worker's last signal, after an error too."""
        run, self._run = self._run, None
        if run is not None:
            run.session.edits.end(run.step)
            if _is_open(run.session):
                run.session.touch()
            self.destroyed.disconnect(run.worker.quit)
        self.preview.setChecked(False)
        self._show_running(False)

    def _offer_amount(self) -> None:
        amount = AMOUNTS[Operation(self.operation.currentText())]
        self.amount.setRange(amount.least, amount.most)
        self.amount.setValue(amount.usual)
        self.amount.setSuffix(amount.unit)
        self.amount.setToolTip(amount.meaning)
        self.amount.setEnabled(amount.least < amount.most)

    def _show_running(self, running: bool) -> None:
        self.apply_button.setEnabled(not running)
        self.cancel_button.setEnabled(running)
        self.bar.setVisible(running)

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("What", self.operation)
        form.addRow("Amount", self.amount)
        form.addRow("Objects", self.objects)
        form.addRow("Frames", self.frames)
        form.addRow(self.keyframes)
        self.keyframes.setToolTip("Clean up keyframes as well; frozen frames always stay.")
        self.preview.setToolTip("Show the outlines that the displayed frame would have.")
        row = QHBoxLayout()
        for widget in (self.preview, self.apply_button, self.cancel_button):
            row.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for inner in (form, row):
            layout.addLayout(inner)
        layout.addWidget(self.bar)


def _is_open(session: Session) -> bool:
    """Whether a session still goes on: its video may have been removed meanwhile."""
    return session in open_sessions(session.viewer)


def _combo(items: object, tip: str) -> QComboBox:
    box = QComboBox()
    box.addItems([str(item) for item in items])  # type: ignore[attr-defined]
    box.setToolTip(tip)
    return box
