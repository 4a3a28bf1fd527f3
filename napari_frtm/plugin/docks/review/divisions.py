"""Box *Divisions* of the *Review* dock: where objects may have divided; each is for the user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QListWidget, QPushButton, QVBoxLayout, QWidget
from superqt.utils import signals_blocked

if TYPE_CHECKING:
    from napari_frtm.plugin.run.divisions import DivisionSearch
    from napari_frtm.plugin.view.session_view import SessionView
    from napari_frtm.session.edits.division_search import PossibleDivision

_SEARCH, _STOP = "Look for divisions", "Stop"
_ROWS = 5  # that the list is high


class DivisionsBox(QWidget):  # type: ignore[misc]
    """Lists possible divisions; a click goes there, and two buttons say what it is.

    Attributes
    ----------
    wanted, picked : Signal
        With the `PossibleDivision` that is one, or that is to be looked at.
    titled : Signal
        With what the box is called: how many there are.
    """

    wanted = Signal(object)
    picked = Signal(object)
    titled = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.list = QListWidget()
        self.divide_button, self.deny_button = QPushButton("Divide"), QPushButton("It did not")
        self.search_button = QPushButton(_SEARCH)
        self.note = QLabel()
        self._view: SessionView | None = None
        self._offered: list[PossibleDivision] = []
        self._lay_out()
        self.list.itemClicked.connect(self._pick)
        self.list.itemActivated.connect(self._pick)
        self.list.currentRowChanged.connect(self._enable)
        self.divide_button.clicked.connect(self._divide)
        self.deny_button.clicked.connect(self._deny)
        self.search_button.clicked.connect(self.search)

    def set_view(self, view: SessionView | None) -> None:
        """Show the divisions of a session; None for no session."""
        if view is not self._view:
            if self._search is not None:
                self._search.changed.disconnect(self._show)
            self._view = view
            if self._search is not None:
                self._search.changed.connect(self._show)
        self._show()

    def search(self) -> None:
        """Look for divisions in all masks, in a thread; or stop that."""
        if self._search is not None:
            self._search.cancel() if self._search.is_searching else self._search.start()

    @property
    def _search(self) -> DivisionSearch | None:
        return None if self._view is None else self._view.session.divisions

    @property
    def _chosen(self) -> PossibleDivision | None:
        row = self.list.currentRow()
        return self._offered[row] if 0 <= row < len(self._offered) else None

    def _show(self) -> None:
        search, chosen = self._search, self._chosen
        offered = [] if search is None else search.offered
        lines = [self._line(each) for each in offered]
        if lines != [self.list.item(row).text() for row in range(self.list.count())]:
            with signals_blocked(self.list):
                self.list.clear()
                self.list.addItems(lines)
                self.list.setCurrentRow(offered.index(chosen) if chosen in offered else -1)
        self._offered = offered
        self.list.setVisible(bool(offered))
        self.titled.emit(f"Divisions: {len(offered)} possible" if offered else "Divisions")
        searching = search is not None and search.is_searching
        self.search_button.setText(_STOP if searching else _SEARCH)
        progress = None if search is None else search.progress
        text = "" if progress is None else f"{progress.text} looked at."
        self.note.setText(text if offered or searching or not text else f"{text} None was found.")
        self.note.setVisible(bool(text))
        self._enable()

    def _line(self, each: PossibleDivision) -> str:
        assert self._view is not None
        known = self._view.session.store.objects.get(each.object_id)
        name = f" ({known.name})" if known is not None and known.name else ""
        return f"Object {each.object_id}{name} may have divided at frame {each.frame}"

    def _enable(self) -> None:
        for button in (self.divide_button, self.deny_button):
            button.setVisible(bool(self._offered))
            button.setEnabled(self._chosen is not None)

    def _pick(self) -> None:
        if self._chosen is not None:
            self.picked.emit(self._chosen)

    def _divide(self) -> None:
        if self._chosen is not None:
            self.wanted.emit(self._chosen)

    def _deny(self) -> None:
        if self._view is not None and self._chosen is not None:
            self._view.session.deny_division(self._chosen)

    def _lay_out(self) -> None:
        self.list.setToolTip("Click one to go there.")
        self.list.setMaximumHeight(_ROWS * (self.fontMetrics().height() + 6))
        self.divide_button.setToolTip(
            "Make two new objects of its pieces from that frame on, with it as their parent; a "
            "step that Undo takes back. Nothing is divided without it."
        )
        self.deny_button.setToolTip("Do not offer it again.")
        self.search_button.setToolTip(
            "Find objects that were one piece, then become two that stay apart. It is done by "
            "itself after a run with the preset cells."
        )
        row = QHBoxLayout()
        row.addWidget(self.divide_button)
        row.addWidget(self.deny_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.list)
        layout.addLayout(row)
        layout.addWidget(self.search_button)
        layout.addWidget(self.note)
        self.note.setWordWrap(True)
