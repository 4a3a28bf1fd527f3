"""What every export has in common: sources, rules, stopping."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from napari_frtm.errors import FrtmError, LabelsError, OutputError, VideoError
from napari_frtm.io.export.export import export
from napari_frtm.io.export.formats import FORMATS
from napari_frtm.io.export.opening import open_masks
from napari_frtm.io.export.settings import EdgeSettings, ExportSettings
from napari_frtm.io.export.source import MaskSource
from napari_frtm.io.session.folder import SessionFolder, VideoIdentity

if TYPE_CHECKING:
    from .conftest import Work


def run(source: MaskSource, form: str, path: Path, **settings: object) -> None:
    """Export to the end."""
    for _ in export(source, ExportSettings(format=form, destination=path, **settings)):
        pass


def test_a_session_is_read_while_another_program_has_it(work: Work) -> None:
    """And nothing in it changes."""
    folder = SessionFolder.open(work.folder)
    before = {p: p.stat().st_mtime_ns for p in work.folder.rglob("*") if p.is_file()}

    source = work.source()

    for t in range(len(work.truth)):
        np.testing.assert_array_equal(source.labels(t), work.truth[t])
    assert before == {p: p.stat().st_mtime_ns for p in work.folder.rglob("*") if p.is_file()}
    folder.release()


def test_keyframes_count_before_anything_was_run(tmp_path: Path) -> None:
    """A session of drawn frames alone has masks there."""
    video = VideoIdentity(source=None, shape=(3, 4, 5), dtype="uint8", digest="")
    folder = SessionFolder.create(tmp_path / "a.frtm", video)
    drawn = np.zeros((4, 5), np.uint16)
    drawn[1:3, 2] = 300
    folder.save_keyframe(1, drawn, complete=False)
    folder.release()

    source = open_masks(folder.path)

    np.testing.assert_array_equal(source.labels(1), drawn)
    assert not source.labels(0).any()


def test_incomplete_keyframes_win_where_they_are_drawn(tmp_path: Path) -> None:
    """The drawn object is as drawn; others are as predicted."""
    video = VideoIdentity(source=None, shape=(2, 3, 4), dtype="uint8", digest="")
    folder = SessionFolder.create(tmp_path / "a.frtm", video)
    drawn, masks = np.zeros((3, 4), np.uint8), np.array([[1, 1, 2, 2]] * 3)
    drawn[0] = 1
    folder.save_keyframe(0, drawn, complete=False)
    folder.write_frame(0, masks, None, None)
    folder.release()

    labels = open_masks(folder.path).labels(0)

    assert labels.tolist() == [[1, 1, 1, 1], [0, 0, 2, 2], [0, 0, 2, 2]]


def test_an_array_is_a_source(tmp_path: Path) -> None:
    """Any integers, as napari's Labels layers hold them."""
    masks = np.zeros((3, 4, 5), np.int64)
    masks[1, 2, 3] = 70000

    run(MaskSource(masks=masks), "zarr", tmp_path / "a.zarr")

    read = open_masks(tmp_path / "a.zarr" / "labels" / "masks")
    assert [read.labels(t).sum() for t in range(3)] == [0, 70000, 0]


def test_negative_ids_are_refused(tmp_path: Path) -> None:
    """They are no objects."""
    with pytest.raises(LabelsError, match="-1"):
        run(MaskSource(masks=np.full((2, 3, 4), -1)), "png", tmp_path / "a")


@pytest.mark.parametrize("form", [f for f in FORMATS if not FORMATS[f].needs_video])
def test_a_stopped_export_leaves_no_part_of_a_file(form: str, tmp_path: Path) -> None:
    """Nothing, or whole files."""
    masks = np.zeros((5, 64, 64), np.uint8)
    masks[:, 4:30, 5:20] = 2
    out = tmp_path / "out"
    out.mkdir()
    suffix = FORMATS[form].suffix
    settings = ExportSettings(format=form, destination=out / f"it{suffix}")

    steps = export(MaskSource(masks=masks), settings)
    while next(steps)[:2] != ("Writing", 2):
        pass
    steps.close()

    left = [path for path in out.rglob("*") if path.is_file()]
    assert not [path for path in left if path.name.startswith(".")]
    assert not (suffix and left)


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_there_is_kept(form: str, work: Work, tmp_path: Path) -> None:
    """Unless it may be replaced."""
    suffix = FORMATS[form].suffix
    path = tmp_path / f"there{suffix}"
    if suffix and not FORMATS[form].folder:
        path.write_text("mine")
    else:
        path.mkdir()
        (path / "zarr.json").write_text("mine")

    with pytest.raises(OutputError, match="there already"):
        run(work.source(), form, path)

    assert "mine" in {p.read_text() for p in (path, path / "zarr.json") if p.is_file()}


