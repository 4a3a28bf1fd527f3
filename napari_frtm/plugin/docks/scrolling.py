"""Docks that are lower than what is in them."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget


def scrollable(dock: QWidget) -> QVBoxLayout:
    """Return a layout for the content of a dock, which scrolls where it does not fit."""
    inside = QWidget()
    inside.setObjectName("inside")
    area = QScrollArea()
    area.setWidget(inside)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    around = QVBoxLayout(dock)
    around.setContentsMargins(0, 0, 0, 0)
    around.addWidget(area)
    return QVBoxLayout(inside)
