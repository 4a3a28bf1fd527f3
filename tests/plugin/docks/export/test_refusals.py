"""What the *Export* dock says of what cannot be, and when."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_frtm.io.export.formats import FORMATS
from napari_frtm.io.export.movies.encodings import PRORES_4444
from napari_frtm.io.session.folder import SessionFolder, VideoIdentity

from .conftest import choose, finish, masks

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytestqt.qtbot import QtBot

    from .conftest import Desk


def _filled(desk: Desk, tmp_path: Path) -> None:
    choose(desk, "png", tmp_path / "there")
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "a.txt").write_text("mine")


def _wrong_name(desk: Desk, tmp_path: Path) -> None:
    choose(desk, "npz", tmp_path / "a.tif")


def _nowhere(desk: Desk, tmp_path: Path) -> None:
    choose(desk, "npz", tmp_path)
    desk.dock.form.destination.setText("")


def _in_session(desk: Desk, tmp_path: Path) -> None:
    identity = VideoIdentity.of(desk.view.session.source.frames, None)
    desk.view.session.store.keep_in(SessionFolder.create(tmp_path / "cells.frtm", identity))
    choose(desk, "png", tmp_path / "cells.frtm" / "out")


def _bad_names(desk: Desk, tmp_path: Path) -> None:
    choose(desk, "png", tmp_path / "out")
    desk.dock.form.names.setText("shot")


def _bad_objects(desk: Desk, tmp_path: Path) -> None:
    choose(desk, "png", tmp_path / "out")
    desk.dock.form.objects.setText("one")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        pytest.param(_filled, "is there already. Choose another name", id="there"),
        pytest.param(_wrong_name, "let it end in .npz", id="suffix"),
        pytest.param(_nowhere, "There is no destination", id="nowhere"),
        pytest.param(_in_session, "over or into what it is made from", id="session"),
        pytest.param(_bad_names, "names must have one number", id="names"),
        pytest.param(_bad_objects, "'one' is no label", id="objects"),
    ],
)
def test_what_is_in_the_way_is_said_before(
    desk: Desk,
    messages: list[str],
    tmp_path: Path,
    spoil: Callable[[Desk, Path], None],
    message: str,
) -> None:
    """And nothing starts."""
    spoil(desk, tmp_path)

    desk.dock.start()

    assert desk.dock.workspace.exporting is None
    assert len(messages) == 1
    assert message in messages[0]


def test_a_place_that_cannot_be_written_is_said(
    desk: Desk, qtbot: QtBot, messages: list[str], tmp_path: Path
) -> None:
    """By the thread, once; the dock is ready for another try."""
    (tmp_path / "file").write_text("no folder")
    choose(desk, "npz", tmp_path / "file" / "a.npz")

    desk.dock.start()
    finish(desk, qtbot)

    assert len(messages) == 1
    assert "failed" in desk.dock.status.text()
    assert desk.dock.export_button.isEnabled()


def test_an_absent_object_is_said(
    desk: Desk, qtbot: QtBot, messages: list[str], tmp_path: Path
) -> None:
    """With those that are there."""
    choose(desk, "png", tmp_path / "out")
    desk.dock.form.objects.setText("2")

    desk.dock.start()
    finish(desk, qtbot)

    assert messages == ["Object 2 is not in frames 0 to 5. Objects there: 1, 3."]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("form", "matting", "package"),
    [("exr", False, "OpenEXR"), ("matte-png", True, "pymatting"), ("parquet", False, "pyarrow")],
)
def test_a_missing_extra_is_said_before_the_run(
    desk: Desk,
    messages: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    form: str,
    matting: bool,
    package: str,
) -> None:
    """With what to install, as soon as the format is chosen."""
    monkeypatch.setattr("napari_frtm.io.export.extras.find_spec", lambda name: None)
    choose(desk, form, tmp_path / f"out{FORMATS[form].suffix}")
    desk.dock.form.edges.inputs["matting"].setChecked(matting)

    desk.dock.start()

    expected = f"Needs {package}: pip install 'napari-frtm[export]'"
    assert expected in desk.dock.form.needs.text()
    assert len(messages) == 1
    assert expected in messages[0]
    assert desk.dock.workspace.exporting is None


def test_hard_masks_are_said_before_a_matte(desk: Desk, tmp_path: Path) -> None:
    """Until there are soft ones; hard formats have nothing to say."""
    choose(desk, "png", tmp_path / "out")
    assert desk.dock.form.needs.text() == ""
    choose(desk, "matte-png", tmp_path / "out")
    assert "There are no soft masks" in desk.dock.form.needs.text()

    desk.view.session.store.put_soft(0, {1: np.zeros((10, 15), np.uint8)})
    desk.view.session.announce()

    assert desk.dock.form.needs.text() == ""


def test_nothing_to_export(make_napari_viewer: Callable[[], object], messages: list[str]) -> None:
    """Is said; a layer that comes is offered."""
    from napari_frtm.plugin.docks.export.dock import Export

    viewer = make_napari_viewer()
    dock = Export(viewer)
    viewer.window.add_dock_widget(dock)
    assert dock.status.text().startswith("Nothing to export yet")
    assert not dock.export_button.isEnabled()

    viewer.add_labels(masks(), name="mine")

    assert dock.source.currentText() == "mine"
    assert dock.export_button.isEnabled()
    assert dock.status.text() == ""


def test_overwrite_is_asked_for(
    desk: Desk, qtbot: QtBot, messages: list[str], tmp_path: Path
) -> None:
    """A file that is there stays without."""
    path = tmp_path / "a.npz"
    path.write_bytes(b"mine")
    choose(desk, "npz", path)
    desk.dock.start()
    assert "is there already" in messages[0]
    assert path.read_bytes() == b"mine"

    desk.dock.form.overwrite.setChecked(True)
    desk.dock.start()
    finish(desk, qtbot)

    with np.load(path) as archive:
        np.testing.assert_array_equal(archive["labels"], masks())


def test_an_odd_size_is_refused_or_made_even(
    desk: Desk, qtbot: QtBot, messages: list[str], tmp_path: Path
) -> None:
    """Where sides must be even; other formats keep it."""
    labels = desk.viewer.add_labels(np.ones((3, 41, 60), np.uint8), name="odd")
    desk.dock.source.choose(labels)
    form = desk.dock.form
    choose(desk, "prores", tmp_path / "a.mov")
    assert "Pictures are" not in form.needs.text()
    assert form.odd.isHidden()
    choose(desk, "matte-movie", tmp_path / "a.mp4")
    assert "Pictures are 60 x 41 pixels" in form.needs.text()
    assert not form.odd.isHidden()

    desk.dock.start()
    assert desk.dock.workspace.exporting is None
    assert "Repeat the last row (60 x 42) or leave out the last row (60 x 40)" in messages[0]

    form.odd.setCurrentText("leave out the last")
    desk.dock.start()
    finish(desk, qtbot)
    assert (tmp_path / "a.mp4").is_file()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_full_or_read_only_disk_is_said(
    desk: Desk,
    qtbot: QtBot,
    messages: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    number: int,
) -> None:
    """And no file is left."""

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    choose(desk, "png", tmp_path / "out")

    desk.dock.start()
    finish(desk, qtbot)

    assert len(messages) == 1
    assert f"the disk is {'full' if number == errno.ENOSPC else 'read-only'}." in messages[0]
    assert not list((tmp_path / "out").iterdir())


def test_a_missing_codec_is_said(
    desk: Desk,
    messages: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """With what to do."""
    absent = replace(PRORES_4444, codecs={"vc1": {}})  # FFmpeg has no encoder "vc1"
    monkeypatch.setitem(FORMATS, "prores", replace(FORMATS["prores"], encoding=absent))
    choose(desk, "prores", tmp_path / "a.mov")

    desk.dock.start()

    assert desk.dock.workspace.exporting is None
    assert "has no encoder vc1 here. Reinstall PyAV" in messages[0]
    assert not (tmp_path / "a.mov").exists()


def test_an_empty_range_is_said(
    desk: Desk, qtbot: QtBot, messages: list[str], tmp_path: Path
) -> None:
    """By its numbers."""
    desk.view.session.set_span(range(3, 3))
    choose(desk, "png", tmp_path / "out")

    desk.dock.start()
    finish(desk, qtbot)

    assert messages[0].startswith("The range 3:3 has no frames")
