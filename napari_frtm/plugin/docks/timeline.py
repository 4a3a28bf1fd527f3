"""Dock *Timeline*: the strip along time at full width, with zoom, In and Out, and playback."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.utils.notifications import show_warning
from qtpy.QtCore import QEvent, QObject, Qt, QTimer
from qtpy.QtWidgets import (
    QDockWidget,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QPushButton,
    QScrollArea,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_frtm.errors import FrtmError
from napari_frtm.plugin import keys
from napari_frtm.plugin.docks.review.object_table import object_colours
from napari_frtm.plugin.docks.review.timeline import TimeStrip
from napari_frtm.plugin.view import playback
from napari_frtm.plugin.view.workspace_view import workspace_view

if TYPE_CHECKING:
    import napari.viewer

    from napari_frtm.plugin.view.session_view import SessionView

_EMPTY = "Nothing to show yet: open a video and propagate masks (dock Propagate)."
_STEPS = 4  # of the zoom, to twice the size
_WIDEST = 30_000  # pixels that Qt can draw
_HIGHEST = 160  # pixels that the strip is given by itself
_SEEN = 60  # pixels around the displayed frame that are kept in sight


class Timeline(QWidget):  # type: ignore[misc]
    """The current video from left to right.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose sessions are shown.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = getattr(viewer, "__wrapped__", viewer)
        self._view = workspace_view(viewer)
        self._follows = False
        self.note = QLabel(_EMPTY)
        self.strip = TimeStrip()
        self.area = QScrollArea()
        self.loop_button = QPushButton("Loop In to Out")
        self.zoom = QSlider(Qt.Orientation.Horizontal)
        self.span = QLabel()
        self._lay_out()
        self.strip.picked.connect(self._pick)
        self.strip.span_dragged.connect(self._set_span)
        self.loop_button.clicked.connect(self._loop)
        self.zoom.valueChanged.connect(self._fit)
        self.area.viewport().installEventFilter(self)
        if (ended := playback.ended(self._viewer)) is not None:
            ended.connect(self._ended)
        self._follow(True)
        keys.follow(viewer, self)

    @property
    def session_view(self) -> SessionView | None:
        """The session that is shown; None for none."""
        return self._view.current

    def look(self) -> None:
        """Show everything as it is now."""
        view = self.session_view
        for widget in (self.area, self._bar):
            widget.setVisible(view is not None)
        self.note.setVisible(view is None)
        session = None if view is None else view.session
        span = range(0) if session is None else session.span
        colours = {} if view is None else object_colours(view)
        self.strip.show_timeline(None if session is None else session.timeline, span, colours)
        height = self.strip.sizeHint().height()
        self.strip.setFixedHeight(height)
        bar = self.area.horizontalScrollBar().sizeHint().height()
        self.area.setMinimumHeight(min(height + bar + 4, _HIGHEST))
        if span:
            self.span.setText(f"In {span.start}, Out {span.stop - 1}: {len(span)} frames")
        self._look_at_frame()

    def changeEvent(self, event: QEvent) -> None:
        """Rest while the dock is closed; lie along the bottom when it is opened."""
        if event.type() == QEvent.Type.ParentChange:
            self._follow(self.parent() is not None)
            QTimer.singleShot(0, self._settle_below)
        super().changeEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the width; zoom with the wheel and Ctrl; let every other event pass."""
        control = Qt.KeyboardModifier.ControlModifier
        if event.type() == QEvent.Type.Resize:
            self._fit()
        elif event.type() == QEvent.Type.Wheel and event.modifiers() & control:
            up = event.angleDelta().y() > 0
            self.zoom.setValue(self.zoom.value() + (1 if up else -1))
            return True
        return False

    def _look_at_frame(self) -> None:
        """Follow the displayed frame."""
        view = self.session_view
        if view is not None:
            self.strip.set_current(view.current)
            self._keep_in_sight()

    def _keep_in_sight(self) -> None:
        view = self.session_view
        if view is not None:
            x = round(self.strip.scale.x(view.current + 0.5))
            self.area.ensureVisible(x, 0, min(_SEEN, self.area.viewport().width() // 3), 0)

    def _fit(self) -> None:
        """Make the strip as wide as the zoom says."""
        width = self.area.viewport().width() * 2 ** (self.zoom.value() / _STEPS)
        self.strip.setFixedWidth(round(min(max(width, 120), _WIDEST)))
        self._keep_in_sight()

    def _pick(self, frame: int) -> None:
        view = self.session_view
        if view is not None:
            view.go_to(frame)

    def _set_span(self, span: range) -> None:
        view = self.session_view
        if view is None:
            return
        view.session.set_span(span)
        if self.loop_button.isChecked():
            self._loop(True)

    def _loop(self, plays: bool) -> None:
        view = self.session_view
        if view is None:
            return
        try:
            playback.play(view, view.session.span) if plays else playback.stop(view)
        except FrtmError as error:
            self.loop_button.setChecked(False)
            show_warning(str(error))

    def _ended(self) -> None:
        self.loop_button.setChecked(False)

    def _settle_below(self) -> None:
        """Lie along the bottom; napari opens the docks of plugins at the right."""
        dock = self.parent()
        window = dock.parent() if isinstance(dock, QDockWidget) else None
        right, bottom = (
            Qt.DockWidgetArea.RightDockWidgetArea,
            Qt.DockWidgetArea.BottomDockWidgetArea,
        )
        if isinstance(window, QMainWindow) and window.dockWidgetArea(dock) == right:
            window.addDockWidget(bottom, dock)

    def _lay_out(self) -> None:
        self.loop_button.setCheckable(True)
        self.loop_button.setToolTip("Play from In to Out, over and over.")
        self.zoom.setRange(0, 8 * _STEPS)
        self.zoom.setMaximumWidth(200)
        self.zoom.setToolTip("Zoom. (Ctrl and the mouse wheel)")
        self.strip.setToolTip("Click to go to a frame. Drag the marks above to set In and Out.")
        self.area.setWidget(self.strip)
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self._bar = QWidget()
        row = QHBoxLayout(self._bar)
        row.setContentsMargins(0, 0, 0, 0)
        for widget in (self.loop_button, QLabel("Zoom"), self.zoom, self.span):
            row.addWidget(widget)
        row.addStretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 0, 4, 0)
        for widget in (self.note, self._bar, self.area):
            layout.addWidget(widget)
        self.note.setWordWrap(True)

    def _follow(self, follows: bool) -> None:
        """Look at what changes from now on, or no longer."""
        if follows == self._follows:
            return
        self._follows = follows
        workspace = self._view.workspace
        pairs = (
            (workspace.changed, self.look),
            (workspace.session_changed, self.look),
            (self._view.moved, self._look_at_frame),
        )
        for signal, slot in pairs:
            signal.connect(slot) if follows else signal.disconnect(slot)
        if follows:
            self.look()
