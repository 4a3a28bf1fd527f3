"""Box *Clean up* of the *Review* dock: preview and apply changes of many masks at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.utils.notifications import show_warning
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
from napari_frtm.plugin.view.preview import Preview
from napari_frtm.plugin.work.cleaning import Cleaning, frames_left_alone
from napari_frtm.session.edits.clean_up import AMOUNTS, CleanUp, Operation, cleaned

if TYPE_CHECKING:
    from napari_frtm.plugin.view.session_view import SessionView
    from napari_frtm.plugin.work.workspace import Workspace

_ALL, _ONE = "All", "Selected label"
_RANGE, _HERE = "In to Out", "This frame"


class CleanUpBox(QWidget):  # type: ignore[misc]
    """Choose what to do, look at it, do it."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self.operation = _combo(Operation, "What to do to each mask.")
        self.amount = QSpinBox()
        self.objects = _combo((_ALL, _ONE), "Which objects to clean up.")
        self.frames = _combo((_RANGE, _HERE), "Which frames to clean up.")
        self.keyframes = QCheckBox("Keyframes too")
        self.preview = QCheckBox("Preview")
        self.apply_button, self.cancel_button = QPushButton("Apply"), QPushButton("Cancel")
        self.bar = QProgressBar()
        self._workspace = workspace
        self._view: SessionView | None = None
        self._shown: Cleaning | None = None
        self._outlines = Preview("clean-up preview", contour=2)
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
        self.show_running()

    @property
    def clean_up(self) -> CleanUp:
        """What is chosen."""
        masks = None if self._view is None else self._view.masks
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
        return self._under_way is not None

    @property
    def _under_way(self) -> Cleaning | None:
        """The clean-up; not another change of masks."""
        changing = self._workspace.changing
        return changing if isinstance(changing, Cleaning) else None

    def set_view(self, view: SessionView | None) -> None:
        """Clean up the masks of another session."""
        if view is not self._view:
            self.preview.setChecked(False)
            self._view = view
        self.setEnabled(view is not None)

    def show_frame(self) -> None:
        """Show the displayed frame as it would be; nothing without *Preview*."""
        view = self._view
        if view is None or view.masks is None or not self.preview.isChecked():
            self._outlines.remove()
            return
        here, store = view.current, view.session.store
        left_alone = frames_left_alone(view.session, keyframes_too=self.keyframes.isChecked())
        ((_, clean),) = cleaned(
            self.clean_up, store.labels, range(here, here + 1), store.timeline.filled, left_alone
        )
        labels = store.labels(here) if clean is None else clean
        self._outlines.show(labels, view.masks, view.viewer.layers)

    def apply(self) -> None:
        """Clean up, in a thread; one step that can be undone."""
        view = self._view
        if view is None or self.running:
            return
        try:
            self._apply(view)
        except FrtmError as error:
            show_warning(str(error))

    def cancel(self) -> None:
        """Stop; frames that are done stay so, and can be undone."""
        if self._under_way is not None:
            self._under_way.cancel()

    def show_running(self) -> None:
        """Show the clean-up that is under way, whoever has started it."""
        before, self._shown = self._shown, self._under_way
        self.apply_button.setEnabled(not self.running)
        self.cancel_button.setEnabled(self.running)
        self.bar.setVisible(self.running)
        if self._shown is not None and self._shown is not before:
            self._shown.advanced.connect(self._advance)
            self.bar.setRange(0, self._shown.progress.total)
            self._advance()
        elif self._shown is None and before is not None:
            self.preview.setChecked(False)

    def _apply(self, view: SessionView) -> None:
        if view.masks is None:
            raise FrtmError(
                f"'{view.video.name}' has no masks layer to clean up. Propagate masks first."
            )
        if self.clean_up.object_ids == frozenset({0}):
            raise FrtmError(
                "The selected label, 0, is the background. Click an object in the table."
            )
        here = view.current
        only_here = self.frames.currentText() == _HERE
        frames = range(here, here + 1) if only_here else view.session.span
        cleaning = Cleaning(
            view.session, self.clean_up, frames, keyframes_too=self.keyframes.isChecked()
        )
        self._workspace.change(cleaning)
        self.show_running()

    def _advance(self) -> None:
        if self._under_way is not None:
            self.bar.setValue(self._under_way.progress.done)

    def _offer_amount(self) -> None:
        amount = AMOUNTS[Operation(self.operation.currentText())]
        self.amount.setRange(amount.least, amount.most)
        self.amount.setValue(amount.usual)
        self.amount.setSuffix(amount.unit)
        self.amount.setToolTip(amount.meaning)
        self.amount.setEnabled(amount.least < amount.most)

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


def _combo(items: object, tip: str) -> QComboBox:
    box = QComboBox()
    box.addItems([str(item) for item in items])  # type: ignore[attr-defined]
    box.setToolTip(tip)
    return box
