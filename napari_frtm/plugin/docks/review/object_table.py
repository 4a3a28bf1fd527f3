"""The objects of a session: how sure and how large they are, and their area over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPointF, QRect, QSize, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPainter, QPen, QPixmap, QPolygonF
from qtpy.QtWidgets import (
    QAbstractItemView,
    QLayout,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_frtm.io.session.objects import SessionObject
from napari_frtm.plugin.docks.review.timescale import draw_cursor, mixed, runs, time_scale

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from qtpy.QtGui import QPaintEvent

    from napari_frtm.plugin.view.session_view import SessionView
    from napari_frtm.timeline import Timeline

_COLUMNS = {
    "Object": "Its label. Click to paint with it.",
    "Area": "Area on the displayed frame.",
    "Mean": "Mean confidence over all frames, from 0 to 1.",
    "Lowest": "Lowest confidence, and the frame that has it. Double-click to go there.",
    "Name": "What it is called, in files as well. Double-click to change it.",
}
_NAME = 4


class ObjectTable(QWidget):  # type: ignore[misc]
    """Table of the objects, and below it the area of the chosen one over time."""

    chosen = Signal(int)
    frame_wanted = Signal(int)
    named = Signal(int, str)

    def __init__(self) -> None:
        super().__init__()
        self.table = QTableWidget(0, len(_COLUMNS))
        self.plot = AreaPlot()
        self._ids: list[int] = []
        self._timeline: Timeline | None = None
        self._objects: Mapping[int, SessionObject] = {}
        self._lay_out()
        self.table.cellClicked.connect(self._choose)
        self.table.currentCellChanged.connect(self._choose)
        self.table.cellDoubleClicked.connect(self._go)
        self.table.itemChanged.connect(self._name)

    def show_session(self, view: SessionView | None, colours: Mapping[int, QColor]) -> None:
        """Show the objects of a session at its displayed frame; None for no session."""
        session = None if view is None else view.session
        selected = self.selected if self.table.currentRow() >= 0 else None
        self._timeline = None if session is None else session.timeline
        self._ids = [] if session is None else session.timeline.object_ids
        with signals_blocked(self.table):
            self.table.setRowCount(len(self._ids))
            self.table.setCurrentCell(self._ids.index(selected) if selected in self._ids else -1, 0)
        self._fit()
        self._objects = {} if session is None else session.store.objects
        if view is None or session is None:
            self.plot.show_area(None, 0, "")
            return
        if self.table.state() != QAbstractItemView.State.EditingState:  # a name is being typed
            with signals_blocked(self.table):
                for row, object_id in enumerate(self._ids):
                    self._fill(row, session.timeline, object_id, colours.get(object_id))
        self.show_frame(view)

    def show_frame(self, view: SessionView) -> None:
        """Follow the displayed frame."""
        factor, unit = area_unit(view)
        session, here = view.session, view.current
        for row, object_id in enumerate(self._ids):
            area = session.timeline.area.get(object_id)
            value = np.nan if area is None else area[here]
            item = self.table.item(row, 1)
            if item is not None:  # not yet, while a name is being typed
                item.setText(_area_text(value * factor, unit))
        self.table.resizeColumnsToContents()  # once: Qt's own way takes seconds for 200 rows
        selected = self.selected
        area = None if selected is None else session.timeline.area.get(selected)
        self.plot.show_area(area, here, f"Area of object {selected}, {unit}", factor)

    @property
    def selected(self) -> int | None:
        """The object of the chosen row, or the first one."""
        row = max(self.table.currentRow(), 0)
        return self._ids[row] if row < len(self._ids) else None

    def _fill(self, row: int, timeline: Timeline, object_id: int, colour: QColor | None) -> None:
        known = timeline.confidence.get(object_id)
        described = self._objects.get(object_id, SessionObject())
        texts = [str(object_id), "", "", "", described.name]
        if known is not None and not np.isnan(known).all():
            worst = int(np.nanargmin(known))
            texts[2] = f"{np.nanmean(known):.2f}"
            texts[3] = f"{known[worst]:.2f} @ {worst}"
        for column, text in enumerate(texts):
            item = QTableWidgetItem(text)
            editable = Qt.ItemFlag.ItemIsEditable if column == _NAME else Qt.ItemFlag.NoItemFlags
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | editable)
            if column == 0 and described.parent is not None:
                item.setText(f"{object_id} (of {described.parent})")
                item.setToolTip(f"It came from object {described.parent} by a division.")
            if column == 0 and colour is not None:
                swatch = QPixmap(10, 10)
                swatch.fill(colour)
                item.setIcon(QIcon(swatch))
            self.table.setItem(row, column, item)

    def _choose(self, row: int, *where: int) -> None:
        if 0 <= row < len(self._ids):
            self.chosen.emit(self._ids[row])

    def _name(self, item: QTableWidgetItem) -> None:
        if item.column() == _NAME and item.row() < len(self._ids):
            self.named.emit(self._ids[item.row()], item.text().strip())

    def _go(self, row: int, column: int) -> None:
        if column == _NAME:
            return
        known = None if self._timeline is None else self._timeline.confidence.get(self._ids[row])
        if known is not None and not np.isnan(known).all():
            self.frame_wanted.emit(int(np.nanargmin(known)))

    def _fit(self) -> None:
        """Leave no empty space below the last row, and room for three."""
        rows = self.table.verticalHeader()
        rows.setDefaultSectionSize(self.fontMetrics().height() + 6)
        around = self.table.horizontalHeader().sizeHint().height() + 2 * self.table.frameWidth()
        row = rows.defaultSectionSize()
        self.table.setMinimumHeight(around + 3 * row)
        self.table.setMaximumHeight(around + max(3, len(self._ids)) * row)

    def _lay_out(self) -> None:
        self.table.setHorizontalHeaderLabels(list(_COLUMNS))
        for column, tip in enumerate(_COLUMNS.values()):
            self.table.horizontalHeaderItem(column).setToolTip(tip)
        self.table.horizontalHeader().setStretchLastSection(True)
        self.table.verticalHeader().setVisible(False)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.verticalHeader().setMinimumSectionSize(1)
        self._fit()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.plot)
        layout.setSizeConstraint(QLayout.SizeConstraint.SetMinAndMaxSize)


class AreaPlot(QWidget):  # type: ignore[misc]
    """A line: the area of one object over time."""

    def __init__(self) -> None:
        super().__init__()
        self._area: NDArray[np.floating] | None = None
        self._frame = 0
        self._title = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.MinimumExpanding)
        self.setMaximumHeight(10 * self.fontMetrics().height())

    def show_area(
        self, area: NDArray[np.floating] | None, frame: int, title: str, factor: float = 1
    ) -> None:
        """Show areas of shape (T,) times a factor; NaN where they are not known."""
        self._area = None if area is None else area * factor
        self._frame, self._title = frame, title
        self.update()

    def sizeHint(self) -> QSize:
        """Four lines of text high."""
        return QSize(240, 4 * self.fontMetrics().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw title, largest value and line."""
        area = self._area
        if area is None or np.isnan(area).all():
            return
        painter = QPainter(self)
        scale = time_scale(self, len(area), [])
        line = self.fontMetrics().height()
        painter.setPen(mixed(self, 0.75))
        largest = float(np.nanmax(area))
        text = QRect(scale.left, 0, scale.width, line)
        painter.drawText(text, Qt.AlignmentFlag.AlignLeft, self._title)
        painter.drawText(text, Qt.AlignmentFlag.AlignRight, f"at most {in_figures(largest)}")
        painter.setPen(QPen(mixed(self, 1), 1.5))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        height = self.height() - line - 4
        columns = scale.columns(np.fmax, area.astype(np.float64))
        for first, stop in runs(~np.isnan(columns)):
            tops = line + 2 + height * (1 - columns[first:stop] / (largest or 1))
            places = [QPointF(scale.left + first + x, top) for x, top in enumerate(tops)]
            painter.drawPolyline(QPolygonF([*places, places[-1] + QPointF(1, 0)]))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        draw_cursor(painter, self, scale, self._frame, line)
        painter.end()


def area_unit(view: SessionView) -> tuple[float, str]:
    """Return the area of a pixel and the unit of it: the video's, if it has a physical scale."""
    unit = str(view.video.units[-1])
    if unit in ("pixel", "dimensionless"):
        return 1.0, "px"
    short = {"micrometer": "µm", "nanometer": "nm", "millimeter": "mm"}.get(unit, unit)
    return float(np.abs(np.prod(view.video.scale[-2:]))), f"{short}²"


def object_colours(view: SessionView) -> dict[int, QColor]:
    """Return the colours of the objects in the masks layer; none without that layer."""
    if view.masks is None:
        return {}
    found = {}
    for object_id in view.session.timeline.object_ids:
        colour = view.masks.get_color(object_id)
        if colour is not None:
            found[object_id] = QColor.fromRgbF(*(float(c) for c in colour))
    return found


def _area_text(value: float, unit: str) -> str:
    return "" if np.isnan(value) else f"{in_figures(value)} {unit}"


def in_figures(value: float) -> str:
    """Return a number with three figures, or all those before the point: 1,234 or 12.3."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
