"""Dock *Keys*: the keys, what they do, and where they do something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QLabel, QWidget

from napari_frtm.plugin.docks.scrolling import scrollable
from napari_frtm.plugin.keys import KEYS, Key, is_bound, obstacle

if TYPE_CHECKING:
    import napari.viewer
    from qtpy.QtGui import QEnterEvent, QShowEvent

_WORKING = "Click on the picture first: keys go to what was clicked last."
_WAITING = "The keys work while Propagate or Review is open."


class Keys(QWidget):  # type: ignore[misc]
    """The keys of this plugin.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where they are bound.

    Attributes
    ----------
    rows : dict of Key to tuple of QLabel
        The key, what it does, and where it does something else.
    """

    dock_name = "Keys"

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self.state = _label()
        self.rows = {key: (_label(key.name), _label(key.does), _label()) for key in KEYS}
        self._lay_out()
        self.look()

    def look(self) -> None:
        """Say which keys are bound now: the others are greyed."""
        working = any(is_bound(self._viewer, key) for key in KEYS)
        self.state.setText(_WORKING if working else _WAITING)
        for key in KEYS:
            self._look_at(key)

    def showEvent(self, event: QShowEvent) -> None:
        """Look again: docks may have been opened or closed meanwhile."""
        self.look()
        super().showEvent(event)

    def enterEvent(self, event: QEnterEvent) -> None:
        """Look again: docks may have been opened or closed meanwhile."""
        self.look()
        super().enterEvent(event)

    def _look_at(self, key: Key) -> None:
        name, does, note = self.rows[key]
        for label in (name, does):
            label.setEnabled(is_bound(self._viewer, key))
        note.setText(obstacle(self._viewer, key))
        note.setVisible(bool(note.text()))

    def _lay_out(self) -> None:
        layout = scrollable(self)
        grid = QGridLayout()
        layout.addLayout(grid)
        grid.setColumnStretch(1, 1)
        grid.addWidget(self.state, 0, 0, 1, 2)
        for row, (name, does, note) in enumerate(self.rows.values()):
            name.setStyleSheet("font-weight: bold")
            note.setStyleSheet("font-style: italic")
            name.setWordWrap(False)
            grid.addWidget(name, 2 * row + 1, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(does, 2 * row + 1, 1)
            grid.addWidget(note, 2 * row + 2, 1)
        grid.setRowStretch(grid.rowCount(), 1)
        layout.addStretch(1)


def _label(text: str = "") -> QLabel:
    label = QLabel(text)
    label.setWordWrap(True)
    return label
