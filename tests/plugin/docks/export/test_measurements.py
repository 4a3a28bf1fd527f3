"""Measurements in the features of a layer, the plot of them, and tracks."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from napari_frtm.io.session.objects import SessionObject
from napari_frtm.plugin.docks.export.measuring import tracks_layer
from napari_frtm.plugin.docks.export.plot import MeasurementPlot
from napari_frtm.plugin.docks.export.table_box import over_time
from napari_frtm.plugin.source.axes import VideoAxes
from napari_frtm.plugin.work.object_work import describe_object, dividing, editing
from napari_frtm.session.edits.division import Division
from napari_frtm.session.edits.object_edits import ObjectEdit, Operation

from .conftest import FRAMES, SIZE, finish, masks

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from .conftest import Desk


def test_features_by_hand(desk: Desk, qtbot: QtBot) -> None:
    """A square of 10 x 10 pixels of half a micrometre, 10 frames a second."""
    desk.dock.table.measure_button.click()
    finish(desk, qtbot)

    table = desk.view.masks.features
    assert len(table) == 2 * FRAMES
    row = table[(table["frame"] == 4) & (table["object"] == 1)].iloc[0]
    assert row["area_px"] == 100
    assert row["area_um2"] == pytest.approx(25)
    assert (row["centroid_y_px"], row["centroid_x_px"]) == (14.5, 29.5)
    assert row["seconds"] == pytest.approx(0.4)
    assert row["confidence"] == pytest.approx(0.9)
    assert table["keyframe"].tolist() == [False] * 4 + [True] * 2 + [False] * 6
    here = desk.view.session.source.frames[4][10:20, 25:35]
    assert row["intensity_mean"] == pytest.approx(here.mean())


def test_napari_shows_and_sorts_them(window_desk: Desk, qtbot: QtBot) -> None:
    """In its own table; at the cursor no row of another frame is shown."""
    desk = window_desk
    desk.dock.measure()
    finish(desk, qtbot)
    desk.viewer.layers.selection.active = desk.view.masks

    _, widget = desk.viewer.window.add_plugin_dock_widget("napari", "Features table widget")

    model = widget.table.model()
    column = list(desk.view.masks.features).index("centroid_x_px") + 1  # after napari's own
    model.sort(column)
    shown = [float(model.data(model.index(row, column))) for row in range(model.rowCount())]
    assert shown == sorted(desk.view.masks.features["centroid_x_px"])
    at_cursor = desk.view.masks._get_properties(desk.view.masks.data_to_world((0, 12, 8)))
    assert at_cursor == ["[No Properties]"]


def test_the_plot_shows_all_objects(desk: Desk, qtbot: QtBot) -> None:
    """In the colours of the layer; a click goes to the frame."""
    desk.dock.measure()
    finish(desk, qtbot)
    box = desk.dock.table
    assert box.measurement.currentText() == "area_px"
    box.measurement.setCurrentText("centroid_x_px")
    box.plot.resize(300, 150)

    series = over_time(desk.view.masks.features, "centroid_x_px")
    picture = box.plot.grab().toImage()
    box.plot.picked.emit(box.plot.scale.at(box.plot.scale.x(4.5)).start)

    np.testing.assert_array_equal(series[1], 9.5 + 5 * np.arange(FRAMES))
    np.testing.assert_array_equal(series[3], [39.5] * FRAMES)
    colours = {
        picture.pixelColor(x, y).name()
        for x in range(0, picture.width())
        for y in range(0, picture.height())
    }
    for object_id in (1, 3):
        assert _name(desk.view.masks.get_color(object_id)) in colours
    assert desk.view.current == 4


def _name(colour: np.ndarray) -> str:
    return "#" + "".join(f"{round(float(c) * 255):02x}" for c in colour[:3])


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_the_plot_is_saved(
    desk: Desk, qtbot: QtBot, messages: list[str], tmp_path: Path, suffix: str
) -> None:
    """On white, large enough to print."""
    desk.dock.measure()
    finish(desk, qtbot)

    desk.dock.table.save(tmp_path / f"plot{suffix}")

    path = tmp_path / f"plot{suffix}"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert messages == [f"The plot was saved to {path}."]
    if suffix == ".png":
        pixels = np.asarray(Image.open(path).convert("RGB"))
        assert pixels.shape == (900, 1800, 3)
        assert tuple(pixels[0, -1]) == (255, 255, 255)
        assert (pixels < 255).any()
    else:
        texts = "".join(ElementTree.parse(path).getroot().itertext())
        assert "area px over frames" in texts


def test_a_plot_that_cannot_be_saved_is_said(
    desk: Desk, qtbot: QtBot, messages: list[str], tmp_path: Path
) -> None:
    """By its name, or its folder."""
    desk.dock.measure()
    finish(desk, qtbot)

    desk.dock.table.save(tmp_path / "plot.gif")
    desk.dock.table.save(tmp_path / "none" / "plot.png")

    assert messages[0] == "plot.gif is no name for a plot: let it end in .png or .svg."
    assert "its folder does not exist" in messages[1]


def test_gaps_and_nothing(qtbot: QtBot) -> None:
    """An object that is away has a gap; without values there is nothing to draw."""
    plot = MeasurementPlot()
    qtbot.addWidget(plot)
    plot.resize(200, 100)
    assert plot.is_empty
    plot.grab()

    plot.show_series({1: np.array([1, np.nan, 2, 2])}, {}, "a")

    assert not plot.is_empty
    plot.grab()
    table = {"frame": [0, 2, 3], "object": [1, 1, 1], "a": [1.0, 2.0, 2.0]}
    np.testing.assert_array_equal(over_time(table, "a")[1], [1, np.nan, 2, 2])


def test_tracks_with_parents(desk: Desk, qtbot: QtBot) -> None:
    """Centroids over the video; a daughter is joined to its parent."""
    desk.view.session.store.set_objects({3: SessionObject(name="daughter", parent=1)})

    desk.dock.table.tracks_button.click()
    finish(desk, qtbot)

    layer = desk.viewer.layers["cells tracks"]
    assert layer.graph == {3: [1]}
    np.testing.assert_allclose(layer.data[4], [1, 4, 14.5, 29.5])
    np.testing.assert_allclose(layer.scale, desk.view.masks.scale)
    assert len(layer.data) == 2 * FRAMES
    assert set(desk.view.masks.features["name"]) == {"", "daughter"}


def test_a_division_is_in_the_tracks(desk: Desk, qtbot: QtBot) -> None:
    """Both daughters go on where their mother ends, in the layer and in files."""
    session = desk.view.session
    for frame in range(3, FRAMES):
        labels = session.store.labels(frame)
        labels[32:36, 2:6] = 1
        session.store.put(frame, labels)
    change = dividing(session, Division(object_id=1, frame=3, daughters=(4, 5)))
    with qtbot.waitSignal(change.ended, timeout=60_000):
        change.start()

    desk.dock.table.tracks_button.click()
    finish(desk, qtbot)

    layer = desk.viewer.layers["cells tracks"]
    assert layer.graph == {4: [1], 5: [1]}
    ids, frames = layer.data[:, 0].astype(int), layer.data[:, 1].astype(int)
    assert frames[ids == 1].tolist() == list(range(3))
    assert frames[ids == 4].tolist() == frames[ids == 5].tolist() == list(range(3, FRAMES))


def test_tracks_of_a_layer_with_channels(desk: Desk) -> None:
    """Lie where its masks are."""
    labels = desk.viewer.add_labels(
        masks()[:, None], scale=(1, 4, 0.5, 0.25), translate=(0, 1, 2, 3), name="a masks"
    )
    table = {"object": [1, 1], "frame": [0, 1], "centroid_y_px": [5, 6], "centroid_x_px": [7, 8]}

    layer = tracks_layer(table, labels, VideoAxes(time=0, takes={1: 0}, ndim=4))

    np.testing.assert_array_equal(layer.data, [[1, 0, 0, 5, 7], [1, 1, 0, 6, 8]])
    world = labels.data_to_world((1, 0, 6, 8))
    np.testing.assert_allclose(layer.data_to_world(layer.data[1, 1:]), world)


def test_a_correction_makes_the_table_stale(window_desk: Desk, qtbot: QtBot) -> None:
    """The dock says so until it is measured again; then the correction is in the table."""
    desk, table = window_desk, window_desk.dock.table
    desk.dock.measure()
    finish(desk, qtbot)
    assert table.stale.text() == ""
    before = desk.view.masks.features
    desk.view.go_to(4)
    desk.view.masks.brush_size = 7
    desk.view.masks.paint((4, 4, 50), 1)

    qtbot.waitUntil(lambda: table.stale.text() != "", timeout=10_000)

    assert table.stale.text().startswith("1 frame was changed since this was measured.")
    assert table.stale.isVisibleTo(table)
    assert table.measure_button.text() == "Measure again"
    assert table.plot.title.endswith("(before changes)")
    table.measure_button.click()
    finish(desk, qtbot)
    after = desk.view.masks.features
    assert (table.stale.text(), table.measure_button.text()) == ("", "Measure")
    assert not table.plot.title.endswith("(before changes)")
    here = (after["frame"] == 4) & (after["object"] == 1)
    assert after[here]["area_px"].item() == (desk.view.masks.data[4] == 1).sum() > 100
    assert after[here]["keyframe"].item()
    assert after[~here]["area_px"].tolist() == before[~here]["area_px"].tolist()


def test_a_change_of_objects_makes_the_table_stale(desk: Desk, qtbot: QtBot) -> None:
    """Ids, names and frozen frames; the table of before is not taken for that of now."""
    session, table = desk.view.session, desk.dock.table
    desk.dock.measure()
    finish(desk, qtbot)
    merge = ObjectEdit(operation=Operation.MERGE, object_id=3, other=1)
    desk.dock.workspace.change(editing(session, merge, range(FRAMES)))
    qtbot.waitUntil(lambda: not session.edits.is_busy, timeout=60_000)
    qtbot.waitUntil(lambda: table.stale.text().startswith(f"{FRAMES} frames were"), timeout=10_000)
    desk.dock.measure()
    finish(desk, qtbot)
    assert set(desk.view.masks.features["object"]) == {1}
    assert set(desk.view.masks.features["area_px"]) == {200}
    assert table.stale.text() == ""

    describe_object(session, 1, SessionObject(name="both"))

    qtbot.waitUntil(lambda: table.stale.text().startswith("Objects or frames"), timeout=10_000)
    desk.dock.measure()
    finish(desk, qtbot)
    assert set(desk.view.masks.features["name"]) == {"both"}
    assert table.stale.text() == ""


def test_the_table_of_a_layer_is_stale_after_a_stroke(desk: Desk, qtbot: QtBot) -> None:
    """Of any Labels layer; that of another one is not."""
    labels = desk.viewer.add_labels(masks(), name="others")
    desk.dock.source.choose(labels)
    desk.dock.measure()
    finish(desk, qtbot)
    assert desk.dock.table.stale.text() == ""

    labels.paint((0, 2, 2), 5)

    assert "changed since this was measured" in desk.dock.table.stale.text()
    desk.dock.source.choose(desk.view.session)
    assert desk.dock.table.stale.text() == ""


def test_nothing_to_measure(desk: Desk, qtbot: QtBot, messages: list[str]) -> None:
    """Is said."""
    layer = desk.viewer.add_labels(np.zeros((3, *SIZE), np.uint8), name="empty")
    desk.dock.source.choose(layer)

    desk.dock.measure()
    finish(desk, qtbot)

    assert "there is nothing to measure" in messages[-1]


def test_masks_without_a_layer(desk: Desk, messages: list[str]) -> None:
    """Have no features."""
    desk.viewer.layers.remove(desk.view.masks)

    desk.dock.measure()
    desk.dock.track()

    assert len(messages) == 2
    assert "no masks layer that could hold a table" in messages[0]
