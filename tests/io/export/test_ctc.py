"""Folders of the Cell Tracking Challenge, held against what its conventions say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tifffile

from napari_frtm.io.export.export import export
from napari_frtm.io.export.settings import ExportSettings
from napari_frtm.io.export.source import MaskSource
from napari_frtm.io.session.objects import SessionObject

if TYPE_CHECKING:
    from pathlib import Path


def read(folder: Path) -> tuple[np.ndarray, dict[int, tuple[int, int, int]]]:
    """Return masks and tracks of a folder after checking it as the challenge's tools do."""
    files = sorted(folder.glob("mask*.tif"))
    assert [path.name for path in files] == [f"mask{t:03d}.tif" for t in range(len(files))]
    masks = np.stack([tifffile.imread(path) for path in files])
    assert masks.dtype == np.uint16
    table = np.loadtxt(folder / "res_track.txt", dtype=int, ndmin=2)
    tracks = {int(label): (int(b), int(e), int(p)) for label, b, e, p in table}
    assert len(tracks) == len(table)
    assert set(tracks) == set(np.unique(masks)) - {0}
    for label, (first, last, parent) in tracks.items():
        there = np.flatnonzero((masks == label).any((1, 2)))
        assert there.tolist() == list(range(first, last + 1))
        assert parent != label
        assert parent == 0 or tracks[parent][1] < first
    assert (folder / "man_track.txt").read_text() == (folder / "res_track.txt").read_text()
    return masks, tracks


def columns(*frames: tuple[int, ...]) -> np.ndarray:
    """Return a movie with a column of four pixels for each id, at the place of the id."""
    masks = np.zeros((len(frames), 4, 8), np.uint8)
    for t, ids in enumerate(frames):
        for i in ids:
            masks[t, :, i] = i
    return masks


def written(tmp_path: Path, source: MaskSource, span: range | None = None) -> Path:
    """Export a source."""
    settings = ExportSettings(format="ctc", destination=tmp_path / "01_RES", span=span)
    assert sum(step == "Writing" for step, *_ in export(source, settings))
    return settings.destination


def test_divisions_have_parents(tmp_path: Path) -> None:
    """The daughters name the track that ended."""
    masks = columns((1,), (1, 5), (2, 3, 5), (2, 3))
    objects = {i: SessionObject(parent=1) for i in (2, 3)}

    found, tracks = read(written(tmp_path, MaskSource(masks=masks, objects=objects)))

    np.testing.assert_array_equal(found, masks)
    assert tracks == {1: (0, 1, 0), 2: (2, 3, 1), 3: (2, 3, 1), 5: (1, 2, 0)}


def test_a_gap_begins_a_new_track(tmp_path: Path) -> None:
    """With the part before as its parent; and a parent that goes on is none."""
    masks = columns((1, 2), (2,), (1, 2, 3))
    objects = {3: SessionObject(parent=2)}

    found, tracks = read(written(tmp_path, MaskSource(masks=masks, objects=objects)))

    assert tracks == {1: (0, 0, 0), 2: (0, 2, 0), 3: (2, 2, 0), 4: (2, 2, 1)}
    np.testing.assert_array_equal(np.where(found == 4, 1, found), masks)


def test_a_range_counts_from_zero(tmp_path: Path) -> None:
    """Names and the table begin with the first frame written."""
    masks = columns((1,), (1,), (1, 2), (2,))

    _, tracks = read(written(tmp_path, MaskSource(masks=masks), range(2, 4)))

    assert tracks == {1: (0, 0, 0), 2: (0, 1, 0)}
