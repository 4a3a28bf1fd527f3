"""Measurements of every object in every frame, as CSV or Parquet."""

from __future__ import annotations

import csv
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_frtm.io.atomic import replacing
from napari_frtm.io.export.extras import extra

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_frtm.io.export.job import Job, WriteFrame
    from napari_frtm.io.export.source import MaskSource

_SHAPE = {
    "area": "area_px",
    "centroid-0": "centroid_y_px",
    "centroid-1": "centroid_x_px",
    "bbox-0": "top_px",
    "bbox-1": "left_px",
    "bbox-2": "bottom_px",
    "bbox-3": "right_px",
    "perimeter": "perimeter_px",
    "eccentricity": "eccentricity",
    "orientation": "orientation_rad",
}
"""By skimage's names; bottom and right are the first row and column behind the object."""
_SHORT = {"micrometer": "um", "nanometer": "nm", "millimeter": "mm"}
_ROWS = 4096
"""Rows that are gathered before they are written to Parquet."""


@contextmanager
def csv_table(job: Job) -> Iterator[WriteFrame]:
    """Write a line for each object in each frame, below the names of the columns."""
    names = columns(job.source)
    with (
        replacing(job.path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        table = csv.DictWriter(file, list(names), restval="")
        table.writeheader()

        def write(index: int) -> None:
            for row in job_rows(job, index):
                table.writerow({key: _text(value) for key, value in row.items()})

        yield write


@contextmanager
def parquet_table(job: Job) -> Iterator[WriteFrame]:
    """Write a row for each object in each frame; missing values are null."""
    arrow = extra("pyarrow", "Parquet")
    parquet = extra("pyarrow.parquet", "Parquet")
    kinds = {int: arrow.int64(), float: arrow.float64(), str: arrow.string(), bool: arrow.bool_()}
    schema = arrow.schema([(name, kinds[kind]) for name, kind in columns(job.source).items()])
    rows: list[dict[str, object]] = []
    with replacing(job.path) as temporary, parquet.ParquetWriter(temporary, schema) as table:

        def flush() -> None:
            table.write_table(arrow.Table.from_pylist(rows, schema=schema))
            rows.clear()

        def write(index: int) -> None:
            rows.extend(job_rows(job, index))
            if len(rows) >= _ROWS:
                flush()

        yield write
        flush()


def columns(source: MaskSource) -> dict[str, type]:
    """Return the columns of the table of a source, with the type of their values."""
    known: dict[str, type] = {"frame": int, "index": int, "seconds": float, "object": int}
    known |= {"name": str, "parent": int, "keyframe": bool, "frozen": bool, "confidence": float}
    known |= dict.fromkeys(_SHAPE.values(), float)
    known |= dict.fromkeys(("area_px", "top_px", "left_px", "bottom_px", "right_px"), int)
    known |= dict.fromkeys(_physical(source), float)
    for channel in _channels(source):
        known |= {f"intensity_{what}{channel}": float for what in ("mean", "min", "max", "sum")}
    return known


def job_rows(job: Job, index: int) -> list[dict[str, Any]]:
    """Return the rows of a frame: `measured`, and the frame's number."""
    rows = measured(job.source, index, job.labels(index))
    names = {i: job.object_name(i) for i in job.object_ids}
    return [{**row, "frame": job.number(index), "name": names[row["object"]]} for row in rows]


def measured(source: MaskSource, index: int, labels: NDArray[Any]) -> list[dict[str, Any]]:
    """Return what can be said of each object in a frame, by the names in `columns`.

    Parameters
    ----------
    source : MaskSource
        What is known of the masks.
    index : int
        Of the frame.
    labels : array of shape (H, W)
        Its object ids.

    Returns
    -------
    list of dict
        One for each object that is there, in the order of ids. None where nothing is known.
        Lengths in pixels, and in physical units where the pixel size is known; the orientation is
        the angle of the longer axis against the rows' axis, counter-clockwise, in radians.
    """
    measure = extra("skimage.measure", "A table")  # here, because it takes long to import
    channels = _channels(source)
    image = _image(source, index) if channels else None
    wanted = ["label", "area", "centroid", "bbox", "perimeter", "eccentricity", "orientation"]
    if image is not None:
        wanted += ["intensity_mean", "intensity_min", "intensity_max"]
    found = measure.regionprops_table(labels, image, wanted)
    rows = []
    for k, object_id in enumerate(found["label"].tolist()):
        row = _known(source, index, object_id)
        row |= {name: found[key][k].item() for key, name in _SHAPE.items()}
        row["area_px"] = round(row["area_px"])
        row |= _in_units(source, row)
        for number, channel in enumerate(channels):
            key = f"-{number}" if len(channels) > 1 else ""
            for what in ("mean", "min", "max"):
                row[f"intensity_{what}{channel}"] = float(found[f"intensity_{what}{key}"][k])
            row[f"intensity_sum{channel}"] = row[f"intensity_mean{channel}"] * row["area_px"]
        rows.append(row)
    return rows


def _known(source: MaskSource, index: int, object_id: int) -> dict[str, Any]:
    """Return what is known without looking at pixels."""
    timeline, known = source.timeline, source.objects.get(object_id)
    series = None if timeline is None else timeline.confidence.get(object_id)
    confidence = None if series is None or np.isnan(series[index]) else float(series[index])
    seconds = source.pixel_size.interval or (1 / source.fps if source.fps else None)
    return {
        "frame": index,
        "index": index,
        "seconds": None if seconds is None else index * seconds,
        "object": object_id,
        "name": known.name if known else "",
        "parent": known.parent if known else None,
        "keyframe": index in source.keyframes,
        "frozen": timeline is not None and bool(timeline.frozen[index]),
        "confidence": confidence,
    }


def _physical(source: MaskSource) -> list[str]:
    """Return the columns in physical units."""
    lengths = source.pixel_size.lengths
    if not {"x", "y"} <= lengths.keys() or lengths["x"][1] != lengths["y"][1]:
        return []
    unit = _SHORT[lengths["x"][1]]
    names = [f"area_{unit}2", f"centroid_y_{unit}", f"centroid_x_{unit}"]
    return [*names, f"perimeter_{unit}"] if lengths["x"][0] == lengths["y"][0] else names


def _in_units(source: MaskSource, row: dict[str, Any]) -> dict[str, float]:
    names = _physical(source)
    if not names:
        return {}
    x, y = (source.pixel_size.lengths[axis][0] for axis in "xy")
    values = [
        row["area_px"] * x * y,
        row["centroid_y_px"] * y,
        row["centroid_x_px"] * x,
        row["perimeter_px"] * x,
    ]
    return dict(zip(names, values, strict=False))


def _channels(source: MaskSource) -> Sequence[str]:
    """Return what is added to the names of columns for each channel of the video."""
    if source.video is None:
        return ()
    return ("_red", "_green", "_blue") if source.video.frames.ndim == 4 else ("",)


def _image(source: MaskSource, index: int) -> NDArray[Any]:
    image = source.image(index)
    return image[..., :3] if image.ndim == 3 else image


def _text(value: object) -> object:
    return "" if value is None else value