def test_zarr_is_replaced_as_a_whole(work: Work, tmp_path: Path) -> None:
    """Nothing of the one before is left, nor a temporary."""
    path = tmp_path / "out" / "a.zarr"
    run(work.source(), "zarr-0.4", path)

    run(work.source(), "zarr", path, overwrite=True)

    assert not (path / ".zgroup").exists()
    assert [p.name for p in path.parent.iterdir()] == ["a.zarr"]


def test_other_folders_are_not_replaced_by_zarr(work: Work, tmp_path: Path) -> None:
    """Whatever was allowed."""
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / "thesis.doc").touch()

    with pytest.raises(OutputError, match="something else"):
        run(work.source(), "zarr", tmp_path / "a.zarr", overwrite=True)


@pytest.mark.parametrize(
    ("form", "name"),
    [
        pytest.param("png", "shot.frtm", id="session"),
        pytest.param("png", "shot.frtm/keyframes", id="inside"),
        pytest.param("tiff", "shot.tif", id="video"),
    ],
)
def test_the_source_is_never_written(work: Work, tmp_path: Path, form: str, name: str) -> None:
    """Even if files may be replaced."""
    with pytest.raises(OutputError, match=r"made from|session"):
        run(work.source(), form, tmp_path / name, overwrite=True)


def test_a_folder_of_masks_is_not_written_over(tmp_path: Path) -> None:
    """Nor by a file into it."""
    run(MaskSource(masks=np.ones((2, 8, 8), np.uint8)), "png", tmp_path / "masks")
    source = open_masks(tmp_path / "masks")

    for form, path in (("png", tmp_path / "masks"), ("npz", tmp_path / "masks" / "a.npz")):
        with pytest.raises(OutputError, match="made from"):
            run(source, form, path, overwrite=True)


@pytest.mark.parametrize(
    ("form", "name", "message"),
    [("tiff", "a.png", "end in .ome.tif"), ("npz", "a", "end in .npz"), ("png", "f", "is a file")],
)
def test_names_that_do_not_fit(tmp_path: Path, form: str, name: str, message: str) -> None:
    """A suffix tells programs what is in a file."""
    (tmp_path / "f").touch()
    with pytest.raises(OutputError, match=message):
        run(MaskSource(masks=np.ones((2, 8, 8), np.uint8)), form, tmp_path / name)


@pytest.mark.skipif(os.name == "nt", reason="full devices are of Unix")
def test_a_full_disk(work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says so; nothing is left."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="the disk is full"):
        run(work.source(), "png", tmp_path / "png")

    assert not list((tmp_path / "png").iterdir())


def test_a_destination_below_a_file(work: Work, tmp_path: Path) -> None:
    """No folder can be made there."""
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file"):
        run(work.source(), "npz", tmp_path / "file" / "a" / "b.npz")


def test_a_video_of_another_size(work: Work, tmp_path: Path) -> None:
    """It is not what the masks are of."""
    tifffile.imwrite(tmp_path / "other.tif", np.zeros((6, 30, 40), np.uint8))
    with pytest.raises(VideoError, match="6 frames of 40 x 30"):
        work.source().of_video(tmp_path / "other.tif")


@pytest.mark.parametrize(
    "bad",
    [
        {"names": "a%04d/b"},
        {"names": "%d_%d"},
        {"names": "%s%d"},
        {"start": -1},
        {"depth": 12},
    ],
)
def test_settings_are_checked(bad: dict[str, object]) -> None:
    """Once, when they are made."""
    with pytest.raises(ValueError, match=next(iter(bad))):
        ExportSettings(format="png", destination=Path("a"), **bad)


@pytest.mark.parametrize("bad", [{"grow": 101}, {"feather": -1}, {"smooth": 4}, {"band": 0}])
def test_edges_are_checked(bad: dict[str, float]) -> None:
    """Likewise."""
    with pytest.raises(ValueError, match=next(iter(bad))):
        EdgeSettings(**bad)


@pytest.mark.parametrize(
    ("form", "settings", "message"),
    [
        ("tiff", {"names": "a%d"}, "no names of files"),
        ("png", {"depth": 16}, "no number of bits"),
        ("ctc", {"edges": EdgeSettings(grow=1)}, "no soft edges"),
        ("matte-png", {"premultiplied": True}, "no colours"),
        ("exr", {"audio": True}, "no sound"),
    ],
)
def test_settings_without_effect_are_refused(
    tmp_path: Path, form: str, settings: dict[str, object], message: str
) -> None:
    """Rather than left out silently."""
    source = MaskSource(masks=np.ones((2, 8, 8), np.uint8))
    with pytest.raises(OutputError, match=message):
        run(source, form, tmp_path / f"a{FORMATS[form].suffix}", **settings)


def test_a_session_without_masks(tmp_path: Path) -> None:
    """There is nothing to export."""
    video = VideoIdentity(source=None, shape=(3, 4, 5), dtype="uint8", digest="")
    SessionFolder.create(tmp_path / "a.frtm", video).release()

    with pytest.raises(FrtmError, match="no masks yet"):
        open_masks(tmp_path / "a.frtm")
