"""The work on one video: keyframes, corrections, undo, freezing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from napari_frtm.plugin.work.store import Finished

from napari_frtm.errors import FrtmError
from napari_frtm.plugin.source.axes import VideoAxes
from napari_frtm.plugin.view.session_view import SessionView

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot

T, H, W = 6, 20, 30


@pytest.fixture
def session(make_napari_viewer: Callable[[], Viewer]) -> Iterator[SessionView]:
    """Return a view whose frames all hold object 1 in the same place, as a run left them."""
    viewer = make_napari_viewer()
    video = viewer.add_image(np.zeros((T, H, W), np.uint8), name="clip", scale=(2, 0.5, 0.5))
    view = Session(viewer, video, VideoAxes())
    for frame in range(T):
        view.session.store.put(frame, _square(1))
        view.session.timeline.record(frame, {1: 0.9}, {1: 100})
    view.show()
    view.go_to(0)
    yield session
    view.close()


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

    view.session.drop_keyframe(3)

    assert not view.session.store.keyframes
    np.testing.assert_array_equal(view.session.store.labels(3), _square(1))
    with pytest.raises(FrtmError, match="Frame 3 is no keyframe"):
        view.session.drop_keyframe(3)


def test_frozen_and_later_painted_frames_are_protected(view: SessionView) -> None:
    """A run may deliver the keyframes that it knows."""
    view.session.freeze([1], True)
    _paint(view, 3)

    assert [view.protects(t, {}) for t in range(T)] == [False, True, False, True, False, False]
    assert not view.protects(3, {3: view.session.store.keyframes[3]})


def test_a_run_is_undone_as_a_whole(view: SessionView) -> None:
    """Masks, coverage, confidence and area; not what was painted after it."""
    step = view.session.history.begin("Propagate 2-4")
    for frame in (2, 3, 4):
        before = view.session.store.labels(frame)
        view.session.store.put(frame, _square(2))
        view.take([Finished(frame, {1: 0.1, 2: 0.2}, {1: 0.0, 2: 100.0}, _packed(before))], step)
    _paint(view, 4)
    painted = view.session.store.labels(4)

    undone = view.session.edits.undo()

    assert undone == "Propagate 2-4"
    np.testing.assert_array_equal(view.session.store.labels(2), _square(1))
    np.testing.assert_array_equal(view.session.store.labels(4), painted)
    assert view.session.timeline.confidence[1][2] == np.float32(0.9)
    assert np.isnan(view.session.timeline.confidence[2][2])
    assert view.session.edits.undo() is None


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
    monkeypatch.setattr("napari_frtm.plugin.work.history._BYTES", 0)

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


def _packed(labels: np.ndarray) -> object:
    from napari_frtm.session.session.history import Packed

    return Packed.of(labels)
