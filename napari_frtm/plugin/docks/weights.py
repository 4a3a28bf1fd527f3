"""Dock *Weights*: the networks at hand, and what each preset makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QMessageBox,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_frtm.errors import CheckpointError, FrtmError
from napari_frtm.io.weights import library
from napari_frtm.plugin.delivery import NAMES, of_presets
from napari_frtm.plugin.run.preload import prepare_for_torch
from napari_frtm.plugin.run.worker import start_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    import napari.viewer
    from qtpy.QtGui import QEnterEvent

_COLUMNS = ("Name", "For preset", "Backbone", "Size", "From")
_FILES = "Weights (*.safetensors *.pth *.pt);;All files (*)"


class Row(NamedTuple):
    """A network, as the table shows it."""

    path: Path
    name: str
    preset: str
    backbone: str
    size: str
    source: str
    can_go: bool


class Weights(QWidget):  # type: ignore[misc]
    """Lists, imports, checks and removes segmentation networks.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Not used: weights belong to the user, not to a viewer.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.presets, self.status = QLabel(), QLabel()
        self.table = QTableWidget(0, len(_COLUMNS))
        self.import_button = QPushButton("Import…")
        self.verify_button = QPushButton("Verify")
        self.remove_button = QPushButton("Remove…")
        self.rows: list[Row] = []
        self._busy = False
        self._lay_out()
        self._describe()
        self.import_button.clicked.connect(self.choose_and_import)
        self.verify_button.clicked.connect(self.verify)
        self.remove_button.clicked.connect(self.remove)
        self.table.itemSelectionChanged.connect(self._offer)
        self.look()

    def look(self) -> None:
        """Show what there is now."""
        rows = [_row(path) for path in (*library.all_embedded(), *library.imported())]
        if rows != self.rows:
            self.rows = rows
            self.table.setRowCount(len(rows))
            for i, row in enumerate(rows):
                for j, text in enumerate(row[1:-1]):
                    item = QTableWidgetItem(text)
                    item.setToolTip(f"{row.path}\n{row.source}")
                    self.table.setItem(i, j, item)
        lines = [
            f"{'' if given.is_as_asked else '⚠ '}<b>{name}</b>: {given.text}"
            for name, given in of_presets().items()
        ]
        self.presets.setText("<br>".join(lines))
        self._offer()

    def choose_and_import(self) -> None:
        """Ask for a file, and import it."""
        name, _ = QFileDialog.getOpenFileName(self, "Import weights", str(Path.home()), _FILES)
        if name:
            self.import_file(Path(name))

    def import_file(self, path: Path) -> None:
        """Check a checkpoint and keep it, in a thread."""
        self._start(f"Reading {path.name}…", _importing, path)

    def verify(self) -> None:
        """Look at every value of the network that is selected; of all if none is."""
        chosen = self._selected()
        rows = self.rows if chosen is None else [chosen]
        self._start("Verifying…", _verifying, [row.path for row in rows])

    def remove(self) -> None:
        """Delete the network that is selected, if the user means it."""
        row = self._selected()
        if row is None or not row.can_go:
            return
        question = (
            f"Delete the imported weights '{row.name}'? Runs that used them stay as they are."
        )
        answer = QMessageBox.question(self, "Remove weights", question)
        if answer == QMessageBox.StandardButton.Yes:
            try:
                library.remove(row.name)
                self.status.setText(f"'{row.name}' was removed.")
            except FrtmError as error:
                self.status.setText(str(error))
            self.look()

    def enterEvent(self, event: QEnterEvent) -> None:
        """Look again: the command line may have changed them meanwhile."""
        self.look()
        super().enterEvent(event)

    def _start(
        self, text: str, work: Callable[..., Generator[str, None, None]], *args: object
    ) -> None:
        """Do something in a thread, and say what comes of it."""
        if self._busy:
            return
        self._busy = True
        self.status.setText(text)
        self._offer()
        connect = {"yielded": self.status.setText, "errored": self._fail, "finished": self._finish}
        start_worker(work, "work on weights (FRTM)", connect, *args)

    def _fail(self, error: Exception) -> None:
        text = str(error) if isinstance(error, FrtmError) else f"{type(error).__name__}: {error}"
        self.status.setText(f"⚠ {text}")

    def _finish(self) -> None:
        self._busy = False
        self.look()

    def _selected(self) -> Row | None:
        chosen = self.table.selectionModel().selectedRows()
        return self.rows[chosen[0].row()] if chosen else None

    def _offer(self) -> None:
        """Offer what can be done now."""
        row = self._selected()
        self.import_button.setEnabled(not self._busy)
        self.verify_button.setEnabled(not self._busy)
        self.verify_button.setText("Verify all" if row is None else "Verify")
        self.remove_button.setEnabled(not self._busy and row is not None and row.can_go)

    def _lay_out(self) -> None:
        table = self.table
        table.setHorizontalHeaderLabels(_COLUMNS)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.verticalHeader().hide()
        header = table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)
        buttons = QHBoxLayout()
        for button in (self.import_button, self.verify_button, self.remove_button):
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.addWidget(self.presets)
        layout.addWidget(table, 1)
        layout.addLayout(buttons)
        layout.addWidget(self.status)
        for label in (self.presets, self.status):
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)

    def _describe(self) -> None:
        self.import_button.setToolTip(
            "Check a checkpoint of this program or of the authors' release, and keep a copy. The "
            "newest import for a backbone is used by its preset, except by lite: choose it there "
            "under Advanced, Weights."
        )
        self.verify_button.setToolTip("Look at every value, and at the checksums.")
        self.remove_button.setToolTip("Delete imported weights. Those of the package stay.")


def _row(path: Path) -> Row:
    """Return what the table shows of a file."""
    size = f"{path.stat().st_size / 1e6:.1f} MB"
    own = path in library.all_embedded()
    try:
        listed = library.describe(path)
    except CheckpointError as error:
        return Row(path, path.stem, "-", "damaged", size, str(error), not own)
    source = "the package" if own else listed.facts.get(library.SOURCE, "elsewhere")
    fits = listed.name if own else library.preset_of(listed.backbone) or "-"
    backbone = NAMES.get(listed.backbone, listed.backbone)
    return Row(path, listed.name, fits, backbone, size, source, not own)


def _importing(path: Path) -> Generator[str, None, None]:
    """Import a file; yield what the user should know."""
    prepare_for_torch()
    from napari_frtm.io.weights.transfer import import_network

    new = import_network(path)
    backbone = library.describe(new).backbone
    fits = library.preset_of(backbone)
    use = f"The preset {fits} uses it from now on."
    if backbone in library.EMBEDDED:
        use = f"Choose it in Propagate: preset {fits}, Advanced, Weights."
    elif fits is None:
        use = f"No preset has its backbone, {NAMES.get(backbone, backbone)}."
    yield f"{path.name} is imported as '{new.stem}'. {use}"


def _verifying(paths: list[Path]) -> Generator[str, None, None]:
    """Look at files one after the other; yield what was found so far."""
    prepare_for_torch()
    from napari_frtm.io.weights.inspection import inspect

    lines = []
    for path in paths:
        try:
            found = inspect(path)
            changed = path in library.all_embedded() and found.sha256 != library.pinned(path)
            verdict = (
                "not as it was published: install napari-frtm again" if changed else "complete"
            )
            lines.append(f"{'⚠ ' * changed}{path.stem}: {verdict}, sha256 {found.sha256[:16]}…")
        except CheckpointError as error:
            lines.append(f"⚠ {error}")
        yield "\n".join(lines)
