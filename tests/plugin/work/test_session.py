"""The work on one video: keyframes, corrections, undo, freezing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_frtm.errors import FrtmError
from napari_frtm.plugin.source.axes import VideoAxes
from napari_frtm.plugin.view.workspace_view import workspace_view
from napari_frtm.types import Prediction

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from napari_frtm.plugin.view.session_view import SessionView

T, H, W = 6, 20, 30


@pytest.fixture
def view() -> Iterator[SessionView]:
    """Return a view whose frames all hold object 1 in the same place, as a run left them."""
    viewer = ViewerModel()
    video = viewer.add_image(np.zeros((T, H, W), np.uint8), name="clip", scale=(2, 0.5, 0.5))
    view = workspace_view(viewer).open(video, VideoAxes())
    for frame in range(T):
        view.session.store.put(frame, _square(1))
        view.session.timeline.record(frame, {1: 0.9}, {1: 100})
    view.show()
    view.go_to(0)
    yield view
    workspace_view(viewer).close()


def _square(object_id: int, top: int = 5) -> np.ndarray:
    labels = np.zeros((H, W), np.uint8)
    labels[top : top + 10, 5:15] = object_id
    return labels


def _paint(view: SessionView, frame: int) -> None:
    view.go_to(frame)
    view.masks.mode = "paint"
    view.masks.selected_label = 1
    view.masks.brush_size = 3
    view.masks.paint((frame, 2, 25), 1)
    view.painting.settle()


def test_frames_are_found_by_their_number(view: SessionView) -> None:
    """Whatever the scale of time."""
    view.go_to(4)

    assert view.current == 4
    assert view.viewer.dims.point[0] == 8


def test_a_painted_frame_is_a_keyframe(view: SessionView) -> None:
    """Complete, certain, with the area as painted."""
    _paint(view, 3)

    assert view.session.store.complete == {3}
    assert view.session.timeline.keyframes == {3}
    np.testing.assert_array_equal(view.session.store.keyframes[3], view.masks.data[3])
    assert view.session.store.keyframes[3][2, 25] == 1
    assert view.session.timeline.confidence[1][3] == 1
    assert view.session.timeline.area[1][3] > 100


def test_undoing_the_stroke_makes_it_a_predicted_frame_again(view: SessionView) -> None:
    """By napari's own undo."""
    _paint(view, 3)

    view.masks.undo()
    view.painting.settle()

    assert not view.session.store.keyframes
    assert not view.session.timeline.keyframes
    np.testing.assert_array_equal(view.masks.data[3], _square(1))


def test_a_dropped_keyframe_shows_its_prediction_again(view: SessionView) -> None:
    """What it was before the first stroke."""
    _paint(view, 3)
    _paint(view, 3)

    view.session.keyframes.drop(3)

    assert not view.session.store.keyframes
    np.testing.assert_array_equal(view.session.store.labels(3), _square(1))


def test_frozen_and_later_painted_frames_are_protected(view: SessionView) -> None:
    """A run may deliver the keyframes that it knows."""
    view.session.freeze([1], True)
    _paint(view, 3)

    assert [view.session.store.protects(t, {}) for t in range(T)] == [
        False,
        True,
        False,
        True,
        False,
        False,
    ]
    assert not view.session.store.protects(3, {3: view.session.store.keyframes[3]})


def test_a_run_is_undone_as_a_whole(view: SessionView) -> None:
    """Masks, coverage, confidence and area; not what was painted after it."""
    view.session.edits.begin("Propagate 2-4")
    for frame in (2, 3, 4):
        view.session.edits.note(view.session.store.write(_prediction(frame), drawn={}))
    view.session.edits.end()
    _paint(view, 4)
    painted = view.session.store.labels(4)

    undone = view.session.edits.undo()

    assert undone == "Propagate 2-4"
    np.testing.assert_array_equal(view.session.store.labels(2), _square(1))
    np.testing.assert_array_equal(view.session.store.labels(4), painted)
    assert view.session.timeline.confidence[1][2] == np.float32(0.9)
    assert np.isnan(view.session.timeline.confidence[2][2])
    assert view.session.edits.undo() is None
    assert view.session.edits.redo() == "Propagate 2-4"
    np.testing.assert_array_equal(view.session.store.labels(2), _square(2))
    np.testing.assert_array_equal(view.session.store.labels(4), painted)
    assert view.session.timeline.confidence[2][2] == np.float32(0.2)
    assert view.session.edits.redo() is None


