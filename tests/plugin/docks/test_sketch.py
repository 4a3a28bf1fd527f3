"""The dock *Sketch*: strokes, points and boxes, and the masks that are found from them."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QThreadPool

from napari_frtm.engine.sketch.prompts import NOT_IT
from napari_frtm.engine.sketch.sketch import Sketch as EngineSketch
from napari_frtm.evaluation.metrics import jaccard
from napari_frtm.plugin.docks.sketch import Sketch
from napari_frtm.plugin.view.workspace_view import workspace_view

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.layers import Image
    from pytestqt.qtbot import QtBot

    from napari_frtm.config import FrtmConfig
    from napari_frtm.plugin.view.session_view import SessionView
    from tests.conftest import Clip

SECONDS = 60_000


class Desk(NamedTuple):
    """What a user has before them."""

    viewer: ViewerModel
    dock: Sketch
    video: Image

    @property
    def view(self) -> SessionView:
        """The session."""
        view = workspace_view(self.viewer).current
        assert view is not None
        return view


@pytest.fixture
def desk(
    clip: Clip,
    lite: FrtmConfig,
    one_thread: None,
    saved_nowhere: None,
    monkeypatch: pytest.MonkeyPatch,
    qtbot: QtBot,
) -> Iterator[Desk]:
    """Return a viewer with some frames of the clip, and the dock; nothing runs after.

    Masks are as coarse as the scores: the clip's squares are no objects to refine.
    """
    monkeypatch.setattr("napari_frtm.plugin.work.sketching.preset", lambda name: lite)
    viewer = ViewerModel()
    place = {"scale": (1, 0.5, 0.5), "translate": (0, 3, 4)}
    video = viewer.add_image(clip.frames[:6], rgb=True, name="clip", **place)
    viewer.dims.set_current_step(0, 0)
    dock = Sketch(viewer)
    qtbot.addWidget(dock)
    yield Desk(viewer, dock, video)
    workspace_view(viewer).close()
    assert QThreadPool.globalInstance().waitForDone(SECONDS)


def _stroke(desk: Desk, *places: tuple[int, int]) -> None:
    """Paint at places of the displayed frame, as one stroke."""
    strokes = desk.dock.sketch.strokes
    with strokes.block_history():
        for y, x in places:
            strokes.paint((desk.view.current, y, x), strokes.selected_label)


def _answer(desk: Desk, qtbot: QtBot) -> np.ndarray:
    """Wait for the masks that are being found, and return what is shown."""
    qtbot.wait(1)
    qtbot.waitUntil(lambda: not desk.dock.sketch.is_working, timeout=SECONDS)
    return np.asarray(desk.viewer.layers["sketch"].data)


def test_a_stroke_becomes_a_mask_and_a_keyframe(desk: Desk, qtbot: QtBot, clip: Clip) -> None:
    """Each object from its own; accepted, all is in the session, and the strokes are gone."""
    desk.dock.strokes_button.click()
    _stroke(desk, (38, 28), (38, 38))
    desk.dock.object_id.setValue(4)
    _stroke(desk, (88, 123), (88, 133))

    found = _answer(desk, qtbot)

    for object_id in (1, 4):
        assert jaccard(found == object_id, clip.truth[0] == object_id) > 0.7
    np.testing.assert_allclose(desk.viewer.layers["sketch"].scale, (0.5, 0.5))
    assert "found" in desk.dock.status.text()
    desk.dock.accept_button.click()
    store = desk.view.session.store
    np.testing.assert_array_equal(store.keyframes[0], found)
    np.testing.assert_array_equal(desk.view.masks.data[0], found)
    assert not np.asarray(desk.dock.sketch.strokes.data).any()
    assert "sketch" not in desk.viewer.layers
    assert not desk.dock.accept_button.isEnabled()
    desk.view.session.keyframes.toggle(0)
    assert not store.labels(0).any()


def test_a_stroke_that_is_undone_counts_no_more(desk: Desk, qtbot: QtBot) -> None:
    """Without any, nothing is found."""
    desk.dock.strokes_button.click()
    _stroke(desk, (38, 28), (38, 38))
    one = _answer(desk, qtbot)
    desk.dock.not_it.click()
    assert desk.dock.sketch.strokes.selected_label == NOT_IT
    _stroke(desk, (30, 25), (46, 40))
    two = _answer(desk, qtbot)
    assert not two[30, 25]
    assert (one != two).any()

    desk.dock.sketch.strokes.undo()
    np.testing.assert_array_equal(_answer(desk, qtbot), one)
    desk.dock.sketch.strokes.undo()
    qtbot.waitUntil(lambda: "sketch" not in desk.viewer.layers)
    assert not desk.dock.sketch.has_answer


def test_points_and_boxes(desk: Desk, qtbot: QtBot, clip: Clip) -> None:
    """Of the object chosen when they are drawn, on the frame that they are on."""
    desk.viewer.dims.set_current_step(0, 2)
    desk.dock.points_button.click()
    desk.dock.sketch.points.add([[2, 40, 35]])
    found = _answer(desk, qtbot)
    assert jaccard(found == 1, clip.truth[2] == 1) > 0.6
    assert desk.viewer.layers.selection.active is desk.dock.sketch.points  # for the next one
    assert "clip masks" not in desk.viewer.layers

    desk.dock.object_id.setValue(4)
    desk.dock.boxes_button.click()
    corners = [[2, 66, 106], [2, 66, 146], [2, 106, 146], [2, 106, 106]]
    desk.dock.sketch.boxes.add_rectangles([np.array(corners)])
    found = _answer(desk, qtbot)

    assert jaccard(found == 4, clip.truth[2] == 4) > 0.6
    assert desk.dock.sketch.points.features["label"].tolist() == [1]
    assert desk.dock.sketch.boxes.features["label"].tolist() == [4]
    desk.dock.not_it.setChecked(True)
    desk.dock.sketch.points.add([[2, 40, 35]])
    assert _answer(desk, qtbot)[40, 35] == 0
    desk.dock.give_up_button.click()
    assert len(desk.dock.sketch.points.data) == len(desk.dock.sketch.boxes.data) == 0
    assert "sketch" not in desk.viewer.layers


def test_a_result_is_corrected_and_the_rest_stays(desk: Desk, qtbot: QtBot, clip: Clip) -> None:
    """The masks of the frame give way to what is found; elsewhere they come back."""
    view = workspace_view(desk.viewer).open(desk.video)
    wrong = clip.truth[3].copy()
    wrong[23:41, 21:57] = 0  # the upper half of object 1
    view.session.store.make_room(4)
    view.session.store.put(3, wrong)
    view.session.timeline.record(3, {1: 0.9, 4: 0.9}, {1: 600, 4: 1200})
    view.show()
    desk.viewer.dims.set_current_step(0, 3)
    desk.dock.strokes_button.click()

    _stroke(desk, (28, 30), (28, 45))
    found = _answer(desk, qtbot)

    right = clip.truth[3] == 1
    assert jaccard(found == 1, right) > jaccard(wrong == 1, right) + 0.2
    np.testing.assert_array_equal(found == 4, wrong == 4)
    assert not view.masks.visible
    desk.viewer.dims.set_current_step(0, 1)
    assert view.masks.visible
    assert "sketch" not in desk.viewer.layers
    desk.viewer.dims.set_current_step(0, 3)
    assert not view.masks.visible
    desk.dock.accept_button.click()
    assert view.masks.visible
    assert 3 in view.session.store.complete
    np.testing.assert_array_equal(view.session.store.labels(3), found)


def test_rough_masks_are_tidied(desk: Desk, qtbot: QtBot, clip: Clip) -> None:
    """Offered, and taken if accepted."""
    view = workspace_view(desk.viewer).open(desk.video)
    rough = cv2.dilate(clip.truth[0] * (clip.truth[0] == 1), np.ones((9, 9), np.uint8))
    view.new_masks()
    view.session.keyframes.draw(0, rough)

    desk.dock.tidy_button.click()
    found = _answer(desk, qtbot)

    truth = clip.truth[0] == 1
    assert jaccard(found == 1, truth) > jaccard(rough == 1, truth)
    np.testing.assert_array_equal(view.session.store.labels(0), rough)
    desk.dock.accept_button.click()
    np.testing.assert_array_equal(view.session.store.keyframes[0], found)


def test_other_data_of_the_video_are_looked_at_anew(desk: Desk, qtbot: QtBot, clip: Clip) -> None:
    """And a name that changes meanwhile changes nothing."""
    desk.dock.strokes_button.click()
    _stroke(desk, (38, 28), (38, 38))
    first = _answer(desk, qtbot)

    desk.dock.give_up_button.click()
    desk.video.data = clip.frames[10:16]
    _stroke(desk, (48, 45), (48, 55))
    desk.video.name = "other"
    second = _answer(desk, qtbot)

    assert jaccard(second == 1, clip.truth[10] == 1) > 0.5
    assert (first != second).any()


def test_the_label_of_the_layer_is_that_of_the_dock(desk: Desk) -> None:
    """Chosen in napari's own controls, or here; erasing strokes is no object."""
    desk.dock.object_id.setValue(3)
    desk.dock.strokes_button.click()
    strokes = desk.dock.sketch.strokes
    assert strokes.selected_label == 3

    strokes.selected_label = 7
    assert desk.dock.object_id.value() == desk.dock.sketch.object_id == 7
    strokes.selected_label = NOT_IT
    assert desk.dock.not_it.isChecked()
    strokes.selected_label = 0
    assert desk.dock.sketch.object_id == NOT_IT
    desk.dock.not_it.click()
    assert strokes.selected_label == 7


