"""Frames along the width of a widget, and what all drawings along time have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QRectF, Qt
from qtpy.QtGui import QColor, QPalette

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from qtpy.QtCore import QRect
    from qtpy.QtGui import QPainter
    from qtpy.QtWidgets import QWidget

MARGIN = 5
_SWATCH = 8


@dataclass(frozen=True, slots=True)
class TimeScale:
    """Frames from left to right.

    Attributes
    ----------
    length : int
        Number of frames.
    left, width : int
        Where they are drawn, in pixels.
    """

    length: int
    left: int
    width: int

    @property
    def starts(self) -> NDArray[np.intp]:
        """First frame of each column of pixels; the same for all columns of a wide frame."""
        return np.arange(self.width) * self.length // self.width

    def x(self, frame: float) -> float:
        """Return where a frame begins, in pixels."""
        return self.left + frame * self.width / self.length

    def at(self, x: float) -> range:
        """Return the frames of the column of pixels at `x`, or of the nearest."""
        column = min(max(0, int(x) - self.left), self.width - 1)
        first = column * self.length // self.width
        return range(first, max(first + 1, (column + 1) * self.length // self.width))

    def columns(self, reduce: np.ufunc, values: NDArray[Any]) -> NDArray[Any]:
        """Return one value for each column of pixels, reduced over its frames."""
        reduced: NDArray[Any] = reduce.reduceat(values, self.starts)
        return reduced


def time_scale(widget: QWidget, length: int, object_ids: Sequence[int]) -> TimeScale:
    """Return where a widget draws its frames: beside a column with the names of the objects."""
    widest = str(max(object_ids, default=0))
    left = _SWATCH + 3 * MARGIN + widget.fontMetrics().horizontalAdvance(widest)
    return TimeScale(max(1, length), left, max(1, widget.width() - left - MARGIN))


def mixed(widget: QWidget, share: float) -> QColor:
    """Return a colour between the background of a widget (0) and its text (1)."""
    low, high = (
        widget.palette().color(role)
        for role in (QPalette.ColorRole.Window, QPalette.ColorRole.WindowText)
    )
    pairs = zip(low.getRgb()[:3], high.getRgb()[:3], strict=True)
    return QColor(*(round(a + (b - a) * share) for a, b in pairs))


def draw_name(
    painter: QPainter, widget: QWidget, place: QRect, object_id: int, colour: QColor
) -> None:
    """Draw the colour and number of an object at the left of its row."""
    top = place.top() + (place.height() - _SWATCH) / 2
    painter.fillRect(QRectF(place.left() + MARGIN, top, _SWATCH, _SWATCH), colour)
    painter.setPen(mixed(widget, 1))
    text = place.adjusted(_SWATCH + 2 * MARGIN, 0, 0, 0)
    painter.drawText(text, Qt.AlignmentFlag.AlignVCenter, str(object_id))


def draw_ruler(painter: QPainter, widget: QWidget, scale: TimeScale, place: QRect) -> None:
    """Write frame numbers, as many as there is room for."""
    painter.setPen(mixed(widget, 0.75))
    metrics = widget.fontMetrics()
    room = metrics.horizontalAdvance(str(scale.length)) + 4 * MARGIN
    for frame in range(0, scale.length, _step(scale.length * room / scale.width)):
        text, middle = str(frame), scale.x(frame + 0.5)
        width = metrics.horizontalAdvance(text)
        x = max(scale.left, min(middle - width / 2, scale.left + scale.width - width))
        painter.drawText(QRectF(x, place.top(), width + 1, place.height()), text)


def draw_cursor(
    painter: QPainter, widget: QWidget, scale: TimeScale, frame: int, top: int = 0
) -> None:
    """Mark a frame from a height downwards; of a wide frame, both sides."""
    left, right = scale.x(frame), scale.x(frame + 1)
    height = widget.height() - top
    colour = mixed(widget, 1)
    if right - left < 4:
        painter.fillRect(QRectF(round((left + right) / 2) - 1, top, 2, height), colour)
        return
    painter.setPen(colour)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(QRectF(round(left), top, round(right) - round(left) - 1, height - 1))


def runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return first and stop of each run of True."""
    edges = np.flatnonzero(np.diff(flags, prepend=False, append=False))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _step(least: float) -> int:
    """Return the smallest of 1, 2, 5, 10, 20, 50... that is not less than a number."""
    power = 1
    while True:
        for digit in (1, 2, 5):
            if digit * power >= least:
                return digit * power
        power *= 10
