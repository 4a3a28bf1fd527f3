"""Measurements of all frames together: as a table of columns, and as tracks of centroids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_frtm.errors import LabelsError
from napari_frtm.io.export.settings import Progress
from napari_frtm.io.export.tables.measurements import columns, measured

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_frtm.io.export.source import MaskSource


@dataclass(frozen=True, slots=True, eq=False)
class Measurements:
    """What was measured.

    Attributes
    ----------
    columns : mapping of str to list
        The columns of `measurements.columns`, except ``index``, and except those without any
        value; a row for each object in each frame, by frame and object.
    """

    columns: Mapping[str, list[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """Centroids of objects over time.

    Attributes
    ----------
    points : array of shape (N, 4)
        Object, frame, and the centroid's row and column in pixels.
    parents : dict of int to list of int
        For objects that came from another one, that; both have points.
    """

    points: NDArray[np.float64]
    parents: dict[int, list[int]]


def measurements(
    source: MaskSource, span: range, objects: Sequence[int] | None = None
) -> Generator[Progress | Measurements, None, None]:
    """Measure the objects in some frames; all objects if none are named.

    Yields
    ------
    Progress
        After each frame.
    Measurements
        At last.

    Raises
    ------
    FrtmError
        If no frame holds any of the objects, or masks or video cannot be read.
    """
    rows: list[dict[str, Any]] = []
    for done, index in enumerate(span, 1):
        labels = source.labels(index)
        if objects is not None:
            labels = np.where(np.isin(labels, objects), labels, 0)
        rows += measured(source, index, labels)
        yield Progress("Measuring", done, len(span))
    if not rows:
        raise LabelsError(
            f"There are no such objects in frames {span.start} to {span.stop - 1}, so there is "
            "nothing to measure. Choose other frames or objects."
        )
    found = {name: [row.get(name) for row in rows] for name in columns(source) if name != "index"}
    empty = (None, "")
    yield Measurements(
        {name: values for name, values in found.items() if any(v not in empty for v in values)}
    )


def tracks(table: Mapping[str, Sequence[Any]]) -> Tracks:
    """Return the centroids of a table of measurements, with parents where it has them."""
    names = ("object", "frame", "centroid_y_px", "centroid_x_px")
    points = np.stack([np.asarray(table[name], np.float64) for name in names], axis=1)
    objects = np.asarray(table["object"]).tolist()
    parents: dict[int, list[int]] = {}
    for object_id, parent in zip(objects, table.get("parent", ()), strict=False):
        if parent is not None and parent == parent and int(parent) in objects:  # NaN is not itself
            parents[int(object_id)] = [int(parent)]
    return Tracks(points, parents)
