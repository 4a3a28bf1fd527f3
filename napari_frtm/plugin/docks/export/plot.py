"""A measurement of all objects over time, to look at and to save."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QBuffer, QIODevice, QPointF, QRect, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QImage, QPainter, QPalette, QPen, QPolygonF
from qtpy.QtSvg import QSvgGenerator
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_frtm.errors import OutputError
from napari_frtm.io.atomic import write_bytes
from napari_frtm.plugin.docks.review.object_table import in_figures
from napari_frtm.plugin.docks.review.timescale import (
    MARGIN,
    TimeScale,
    draw_cursor,
    draw_ruler,
    mixed,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray
    from qtpy.QtGui import QMouseEvent, QPaintEvent

SAVED = QSize(900, 450)
"""Size of a saved plot."""
_SWATCH = 8


class MeasurementPlot(QWidget):  # type: ignore[misc]
    """A line for each object, in its colour; click to go to a frame."""

    picked = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._series: Mapping[int, NDArray[np.float64]] = {}
        self._colours: Mapping[int, QColor] = {}
        self.title = ""
        self._current: int | None = None
        self._length = 1
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(7 * self.fontMetrics().height())

    def show_series(
        self,
        series: Mapping[int, NDArray[np.float64]],
        colours: Mapping[int, QColor],
        title: str,
    ) -> None:
        """Show values of shape (T,) by object, NaN where there are none."""
        self._series, self._colours, self.title = series, colours, title
        self._length = max((len(values) for values in series.values()), default=1)
        self.update()

    def set_current(self, frame: int | None) -> None:
        """Mark the frame that is displayed."""
        if frame != self._current:
            self._current = frame
            self.update()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to see."""
        return not any(np.isfinite(values).any() for values in self._series.values())

    @property
    def scale(self) -> TimeScale:
        """Where the frames are: right of the numbers of the values."""
        low, high = self._bounds()
        widest = max(
            self.fontMetrics().horizontalAdvance(text) for text in map(in_figures, (low, high))
        )
        left = widest + 2 * MARGIN
        return TimeScale(self._length, left, max(1, self.width() - left - MARGIN))

    def save(self, path: Path) -> None:
        """Write the plot in black on white: PNG, or SVG by the suffix of the file.

        Raises
        ------
        OutputError
            If it has another suffix, or cannot be written.
        """
        if path.suffix.lower() not in (".png", ".svg"):
            raise OutputError(f"{path.name} is no name for a plot: let it end in .png or .svg.")
        paper = MeasurementPlot()
        palette = QPalette()
        palette.setColor(QPalette.ColorRole.Window, QColor("white"))
        palette.setColor(QPalette.ColorRole.WindowText, QColor("black"))
        paper.setPalette(palette)
        paper.show_series(self._series, self._colours, self.title)
        paper.resize(SAVED)
        write_bytes(path, paper.picture(path.suffix.lower()))

    def picture(self, suffix: str) -> bytes:
        """Return what the widget shows as a file of the kind that the suffix says."""
        device: Any
        buffer = QBuffer()
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        if suffix == ".svg":
            device = QSvgGenerator()
            device.setOutputDevice(buffer)
            device.setSize(self.size())
            device.setViewBox(QRect(0, 0, self.width(), self.height()))
            device.setTitle(self.title)
        else:
            device = QImage(self.size() * 2, QImage.Format.Format_RGB32)
            device.setDevicePixelRatio(2)
        painter = QPainter(device)
        painter.fillRect(QRect(0, 0, self.width(), self.height()), mixed(self, 0))
        self.draw(painter)
        painter.end()
        if isinstance(device, QImage):
            device.save(buffer, "PNG")
        return bytes(buffer.data().data())

    def sizeHint(self) -> QSize:
        """Twelve lines of text high."""
        return QSize(240, 12 * self.fontMetrics().height())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go to the frame under the mouse."""
        if not self.is_empty:
            self.picked.emit(int(self.scale.at(event.position().x()).start))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Follow the mouse while its button is down."""
        self.mousePressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw title, names, numbers and lines."""
        if self.is_empty:
            return
        painter = QPainter(self)
        self.draw(painter)
        if self._current is not None:
            draw_cursor(painter, self, self.scale, self._current, self.fontMetrics().height())
        painter.end()

    def draw(self, painter: QPainter) -> None:
        """Draw everything but the cursor."""
        line = self.fontMetrics().height()
        scale = self.scale
        area = QRect(scale.left, 2 * line + 4, scale.width, self.height() - 3 * line - 8)
        painter.setPen(mixed(self, 1))
        heading = QRect(scale.left, 0, scale.width, line)
        painter.drawText(heading, Qt.AlignmentFlag.AlignLeft, self.title)
        self._draw_names(painter, heading.translated(0, line))
        draw_ruler(painter, self, scale, QRect(0, self.height() - line, self.width(), line))
        low, high = self._bounds()
        for value, y in ((high, area.top()), (low, area.bottom())):
            painter.fillRect(QRectF(area.left(), y, area.width(), 1), mixed(self, 0.25))
            place = QRect(0, round(y - line / 2), scale.left - MARGIN, line)
            painter.setPen(mixed(self, 0.75))
            painter.drawText(place, Qt.AlignmentFlag.AlignRight, in_figures(value))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for object_id, values in self._series.items():
            painter.setPen(QPen(self._colours.get(object_id, mixed(self, 1)), 1.5))
            self._draw_line(painter, area, (values - low) / (high - low))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _draw_line(self, painter: QPainter, area: QRect, heights: NDArray[np.float64]) -> None:
        """Draw a line through heights from 0 to 1, with gaps where there are none."""
        known = np.flatnonzero(np.isfinite(heights))
        for part in np.split(known, np.flatnonzero(np.diff(known) > 1) + 1):
            points = [
                QPointF(self.scale.x(t + 0.5), area.bottom() - heights[t] * area.height())
                for t in part.tolist()
            ]
            if len(points) == 1:
                painter.drawEllipse(points[0], 1, 1)
            else:
                painter.drawPolyline(QPolygonF(points))

    def _draw_names(self, painter: QPainter, place: QRect) -> None:
        """Write the numbers of the objects with their colours, as many as there is room for."""
        metrics, x = self.fontMetrics(), place.left()
        for object_id in self._series:
            width = metrics.horizontalAdvance(str(object_id))
            if x + _SWATCH + width + 3 * MARGIN > place.right():
                painter.drawText(QPointF(x, place.top() + metrics.ascent()), "…")
                return
            top = place.top() + (place.height() - _SWATCH) / 2
            colour = self._colours.get(object_id, mixed(self, 1))
            painter.fillRect(QRectF(x, top, _SWATCH, _SWATCH), colour)
            painter.setPen(mixed(self, 1))
            text = QPointF(x + _SWATCH + MARGIN, place.top() + metrics.ascent())
            painter.drawText(text, str(object_id))
            x += _SWATCH + width + 3 * MARGIN

    def _bounds(self) -> tuple[float, float]:
        """Return the lowest and highest value; zero is in, if it is near."""
        finite = [values[np.isfinite(values)] for values in self._series.values()]
        all_values = np.concatenate(finite) if finite else np.empty(0)
        if not all_values.size:
            return 0.0, 1.0
        low, high = float(all_values.min()), float(all_values.max())
        low = 0.0 if 0 < low < high / 2 else low
        return low, high if high > low else low + 1
