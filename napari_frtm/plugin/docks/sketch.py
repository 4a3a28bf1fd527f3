"""Dock *Sketch*: masks of a frame from a few strokes, points and boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Image
from napari.utils.notifications import show_warning
from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QSpinBox, QWidget
from superqt.utils import signals_blocked

from napari_frtm.engine.sketch.prompts import NOT_IT
from napari_frtm.errors import FrtmError
from napari_frtm.plugin import keys
from napari_frtm.plugin.docks.scrolling import scrollable
from napari_frtm.plugin.view.sketch.sketch_view import sketch_view
from napari_frtm.plugin.view.workspace_view import workspace_view

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari.viewer
    from qtpy.QtCore import QEvent

_HOW = (
    "Draw a stroke on an object: its mask is found. Where it is wrong, draw another: of the "
    "object, or with Not it on what is none. Ctrl-Z takes a stroke back."
)


class Sketch(QWidget):  # type: ignore[misc]
    """Prompts for the displayed frame of the current video.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where the video is.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._around = workspace_view(viewer)
        self.sketch = sketch_view(viewer)
        self.object_id = QSpinBox()
        self.not_it = QPushButton("Not it")
        self.strokes_button = QPushButton("Strokes")
        self.points_button = QPushButton("Points")
        self.boxes_button = QPushButton("Boxes")
        self.accept_button = QPushButton("Accept")
        self.give_up_button = QPushButton("Give up")
        self.tidy_button = QPushButton("Tidy these masks")
        self.status = QLabel()
        self._follows = False
        self._lay_out()
        self.object_id.valueChanged.connect(self._choose)
        self.not_it.toggled.connect(self._choose)
        for button, does in (
            (self.strokes_button, self.sketch.draw_strokes),
            (self.points_button, self.sketch.draw_points),
            (self.boxes_button, self.sketch.draw_boxes),
            (self.accept_button, self.sketch.accept),
            (self.give_up_button, self.sketch.give_up),
            (self.tidy_button, self.sketch.tidy),
        ):
            button.clicked.connect(self._telling(does))
        self._follow(True)
        keys.follow(viewer, self)

    def changeEvent(self, event: QEvent) -> None:
        """Rest while the dock is closed: napari then takes the widget out of it."""
        if event.type() == event.Type.ParentChange:
            self._follow(self.parent() is not None)
        super().changeEvent(event)

    def look(self) -> None:
        """Show everything as it is now."""
        view, sketch = self._around.current, self.sketch
        with signals_blocked(self.object_id), signals_blocked(self.not_it):
            self.not_it.setChecked(sketch.object_id == NOT_IT)
            if sketch.object_id != NOT_IT:
                self.object_id.setValue(sketch.object_id)
        for button in (self.accept_button, self.give_up_button):
            button.setEnabled(sketch.has_answer)
        if sketch.is_working:
            self.status.setText("Looking…")
        elif sketch.has_answer:
            took = "" if sketch.seconds is None else f", in {sketch.seconds:.1f} s"
            self.status.setText(f"Masks of this frame were found{took}. Accept makes a keyframe.")
        elif view is None:
            self.status.setText("Press Strokes; the first video of the list is used.")
        else:
            self.status.setText(_HOW)

    def _telling(self, does: Callable[[], None]) -> Callable[[], None]:
        """Return what does something, and says why if it cannot."""

        def do() -> None:
            try:
                self._open_video()
                self._choose()
                does()
            except FrtmError as error:
                show_warning(str(error))
            self.look()

        return do

    def _open_video(self) -> None:
        """Let the chosen or the first image be the current video, if there is none."""
        if self._around.current is not None:
            return
        layers = self._around.viewer.layers
        chosen = layers.selection.active
        images = [layer for layer in (chosen, *layers) if isinstance(layer, Image)]
        if not images:
            raise FrtmError("There is no video to sketch on. Open one first.")
        self._around.open(images[0])

    def _choose(self) -> None:
        self.sketch.set_object(NOT_IT if self.not_it.isChecked() else self.object_id.value())

    def _follow(self, follows: bool) -> None:
        """Look at what changes from now on, or no longer."""
        if follows == self._follows:
            return
        self._follows = follows
        signals = (self.sketch.changed, self._around.workspace.changed, self._around.moved)
        for signal in signals:
            signal.connect(self.look) if follows else signal.disconnect(self.look)
        if follows:
            self.look()

    def _lay_out(self) -> None:
        self.object_id.setRange(1, NOT_IT - 1)
        self.object_id.setToolTip("The object that strokes, points and boxes are of.")
        self.not_it.setCheckable(True)
        self.not_it.setToolTip("What is drawn next is none of the objects.")
        self.strokes_button.setToolTip("Draw with the brush; any stroke counts, also short ones.")
        self.points_button.setToolTip("Click on objects.")
        self.boxes_button.setToolTip("Draw boxes around whole objects.")
        self.accept_button.setToolTip("Make what was found a keyframe; key K takes it back.")
        self.give_up_button.setToolTip("Take what is drawn on this frame away, and what was found.")
        self.tidy_button.setToolTip(
            "Find the outlines of what is drawn roughly on the masks of this frame."
        )
        self.status.setWordWrap(True)
        grid = QGridLayout()
        grid.addWidget(QLabel("Object"), 0, 0)
        grid.addWidget(self.object_id, 0, 1)
        grid.addWidget(self.not_it, 0, 2)
        for column, button in enumerate(
            (self.strokes_button, self.points_button, self.boxes_button)
        ):
            grid.addWidget(button, 1, column)
        grid.addWidget(self.accept_button, 2, 0)
        grid.addWidget(self.give_up_button, 2, 1)
        grid.addWidget(self.tidy_button, 2, 2)
        layout = scrollable(self)
        layout.addLayout(grid)
        layout.addWidget(self.status)
        layout.addStretch()