def test_what_cannot_be_is_said(desk: Desk, qtbot: QtBot, messages: list[str]) -> None:
    """Nothing to tidy, a frozen frame, no video."""
    desk.dock.tidy_button.click()
    desk.dock.strokes_button.click()
    _stroke(desk, (38, 28), (38, 38))
    _answer(desk, qtbot)
    desk.view.session.freeze([0], True)
    desk.dock.accept_button.click()
    other = Sketch(ViewerModel())
    qtbot.addWidget(other)
    other.points_button.click()

    assert messages == [
        "Frame 0 has no masks to tidy. Draw them roughly on the masks first.",
        "Frame 0 is frozen. Unfreeze it first.",
        "There is no video to sketch on. Open one first.",
    ]


def test_of_strokes_that_come_meanwhile_the_last_counts(
    desk: Desk, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing comes of a video that is removed."""
    go_on, asked, masks = Event(), [], EngineSketch.masks

    def slow(self: EngineSketch, prompts: object, before: object = None) -> np.ndarray:
        asked.append(prompts)
        go_on.wait(30)
        return masks(self, prompts, before)

    monkeypatch.setattr(EngineSketch, "masks", slow)
    desk.dock.strokes_button.click()
    for x in (28, 30, 32, 34):
        _stroke(desk, (38, x))
        qtbot.wait(5)
    qtbot.waitUntil(lambda: len(asked) == 1, timeout=SECONDS)
    assert desk.dock.status.text() == "Looking…"
    go_on.set()
    _answer(desk, qtbot)
    assert len(asked) == 2
    assert asked[1].strokes[38, 34] == 1

    go_on.clear()
    _stroke(desk, (38, 36))
    qtbot.waitUntil(lambda: len(asked) == 3, timeout=SECONDS)
    desk.viewer.layers.remove(desk.video)
    go_on.set()
    qtbot.waitUntil(lambda: not desk.dock.sketch.is_working, timeout=SECONDS)
    assert [layer.name for layer in desk.viewer.layers] == []
    assert not desk.dock.sketch.has_answer
