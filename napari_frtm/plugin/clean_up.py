"""Box *Clean up* of the *Review* dock: preview and apply changes of many masks at once."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Semaphore
from typing import TYPE_CHECKING

import numpy as np
from napari.utils.notifications import show_error
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
from napari_frtm.plugin.cleaning import CleanUp, Operation, cleaned
from napari_frtm.plugin.preview import Preview
from napari_frtm.plugin.worker import start_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from numpy.typing import NDArray

    from napari_frtm.plugin.history import Step
    from napari_frtm.plugin.session import Session
    from napari_frtm.plugin.worker import Worker
    from napari_frtm.types import Labels

# smallest, largest, usual amount, unit, what it means
_AMOUNTS = {
    Operation.GROW: (-200, 200, 1, " px", "Pixels to grow by; negative numbers shrink."),
    Operation.FILL: (1, 10**8, 200, " px", "Area of the largest hole that is filled."),
    Operation.DROP: (1, 10**8, 50, " px", "Area of the smallest piece that is kept."),
    Operation.LARGEST: (0, 0, 0, "", "Nothing to set."),
    Operation.SMOOTH: (1, 20, 1, " frames", "Frames to either side that have a vote."),
}
_ALL, _ONE = "All", "Selected label"
_PATIENCE = 5  # seconds that a frame waits to be taken
_RANGE, _HERE = "In to Out", "This frame"


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """A clean-up under way, and whose masks it changes; `free` while no frame waits for napari."""

    session: Session
    step: Step
    worker: Worker
    free: Semaphore


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
        if session is None or session.masks is None or self.running:
            return
        here = session.current
        whole = self.frames.currentText() == _RANGE
        frames = session.span if whole else range(here, here + 1)
        step = session.edits.begin(self.clean_up.operation)
        self.bar.setRange(0, len(frames))
        self.bar.reset()
        self._show_running(True)
        free = Semaphore()
        worker = start_worker(
            _in_turn,
            "the clean-up of masks (FRTM)",
            {"yielded": self._take, "errored": self._fail, "finished": self._finish},
            free,
            self.clean_up,
            session.labels,
            frames,
            session.timeline.filled.copy(),
            self._left_alone(session),
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
        if run is None or labels is None or frame in self._left_alone(run.session):
            return  # the user may have drawn or accepted it since
        try:
            run.session.edits.change(run.step, frame, labels)
        except FrtmError as error:
            self.cancel()
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        show_error(f"The clean-up stopped: {error}")

    def _finish(self) -> None:
        """Come to rest; the worker's last signal, after an error too."""
        run, self._run = self._run, None
        if run is not None:
            run.session.edits.end(run.step)
            run.session.touch()
            self.destroyed.disconnect(run.worker.quit)
        self.preview.setChecked(False)
        self._show_running(False)

    def _offer_amount(self) -> None:
        operation = Operation(self.operation.currentText())
        low, high, usual, unit, tip = _AMOUNTS[operation]
        self.amount.setRange(low, high)
        self.amount.setValue(usual)
        self.amount.setSuffix(unit)
        self.amount.setToolTip(tip)
        self.amount.setEnabled(operation is not Operation.LARGEST)

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


def _in_turn(
    free: Semaphore,
    clean: CleanUp,
    read: Callable[[int], Labels],
    frames: range,
    filled: NDArray[np.bool_],
    left_alone: frozenset[int],
) -> Generator[tuple[int, Labels | None], None, None]:
    """Yield cleaned frames, each when the one before has been taken, so that none pile up."""
    for item in cleaned(clean, read, frames, filled, left_alone):
        free.acquire(timeout=_PATIENCE)
        yield item


def _combo(items: object, tip: str) -> QComboBox:
    box = QComboBox()
    box.addItems([str(item) for item in items])  # type: ignore[attr-defined]
    box.setToolTip(tip)
    return box
