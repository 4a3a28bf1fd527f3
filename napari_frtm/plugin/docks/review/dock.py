"""Dock widget *Review*: look over what was found, go to what is doubtful, clean up."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari.utils.notifications import show_warning
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QLabel,
    QPushButton,
    QWidget,
)
from superqt import QCollapsible
from superqt.utils import signals_blocked

from napari_frtm.errors import FrtmError
from napari_frtm.io.session.objects import SessionObject
from napari_frtm.plugin import commands, keys
from napari_frtm.plugin.docks.review.clean_up import CleanUpBox
from napari_frtm.plugin.docks.review.divisions import DivisionsBox
from napari_frtm.plugin.docks.review.object_table import ObjectTable, object_colours
from napari_frtm.plugin.docks.review.objects import ObjectsBox
from napari_frtm.plugin.docks.review.timeline import TimeStrip
from napari_frtm.plugin.docks.scrolling import scrollable
from napari_frtm.plugin.view.matte_pictures import Look
from napari_frtm.plugin.view.matte_view import matte_view
from napari_frtm.plugin.view.workspace_view import workspace_view
from napari_frtm.plugin.work.object_work import describe_object
from napari_frtm.timeline import DOUBTFUL

if TYPE_CHECKING:
    import napari.viewer

    from napari_frtm.plugin.view.session_view import SessionView
    from napari_frtm.plugin.work.session import Session
    from napari_frtm.session.edits.division_search import PossibleDivision

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
        self._view = workspace_view(viewer)
        self.workspace = self._view.workspace
        self._mattes = matte_view(viewer)
        self._session: Session | None = None
        self._offered: list[Session] = []
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
        self.redo_button = QPushButton("Redo")
        self.look_box = QComboBox()
        self.table = ObjectTable()
        self.objects = ObjectsBox(self.workspace)
        self.objects_fold = QCollapsible("Objects", expandedIcon="▾", collapsedIcon="▸")
        self.divisions = DivisionsBox()
        self.divisions_fold = QCollapsible("Divisions", expandedIcon="▾", collapsedIcon="▸")
        self.clean_up = CleanUpBox(self.workspace)
        self.clean_up_fold = QCollapsible("Clean up", expandedIcon="▾", collapsedIcon="▸")
        self._lay_out()
        self._describe()
        self._connect()
        keys.follow(viewer, self)

    def changeEvent(self, event: QEvent) -> None:
        """Rest while the dock is closed: napari then takes the widget out of it."""
        if event.type() == QEvent.Type.ParentChange:
            self._follow(self.parent() is not None)
        super().changeEvent(event)

    def look(self) -> None:
        """Show everything as it is now."""
        view = self.session_view
        self.note.setVisible(view is None)
        folds = self.objects_fold, self.divisions_fold, self.clean_up_fold
        for widget in (self.strip, self.table, self._buttons, *folds):
            widget.setVisible(view is not None)
        colours = {} if view is None else object_colours(view)
        session = None if view is None else view.session
        timeline = None if session is None else session.timeline
        self.strip.show_timeline(timeline, session.span if session else range(0), colours)
        self.table.show_session(view, colours)
        self.objects.set_view(view)
        self.divisions.set_view(view)
        self.clean_up.set_view(view)
        self.clean_up.show_running()
        self._look_at_frame()

    @property
    def session_view(self) -> SessionView | None:
        """The session that is shown, as the viewer shows it; None for none, or one that is gone."""
        session = self._session
        if session is None or session not in self.workspace.sessions:
            return None
        return self._view.view(session)

    def freeze_range(self) -> None:
        """Protect all frames from In to Out, or give them free if all are."""
        session = self._session
        if session is not None:
            span = slice(session.span.start, session.span.stop)
            session.freeze(session.span, not session.timeline.frozen[span].all())

    def _look_at_frame(self) -> None:
        """Follow the displayed frame."""
        view = self.session_view
        if view is None:
            return
        session, frame = view.session, view.current
        self.strip.set_current(frame)
        self.table.show_frame(view)
        is_keyframe, frozen = frame in session.timeline.keyframes, session.timeline.frozen[frame]
        self.keyframe_button.setText("No keyframe" if is_keyframe else "Keyframe")
        self.freeze_button.setText("Unfreeze" if frozen else "Freeze")
        history, free = session.history, not session.edits.is_busy
        pairs = (
            (self.undo_button, history.last, "Undo", "U"),
            (self.redo_button, history.next, "Redo", "Shift-U"),
        )
        for button, step, name, key in pairs:
            button.setEnabled(step is not None and free)
            tip = f"Nothing to {name.lower()}." if step is None else f"{name}: {step.name}. ({key})"
            button.setToolTip(tip)
        if self.clean_up.preview.isChecked():
            self.clean_up.show_frame()

    def _reload(self) -> None:
        """Offer the sessions in which there is something, and show the current one."""
        self._offered = [session for session in self.workspace.sessions if session.has_work]
        current = self.workspace.current
        with signals_blocked(self.video):
            self.video.clear()
            self.video.addItems([session.source.name for session in self._offered])
            shown = self._offered.index(current) if current in self._offered else -1
            self.video.setCurrentIndex(shown)
        self.video.setVisible(any(session is not current for session in self._offered))
        self._show(current if current in self._offered else None)

    def _choose_video(self) -> None:
        index = self.video.currentIndex()
        if 0 <= index < len(self._offered):
            self.workspace.choose(self._offered[index])

    def _changed(self) -> None:
        """Look again, at another session if the one that is current has got something to show."""
        known = [session for session in self.workspace.sessions if session.has_work]
        if known != self._offered:
            self._reload()
        elif self._session is not None:
            self.look()

    def _show(self, session: Session | None) -> None:
        if session is not self._session:
            self._session = session
            if session is not None:
                self.threshold.setValue(session.doubtful)
        self.look()

    def _pick(self, frame: int) -> None:
        view = self.session_view
        if view is not None:
            view.go_to(frame)

    def _set_span(self, span: range) -> None:
        if self._session is not None:
            self._session.set_span(span)

    def _choose_look(self, name: str) -> None:
        self._mattes.set_look(Look(name))

    def _show_look(self) -> None:
        with signals_blocked(self.look_box):
            self.look_box.setCurrentText(str(self._mattes.look))

    def _select(self, object_id: int) -> None:
        view = self.session_view
        if view is not None and view.masks is not None:
            view.masks.selected_label = object_id
            self._look_at_frame()
        self.objects.choose(object_id)

    def _look_at_division(self, possible: PossibleDivision) -> None:
        self._pick(possible.frame)
        self._select(possible.object_id)

    def _name(self, object_id: int, name: str) -> None:
        if self._session is None:
            return
        known = self._session.store.objects.get(object_id, SessionObject())
        if name == known.name:
            return
        try:
            describe_object(self._session, object_id, replace(known, name=name))
        except FrtmError as error:
            show_warning(str(error))
            self._session.touch()  # what it was called comes back

    def _previous_doubtful(self) -> None:
        commands.previous_doubtful(self._viewer)

    def _next_doubtful(self) -> None:
        commands.next_doubtful(self._viewer)

    def _toggle_keyframe(self) -> None:
        commands.toggle_keyframe(self._viewer)

    def _toggle_frozen(self) -> None:
        commands.toggle_frozen(self._viewer)

    def _undo(self) -> None:
        commands.undo(self._viewer)

    def _redo(self) -> None:
        commands.redo(self._viewer)

    def _lay_out(self) -> None:
        self._buttons = QWidget()
        grid = QGridLayout(self._buttons)
        grid.setContentsMargins(0, 0, 0, 0)
        first = (self.previous_button, self.next_button, self.threshold)
        second = (self.keyframe_button, self.freeze_button, self.freeze_range_button)
        third = (self.undo_button, self.redo_button, self.look_box)
        for place, widget in enumerate(first + second + third):
            grid.addWidget(widget, place // 3, place % 3)
        folds = (self.objects_fold, self.divisions_fold, self.clean_up_fold)
        for fold, box in zip(folds, (self.objects, self.divisions, self.clean_up), strict=True):
            fold.addWidget(box)
            fold.layout().setContentsMargins(0, 0, 0, 0)
        layout = scrollable(self)
        shown = (self.video, self.note, self.strip, self._buttons, self.table)
        for widget in (*shown, *folds):
            layout.addWidget(widget, int(widget is self.table))
        layout.addStretch()
        self.note.setWordWrap(True)
        self.video.setVisible(False)
        for box in (self.video, self.look_box):
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            box.setMinimumContentsLength(8 if box is self.video else 1)

    def _describe(self) -> None:
        self.video.setToolTip("Which video to review.")
        self.strip.setToolTip("Click to go to a frame.")
        self.previous_button.setToolTip("Go to the doubtful frame before this one. (Shift-N)")
        self.next_button.setToolTip("Go to the worst frame of the next doubtful stretch. (N)")
        self.look_box.addItems([str(look) for look in Look])
        self.look_box.setToolTip("How to look at the displayed frame. (W)")
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
        self.look_box.currentTextChanged.connect(self._choose_look)
        self.strip.picked.connect(self._pick)
        self.strip.span_dragged.connect(self._set_span)
        self.previous_button.clicked.connect(self._previous_doubtful)
        self.next_button.clicked.connect(self._next_doubtful)
        self.keyframe_button.clicked.connect(self._toggle_keyframe)
        self.freeze_button.clicked.connect(self._toggle_frozen)
        self.freeze_range_button.clicked.connect(self.freeze_range)
        self.undo_button.clicked.connect(self._undo)
        self.redo_button.clicked.connect(self._redo)
        self.table.chosen.connect(self._select)
        self.table.frame_wanted.connect(self._pick)
        self.table.named.connect(self._name)
        self.divisions.titled.connect(self.divisions_fold.setText)
        self.divisions.picked.connect(self._look_at_division)
        self.divisions.wanted.connect(self.objects.divide)
        self._follow(True)

    def _follow(self, follows: bool) -> None:
        """Look at what changes from now on, or no longer."""
        if follows == self._follows:
            return
        self._follows = follows
        pairs = (
            (self.workspace.changed, self._reload),
            (self.workspace.run_changed, self._changed),
            (self.workspace.session_changed, self._changed),
            (self._view.moved, self._look_at_frame),
            (self._mattes.changed, self._show_look),
        )
        for signal, slot in pairs:
            signal.connect(slot) if follows else signal.disconnect(slot)
        if follows:
            self._show_look()
            self._reload()
        else:
            self.clean_up.preview.setChecked(False)
