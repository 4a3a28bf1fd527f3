"""Box *Objects* of the *Review* dock: swap, merge, renumber, split, delete, divide; parents."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari.utils.notifications import show_info, show_warning
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_frtm.errors import FrtmError
from napari_frtm.io.session.objects import SessionObject
from napari_frtm.plugin.view.clicked import OneClick
from napari_frtm.plugin.work.editing import Editing
from napari_frtm.plugin.work.object_work import describe_object, dividing, editing
from napari_frtm.session.edits.division import Division
from napari_frtm.session.edits.object_edits import (
    LARGEST_ID,
    ObjectEdit,
    Operation,
    free_id,
    piece_at,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_frtm.plugin.view.session_view import SessionView
    from napari_frtm.plugin.work.workspace import Workspace
    from napari_frtm.session.edits.division_search import PossibleDivision

_PARENT, _DIVIDE = "Parent", "Divide"
_ONWARD, _RANGE, _HERE = "From here on", "In to Out", "This frame"
_OTHER = {
    Operation.SWAP: ("with", "The object that it changes places with."),
    Operation.MERGE: ("into", "The object that it becomes a part of."),
    Operation.RENUMBER: ("to", "Its new number, which must be free."),
    Operation.SPLIT: ("as", "The number of the piece, which must be free."),
    Operation.DELETE: ("", "Nothing to set."),
    _DIVIDE: ("into", "A daughter: a free number, or an object that begins on this frame."),
    _PARENT: ("is", "The object that it came from by a division; 0 for none."),
}


class ObjectsBox(QWidget):  # type: ignore[misc]
    """Choose an object and what to do to it, on which frames."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self.operation = QComboBox()
        self.object_id, self.other, self.second = QSpinBox(), QSpinBox(), QSpinBox()
        self.frames = QComboBox()
        self.apply_button, self.stop_button = QPushButton("Apply"), QPushButton("Stop")
        self.note = QLabel()
        self.bar = QProgressBar()
        self._other_label, self._second_label = QLabel(), QLabel("and")
        self._workspace = workspace
        self._view: SessionView | None = None
        self._click: OneClick | None = None
        self._shown: Editing | None = None
        self._lay_out()
        self.operation.currentTextChanged.connect(self._offer)
        self.object_id.valueChanged.connect(self._offer)
        self.apply_button.clicked.connect(self.apply)
        self.stop_button.clicked.connect(self.stop)
        self._offer()

    def set_view(self, view: SessionView | None) -> None:
        """Change the objects of another session."""
        if view is not self._view:
            self._forget_click()
            self._view = view
        self.setEnabled(view is not None)
        busy = view is not None and view.session.edits.is_busy
        self._show_running()
        self.apply_button.setEnabled(not busy and self._click is None)
        self.stop_button.setEnabled(self._shown is not None or self._click is not None)
        self.note.setVisible(bool(self.note.text()))

    def choose(self, object_id: int) -> None:
        """Let an object be the one that is changed."""
        self.object_id.setValue(object_id)

    def apply(self) -> None:
        """Do what is chosen, as one step that can be undone; a split waits for a click."""
        if self._view is None:
            return
        try:
            if self.operation.currentText() == Operation.SPLIT:
                self._edit()  # refuses bad numbers before the click
                self._wait_for_click(self._view)
            elif self.operation.currentText() == _PARENT:
                self._set_parent(self._view)
            elif self.operation.currentText() == _DIVIDE:
                self._begin(dividing(self._view.session, self._division(self._view)))
            else:
                self._change(self._view, self._edit())
        except FrtmError as error:
            show_warning(str(error))

    def divide(self, possible: PossibleDivision) -> None:
        """Divide an object where it may have divided, into objects with free numbers."""
        if self._view is None:
            return
        session = self._view.session
        first = free_id(session.store)
        daughters = first, first + 1
        object_id, frame = possible.object_id, possible.frame
        try:
            division = Division(object_id=object_id, frame=frame, daughters=daughters)
            self._begin(dividing(session, division))
        except FrtmError as error:
            show_warning(str(error))

    def split_at(self, row: int, column: int) -> None:
        """Split off the connected piece at a pixel of the displayed frame."""
        self._forget_click()
        view = self._view
        if view is None:
            return
        try:
            labels = view.session.store.labels(view.current)
            piece = piece_at(labels, row, column)
            with_id = replace(self._edit(), object_id=int(labels[row, column]))
            self._change(view, with_id, piece)
        except FrtmError as error:
            show_warning(str(error))
        self.set_view(view)

    def stop(self) -> None:
        """Wait for no click any more; leave the frames that are not done as they are."""
        self._forget_click()
        if self._shown is not None:
            self._shown.cancel()
        self.set_view(self._view)

    def _edit(self) -> ObjectEdit:
        return ObjectEdit(
            operation=Operation(self.operation.currentText()),
            object_id=self.object_id.value(),
            other=self.other.value(),
        )

    def _division(self, view: SessionView) -> Division:
        return Division(
            object_id=self.object_id.value(),
            frame=view.current,
            daughters=(self.other.value(), self.second.value()),
        )

    def _change(
        self, view: SessionView, edit: ObjectEdit, piece: NDArray[np.bool_] | None = None
    ) -> None:
        session, here = view.session, view.current
        frames = {
            _ONWARD: range(here, session.source.size[0]),
            _RANGE: session.span,
            _HERE: range(here, here + 1),
        }[self.frames.currentText()]
        if edit.operation is Operation.SPLIT:  # the piece was found on this frame
            frames = range(here, max(frames.stop, here + 1))
        self._begin(editing(session, edit, frames, piece))

    def _begin(self, change: Editing) -> None:
        self._workspace.change(change)
        if change.frozen:
            show_info(
                f"{change.frozen} frozen frames are left alone. Unfreeze them to change them."
            )
        self.set_view(self._view)

    def _show_running(self) -> None:
        """Show the change of objects that is under way, whoever has started it."""
        under_way = self._workspace.changing
        before, self._shown = self._shown, under_way if isinstance(under_way, Editing) else None
        self.bar.setVisible(self._shown is not None)
        if self._shown is not None and self._shown is not before:
            self._shown.advanced.connect(self._advance)
            self.bar.setRange(0, self._shown.progress.total)
            self._advance()
        elif self._shown is None and before is not None:
            self.note.setText(before.outcome)

    def _advance(self) -> None:
        if self._shown is not None:
            progress = self._shown.progress
            self.bar.setValue(progress.done)
            text = "Stopping…" if self._shown.is_stopping else progress.text
            self.note.setText(f"{self._shown.name}: {text}")
            self.note.setVisible(True)

    def _set_parent(self, view: SessionView) -> None:
        session, object_id, parent = view.session, self.object_id.value(), self.other.value()
        for each in {object_id, parent} - {0}:
            if each not in session.timeline.object_ids:
                raise FrtmError(f"There is no object {each}.")
        known = session.store.objects.get(object_id, SessionObject())
        describe_object(session, object_id, replace(known, parent=parent or None))

    def _wait_for_click(self, view: SessionView) -> None:
        if view.masks is None:
            raise FrtmError("There is no masks layer to click on. Propagate masks first.")
        self._forget_click()
        self._click = OneClick(view, self.split_at)
        self.note.setText("Click on the piece in the picture.")
        self.set_view(view)

    def _forget_click(self) -> None:
        click, self._click = self._click, None
        if click is not None:
            click.forget()
        self.note.clear()

    def _offer(self) -> None:
        """Ask for what the operation takes; propose a free number, or the parent as it is."""
        what = self.operation.currentText()
        word, tip = _OTHER[what]
        self._other_label.setText(word)
        self.other.setToolTip(tip)
        self.other.setEnabled(bool(word))
        self.frames.setEnabled(what not in (_PARENT, _DIVIDE))
        for widget in (self.second, self._second_label):
            widget.setVisible(what == _DIVIDE)
        if self._view is None:
            return
        store = self._view.session.store
        if what in (Operation.RENUMBER, Operation.SPLIT, _DIVIDE):
            self.other.setValue(free_id(store))
            self.second.setValue(free_id(store) + 1)
        elif what == _PARENT:
            known = store.objects.get(self.object_id.value(), SessionObject())
            self.other.setValue(known.parent or 0)

    def _lay_out(self) -> None:
        self.operation.addItems([*map(str, Operation), _DIVIDE, _PARENT])
        for box in (self.operation, self.frames):
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
        self.operation.setToolTip("What to do to the object.")
        self.frames.addItems((_ONWARD, _RANGE, _HERE))
        self.frames.setToolTip("On which frames; a split follows the piece from this frame on.")
        self.object_id.setRange(1, LARGEST_ID)
        self.object_id.setToolTip("The object; click one in the table.")
        self.other.setRange(0, LARGEST_ID)
        self.second.setRange(1, LARGEST_ID)
        self.second.setToolTip("The other daughter. The object ends where they begin.")
        self.bar.setTextVisible(False)
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("What", self.operation)
        form.addRow("Object", self.object_id)
        form.addRow(self._other_label, self.other)
        form.addRow(self._second_label, self.second)
        form.addRow("Frames", self.frames)
        row = QHBoxLayout()
        row.addWidget(self.apply_button)
        row.addWidget(self.stop_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(form)
        layout.addLayout(row)
        layout.addWidget(self.bar)
        layout.addWidget(self.note)
        self.note.setWordWrap(True)
