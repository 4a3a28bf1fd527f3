"""Measurements of a Labels layer, into its features and a Tracks layer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
from napari.layers import Tracks

from napari_frtm.io.export.tables.collected import measurements, tracks
from napari_frtm.plugin.work.exporting import Exporting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari.layers import Labels
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_frtm.io.export.source import MaskSource
    from napari_frtm.io.export.tables.collected import Measurements
    from napari_frtm.plugin.docks.export.measured import Tables
    from napari_frtm.plugin.source.axes import VideoAxes
    from napari_frtm.plugin.work.session import Session


class Measuring(Exporting):
    """Measures all objects of a layer, which has the result in its features then.

    Parameters
    ----------
    layer : napari.layers.Labels
        The layer that gets the features.
    source : MaskSource
        Its masks.
    span : range
        Frames to measure.
    known : Tables
        Told that it was measured.
    session : Session, optional
        Whose masks it shows.
    """

    def __init__(
        self,
        layer: Labels,
        source: MaskSource,
        span: range,
        known: Tables,
        session: Session | None = None,
    ) -> None:
        super().__init__("Measurements", partial(measurements, source, span), session)
        self._layer = ref(layer)
        self._known = known
        self.made.connect(self._show)

    def _show(self, found: Measurements) -> None:
        layer = self._layer()
        if layer is not None:
            layer.features = features(found.columns)
            self._known.measured(layer, self.session, self.changed_meanwhile)


class Tracking(Measuring):
    """Measures all objects of a layer, and adds their centroids as a Tracks layer besides.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where the layer is added; not kept alive.
    axes : VideoAxes
        Of the layer.
    layer, source, span, known, session
        As in `Measuring`.
    """

    def __init__(
        self,
        viewer: Viewer,
        axes: VideoAxes,
        layer: Labels,
        source: MaskSource,
        span: range,
        known: Tables,
        session: Session | None = None,
    ) -> None:
        super().__init__(layer, source, span, known, session)
        self.name = "Tracks of centroids"
        self._viewer = ref(viewer)
        self._axes = axes
        self.made.connect(self._add)

    def _add(self, found: Measurements) -> None:
        viewer, layer = self._viewer(), self._layer()
        if viewer is not None and layer is not None:
            viewer.add_layer(tracks_layer(found.columns, layer, self._axes))


def features(columns: Mapping[str, Sequence[Any]]) -> dict[str, NDArray[Any]]:
    """Return a table of measurements as features of a Labels layer.

    napari takes a column ``index`` for labels, and shows a row of it at the cursor. Here are many
    rows of a label, so this column names both object and frame.
    """
    rows = zip(columns["object"], columns["frame"], strict=True)
    index = np.array([f"{object_id} @ {frame}" for object_id, frame in rows], object)
    return {"index": index} | {name: _array(values) for name, values in columns.items()}


def tracks_layer(columns: Mapping[str, Sequence[Any]], layer: Labels, axes: VideoAxes) -> Tracks:
    """Return the centroids of a table of measurements as a layer that lies on a Labels layer.

    It has the axes from time on.
    """
    found = tracks(columns)
    idle = layer.ndim - axes.time - 3
    points = np.insert(found.points, [2] * idle, 0, axis=1)
    options: dict[str, Any] = {
        name: getattr(layer, name)[axes.time :]
        for name in ("scale", "translate", "units", "axis_labels")
    }
    if axes.time == 0:
        options |= {name: getattr(layer, name) for name in ("rotate", "shear", "affine")}
    name = f"{layer.name.removesuffix(' masks')} tracks"
    return Tracks(points, name=name, graph=found.parents, **options)


def _array(values: Sequence[Any]) -> NDArray[Any]:
    """Return a column as an array; NaN or an empty text where nothing is known."""
    if any(isinstance(value, str) for value in values):
        return np.array(["" if value is None else value for value in values], object)
    if any(value is None for value in values):
        return np.array([np.nan if value is None else value for value in values], np.float64)
    return np.array(values)
