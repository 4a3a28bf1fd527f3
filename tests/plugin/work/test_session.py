"""The work on one video: keyframes, corrections, undo, freezing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_frtm.errors import FrtmError
from napari_frtm.plugin.source.axes import VideoAxes
from napari_frtm.plugin.work.session import Session
from napari_frtm.plugin.work.store import Finished

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot

T, H, W = 6, 20, 30


@pytest.fixture
def session(make_napari_viewer: Callable[[], Viewer]) -> Iterator[Session]:
    """Return a session whose frames all hold object 1 in the same place, as a run left them."""
    viewer = make_napari_viewer()
    video = viewer.add_image(np.zeros((T, H, W), np.uint8), name="clip", scale=(2, 0.5, 0.5))
    session = Session(viewer, video, VideoAxes())
    for frame in range(T):
        session.results.put(frame, _square(1))
        session.timeline.record(frame, {1: 0.9}, {1: 100})
    session.layers.show()
    session.go_to(0)
    yield session
    session.close()


def _square(object_id: int, top: int = 5) -> np.ndarray:
    labels = np.zeros((H, W), np.uint8)
    labels[top : top + 10, 5:15] = object_id
    return labels


def _paint(session: Session, frame: int) -> None:
    session.go_to(frame)
    session.masks.mode = "paint"
    session.masks.selected_label = 1
    session.masks.brush_size = 3
    session.masks.paint((frame, 2, 25), 1)
    session.painting.settle()


def test_frames_are_found_by_their_number(session: Session) -> None:
    """Whatever the scale of time."""
    session.go_to(4)

    assert session.current == 4
    assert session.viewer.dims.point[0] == 8


def test_a_painted_frame_is_a_keyframe(session: Session) -> None:
    """Complete, certain, with the area as painted."""
    _paint(session, 3)

    assert session.complete == {3}
    assert session.timeline.keyframes == {3}
    np.testing.assert_array_equal(session.keyframes[3], session.masks.data[3])
    assert session.keyframes[3][2, 25] == 1
    assert session.timeline.confidence[1][3] == 1
    assert session.timeline.area[1][3] > 100


def test_undoing_the_stroke_makes_it_a_predicted_frame_again(session: Session) -> None:
    """By napari's own undo."""
    _paint(session, 3)

    session.masks.undo()
    session.painting.settle()

    assert not session.keyframes
    assert not session.timeline.keyframes
    np.testing.assert_array_equal(session.masks.data[3], _square(1))


def test_a_dropped_keyframe_shows_its_prediction_again(session: Session) -> None:
    """What it was before the first stroke."""
    _paint(session, 3)
    _paint(session, 3)

    session.drop_keyframe(3)

    assert not session.keyframes
    np.testing.assert_array_equal(session.labels(3), _square(1))
    with pytest.raises(FrtmError, match="Frame 3 is no keyframe"):
        session.drop_keyframe(3)


def test_frozen_and_later_painted_frames_are_protected(session: Session) -> None:
    """A run may deliver the keyframes that it knows."""
    session.freeze([1], True)
    _paint(session, 3)

    assert [session.protects(t, {}) for t in range(T)] == [False, True, False, True, False, False]
    assert not session.protects(3, {3: session.keyframes[3]})


def test_a_run_is_undone_as_a_whole(session: Session) -> None:
    """Masks, coverage, confidence and area; not what was painted after it."""
    step = session.history.begin("Propagate 2-4")
    for frame in (2, 3, 4):
        before = session.labels(frame)
        session.results.put(frame, _square(2))
        session.take([Finished(frame, {1: 0.1, 2: 0.2}, {1: 0.0, 2: 100.0}, _packed(before))], step)
    _paint(session, 4)
    painted = session.labels(4)

    undone = session.undo()

    assert undone == "Propagate 2-4"
    np.testing.assert_array_equal(session.labels(2), _square(1))
    np.testing.assert_array_equal(session.labels(4), painted)
    assert session.timeline.confidence[1][2] == np.float32(0.9)
    assert np.isnan(session.timeline.confidence[2][2])
    assert session.undo() is None


def test_an_edit_is_one_step(session: Session) -> None:
    """Keyframes stay keyframes, with their new masks; what does not change is no part of it."""
    _paint(session, 3)

    session.edit([(2, _square(1, top=0)), (3, _square(1, top=1)), (4, _square(1))], "Grow")

    assert sorted(session.history.last.before) == [2, 3]
    np.testing.assert_array_equal(session.keyframes[3], _square(1, top=1))
    assert session.undo() == "Grow"
    np.testing.assert_array_equal(session.labels(2), _square(1))


def test_a_long_undo_leaves_room_for_others(
    session: Session, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frame after frame, until all are as before."""
    monkeypatch.setattr("napari_frtm.plugin.work.edits._SLICE", -1.0)
    session.edit([(t, _square(2)) for t in range(T)], "Grow")

    assert session.undo() == "Grow"
    assert session.is_busy
    assert (session.labels(5) == _square(2)).all()
    with pytest.raises(FrtmError, match="still being changed"):
        session.undo()
    qtbot.waitUntil(lambda: not session.is_busy)

    assert all((session.labels(t) == _square(1)).all() for t in range(T))


def test_history_is_bounded(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest steps go first."""
    monkeypatch.setattr("napari_frtm.plugin.work.history._BYTES", 0)

    for object_id in (2, 3, 4):
        session.edit([(0, _square(object_id))], f"Step {object_id}")

    assert session.undo() == "Step 4"
    assert session.undo() is None


def test_changes_are_announced_soon(session: Session, qtbot: QtBot) -> None:
    """Once for many."""
    announced = []
    session.changed.connect(lambda: announced.append(session.timeline.frozen[:2].tolist()))
    with qtbot.waitSignal(session.changed, timeout=2000):
        session.freeze([0], True)
        session.freeze([1], True)
    qtbot.wait(300)

    assert announced == [[True, True]]


def _packed(labels: np.ndarray) -> object:
    from napari_frtm.plugin.work.history import Packed

    return Packed.of(labels)