def test_an_edit_is_one_step(view: SessionView) -> None:
    """Keyframes stay keyframes, with their new masks; what does not change is no part of it."""
    _paint(view, 3)

    view.session.edits.apply(
        [(2, _square(1, top=0)), (3, _square(1, top=1)), (4, _square(1))], "Grow"
    )

    assert sorted(view.session.history.last.before) == [2, 3]
    np.testing.assert_array_equal(view.session.store.keyframes[3], _square(1, top=1))
    assert view.session.edits.undo() == "Grow"
    np.testing.assert_array_equal(view.session.store.labels(2), _square(1))


def test_a_long_undo_leaves_room_for_others(
    view: SessionView, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frame after frame, until all are as before."""
    monkeypatch.setattr("napari_frtm.plugin.work.edits._SLICE", -1.0)
    view.session.edits.apply([(t, _square(2)) for t in range(T)], "Grow")

    assert view.session.edits.undo() == "Grow"
    assert view.session.edits.is_busy
    assert (view.session.store.labels(5) == _square(2)).all()
    with pytest.raises(FrtmError, match="still being changed"):
        view.session.edits.undo()
    qtbot.waitUntil(lambda: not view.session.edits.is_busy)

    assert all((view.session.store.labels(t) == _square(1)).all() for t in range(T))


def test_history_is_bounded(view: SessionView, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest steps go first."""
    monkeypatch.setattr("napari_frtm.session.store.history._BYTES", 0)

    for object_id in (2, 3, 4):
        view.session.edits.apply([(0, _square(object_id))], f"Step {object_id}")

    assert view.session.edits.undo() == "Step 4"
    assert view.session.edits.undo() is None


def test_changes_are_announced_soon(view: SessionView, qtbot: QtBot) -> None:
    """Once for many."""
    announced = []
    view.session.changed.connect(
        lambda: announced.append(view.session.timeline.frozen[:2].tolist())
    )
    with qtbot.waitSignal(view.session.changed, timeout=2000):
        view.session.freeze([0], True)
        view.session.freeze([1], True)
    qtbot.wait(300)

    assert announced == [[True, True]]


def _prediction(frame: int) -> Prediction:
    return Prediction(
        index=frame,
        object_ids=(1, 2),
        labels=_square(2),
        probabilities=np.zeros((2, H, W), np.float32),
        scores=np.zeros((2, 2, 2), np.float32),
        confidence=np.float32([0.1, 0.2]),
    )


def test_undone_steps_are_lost_when_something_else_is_done(view: SessionView) -> None:
    """There is one line of history."""
    view.session.edits.apply([(2, _square(2))], "First")
    view.session.edits.undo()

    view.session.edits.apply([(2, _square(3))], "Second")

    assert view.session.edits.redo() is None
    assert view.session.edits.undo() == "Second"


def test_a_brush_that_reaches_through_time_makes_every_frame_a_keyframe(view: SessionView) -> None:
    """With *n edit dim* = 3; each shows what it did before when it is dropped."""
    view.go_to(3)
    view.masks.mode = "paint"
    view.masks.n_edit_dimensions = 3
    view.masks.brush_size = 15
    view.masks.paint((3, 15, 25), 2)
    view.painting.settle()

    touched = sorted(t for t in range(T) if (view.session.store.labels(t) == 2).any())
    assert len(touched) > 1
    assert sorted(view.session.store.keyframes) == touched
    view.session.keyframes.drop(touched[0])
    np.testing.assert_array_equal(view.session.store.labels(touched[0]), _square(1))


def test_strokes_with_time_in_view_are_noticed(view: SessionView) -> None:
    """With the axes rolled, on the frames that they touch."""
    view.viewer.dims.order = (1, 0, 2)
    view.masks.mode = "paint"
    view.masks.n_edit_dimensions = 2
    view.masks.brush_size = 1
    view.masks.paint((4, 2, 25), 2)
    view.painting.settle()

    assert sorted(view.session.store.keyframes) == [4]


def test_a_redone_stroke_is_a_keyframe_again(view: SessionView) -> None:
    """By napari's own redo."""
    _paint(view, 3)
    view.masks.undo()
    view.painting.settle()

    view.masks.redo()
    view.painting.settle()

    assert view.session.store.complete == {3}


def test_a_run_waits_for_the_stroke_on_a_frame(view: SessionView) -> None:
    """And then leaves the frame alone: it has been painted on."""
    store = view.session.store
    store.hold((2,))
    with ThreadPoolExecutor(2) as threads:
        held = threads.submit(store.write, _prediction(2), drawn={})
        free = threads.submit(store.write, _prediction(4), drawn={})
        assert free.result(timeout=20) is not None
        assert not held.done()
        _paint(view, 2)  # settling releases the frame
        assert held.result(timeout=20) is None

    assert (store.labels(2)[2, 25], store.labels(2)[6, 6]) == (1, 1)


def test_other_data_are_the_masks_from_then_on(view: SessionView, qtbot: QtBot) -> None:
    """As one step; later runs write where it is shown."""
    data = view.masks.data.copy()
    data[2] = _square(5)

    view.masks.data = data
    qtbot.waitUntil(lambda: not view.session.edits.is_busy)

    assert view.session.store.labels(2).max() == 5
    view.session.store.write(_prediction(4), drawn={})
    assert view.masks.data[4].max() == 2
    assert view.session.edits.undo() == "New data of the masks"
    np.testing.assert_array_equal(view.masks.data[2], _square(1))


def test_another_dtype_is_kept(view: SessionView) -> None:
    """Of *Convert data type*."""
    view.masks.data = view.masks.data.astype(np.int32)

    view.session.store.write(_prediction(4), drawn={})

    assert view.masks.data.dtype == np.int32
    assert view.masks.data[4].max() == 2


def test_results_follow_their_video(view: SessionView) -> None:
    """Scale, place and name; a name that the user gave stays."""
    view.session.store.write(_prediction(4), drawn={})
    view.show_scores(True)
    view.scores.name = "mine"

    view.video.scale = (2, 3, 3)
    view.video.translate = (0, 5, 7)
    view.video.name = "other"

    np.testing.assert_array_equal(view.masks.scale, (2, 3, 3))
    np.testing.assert_array_equal(view.masks.translate, (0, 5, 7))
    assert view.scores.scale[-1] > 16
    assert view.masks.name == "other masks"
    assert view.scores.name == "mine"


def test_scores_of_another_size_are_shown(view: SessionView) -> None:
    """After a run at another resolution."""
    view.session.store.write(_prediction(4), drawn={})
    view.show_scores(True)
    before = view.scores

    view.session.store.write(
        replace(_prediction(4), scores=np.ones((2, 3, 4), np.float32)), drawn={}
    )
    view.show()

    assert view.scores is before
    assert view.scores.data.shape == (T, 3, 4)


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> Iterator[SessionView]:
    """Return a view with nothing on it; its masks are too large for memory."""
    monkeypatch.setattr("napari_frtm.session.store.arrays.IN_MEMORY", 0)
    viewer = ViewerModel()
    video = viewer.add_image(np.zeros((T, H, W), np.uint8), name="clip")
    view = workspace_view(viewer).open(video, VideoAxes())
    view.new_masks()
    yield view
    workspace_view(viewer).close()


def test_strokes_are_kept_while_the_folder_is_made(
    large: SessionView, tmp_path: Path, qtbot: QtBot
) -> None:
    """The masks are in another array then; a stroke before that, and one that lasts meanwhile."""
    workspace, masks = workspace_view(large.viewer).workspace, large.masks
    large.go_to(0)
    workspace.use_folder(large.session, tmp_path / "work.frtm")
    masks.paint((0, 4, 4), 1)
    event = SimpleNamespace(type="mouse_press")
    stroke = masks.mouse_drag_callbacks[0](masks, event)
    next(stroke)
    masks.paint((0, 12, 12), 2)

    qtbot.waitUntil(lambda: not workspace.is_opening)
    masks.paint((0, 12, 24), 2)
    event.type = "mouse_release"
    next(stroke, None)
    qtbot.waitUntil(lambda: masks.data is large.session.store.masks)

    assert large.session.store.folder is not None
    shown = large.session.store.labels(0)
    assert (shown[4, 4], shown[12, 12], shown[12, 24]) == (1, 2, 2)
    np.testing.assert_array_equal(masks.data[0], shown)
    np.testing.assert_array_equal(large.session.store.keyframes[0], shown)
