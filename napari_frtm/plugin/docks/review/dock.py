"""Dock widget *Review*: look over what was found, go to what is doubtful, clean up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.utils.notifications import show_warning
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

from napari_frtm.errors import FrtmError
from napari_frtm.plugin import commands, keys
from napari_frtm.plugin.docks.review.clean_up import CleanUpBox
from napari_frtm.plugin.docks.review.object_table import ObjectTable, object_colours
from napari_frtm.plugin.docks.review.timeline import TimeStrip
from napari_frtm.plugin.work.workspace import watch
from napari_frtm.timeline import DOUBTFUL

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari.viewer

    from napari_frtm.plugin.work.session import Session

_EMPTY = "Nothing to review yet: open a video and propagate masks (dock Propagate)."


class Review(QWidget):  # type: ignore[misc]
    """A strip along time, a table of objects, and what can be done about them.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose sessions are reviewed.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self._sessions = watch(viewer)
        self._session: Session | None = None
        self._follows = False
        self.video = QComboBox()
        self.note = QLabel(_EMPTY)
        self.strip = TimeStrip()
        self.previous_button = QPushButton("◂ Doubtful")
        self.next_button = QPushButton("Doubtful ▸")
        self.threshold = QDoubleSpinBox()
        self.keyframe_button = QPushButton("Keyframe")
        self.freeze_button = QPushButton("Freeze")
        self.freeze_range_button = QPushButton("Freeze In to Out")
        self.undo_button = QPushButton("Undo")
        self.table = ObjectTable()
        self.clean_up = CleanUpBox()
        self.clean_up_fold = QCollapsible("Clean up", expandedIcon="▾", collapsedIcon="▸")
        self._lay_out()
        self._describe()
        self._connect()
        keys.follow(viewer, self)

    @property
    def session(self) -> Session | None:
        """The session that is shown."""
        return self._session

    def changeEvent(self, event: QEvent) -> None:
        """Rest while the dock is closed: napari then takes the widget out of it."""
        if event.type() == QEvent.Type.ParentChange:
            self._follow(self.parent() is not None)
        super().changeEvent(event)

    def look(self) -> None:
        """Show everything as it is now."""
        session = self._session
        self.note.setVisible(session is None)
        for widget in (self.strip, self.table, self._buttons, self.clean_up_fold):
            widget.setVisible(session is not None)
        colours = {} if session is None else object_colours(session)
        timeline = None if session is None else session.timeline
        self.strip.show_timeline(timeline, session.span if session else range(0), colours)
        self.table.show_session(session, colours)
        self.clean_up.set_session(session)
        self._look_at_frame()

    def go_to_doubtful(self, *, forward: bool) -> None:
        """Go to the worst frame of the next doubtful stretch, or of the one before."""
        self._do(lambda session: commands.go_to_doubtful(session, backward=not forward))

    def toggle_keyframe(self) -> None:
        """Let the displayed frame count as drawn, or no longer."""
        self._do(lambda session: session.toggle_keyframe())

    def toggle_frozen(self) -> None:
        """Protect the displayed frame, or give it free."""
        self._do(lambda session: session.toggle_frozen())

    def undo(self) -> None:
        """Undo the last run or clean-up."""
        self._do(lambda session: session.undo())

    def freeze_range(self) -> None:
        """Protect all frames from In to Out, or give them free if all are."""
        session = self._session
        if session is not None:
            span = slice(session.span.start, session.span.stop)
            session.freeze(session.span, not session.timeline.frozen[span].all())

    def _do(self, act: Callable[[Session], object]) -> None:
        """Act on the session that is shown; say what is in the way."""
        if self._session is None:
            return
        try:
            act(self._session)
        except FrtmError as error:
            show_warning(str(error))

    def _look_at_frame(self, event: object = None) -> None:
        """Follow the displayed frame."""
        session = self._session
        if session is None:
            return
        frame = session.current
        self.strip.set_current(frame)
        self.table.show_frame(session)
        is_keyframe, frozen = frame in session.timeline.keyframes, session.timeline.frozen[frame]
        self.keyframe_button.setText("No keyframe" if is_keyframe else "Keyframe")
        self.freeze_button.setText("Unfreeze" if frozen else "Freeze")
        last = session.history.last
        self.undo_button.setEnabled(last is not None and not session.is_busy)
        self.undo_button.setToolTip(f"Undo: {last.name}. (U)" if last else "Nothing to undo.")
        if self.clean_up.preview.isChecked():
            self.clean_up.show_frame()

    def _reload(self) -> None:
        """Offer the sessions there are; keep the choice."""
        open_now = self._sessions.open
        chosen = self._session if self._session in open_now else None
        self.video.blockSignals(True)
        self.video.clear()
        self.video.addItems([session.video.name for session in open_now])
        if chosen is not None:
            self.video.setCurrentIndex(open_now.index(chosen))
        self.video.blockSignals(False)
        self.video.setVisible(len(open_now) > 1)
        self._choose_video()

    def _choose_video(self) -> None:
        open_now, index = self._sessions.open, max(0, self.video.currentIndex())
        self._show(open_now[index] if index < len(open_now) else None)

    def _show(self, session: Session | None) -> None:
        if session is not self._session:
            if self._session is not None:
                self._session.changed.disconnect(self.look)
            if session is not None:
                session.changed.connect(self.look)
            self._session = session
            self._doubt()
        self.look()

    def _pick(self, frame: int) -> None:
        self._do(lambda session: session.go_to(frame))

    def _select(self, object_id: int) -> None:
        if self._session is not None and self._session.masks is not None:
            self._session.masks.selected_label = object_id
            self._look_at_frame()

    def _lay_out(self) -> None:
        self._buttons = QWidget()
        grid = QGridLayout(self._buttons)
        grid.setContentsMargins(0, 0, 0, 0)
        first = (self.previous_button, self.next_button, self.threshold)
        second = (self.keyframe_button, self.freeze_button, self.undo_button)
        for place, widget in enumerate(first + second):
            grid.addWidget(widget, place // 3, place % 3)
        grid.addWidget(self.freeze_range_button, 2, 0, 1, 2)
        self.clean_up_fold.addWidget(self.clean_up)
        self.clean_up_fold.layout().setContentsMargins(0, 0, 0, 0)
        layout = QVBoxLayout(self)
        shown = (self.video, self.note, self.strip, self._buttons, self.table, self.clean_up_fold)
        for widget in shown:
            layout.addWidget(widget, int(widget is self.table))
        layout.addStretch()
        self.note.setWordWrap(True)
        self.video.setVisible(False)
        self.video.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.video.setMinimumContentsLength(8)

    def _describe(self) -> None:
        self.video.setToolTip("Which video to review.")
        self.strip.setToolTip("Click to go to a frame.")
        self.previous_button.setToolTip("Go to the doubtful frame before this one. (Shift-N)")
        self.next_button.setToolTip("Go to the worst frame of the next doubtful stretch. (N)")
        self.threshold.setRange(0, 1)
        self.threshold.setSingleStep(0.05)
        self.threshold.setValue(DOUBTFUL)
        self.threshold.setToolTip("Confidence below which a frame is doubtful, from 0 to 1.")
        self.keyframe_button.setToolTip(
            "Let this frame count as drawn by you: it is never overwritten, and others are "
            "computed from it. (K)"
        )
        self.freeze_button.setToolTip("Protect this frame: no run overwrites it. (G)")
        self.freeze_range_button.setToolTip("Protect all frames from In to Out, or free them.")

    def _doubt(self) -> None:
        """Let buttons and keys take the same frames for doubtful."""
        if self._session is not None:
            self._session.doubtful = self.threshold.value()

    def _connect(self) -> None:
        self.threshold.valueChanged.connect(self._doubt)
        self.video.currentIndexChanged.connect(self._choose_video)
        self.strip.picked.connect(self._pick)
        self.previous_button.clicked.connect(lambda: self.go_to_doubtful(forward=False))
        self.next_button.clicked.connect(lambda: self.go_to_doubtful(forward=True))
        self.keyframe_button.clicked.connect(self.toggle_keyframe)
        self.freeze_button.clicked.connect(self.toggle_frozen)
        self.freeze_range_button.clicked.connect(self.freeze_range)
        self.undo_button.clicked.connect(self.undo)
        self.table.chosen.connect(self._select)
        self.table.frame_wanted.connect(self._pick)
        self._follow(True)

    def _follow(self, follows: bool) -> None:
        """Look at what changes from now on, or no longer."""
        if follows == self._follows:
            return
        self._follows = follows
        moved = self._viewer.dims.events.current_step
        if follows:
            self._sessions.changed.connect(self._reload)
            moved.connect(self._look_at_frame)
            self._reload()
        else:
            self._sessions.changed.disconnect(self._reload)
            moved.disconnect(self._look_at_frame)
            self._show(None)
