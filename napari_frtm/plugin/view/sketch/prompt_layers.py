"""The layers that a user draws prompts on, and what is drawn there on a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels, Points, Shapes
from napari.utils.colormaps import direct_colormap

from napari_frtm.engine.sketch.prompts import NOT_IT, Prompts, with_points
from napari_frtm.plugin.source.array_view import with_axes
from napari_frtm.plugin.view.result_layers import mark, over
from napari_frtm.session.store.arrays import new_array
from napari_frtm.types import Box

if TYPE_CHECKING:
    from napari_frtm.plugin.view.session_view import SessionView
    from napari_frtm.types import Labels as LabelImage

_BRUSH = 1 / 60  # of the shorter side
_LABEL = "label"  # feature of points and boxes: the object, 0 for what is none


def strokes_layer(view: SessionView) -> Labels:
    """Return a layer for strokes on all frames of a session; what is no object is white."""
    size = view.session.store.size
    data = with_axes(new_array(size, np.uint8), view.session.source.axes)
    colours: dict[int | None, Any] = {None: "transparent", 0: "transparent", NOT_IT: "white"}
    layer = Labels(data, name=f"{view.video.name} strokes", opacity=1, **_place(view))
    colours |= {i: layer.get_color(i) for i in range(1, NOT_IT)}
    layer.colormap = direct_colormap(colours)
    layer.brush_size = max(3, round(_BRUSH * min(size[1:])))
    mark(layer, "strokes", view.video, [])
    return layer


def points_layer(view: SessionView) -> Points:
    """Return a layer for points, each with the number of its object beside it."""
    layer = Points(
        np.empty((0, view.session.source.axes.ndim)),
        name=f"{view.video.name} points",
        size=max(5, min(view.session.store.size[1:]) / 50),
        **_drawn(view),
    )
    mark(layer, "points", view.video, [])
    return layer


def boxes_layer(view: SessionView) -> Shapes:
    """Return a layer for boxes around objects."""
    layer = Shapes(
        None,
        ndim=view.session.source.axes.ndim,
        name=f"{view.video.name} boxes",
        face_color="transparent",
        edge_color="yellow",
        edge_width=2,
        **_drawn(view),
    )
    mark(layer, "boxes", view.video, [])
    return layer


def let_be_of(layer: Points | Shapes, label: int) -> None:
    """Let what is drawn next be of an object, or of none."""
    layer.feature_defaults = {_LABEL: 0 if label == NOT_IT else label}


def prompts_on(
    view: SessionView, frame: int, strokes: Labels, points: Points | None, boxes: Shapes | None
) -> Prompts:
    """Return what is drawn on a frame."""
    axes = view.session.source.axes
    drawn = np.array(strokes.data[axes.frame_index(frame)])
    if points is not None:
        here = [
            (float(place[-2]), float(place[-1]), int(label) or NOT_IT)
            for place, label in zip(points.data, points.features[_LABEL], strict=True)
            if round(float(place[axes.time])) == frame
        ]
        drawn = with_points(drawn, here)
    found = {} if boxes is None else _boxes(boxes, frame, axes.time, drawn)
    return Prompts(strokes=drawn, boxes=found)


def clear(frame: int, time: int, points: Points | None, boxes: Shapes | None) -> None:
    """Take the points and boxes of a frame away."""
    for layer in (points, boxes):
        if layer is not None:
            here = {i for i, place in enumerate(layer.data) if _is_on(place, frame, time)}
            layer.selected_data = here
            layer.remove_selected()


def _boxes(layer: Shapes, frame: int, time: int, drawn: LabelImage) -> dict[int, Box]:
    boxes = {}
    for corners, label in zip(layer.data, layer.features[_LABEL], strict=True):
        if not int(label) or not _is_on(corners, frame, time):
            continue
        low, high = corners[:, -2:].min(0), corners[:, -2:].max(0)
        first = np.clip(np.floor(low + 0.5), 0, np.array(drawn.shape) - 1).astype(int)
        last = np.clip(np.ceil(high + 0.5), first + 1, drawn.shape).astype(int)
        boxes[int(label)] = Box(int(first[0]), int(first[1]), int(last[0]), int(last[1]))
    return boxes


def _is_on(place: Any, frame: int, time: int) -> bool:
    return round(float(np.atleast_2d(place)[0, time])) == frame


def _place(view: SessionView) -> dict[str, Any]:
    return over(view.video, view.session.source.axes, np.ones(2))


def _drawn(view: SessionView) -> dict[str, Any]:
    """Return what layers of points and boxes have in common."""
    return {
        "features": {_LABEL: np.empty(0, int)},
        "feature_defaults": {_LABEL: 1},
        "text": {"string": "{label}", "color": "yellow", "size": 10},
        **_place(view),
    }
