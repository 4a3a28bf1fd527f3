"""A strip along time: which frames have masks, which are keyframes or frozen, how sure each is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QBrush, QColor, QImage, QPainter, QPixmap, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_frtm.plugin.docks.review.describe import describe, least_sure
from napari_frtm.plugin.docks.review.timescale import (
    TimeScale,
    draw_cursor,
    draw_name,
    draw_ruler,
    mixed,
    runs,
    time_scale,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from qtpy.QtGui import QHelpEvent, QMouseEvent, QPaintEvent, QResizeEvent

    from napari_frtm.timeline import Timeline

# doubt is orange and confidence blue, which all kinds of colour vision tell apart
_CONFIDENCE = (0.0, 0.6, 0.75, 1.0)
_COLOURS = ((190, 50, 0), (245, 165, 40), (150, 170, 190), (60, 120, 175))
_FROZEN = QColor(80, 160, 220)
_GAP = 2
_GRIP = 6  # pixels around the marks of In and Out that take hold of them
_MARKS = 1  # row of the frames, where keyframes are marked
_ABOVE = 2  # rows over those of the objects: frame numbers and frames
_MOST = 10  # objects that have a row; of more, those that are least sure


class TimeStrip(QWidget):  # type: ignore[misc]
    """What is known of each frame, from left to right; click or drag to go to a frame.

    Attributes
    ----------
    picked : Signal
        With the frame to go to.
    span_dragged : Signal
        With the range from In to Out, while one of their marks is dragged.
    """

    picked = Signal(int)
    span_dragged = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._timeline: Timeline | None = None
        self._span = range(0)
        self._colours: Mapping[int, QColor] = {}
        self._ids: list[int] = []
        self._current = 0
        self._picture: QPixmap | None = None
        self._dragged: str | None = None  # which end of the range
        self.setMouseTracking(True)  # the cursor says what can be dragged
        self.setMinimumWidth(120)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_timeline(
        self, timeline: Timeline | None, span: range, colours: Mapping[int, QColor]
    ) -> None:
        """Show a timeline, as it is now.

        Parameters
        ----------
        timeline : Timeline, optional
            All of its frames are shown; None for no video.
        span : range
            In to Out; frames outside are dimmed.
        colours : dict of int to QColor
            By object.
        """
        self._timeline, self._span, self._colours = timeline, span, colours
        self._ids = sorted(least_sure(timeline, _MOST)) if timeline else []
        self.updateGeometry()
        self._redraw()

    def set_current(self, frame: int) -> None:
        """Move the cursor to the frame that is displayed."""
        if frame != self._current:
            self._current = frame
            self.update()

    @property
    def scale(self) -> TimeScale:
        """Where the frames are."""
        return time_scale(self, self._timeline.length if self._timeline else 1, self._ids)

    @property
    def row(self) -> int:
        """Height of a row, with the gap below it, in pixels."""
        return int(self.fontMetrics().height()) + _GAP

    def frame_at(self, x: float, y: float) -> int:
        """Return the frame at a position.

        In the row of an object, the worst of a column of pixels; in that of the frames, a keyframe
        if its mark is there.
        """
        frames, object_id = self.scale.at(x), self.object_at(y)
        if self._timeline and int(y) // self.row == _MARKS:
            half = 0.35 * self.row
            near = range(self.scale.at(x - half).start, self.scale.at(x + half).stop)
            marked = [t for t in self._timeline.keyframes if t in near]
            return min(marked, key=lambda t: abs(self.scale.x(t + 0.5) - x), default=frames.start)
        if self._timeline and object_id in self._timeline.confidence:
            values = self._timeline.confidence[object_id][frames.start : frames.stop]
            if not np.isnan(values).all():
                return int(frames[int(np.nanargmin(values))])
        return int(frames.start)

    def object_at(self, y: float) -> int | None:
        """Return the object whose row is at a height; None above and below them."""
        place = int(y) // self.row - _ABOVE
        return self._ids[place] if 0 <= place < len(self._ids) else None

    def sizeHint(self) -> QSize:
        """As high as there are rows."""
        return QSize(240, (_ABOVE + len(self._ids)) * self.row)

    def event(self, event: QEvent) -> bool:
        """Say what is known of the frame under the mouse; follow the theme."""
        if event.type() == QEvent.Type.ToolTip and self._timeline:
            self._show_tip(event)
            return True
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.PaletteChange):
            self._redraw()
        return bool(super().event(event))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take hold of In or Out, or go to the frame under the mouse."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._dragged = self._end_at(event.position())
        if self._dragged is None:
            self._pick(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Follow the mouse while its button is down."""
        if self._dragged is not None:
            self._drag(event.position().x())
            return
        over_end = not event.buttons() and self._end_at(event.position()) is not None
        shape = Qt.CursorShape.SizeHorCursor if over_end else Qt.CursorShape.ArrowCursor
        self.setCursor(shape)
        self._pick(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Let go of In or Out."""
        self._dragged = None

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the frames to the new width."""
        self._redraw()
        super().resizeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the cursor over the picture of the timeline, which is drawn once."""
        if self._timeline is None:
            return
        if self._picture is None:
            self._picture = self._paint(self._timeline)
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._picture)
        draw_cursor(painter, self, self.scale, self._current, self.row)
        painter.end()

    def _redraw(self) -> None:
        self._picture = None
        self.update()

    def _end_at(self, place: QPointF) -> str | None:
        """Return which mark, of In or Out, is at a position of the ruler."""
        if self._timeline is None or place.y() >= self.row or not self._span:
            return None
        ends = {"in": self.scale.x(self._span.start), "out": self.scale.x(self._span.stop)}
        nearest = min(ends, key=lambda end: abs(ends[end] - place.x()))
        return nearest if abs(ends[nearest] - place.x()) <= _GRIP else None

    def _drag(self, x: float) -> None:
        """Move the end of the range that is held."""
        scale, span = self.scale, self._span
        edge = round((x - scale.left) * scale.length / scale.width)
        if self._dragged == "in":
            span = range(min(max(0, edge), span.stop - 1), span.stop)
        else:
            span = range(span.start, min(max(span.start + 1, edge), scale.length))
        if span != self._span:
            self._span = span
            self._redraw()
            self.span_dragged.emit(span)

    def _pick(self, event: QMouseEvent) -> None:
        if self._timeline is None or not event.buttons() & Qt.MouseButton.LeftButton:
            return
        frame = self.frame_at(event.position().x(), event.position().y())
        if frame != self._current:
            self.set_current(frame)
            self.picked.emit(frame)

    def _show_tip(self, event: QHelpEvent) -> None:
        if self._timeline is not None:
            x, y = event.pos().x(), event.pos().y()
            text = describe(self._timeline, self.frame_at(x, y), self.object_at(y))
            QToolTip.showText(event.globalPos(), text, self)

    def _paint(self, timeline: Timeline) -> QPixmap:
        ratio = self.devicePixelRatioF()
        picture = QPixmap(self.size() * ratio)
        picture.setDevicePixelRatio(ratio)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        scale, row = self.scale, self.row
        draw_ruler(painter, self, scale, QRect(0, 0, self.width(), row))
        _draw_frames(painter, self, QRect(scale.left, row, scale.width, row - _GAP), timeline)
        for place, object_id in enumerate(self._ids, start=_ABOVE):
            band = QRect(scale.left, place * row, scale.width, row - _GAP)
            painter.fillRect(band, mixed(self, 0.12))
            name = QRect(0, band.top(), scale.left, band.height())
            colour = self._colours.get(object_id, mixed(self, 1))
            draw_name(painter, self, name, object_id, colour)
            if object_id in timeline.confidence:
                lowest = scale.columns(np.fmin, timeline.confidence[object_id])
                _draw_columns(painter, band, confidence_colours(lowest))
        shade = mixed(self, 0)
        shade.setAlpha(170)
        for outside in (range(self._span.start), range(self._span.stop, timeline.length)):
            left, right = scale.x(outside.start), scale.x(outside.stop)
            painter.fillRect(QRectF(left, row, right - left, self.height()), shade)
        _draw_ends(painter, self, self._span)
        painter.end()
        return picture


def confidence_colours(confidence: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return the colours of confidences of shape (N,), as BGRA of shape (N, 4); none for NaN."""
    known = ~np.isnan(confidence)
    values = np.where(known, confidence, 0)
    channels = [np.interp(values, _CONFIDENCE, c) for c in zip(*_COLOURS, strict=True)]
    colours = np.stack([*reversed(channels), np.full(len(values), 255)], axis=1)
    return np.where(known[:, None], colours, 0).round().astype(np.uint8)


def _draw_ends(painter: QPainter, strip: TimeStrip, span: range) -> None:
    """Draw the marks of In and Out, at the foot of the ruler."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(mixed(strip, 1))
    foot = strip.row - 1
    for frame, side in ((span.start, 1), (span.stop, -1)):
        x = strip.scale.x(frame)
        corners = ((x, foot - _GRIP - 2), (x + side * _GRIP, foot), (x, foot))
        painter.drawPolygon(QPolygonF([QPointF(*corner) for corner in corners]))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def _draw_columns(painter: QPainter, band: QRect, colours: NDArray[np.uint8]) -> None:
    """Fill a band with the colours of its columns of pixels, BGRA of shape (W, 4)."""
    pixels = colours.tobytes()
    width = len(colours)
    image = QImage(pixels, width, 1, 4 * width, QImage.Format.Format_ARGB32)
    painter.drawImage(band, image)


def _draw_frames(painter: QPainter, strip: TimeStrip, band: QRect, timeline: Timeline) -> None:
    """Draw which frames have masks, which are frozen (hatched), and marks for keyframes."""
    scale = strip.scale
    painter.fillRect(band, mixed(strip, 0.12))
    colours = np.zeros((scale.width, 4), np.uint8)
    for flags, colour in ((timeline.filled, mixed(strip, 0.45)), (timeline.frozen, _FROZEN)):
        blue_first = [*reversed(colour.getRgb()[:3]), 255]
        colours[scale.columns(np.logical_or, flags)] = blue_first
    _draw_columns(painter, band, colours)
    for first, stop in runs(timeline.frozen):
        left, right = scale.x(first), scale.x(stop)
        stripes = QBrush(mixed(strip, 0), Qt.BrushStyle.BDiagPattern)
        painter.fillRect(QRectF(left, band.top(), right - left, band.height()), stripes)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(mixed(strip, 0))
    painter.setBrush(mixed(strip, 1))
    half, middle = band.height() / 2, band.center().y() + 0.5
    for x in {round(scale.x(frame + 0.5)) for frame in timeline.keyframes}:
        corners = ((-half * 0.7, 0), (0, -half), (half * 0.7, 0), (0, half))
        painter.drawPolygon(QPolygonF([QPointF(x + dx, middle + dy) for dx, dy in corners]))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
