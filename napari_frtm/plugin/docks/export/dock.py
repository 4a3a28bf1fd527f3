"""Dock widget *Export*: take masks, mattes, movies and tables to other programs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari.utils.notifications import show_warning
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QGridLayout, QLabel, QProgressBar, QPushButton, QWidget
from superqt import QCollapsible

from napari_frtm.errors import FrtmError
from napari_frtm.io.export.export import check, export
from napari_frtm.plugin.docks.export.form import ExportForm
from napari_frtm.plugin.docks.export.masks import Masks
from napari_frtm.plugin.docks.export.measured import tables
from napari_frtm.plugin.docks.export.measuring import Measuring, Tracking
from napari_frtm.plugin.docks.export.source_combo import SourceCombo
from napari_frtm.plugin.docks.export.table_box import TableBox
from napari_frtm.plugin.docks.scrolling import scrollable
from napari_frtm.plugin.view.workspace_view import workspace_view
from napari_frtm.plugin.work.exporting import Exporting

if TYPE_CHECKING:
    import napari.viewer

_EMPTY = "Nothing to export yet: propagate or paint masks, or add a Labels layer."


class Export(QWidget):  # type: ignore[misc]
    """Choose masks, a format and a place; measure.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose masks are exported.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self._view = workspace_view(viewer)
        self._tables = tables(viewer)
        self.workspace = self._view.workspace
        self.source = SourceCombo(viewer, self._view)
        self.form = ExportForm()
        self.export_button, self.cancel_button = QPushButton("Export"), QPushButton("Cancel")
        self.bar = QProgressBar()
        self.status = QLabel()
        self.table = TableBox()
        self.table_fold = QCollapsible("Measurements", expandedIcon="▾", collapsedIcon="▸")
        self._shown: Exporting | None = None
        self._masks: Masks | None = None
        self._follows = False
        self._lay_out()
        self._connect()
        self._choose()

    def changeEvent(self, event: QEvent) -> None:
        """Rest while the dock is closed: napari then takes the widget out of it."""
        if event.type() == QEvent.Type.ParentChange:
            self._follow(self.parent() is not None)
        super().changeEvent(event)

    def start(self) -> None:
        """Export what is chosen, in a thread; say what is in the way."""
        try:
            masks = self._chosen()
            settings = self.form.settings(masks.span)
            source = masks.source()
            check(source, settings)
            name = f"Export to {settings.destination}"
            self.workspace.export(Exporting(name, partial(export, source, settings), masks.session))
        except FrtmError as error:
            show_warning(str(error))

    def measure(self) -> None:
        """Measure all objects, for the features of the layer."""
        try:
            masks = self._chosen()
            layer, span = masks.labels(), self._measured(masks)
            measuring = Measuring(layer, masks.source(), span, self._tables, masks.session)
            self.workspace.export(measuring)
        except FrtmError as error:
            show_warning(str(error))

    def track(self) -> None:
        """Measure all objects, and add their centroids as a Tracks layer."""
        try:
            masks = self._chosen()
            layer, span = masks.labels(), self._measured(masks)
            tracking = Tracking(
                self._viewer,
                masks.axes,
                layer,
                masks.source(),
                span,
                self._tables,
                masks.session,
            )
            self.workspace.export(tracking)
        except FrtmError as error:
            show_warning(str(error))

    def cancel(self) -> None:
        """Stop; files that are complete stay, others do not appear."""
        if self.workspace.exporting is not None:
            self.workspace.exporting.cancel()
            self._advance()

    def look(self) -> None:
        """Show everything as it is now."""
        self.source.look()
        masks = self._masks
        if masks is not None:
            self.form.propose(masks.folder, masks.name, soft=masks.are_soft, size=masks.size)
        self._show_running()

    def _choose(self) -> None:
        """Turn to other masks."""
        choice = self.source.choice
        self._masks = None if choice is None else Masks.of(choice, self._view)
        for widget in (self.form, self.export_button, self.table_fold):
            widget.setEnabled(choice is not None)
        self.look()

    def _chosen(self) -> Masks:
        if self._masks is None:
            raise FrtmError(_EMPTY)
        return self._masks

    def _measured(self, masks: Masks) -> range:
        return self.form.span(masks.span) or range(masks.length)

    def _show_running(self) -> None:
        """Show the export that is under way, whoever has started it."""
        before, self._shown = self._shown, self.workspace.exporting
        running = self._shown is not None
        ready = not running and self._masks is not None
        for button in (
            self.export_button,
            self.table.measure_button,
            self.table.tracks_button,
        ):
            button.setEnabled(ready)
        self.cancel_button.setEnabled(running)
        self.bar.setVisible(running)
        if self._shown is not None and self._shown is not before:
            self._shown.advanced.connect(self._advance)
            self.bar.setRange(0, 0)
            self.status.setText(f"{self._shown.name}…")
        elif before is not None and not running:
            self.status.setText(before.outcome)
        elif not running and self._masks is None:
            self.status.setText(_EMPTY)
        elif self.status.text() == _EMPTY:
            self.status.clear()
        if not running:
            layer = None if self._masks is None else self._masks.layer
            self.table.show_layer(layer, self._tables.remark(layer))
            self._look_at_frame()

    def _advance(self) -> None:
        shown = self._shown
        if shown is None or shown.progress is None:
            return
        self.bar.setRange(0, shown.progress.total)
        self.bar.setValue(shown.progress.done)
        text = "Stopping…" if shown.is_stopping else f"{shown.step}: {shown.progress.text}"
        self.status.setText(text)

    def _look_at_frame(self) -> None:
        masks = self._masks
        self.table.plot.set_current(None if masks is None else masks.current(self._viewer))

    def _go(self, frame: int) -> None:
        if self._masks is not None:
            self._masks.go_to(frame, self._viewer)

    def _lay_out(self) -> None:
        self.table_fold.addWidget(self.table)
        for fold in (self.table_fold, self.form.edges_fold):
            fold.layout().setContentsMargins(0, 0, 0, 0)
        buttons = QGridLayout()
        buttons.addWidget(self.export_button, 0, 0)
        buttons.addWidget(self.cancel_button, 0, 1)
        layout = scrollable(self)
        layout.addWidget(self.source)
        layout.addWidget(self.form)
        layout.addLayout(buttons)
        for widget in (self.bar, self.status, self.table_fold):
            layout.addWidget(widget)
        layout.addStretch()
        self.status.setWordWrap(True)
        self.bar.setTextVisible(False)
        self.export_button.setToolTip("Write the files, in the background.")
        self.cancel_button.setToolTip("Stop; files that are complete stay.")

    def _connect(self) -> None:
        self.source.chosen.connect(self._choose)
        self.export_button.clicked.connect(self.start)
        self.cancel_button.clicked.connect(self.cancel)
        self.table.measure_button.clicked.connect(self.measure)
        self.table.tracks_button.clicked.connect(self.track)
        self.table.plot.picked.connect(self._go)
        self._follow(True)

    def _follow(self, follows: bool) -> None:
        """Look at what changes from now on, or no longer."""
        if follows == self._follows:
            return
        self._follows = follows
        pairs = (
            (self.workspace.changed, self.look),
            (self.workspace.run_changed, self.look),
            (self.workspace.session_changed, self.look),
            (self._tables.changed, self.look),
            (self._view.moved, self._look_at_frame),
        )
        for signal, slot in pairs:
            signal.connect(slot) if follows else signal.disconnect(slot)
        if follows:
            self.look()
