"""A sketch in a viewer: prompts on the displayed frame, and the masks that they ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from napari_frtm.errors import FrtmError
from napari_frtm.plugin.view.painting import painted_frames_of
from napari_frtm.plugin.view.preview import Preview
from napari_frtm.plugin.view.sketch.prompt_layers import (
    boxes_layer,
    clear,
    let_be_of,
    points_layer,
    prompts_on,
    strokes_layer,
)
from napari_frtm.plugin.view.workspace_view import WorkspaceView, workspace_view
from napari_frtm.plugin.work.sketching import Question

if TYPE_CHECKING:
    from napari.layers import Labels, Points, Shapes
    from napari.utils.events import Event
    from napari.viewer import Viewer

    from napari_frtm.engine.sketch.prompts import Prompts
    from napari_frtm.plugin.view.session_view import SessionView
    from napari_frtm.plugin.work.sketching import Answer
    from napari_frtm.types import Labels as LabelImage


class SketchView(QObject):  # type: ignore[misc]
    """The sketch of the current session; get it with `sketch_view`.

    Its layers come when they are asked for. The masks that were found are shown in a layer of their
    own, in place of the masks of the frame, until they are accepted or given up.

    Attributes
    ----------
    strokes, points, boxes : napari layers or None
        What the user draws on; None until it is asked for.
    object_id : int
        The object that is drawn next, in [1, 254]; `NOT_IT` for what is none.
    seconds : float or None
        How long the last answer took.
    changed : Signal
        There is an answer, or none any more; or something is being found.
    """

    changed = Signal()

    def __init__(self, around: WorkspaceView) -> None:
        super().__init__(around)
        self.strokes: Labels | None = None
        self.points: Points | None = None
        self.boxes: Shapes | None = None
        self.object_id = 1
        self.seconds: float | None = None
        self._around = around
        self._view: SessionView | None = None
        self._answers: dict[int, LabelImage] = {}
        self._preview = Preview("sketch", contour=0)
        self._hides_masks = False
        self._ask_soon = QTimer(self)  # one question for all events of a stroke
        self._ask_soon.setSingleShot(True)
        self._ask_soon.setInterval(0)
        self._ask_soon.timeout.connect(self._ask)
        sketching = around.workspace.sketching
        sketching.answered.connect(self._take)
        sketching.changed.connect(self.changed)
        around.moved.connect(self._show)
        around.workspace.changed.connect(self._follow)
        around.viewer.layers.events.removed.connect(self._removed)

    @property
    def viewer(self) -> Viewer:
        """The viewer."""
        return self._around.viewer

    @property
    def session_view(self) -> SessionView | None:
        """The session that is sketched on; None before anything is asked for."""
        return self._view

    @property
    def has_answer(self) -> bool:
        """Whether masks were found for the displayed frame."""
        return self._view is not None and self._view.current in self._answers

    @property
    def is_working(self) -> bool:
        """Whether masks are being found."""
        return bool(self._around.workspace.sketching.is_working)

    def draw_strokes(self) -> None:
        """Let the user draw strokes; raises `FrtmError` if there is no video."""
        view = self._begin()
        strokes = self._strokes_of(view)
        if strokes not in view.viewer.layers:
            self._add(strokes)
        strokes.selected_label = self.object_id
        strokes.mode = "paint"
        view.viewer.layers.selection.active = strokes

    def draw_points(self) -> None:
        """Let the user set points; raises `FrtmError` if there is no video."""
        view = self._begin()
        if self.points is None:
            self.points = points_layer(view)
            self._add(self.points)
            self.points.events.data.connect(self._drawn)
        let_be_of(self.points, self.object_id)
        self.points.mode = "add"
        view.viewer.layers.selection.active = self.points

    def draw_boxes(self) -> None:
        """Let the user draw boxes; raises `FrtmError` if there is no video."""
        view = self._begin()
        if self.boxes is None:
            self.boxes = boxes_layer(view)
            self._add(self.boxes)
            self.boxes.events.data.connect(self._drawn)
        let_be_of(self.boxes, self.object_id)
        self.boxes.mode = "add_rectangle"
        view.viewer.layers.selection.active = self.boxes

    def set_object(self, object_id: int) -> None:
        """Let what is drawn next be of an object, or `NOT_IT`."""
        self.object_id = object_id
        if self.strokes is not None and self.strokes.selected_label != object_id:
            self.strokes.selected_label = object_id
        for layer in (self.points, self.boxes):
            if layer is not None:
                let_be_of(layer, object_id)

    def tidy(self) -> None:
        """Find better outlines for the masks of the frame; raises `FrtmError` if it has none."""
        view = self._begin()
        before = self._masks(view)
        if before is None:
            raise FrtmError(
                f"Frame {view.current} has no masks to tidy. Draw them roughly on the masks first."
            )
        self._question(view, None, before)

    def accept(self) -> None:
        """Let the masks that were found be a keyframe; raises `FrtmError` if it is frozen."""
        view = self._view
        if view is None or not self.has_answer:
            raise FrtmError("There is nothing to accept yet. Draw a stroke on an object first.")
        frame = view.current
        if view.session.timeline.frozen[frame]:
            raise FrtmError(f"Frame {frame} is frozen. Unfreeze it first.")
        labels = self._answers.pop(frame)
        view.session.keyframes.draw(frame, labels)
        view.bring_back()
        self._around.workspace.save(view.session)
        self._forget_prompts(view, frame)

    def give_up(self) -> None:
        """Take the prompts of the frame away, and what was found."""
        view = self._view
        if view is not None:
            self._around.workspace.sketching.forget()
            self._answers.pop(view.current, None)
            self._forget_prompts(view, view.current)

    def _begin(self) -> SessionView:
        view = self._around.current
        if view is None:
            raise FrtmError("Choose a video first, in the dock Propagate.")
        if view is not self._view:
            self._end()
            self._view = view
        return view

    def _strokes_of(self, view: SessionView) -> Labels:
        """Return the layer for strokes, which is in no viewer before it is asked for."""
        if self.strokes is None:
            self.strokes = strokes_layer(view)
            self.strokes.events.paint.connect(self._painted)
            self.strokes.events.set_data.connect(self._redrawn)
            self.strokes.events.selected_label.connect(self._label_chosen)
        return self.strokes

    def _add(self, layer: Labels | Points | Shapes) -> None:
        self._around.viewer.add_layer(layer)

    def _label_chosen(self, event: Event) -> None:
        """Follow napari's own choice of the label; 0 erases strokes."""
        if self.strokes is not None and self.strokes.selected_label > 0:
            self.set_object(int(self.strokes.selected_label))
            self.changed.emit()

    def _painted(self, event: Event) -> None:
        view = self._view
        if view is None:
            return
        time = view.session.source.axes.time
        if any(view.current in painted_frames_of(atom, time) for atom in event.value):
            self._ask_soon.start()

    def _redrawn(self, event: Event) -> None:
        """After an undo napari draws the layer again, and says nothing else."""
        if self.has_answer:
            self._ask_soon.start()

    def _drawn(self, event: Event) -> None:
        if getattr(event, "action", "") in ("added", "removed", "changed"):
            self._ask_soon.start()

    def _ask(self) -> None:
        """Ask for the masks that follow from what is drawn on the displayed frame."""
        view = self._view
        if view is None:
            return
        frame = view.current
        prompts = prompts_on(view, frame, self._strokes_of(view), self.points, self.boxes)
        if prompts.is_empty:
            self._answers.pop(frame, None)
            self._show()
            return
        if not prompts.object_ids and self._masks(view) is None:
            return  # all that is known is what is no object
        self._question(view, prompts, self._masks(view))

    def _question(
        self, view: SessionView, prompts: Prompts | None, before: LabelImage | None
    ) -> None:
        source = view.session.source
        self._around.workspace.sketching.ask(
            Question(
                video=_name_of(view),
                frames=source.frames,
                frame=view.current,
                contrast=source.contrast,
                prompts=prompts,
                before=before,
            )
        )

    def _masks(self, view: SessionView) -> LabelImage | None:
        """Return the masks that the displayed frame has; None if it has none."""
        if view.painting is not None:
            view.painting.settle()
        labels = view.session.store.labels(view.current)
        return labels if labels.any() else None

    def _take(self, answer: Answer) -> None:
        view = self._view
        if view is None or answer.question.video != _name_of(view):
            return
        self._answers[answer.question.frame] = answer.labels
        self.seconds = answer.seconds
        self._show()

    def _show(self) -> None:
        """Show what was found for the displayed frame, in place of its masks."""
        view = self._view
        if view is None:
            return
        labels = self._answers.get(view.current)
        if labels is None:
            self._preview.remove()
        else:
            like = view.masks or self._strokes_of(view)
            self._preview.show(labels, like, view.viewer.layers)
        if view.masks is not None and self._hides_masks != (labels is not None):
            self._hides_masks = labels is not None
            view.masks.visible = not self._hides_masks
        self.changed.emit()

    def _forget_prompts(self, view: SessionView, frame: int) -> None:
        axes = view.session.source.axes
        if self.strokes is not None:
            self.strokes.data[axes.frame_index(frame)] = 0
            with self.strokes.events.set_data.blocker(self._redrawn):
                self.strokes.refresh()
        clear(frame, axes.time, self.points, self.boxes)
        self._ask_soon.stop()
        self._show()

    def _follow(self) -> None:
        """End with the session, and when another one is the current one."""
        if self._view is not None and self._around.current is not self._view:
            self._end()
            self.changed.emit()

    def _end(self) -> None:
        """Take all layers away."""
        self._around.workspace.sketching.forget()
        self._ask_soon.stop()
        self._answers.clear()
        self._preview.remove()
        if self._hides_masks and self._view is not None and self._view.masks is not None:
            self._view.masks.visible = True
        self._hides_masks = False
        gone = (self.strokes, self.points, self.boxes)
        self._view = self.strokes = self.points = self.boxes = None
        layers = self._around.viewer.layers
        for layer in gone:
            if layer is not None and layer in layers:
                layers.remove(layer)

    def _removed(self, event: Event) -> None:
        """Forget a layer that the user has removed."""
        for name in ("strokes", "points", "boxes"):
            if event.value is getattr(self, name):
                setattr(self, name, None)


def _name_of(view: SessionView) -> str:
    source = view.session.source
    return f"{source.layer_id} {source.axes}"


def sketch_view(viewer: Viewer) -> SketchView:
    """Return the sketch in a viewer, the same for all docks and commands."""
    around = workspace_view(viewer)
    return around.findChild(SketchView) or SketchView(around)
