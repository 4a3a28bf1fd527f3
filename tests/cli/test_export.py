"""``napari-frtm export``: what it writes and what it refuses."""

from __future__ import annotations

import errno
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_frtm.io.export.formats import FORMATS
from napari_frtm.io.labels import write_labels

if TYPE_CHECKING:
    from collections.abc import Callable

    from console import Outcome

    Command = Callable[..., Outcome]


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    """Return a folder of four label images with the objects 1 and 7."""
    folder = tmp_path / "masks"
    folder.mkdir()
    for t in range(4):
        labels = np.zeros((20, 30), np.uint8)
        labels[2:10, 2 + t : 12 + t] = 1
        labels[12:18, 5:15] = 7 if t else 0
        write_labels(folder / f"{t:05d}.png", labels)
    return folder


def test_a_folder_of_masks_becomes_a_stack(command: Command, masks: Path, tmp_path: Path) -> None:
    """With a range and chosen objects."""
    out = tmp_path / "new" / "labels.tif"

    outcome = command(
        "export", masks, out, "--format", "tiff", "--range", "1:", "--objects", "7", "--depth", "16"
    )

    assert outcome.code == 0, outcome.err
    assert str(out) in outcome.out
    for step in ("Looking for the objects", "Writing"):  # a bar each
        assert outcome.err.count(f"{step}: 100%") == 1
        assert len([line for line in outcome.err.splitlines() if line.startswith(step)]) <= 2
    stack = tifffile.imread(out)
    assert stack.shape == (3, 20, 30)
    assert np.unique(stack).tolist() == [0, 7]


def test_files_are_named_and_numbered(command: Command, masks: Path, tmp_path: Path) -> None:
    """As --names and --start say."""
    out = tmp_path / "png"

    command("export", masks, out, "--format", "png", "--names", "shot_%04d", "--start", "1001")

    assert sorted(path.name for path in out.iterdir()) == [
        f"shot_{n}.png" for n in range(1001, 1005)
    ]
    with Image.open(out / "shot_1002.png") as picture:
        assert np.unique(np.asarray(picture)).tolist() == [0, 1, 7]


def test_formats_are_listed(command: Command) -> None:
    """Without anything else."""
    outcome = command("export", "--formats")

    assert outcome.code == 0
    assert "OME-Zarr" in outcome.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("--range", "2:2"), "no frames", id="empty-range"),
        pytest.param(("--range", "2:9"), "0:4", id="range-too-long"),
        pytest.param(("--objects", "1,5"), "Object 5 is not in frames 0 to 3", id="absent"),
        pytest.param(("--names", "shot"), "number such as %04d", id="names"),
        pytest.param(("--depth", "32"), "no room|16 bits", id="depth"),
        pytest.param(("--video", "none.mp4"), "no file or folder", id="video"),
    ],
)
def test_bad_options(
    command: Command, masks: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    """Each with its message, and no file."""
    out = tmp_path / "out" / "labels.tif"

    outcome = command("export", masks, out, "--format", "tiff", *arguments)

    assert outcome.code == 1
    assert re.search(message, outcome.err), outcome.err
    assert not out.exists()


def test_a_missing_source(command: Command, tmp_path: Path) -> None:
    """It says so."""
    outcome = command("export", tmp_path / "no.frtm", tmp_path / "out", "--format", "png")

    assert (outcome.code, "no file or folder" in outcome.err) == (1, True)


def test_what_it_is_made_from_is_not_written_over(command: Command, masks: Path) -> None:
    """Not even if it may replace files."""
    before = {path: path.read_bytes() for path in masks.iterdir()}

    outcome = command("export", masks, masks, "--format", "png", "--overwrite")

    assert outcome.code == 1
    assert "over or into what it is made from" in outcome.err
    assert {path: path.read_bytes() for path in masks.iterdir()} == before


@pytest.mark.parametrize(
    ("number", "message"),
    [(errno.EROFS, "the disk is read-only. Choose another"), (errno.ENOSPC, "the disk is full")],
)
@pytest.mark.parametrize("form", ["png", "npz", "zarr", "matte-movie"])
def test_a_place_that_takes_nothing(
    command: Command,
    masks: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    form: str,
    number: int,
    message: str,
) -> None:
    """The message says why, and what to do."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "mkdir", refuse)

    out = tmp_path / "new" / f"out{FORMATS[form].suffix}"
    outcome = command("export", masks, out, "--format", form)

    assert outcome.code == 1
    assert re.search(rf"Cannot write .*: {message}", outcome.err), outcome.err


def test_a_missing_extra_is_named_at_once(
    command: Command, masks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before frames are looked at; the list of formats says it too."""
    monkeypatch.setitem(sys.modules, "OpenEXR", None)

    outcome = command("export", masks, tmp_path / "out", "--format", "exr")

    assert outcome.code == 1
    assert "needs the package OpenEXR" in outcome.err
    assert "pip install 'napari-frtm[export]'" in outcome.err
    assert "Looking" not in outcome.err
    assert not (tmp_path / "out").exists()
    assert re.search(r"exr .*Needs OpenEXR: pip install", command("export", "--formats").out)


def test_an_odd_size_is_refused_or_made_even(command: Command, tmp_path: Path) -> None:
    """With what to do about it."""
    tifffile.imwrite(tmp_path / "labels.tif", np.ones((2, 31, 41), np.uint8))
    arguments = ("export", tmp_path / "labels.tif", tmp_path / "a.mp4", "--format", "matte-movie")

    outcome = command(*arguments)

    assert outcome.code == 1
    assert "41 x 31 pixels, and this format has even sides only" in outcome.err
    assert "--odd pad and --odd crop" in outcome.err
    assert command(*arguments, "--odd", "crop").code == 0
