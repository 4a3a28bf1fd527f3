"""Centroids over time: a table for napari's Tracks layers, and GEFF graphs."""

from __future__ import annotations

import csv
from contextlib import contextmanager
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_frtm.io.atomic import replacing, replacing_folder
from napari_frtm.io.export.masks.images import make_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from napari_frtm.io.export.job import Job, WriteFrame

COLUMNS = ("track_id", "t", "y", "x", "parent", "name")


@contextmanager
def tracks_csv(job: Job) -> Iterator[WriteFrame]:
    """Write a line for each object in each frame: the first four are data of a Tracks layer.

    Coordinates are in pixels; ``parent`` is the id of the object that it came from, or empty.
    """
    with (
        replacing(job.path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        table = csv.writer(file)
        table.writerow(COLUMNS)

        def write(index: int) -> None:
            for object_id, (y, x) in centroids(job, index).items():
                known = job.source.objects.get(object_id)
                parent = "" if known is None or known.parent is None else known.parent
                name = job.object_name(object_id)
                table.writerow([object_id, job.number(index), f"{y:.4f}", f"{x:.4f}", parent, name])

        yield write


@contextmanager
def geff(job: Job) -> Iterator[WriteFrame]:
    """Write a graph (GEFF 1): a node for each object in each frame, edges to where it is next.

    Objects with a parent are joined to the last frame of that before they begin. Coordinates are
    in pixels and frames; their scale is in the metadata.
    """
    nodes: list[tuple[int, int, float, float]] = []

    def write(index: int) -> None:
        found = centroids(job, index)
        nodes.extend((i, job.number(index), y, x) for i, (y, x) in found.items())

    make_folder(job.path.parent)
    with replacing_folder(job.path) as temporary:
        yield write
        _write_graph(job, nodes, temporary)


def centroids(job: Job, index: int) -> dict[int, tuple[float, float]]:
    """Return (y, x) of the centroid of each object that is in a frame, pixels."""
    labels = job.labels(index)
    found = {}
    for object_id in job.object_ids:
        moments = cv2.moments((labels == object_id).view(np.uint8), binaryImage=True)
        if area := moments["m00"]:
            found[object_id] = moments["m01"] / area, moments["m10"] / area
    return found


def links(
    nodes: Sequence[tuple[int, int, float, float]], parents: Mapping[int, int | None]
) -> list[tuple[int, int]]:
    """Return the edges between nodes (object, frame, y, x), which are sorted by frame."""
    seen: dict[int, list[int]] = {}
    edges = []
    for number, (object_id, frame, _, _) in enumerate(nodes):
        mine = seen.setdefault(object_id, [])
        origin = mine or seen.get(parents.get(object_id) or 0, [])
        # of a parent, the last two: it may be in the frame in which its daughter begins
        edges += [(n, number) for n in origin[::-1] if nodes[n][1] < frame][:1]
        mine[:] = [*mine[-1:], number]
    return edges


def _write_graph(job: Job, nodes: Sequence[tuple[int, int, float, float]], folder: Path) -> None:
    import zarr

    parents = {i: known.parent for i, known in job.source.objects.items()}
    edges = links(nodes, parents)
    columns = list(zip(*nodes, strict=True)) or [(), (), (), ()]
    types = {"object": np.int64, "t": np.int64, "y": np.float64, "x": np.float64}
    root = zarr.create_group(folder, zarr_format=2)
    ids = np.arange(len(nodes), dtype=np.uint64)
    root.create_array("nodes/ids", data=ids)
    for (name, kind), values in zip(types.items(), columns, strict=True):
        root.create_array(f"nodes/props/{name}/values", data=np.array(values, kind))
    root.create_array("edges/ids", data=np.array(edges, np.uint64).reshape(-1, 2))
    root.create_group("edges/props")
    root.attrs["geff"] = {
        "geff_version": "1.1",
        "directed": True,
        "axes": _axes(job, columns),
        "node_props_metadata": {
            name: {"identifier": name, "dtype": np.dtype(kind).name} for name, kind in types.items()
        },
        "edge_props_metadata": {},
        "track_node_props": {"tracklet": "object"},
        "extra": {"names": {str(i): job.object_name(i) for i in job.object_ids}},
    }


def _axes(job: Job, columns: Sequence[Sequence[float]]) -> list[dict[str, object]]:
    """Return the axes with their extent, and their scale where it is known."""
    axes: list[dict[str, object]] = []
    lengths, seconds = job.source.pixel_size.lengths, job.source.pixel_size.interval
    for name, values in zip("tyx", columns[1:], strict=True):
        axis: dict[str, object] = {"name": name, "type": "time" if name == "t" else "space"}
        if len(values):
            axis |= {"min": float(min(values)), "max": float(max(values))}
        if name in lengths:
            axis |= {"scale": lengths[name][0], "scaled_unit": lengths[name][1]}
        if name == "t" and seconds:
            axis |= {"scale": seconds, "scaled_unit": "second"}
        axes.append(axis)
    return axes
