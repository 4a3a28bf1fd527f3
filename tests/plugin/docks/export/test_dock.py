"""The *Export* dock from end to end, with its own thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from PIL import Image
from qtpy.QtWidgets import QScrollArea

from napari_frtm.io.export.formats import FORMATS

from .conftest import FRAMES, SIZE, choose, finish, hold_in_second_pass, masks

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from .conftest import Desk


def test_a_painted_correction_is_in_the_pngs(
    window_desk: Desk, qtbot: QtBot, tmp_path: Path
) -> None:
    """Bit by bit, with the numbers and names that are wanted; a stroke of just now too."""
    desk = window_desk
    desk.view.go_to(3)
    desk.view.masks.brush_size = 5
    desk.view.masks.paint((3, 35, 10), 3)
    desk.view.go_to(2)
    desk.view.masks.paint((2, 5, 55), 1)
    shown = np.array(desk.view.masks.data)
    choose(desk, "png", tmp_path / "out")
    desk.dock.form.names.setText("shot_%04d")
    desk.dock.form.start.setValue(1001)

    desk.dock.export_button.click()
    finish(desk, qtbot)

    assert not np.array_equal(shown[2:4], masks()[2:4])
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [f"shot_{1001 + t}.png" for t in range(FRAMES)]
    written = [np.asarray(Image.open(tmp_path / "out" / name)) for name in names]
    np.testing.assert_array_equal(written, shown)
    assert desk.dock.status.text().endswith(": done.")
    assert desk.dock.export_button.isEnabled()


def test_range_and_objects(desk: Desk, qtbot: QtBot, tmp_path: Path) -> None:
    """In to Out, of one object, with the pixel size of the video."""
    desk.view.session.set_span(range(1, 4))
    choose(desk, "tiff", tmp_path / "a.ome.tif")
    desk.dock.form.objects.setText("3")

    desk.dock.start()
    finish(desk, qtbot)

    with tifffile.TiffFile(tmp_path / "a.ome.tif") as file:
        stack, xml = file.asarray(), file.ome_metadata
    np.testing.assert_array_equal(stack, np.where(masks()[1:4] == 3, 3, 0))
    assert 'PhysicalSizeX="0.5"' in xml
    assert 'TimeIncrement="0.1"' in xml


def test_any_labels_layer(desk: Desk, qtbot: QtBot, tmp_path: Path) -> None:
    """With its own labels."""
    labels = desk.viewer.add_labels(masks()[::-1] * 2, name="others")
    desk.dock.source.choose(labels)
    choose(desk, "npz", tmp_path / "a.npz")

    desk.dock.start()
    finish(desk, qtbot)

    with np.load(tmp_path / "a.npz") as archive:
        np.testing.assert_array_equal(archive["labels"], masks()[::-1] * 2)


@pytest.mark.parametrize(
    ("form", "name", "complete"),
    [pytest.param("png", "out", True, id="folder"), pytest.param("npz", "a.npz", False, id="file")],
)
def test_cancel_leaves_complete_files_only(
    desk: Desk,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    form: str,
    name: str,
    complete: bool,
) -> None:
    """Of a format of one file, none."""
    choose(desk, form, tmp_path / name)

    go_on = hold_in_second_pass(desk, qtbot, monkeypatch)
    desk.dock.cancel_button.click()
    go_on.set()
    finish(desk, qtbot)

    assert "cancelled" in desk.dock.status.text()
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
    if complete:
        found = sorted((tmp_path / name).iterdir())
        assert 3 <= len(found) < FRAMES
        for t, path in enumerate(found):
            np.testing.assert_array_equal(np.asarray(Image.open(path)), masks()[t])
    else:
        assert not (tmp_path / name).exists()


def test_edges_count_for_mattes_alone(desk: Desk, qtbot: QtBot, tmp_path: Path) -> None:
    """A grown matte is larger; for hard masks the same settings make no difference."""
    desk.dock.form.edges.inputs["grow"].setValue(3)
    choose(desk, "matte-png", tmp_path / "mattes")
    assert desk.dock.form.edges_fold.isVisibleTo(desk.dock)
    desk.dock.start()
    finish(desk, qtbot)
    choose(desk, "png", tmp_path / "masks")
    assert not desk.dock.form.edges_fold.isVisibleTo(desk.dock)
    desk.dock.start()
    finish(desk, qtbot)

    matte = np.asarray(Image.open(tmp_path / "mattes" / "object_1" / "00000.png"))
    hard = np.asarray(Image.open(tmp_path / "masks" / "00000.png"))
    assert (matte > matte.max() / 2).sum() > 1.5 * (hard == 1).sum()
    np.testing.assert_array_equal(hard, masks()[0])


def test_the_place_is_proposed_until_one_is_named(desk: Desk) -> None:
    """After the masks and the format."""
    form = desk.dock.form
    form.format.setCurrentIndex(list(FORMATS).index("npz"))
    assert form.destination.text().endswith("cells_npz.npz")
    form.format.setCurrentIndex(list(FORMATS).index("png"))
    assert form.destination.text().endswith("cells_png")
    form.destination.setText("mine")

    form.format.setCurrentIndex(list(FORMATS).index("npz"))

    assert form.destination.text() == "mine"


def test_a_video_that_is_removed_ends_its_export(desk: Desk, qtbot: QtBot, tmp_path: Path) -> None:
    """And the dock has nothing to export then."""
    choose(desk, "npz", tmp_path / "a.npz")
    desk.dock.start()
    exporting = desk.dock.workspace.exporting

    desk.viewer.layers.clear()

    assert exporting.is_stopping
    finish(desk, qtbot)
    assert not desk.dock.export_button.isEnabled()


def test_an_object_that_comes_meanwhile_is_no_silent_loss(
    desk: Desk,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
    messages: list[str],
    tmp_path: Path,
) -> None:
    """The export says so, and leaves no file."""
    choose(desk, "npz", tmp_path / "a.npz")

    go_on = hold_in_second_pass(desk, qtbot, monkeypatch)
    desk.view.session.store.put(FRAMES - 1, np.full(SIZE, 7, np.uint8))
    go_on.set()
    finish(desk, qtbot)

    assert len(messages) == 1
    assert "has come to frame 5 while the masks were exported" in messages[0]
    assert not (tmp_path / "a.npz").exists()


def test_frames_that_change_meanwhile_are_said(
    desk: Desk, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Those of before the start are not: they are in it."""
    choose(desk, "npz", tmp_path / "a.npz")
    desk.view.session.touch(0, 1, 2)

    go_on = hold_in_second_pass(desk, qtbot, monkeypatch)
    desk.view.session.touch(4, 5)
    desk.view.session.announce()
    go_on.set()
    finish(desk, qtbot)

    assert "done. 2 frames were changed meanwhile" in desk.dock.status.text()


