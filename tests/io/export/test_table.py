"""Measurements and tracks, against numbers worked out by hand and other people's readers."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import geff
import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_frtm.io.export.export import export
from napari_frtm.io.export.opening import open_masks
from napari_frtm.io.export.settings import ExportSettings
from napari_frtm.io.export.source import MaskSource
from napari_frtm.io.export.tables.measurements import columns, measured
from napari_frtm.io.session.objects import SessionObject

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Work

    Exported = Callable[..., Path]


def test_a_table_by_hand(tmp_path: Path) -> None:
    """A rectangle of 2 x 4 pixels of half a micrometre, every two seconds."""
    masks = np.zeros((3, 10, 12), np.uint16)
    masks[1:, 3:5, 4:8] = 7
    image = np.arange(3 * 10 * 12, dtype=np.uint16).reshape(3, 10, 12)
    ome = {"axes": "TYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5, "TimeIncrement": 2.0}
    for name, data in (("video", image), ("masks", masks)):
        tifffile.imwrite(tmp_path / f"{name}.ome.tif", data, metadata=ome)
    source = open_masks(tmp_path / "masks.ome.tif").of_video(tmp_path / "video.ome.tif")

    (row,) = measured(source, 2, masks[2])

    assert set(row) == set(columns(source))
    expected = {
        **{"index": 2, "seconds": 4.0, "object": 7, "name": "", "parent": None},
        **{"keyframe": False, "frozen": False, "confidence": None, "area_px": 8},
        **{"top_px": 3, "left_px": 4, "bottom_px": 5, "right_px": 8, "area_um2": 2.0},
        **{"centroid_y_px": 3.5, "centroid_x_px": 5.5, "centroid_y_um": 1.75},
        **{"intensity_min": 280.0, "intensity_max": 295.0, "intensity_mean": 287.5},
        **{"intensity_sum": 2300.0, "centroid_x_um": 2.75},
    }
    assert {key: row[key] for key in expected} == expected
    assert abs(row["orientation_rad"]) == pytest.approx(np.pi / 2)
    assert row["eccentricity"] == pytest.approx(np.sqrt(1 - (4**2 - 1) ** -1 * (2**2 - 1)))
    assert row["perimeter_um"] == row["perimeter_px"] / 2


def test_a_session_as_csv(exported: Exported, work: Work) -> None:
    """Areas, intensities and what the session knows."""
    table = pd.read_csv(exported("csv", "table.csv", start=1001))

    assert table["frame"].tolist() == sorted(table["frame"])
    assert len(table) == 2 * len(work.truth) - 1
    for _, row in table.iterrows():
        t, mask = row["index"], work.truth[row["index"]] == row["object"]
        assert (row["frame"], row["area_px"]) == (1001 + t, mask.sum())
        assert row["name"] == {1: "Left_eye", 3: "ball"}[row["object"]]
        assert row["keyframe"] == (t == 3)
        assert row["frozen"] == (t == 4)
        expected = 0.25 if row["object"] == 3 else 0.5 + t / 10
        assert row["confidence"] == pytest.approx(expected)
        green = work.frames[t][mask][:, 1]
        assert row["intensity_mean_green"] == pytest.approx(green.mean())
        assert row["intensity_sum_green"] == pytest.approx(green.sum())
    assert table["parent"].dropna().unique().tolist() == [1]


def test_parquet_says_the_same(exported: Exported) -> None:
    """With types."""
    lines = pd.read_csv(exported("csv", "table.csv"))
    table = pd.read_parquet(exported("parquet", "table.parquet"))

    pd.testing.assert_frame_equal(
        table.astype({"parent": float}), lines, check_dtype=False, rtol=1e-12
    )
    assert table["area_px"].dtype == np.int64
    assert table["keyframe"].dtype == bool


def test_tracks(exported: Exported, work: Work) -> None:
    """The first four columns are what a Tracks layer takes."""
    with exported("tracks", "tracks.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))

    assert len(lines) == 2 * len(work.truth) - 1
    for line in lines:
        there = np.argwhere(work.truth[int(line["t"])] == int(line["track_id"]))
        found = [float(line["y"]), float(line["x"])]
        np.testing.assert_allclose(found, there.mean(0), atol=1e-3)


def test_geff(tmp_path: Path) -> None:
    """The package reads the graph, with an edge from a parent to its daughter."""
    masks = np.zeros((3, 4, 6), np.uint8)
    masks[:2, 0, :2] = 1
    masks[1:, 2, 3] = 5
    masks[2, 0, 0] = 2
    objects = {2: SessionObject(name="left", parent=1), 5: SessionObject(parent=1)}
    path = tmp_path / "cells.geff"

    settings = ExportSettings(format="geff", destination=path)
    for _ in export(MaskSource(masks=masks, objects=objects), settings):
        pass

    geff.validate_structure(path)
    graph, metadata = geff.read(path)
    nodes = {n: (d["object"], d["t"], d["y"], d["x"]) for n, d in graph.nodes(data=True)}
    assert sorted(nodes.values()) == [
        *((1, 0, 0.0, 0.5), (1, 1, 0.0, 0.5)),
        *((2, 2, 0.0, 0.0), (5, 1, 2.0, 3.0), (5, 2, 2.0, 3.0)),
    ]
    edges = sorted((nodes[a][:2], nodes[b][:2]) for a, b in graph.edges)
    assert edges == [((1, 0), (1, 1)), ((1, 0), (5, 1)), ((1, 1), (2, 2)), ((5, 1), (5, 2))]
    assert metadata.directed
    assert metadata.extra["names"]["2"] == "left"
