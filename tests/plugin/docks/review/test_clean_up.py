"""The box *Clean up*, with a view in a viewer and its own thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels
from qtpy.QtCore import QThreadPool

from napari_frtm.errors import OutputError
from napari_frtm.io.session.folder import SessionFolder, VideoIdentity
from napari_frtm.plugin.docks.propagate.inputs import LayerCombo
from napari_frtm.plugin.docks.review.clean_up import CleanUpBox
from napari_frtm.plugin.source.axes import VideoAxes
from napari_frtm.plugin.view.workspace_view import workspace_view
from napari_frtm.plugin.work.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot

    from napari_frtm.plugin.view.session_view import SessionView
    from napari_frtm.plugin.work.session import Session

T, C, H, W = 8, 2, 24, 40
SHOWN = "clean-up preview"


class Desk(NamedTuple):
    """What a user has before them."""

    viewer: Viewer
    box: CleanUpBox
    view: SessionView


@pytest.fixture
def desk(qtbot: QtBot) -> Iterator[Desk]:
    """Return a video of two channels whose frames hold objects 1 and 2, and a box for it."""
    viewer = ViewerModel()
    place = {"scale": (2, 1, 0.5, 0.25), "translate": (0, 0, 3, 4)}
    video = viewer.add_image(np.zeros((T, C, H, W), np.uint8), name="cells", **place)
    view = workspace_view(viewer).open(video, VideoAxes(time=0, takes={1: 1}, ndim=4))
    for frame in range(T):
        view.session.store.put(frame, _labels())
        view.session.timeline.record(frame, {1: 0.9, 2: 0.8}, {1: 101, 2: 100})
    view.show()
    view.go_to(0)
    box = CleanUpBox(workspace_view(viewer).workspace)
    workspace_view(viewer).workspace.run_changed.connect(box.show_running)  # as the dock does
    qtbot.addWidget(box)
    box.set_view(view)
    yield Desk(viewer, box, view)
    box.cancel()
    assert QThreadPool.globalInstance().waitForDone(60_000)
    workspace_view(viewer).close()


def _labels() -> np.ndarray:
    """Return two squares of 10 x 10 pixels, ten apart, and a speck of object 1."""
    labels = np.zeros((H, W), np.uint8)
    labels[8:18, 5:15] = 1
    labels[8:18, 25:35] = 2
    labels[2, 2] = 1
    return labels


def _choose(box: CleanUpBox, operation: str, amount: int) -> None:
    box.operation.setCurrentText(operation)
    box.amount.setValue(amount)


def _wait(desk: Desk, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: not desk.box.running, timeout=60_000)


def _save_in(session: Session, path: Path) -> None:
    session.store.keep_in(SessionFolder.create(path, VideoIdentity.of(session.source.frames, None)))


def _without_speck(view: SessionView) -> list[int]:
    return [frame for frame in range(T) if not view.session.store.labels(frame)[2, 2]]


@pytest.mark.parametrize(
    ("operation", "value", "suffix", "least"),
    [
        pytest.param("Grow or shrink", 1, " px", -200, id="grow"),
        pytest.param("Fill holes", 200, " px", 1, id="fill"),
        pytest.param("Drop specks", 50, " px", 1, id="drop"),
        pytest.param("Smooth in time", 1, " frames", 1, id="smooth"),
    ],
)
def test_each_operation_has_its_amount(
    qtbot: QtBot, operation: str, value: int, suffix: str, least: int
) -> None:
    """With a unit; the largest piece needs none."""
    box = CleanUpBox(Workspace())
    qtbot.addWidget(box)
    box.operation.setCurrentText("Keep the largest piece")
    assert not box.amount.isEnabled()

    box.operation.setCurrentText(operation)

    assert box.amount.isEnabled()
    assert (box.amount.value(), box.amount.suffix(), box.amount.minimum()) == (value, suffix, least)


def test_the_preview_lies_over_the_video(desk: Desk) -> None:
    """As outlines, on each frame and channel; a pixel of it is where that of the masks is."""
    desk.box.preview.setChecked(True)

    layer = desk.viewer.layers[SHOWN]
    assert layer.contour > 0
    for frame, channel in ((0, 0), (5, 1)):
        desk.viewer.dims.set_current_step(1, channel)
        desk.view.go_to(frame)
        world = desk.view.video.data_to_world((frame, channel, 17, 33))
        assert layer.get_value(world, world=True) == 2
        assert desk.view.masks.get_value(world, world=True) == 2
        assert layer.get_value(np.add(world, (0, 0, 1, 0.5)), world=True) == 0
    assert desk.view.current == 5


def test_the_preview_follows_frame_amount_and_operation(desk: Desk) -> None:
    """With areas worked out by hand: a square that shrinks by 2 has 6 x 6 pixels left."""
    later = _labels()
    later[12, 10] = 0
    desk.view.session.store.put(3, later)
    _choose(desk.box, "Grow or shrink", -1)
    desk.box.preview.setChecked(True)
    layer = desk.viewer.layers[SHOWN]
    areas = [np.count_nonzero(layer.data)]

    desk.box.amount.setValue(-2)
    areas.append(np.count_nonzero(layer.data))
    _choose(desk.box, "Fill holes", 1)
    areas.append(np.count_nonzero(layer.data))
    desk.view.go_to(3)
    desk.box.show_frame()
    areas.append(np.count_nonzero(layer.data))
    desk.box.amount.setEnabled(True)
    _choose(desk.box, "Drop specks", 2)
    areas.append(np.count_nonzero(layer.data))

    assert areas == [2 * 64, 2 * 36, 201, 201, 199]
    assert desk.viewer.layers[SHOWN] is layer
    desk.box.preview.setChecked(False)
    assert SHOWN not in desk.viewer.layers


def test_the_preview_is_no_video_and_no_labels_to_start_from(desk: Desk, qtbot: QtBot) -> None:
    """Nor does it take the selection from the layer that the user works on."""
    desk.viewer.layers.selection.active = desk.view.masks
    combos = [LayerCombo(desk.viewer, kind) for kind in (Image, Labels)]
    for combo in combos:
        qtbot.addWidget(combo)

    desk.box.preview.setChecked(True)

    assert SHOWN in desk.viewer.layers
    assert [combo.findText(SHOWN) for combo in combos] == [-1, -1]
    assert desk.viewer.layers.selection.active is desk.view.masks


def test_the_selected_label_alone(desk: Desk, qtbot: QtBot) -> None:
    """The others stay as they are."""
    desk.view.masks.selected_label = 2
    desk.box.objects.setCurrentText("Selected label")
    _choose(desk.box, "Grow or shrink", -1)

    desk.box.apply()
    _wait(desk, qtbot)

    labels = desk.view.session.store.labels(3)
    np.testing.assert_array_equal(labels == 1, _labels() == 1)
    assert np.count_nonzero(labels == 2) == 64


def test_one_frame_is_smoothed_by_its_neighbours(desk: Desk, qtbot: QtBot) -> None:
    """Which stay as they are."""
    flicker = _labels()
    flicker[8:18, 25:35] = 0
    desk.view.session.store.put(4, flicker)
    desk.view.go_to(4)
    desk.box.frames.setCurrentText("This frame")
    _choose(desk.box, "Smooth in time", 1)

    desk.box.apply()
    _wait(desk, qtbot)

    assert sorted(desk.view.session.history.last.before) == [4]
    np.testing.assert_array_equal(desk.view.session.store.labels(4), _labels())


def test_cancel_keeps_what_is_done(desk: Desk, qtbot: QtBot) -> None:
    """As a step that can be undone."""
    _choose(desk.box, "Drop specks", 5)
    desk.box.bar.valueChanged.connect(lambda done: desk.box.cancel() if done == 3 else None)

    desk.box.apply()
    assert desk.box.cancel_button.isEnabled()
    assert not desk.box.apply_button.isEnabled()
    _wait(desk, qtbot)

    done = _without_speck(desk.view)
    assert done[:3] == [0, 1, 2]
    assert len(done) < T
    assert desk.box.apply_button.isEnabled()
    assert desk.view.session.edits.undo() == "Drop specks"
    qtbot.waitUntil(lambda: not desk.view.session.edits.is_busy)
    assert _without_speck(desk.view) == []


def test_nothing_to_change_is_no_step(desk: Desk, qtbot: QtBot) -> None:
    """So undo has nothing to do with it."""
    _choose(desk.box, "Fill holes", 200)

    desk.box.apply()
    _wait(desk, qtbot)

    assert desk.view.session.history.last is None


def test_a_video_that_is_removed_meanwhile_is_let_go(
    desk: Desk, qtbot: QtBot, tmp_path: Path
) -> None:
    """Its folder is closed by then, and keeps what was done before."""
    _save_in(desk.view.session, tmp_path / "cells.frtm")
    _choose(desk.box, "Drop specks", 5)

    def remove(done: int) -> None:
        if done == 3:
            desk.viewer.layers.remove(desk.view.video)

    desk.box.bar.valueChanged.connect(remove)
    desk.box.apply()
    _wait(desk, qtbot)
    qtbot.wait(300)  # what is announced later would fail later

    assert _without_speck(desk.view) == [0, 1, 2]
    folder = SessionFolder.open(tmp_path / "cells.frtm")
    masks = folder.masks()
    assert [int(masks[frame][2, 2]) for frame in range(4)] == [0, 0, 0, 1]
    folder.release()


def test_a_full_disk_is_told_once_and_stops_nothing(
    desk: Desk, qtbot: QtBot, messages: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The masks are in memory, and saved when that is possible again; all can be undone."""
    _save_in(desk.view.session, tmp_path / "cells.frtm")
    write = SessionFolder.write_frame

    def fails(folder: SessionFolder, index: int, *args: object) -> None:
        if index >= 3:
            raise OutputError("cells.frtm: the disk is full.")
        write(folder, index, *args)

    monkeypatch.setattr(SessionFolder, "write_frame", fails)
    _choose(desk.box, "Drop specks", 5)

    desk.box.apply()
    _wait(desk, qtbot)

    reason = "cells.frtm: the disk is full."
    assert messages == [f"Your work cannot be saved now, but is still here: {reason}"]
    assert desk.box.apply_button.isEnabled()
    assert {0, 1, 2, 5, 6, 7} <= set(desk.view.session.history.last.before)