def test_a_movie_over_the_pixels_of_the_layer(desk: Desk, qtbot: QtBot, tmp_path: Path) -> None:
    """At its rate, for a layer that came from no file."""
    import av

    choose(desk, "overlay", tmp_path / "a.mp4")
    assert "Needs the pixels of the video" in desk.dock.form.needs.text()

    desk.dock.start()
    finish(desk, qtbot)

    with av.open(str(tmp_path / "a.mp4")) as movie:
        assert movie.streams.video[0].average_rate == 10
        frames = [frame.to_ndarray(format="rgb24") for frame in movie.decode(video=0)]
    assert len(frames) == FRAMES
    red, green, blue = frames[0][27, 40].astype(int)
    assert max(red, green, blue) - min(red, green, blue) > 20  # the colour of object 3


def test_all_of_the_dock_is_in_sight_from_left_to_right(desk: Desk, qtbot: QtBot) -> None:
    """However narrow it is made, also when more is unfolded."""
    desk.dock.form.format.setCurrentIndex(list(FORMATS).index("matte-png"))
    desk.dock.form.edges_fold.expand(animate=False)
    desk.dock.table_fold.expand(animate=False)
    desk.dock.resize(10, 400)
    desk.dock.show()
    qtbot.waitExposed(desk.dock)

    area = desk.dock.findChild(QScrollArea)

    assert area.widget().width() <= area.viewport().width()
