"""Docks that are lower than what is in them."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget


def scrollable(dock: QWidget) -> QVBoxLayout:
    """Return a layout for the content of a dock, which scrolls where it does not fit."""
    inside = QWidget()
    inside.setObjectName("inside")
    area = _Area()
    area.setWidget(inside)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    around = QVBoxLayout(dock)
    around.setContentsMargins(0, 0, 0, 0)
    around.addWidget(area)
    return QVBoxLayout(inside)


class _Area(QScrollArea):  # type: ignore[misc]
    """Scrolls from top to bottom; from left to right, all of its content is in sight."""

    def minimumSizeHint(self) -> QSize:
        """As wide as the content must be, and the bar beside it."""
        hint, inside = super().minimumSizeHint(), self.widget()
        if inside is None:
            return hint
        bar = self.verticalScrollBar().sizeHint().width()
        return QSize(inside.minimumSizeHint().width() + bar, hint.height())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow content that gets wider."""
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return bool(super().eventFilter(watched, event))