def _removed_masks(desk: Desk) -> None:
    desk.viewer.layers.remove(desk.view.masks)


def _begun(desk: Desk) -> None:
    desk.view.session.edits.begin("Something else")


def _background(desk: Desk) -> None:
    desk.view.masks.selected_label = 0
    desk.box.objects.setCurrentText("Selected label")


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        pytest.param(_removed_masks, "'cells' has no masks layer", id="no-masks"),
        pytest.param(_begun, "Masks are still being changed", id="busy"),
        pytest.param(_background, "The selected label, 0, is the background", id="background"),
    ],
)
def test_what_is_in_the_way_is_said(
    desk: Desk, messages: list[str], prepare: Callable[[Desk], None], message: str
) -> None:
    """And nothing is changed, nor shown."""
    _choose(desk.box, "Grow or shrink", 3)
    prepare(desk)

    desk.box.preview.setChecked(True)
    desk.box.apply()

    assert not desk.box.running
    assert len(messages) == 1
    assert messages[0].startswith(message)
    np.testing.assert_array_equal(desk.view.session.store.labels(0), _labels())


def test_the_background_is_never_grown(desk: Desk) -> None:
    """Nor previewed so."""
    _choose(desk.box, "Grow or shrink", 3)
    _background(desk)

    desk.box.preview.setChecked(True)

    np.testing.assert_array_equal(desk.viewer.layers[SHOWN].data, _labels())
