"""Box *Clean up* of the *Review* dock: preview and apply changes of many masks at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels
from napari.utils.notifications import show_error
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

from napari_frtm.plugin.cleaning import CleanUp, Operation, cleaned
from napari_frtm.plugin.result_layers import METADATA
from napari_frtm.plugin.worker import start_worker

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari_frtm.plugin.history import Step
    from napari_frtm.plugin.session import Session
    from napari_frtm.plugin.worker import Worker
    from napari_frtm.types import Labels as LabelImage

# smallest, largest, usual amount, unit, what it means
_AMOUNTS = {
    Operation.GROW: (-200, 200, 1, " px", "Pixels to grow by; negative numbers shrink."),
    Operation.FILL: (1, 10**8, 200, " px", "Area of the largest hole that is filled."),
    Operation.DROP: (1, 10**8, 50, " px", "Area of the smallest piece that is kept."),
    Operation.LARGEST: (0, 0, 0, "", "Nothing to set."),
    Operation.SMOOTH: (1, 20, 1, " frames", "Frames to either side that have a vote."),
}
_ALL, _ONE = "All", "Selected label"
_RANGE, _HERE = "In to Out", "This frame"


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
        self._layer: Labels | None = None
        self._worker: Worker | None = None
        self._step: Step | None = None
        self._lay_out()
        self.operation.currentTextChanged.connect(self._offer_amount)
        self.preview.toggled.connect(self.show_frame)
        for changed in (self.operation.currentTextChanged, self.objects.currentTextChanged):
            changed.connect(self.show_frame)
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
        return self._worker is not None

    def set_session(self, session: Session | None) -> None:
        """Clean up the masks of another session."""
        if session is not self._session:
            self.cancel()
            self.preview.setChecked(False)
            self._session = session
        self.setEnabled(session is not None)

    def show_frame(self) -> None:
        """Show the displayed frame as it would be; nothing without *Preview*."""
        session = self._session
        if session is None or session.masks is None or not self.preview.isChecked():
            self._remove_preview()
            return
        clean = self.clean_up
        around = range(
            max(0, session.current - clean.radius),
            min(session.timeline.length, session.current + clean.radius + 1),
        )
        window = [session.labels(frame) for frame in around]
        labels = clean.apply(window, session.current - around.start)
        if self._layer is None or self._layer not in session.viewer.layers:
            self._layer = self._preview_layer(session, labels)
        else:
            self._layer.data = labels

    def apply(self) -> None:
        """Clean up, in a thread; one step that can be undone."""
        session = self._session
        if session is None or session.masks is None or self.running:
            return
        here = range(session.current, session.current + 1)
        frames = session.span if self.frames.currentText() == _RANGE else here
        kept = set(np.flatnonzero(session.timeline.frozen).tolist())
        if not self.keyframes.isChecked():
            kept |= session.timeline.keyframes
        kept |= set(np.flatnonzero(~session.timeline.filled).tolist())
        self._step = session.edits.begin(self.clean_up.operation)
        self.bar.setRange(0, len(frames))
        self.bar.setValue(0)
        self._show_running(True)
        self._worker = start_worker(
            _carry_out,
            "cleaning up masks (FRTM)",
            {"yielded": self._take, "errored": self._fail, "finished": self._finish},
            self.clean_up,
            session,
            frames,
            frozenset(kept),
        )

    def cancel(self) -> None:
        """Stop; frames that are done stay so, and can be undone."""
        if self._worker is not None:
            self._worker.quit()

    def _take(self, item: tuple[int, LabelImage | None]) -> None:
        frame, labels = item
        if self._session is None or self._step is None:
            return
        self.bar.setValue(self.bar.value() + 1)
        if labels is not None:
            self._session.edits.change(self._step, frame, labels)

    def _fail(self, error: Exception) -> None:
        show_error(f"The clean-up stopped: {error}")

    def _finish(self) -> None:
        if self._session is not None and self._step is not None:
            self._session.edits.end(self._step)
        self._worker = self._step = None
        self.preview.setChecked(False)
        self._show_running(False)

    def _preview_layer(self, session: Session, labels: LabelImage) -> Labels:
        """Add a layer for the preview, as outlines over the displayed frame."""
        masks = session.masks
        assert masks is not None
        active = session.viewer.layers.selection.active
        layer = session.viewer.add_labels(
            labels,
            name="clean-up preview",
            colormap=masks.colormap,
            scale=masks.scale[-2:],
            translate=masks.translate[-2:],
            units=masks.units[-2:],
            metadata={METADATA: {"kind": "preview"}},
        )
        layer.contour = 2
        session.viewer.layers.selection.active = active
        return layer

    def _remove_preview(self) -> None:
        layer, self._layer = self._layer, None
        if layer is not None and self._session is not None:
            layers = self._session.viewer.layers
            if layer in layers:
                layers.remove(layer)

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
        layout.addLayout(form)
        layout.addLayout(row)
        layout.addWidget(self.bar)


def _carry_out(
    clean: CleanUp, session: Session, frames: range, kept: frozenset[int]
) -> Generator[tuple[int, LabelImage | None], None, None]:
    """Yield the cleaned frames, in a thread."""
    yield from cleaned(clean, session.labels, frames, kept)


def _combo(items: object, tip: str) -> QComboBox:
    box = QComboBox()
    box.addItems([str(item) for item in items])  # type: ignore[attr-defined]
    box.setToolTip(tip)
    return box
