"""Changes of objects as steps of a session: applied little by little, undone and redone."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QThreadPool

from napari_frtm.errors import FrtmError, OutputError
from napari_frtm.io.session.objects import SessionObject
from napari_frtm.plugin.source.axes import VideoAxes
from napari_frtm.plugin.view.workspace_view import workspace_view
from napari_frtm.plugin.work.object_work import describe_object, dividing, editing
from napari_frtm.session.edits.division import Division
from napari_frtm.session.edits.object_edits import ObjectEdit, Operation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot

    from napari_frtm.plugin.view.workspace_view import WorkspaceView
    from napari_frtm.plugin.work.editing import Editing
    from napari_frtm.plugin.work.session import Session
    from napari_frtm.plugin.work.workspace import Workspace
    from napari_frtm.session.store.history import FrameState

T, H, W = 6, 20, 30
SWAP = ObjectEdit(operation=Operation.SWAP, object_id=1, other=2)


@pytest.fixture
def view() -> Iterator[WorkspaceView]:
    """Return what shows the work in a viewer; nothing runs after."""
    viewer = ViewerModel()
    view = workspace_view(viewer)
    yield view
    view.close()
    assert QThreadPool.globalInstance().waitForDone(60_000)


@pytest.fixture
def workspace(view: WorkspaceView) -> Workspace:
    """Return the work itself."""
    return view.workspace


@pytest.fixture
def session(view: WorkspaceView) -> Session:
    """Return the work on a video whose frames hold objects 1 and 2."""
    video = view.viewer.add_image(np.zeros((T, H, W), np.uint8), name="clip")
    session = view.open(video, VideoAxes()).session
    for frame in range(T):
        session.store.put(frame, _masks())
        session.timeline.record(frame, {1: 0.9, 2: 0.5}, {1: 50, 2: 25})
    return session


def _masks() -> np.ndarray:
    labels = np.zeros((H, W), np.uint8)
    labels[5:15, 5:10] = 1
    labels[5:10, 20:25] = 2
    return labels


def _idle(session: Session) -> bool:
    return not session.edits.is_busy


def _do(session: Session, qtbot: QtBot, change: Editing) -> None:
    """Make a change of objects, to its end."""
    with qtbot.waitSignal(change.ended, timeout=60_000):
        change.start()


def _delete(object_id: int) -> ObjectEdit:
    return ObjectEdit(operation=Operation.DELETE, object_id=object_id)


def test_a_swap_is_one_step(session: Session, qtbot: QtBot) -> None:
    """From a frame on; undone and redone as a whole, with areas and confidence."""
    session.freeze([4], True)

    change = editing(session, SWAP, range(2, T))
    _do(session, qtbot, change)

    assert change.frozen == 1
    swapped = [session.store.labels(t)[7, 7] for t in range(T)]
    assert swapped == [1, 1, 2, 2, 1, 2]
    assert session.timeline.area[1].tolist() == [50, 50, 25, 25, 50, 25]
    assert session.edits.undo() == "Swap objects 1 and 2"
    qtbot.waitUntil(lambda: _idle(session))
    assert all(session.store.labels(t)[7, 7] == 1 for t in range(T))
    assert session.timeline.confidence[1].tolist() == pytest.approx([0.9] * T)
    session.edits.redo()
    qtbot.waitUntil(lambda: _idle(session))
    assert [session.store.labels(t)[7, 7] for t in range(T)] == swapped


def test_deleted_objects_are_no_longer_listed(session: Session, qtbot: QtBot) -> None:
    """But come back with an undo."""
    _do(session, qtbot, editing(session, _delete(2), range(T)))
    assert session.timeline.object_ids == [1]

    session.edits.undo()
    qtbot.waitUntil(lambda: _idle(session))

    assert session.timeline.object_ids == [1, 2]


def test_names_and_parents_are_undone_and_redone(session: Session) -> None:
    """As steps of their own; what does not change is none."""
    describe_object(session, 2, SessionObject(name="calf"))
    describe_object(session, 2, SessionObject(name="calf", parent=1))
    describe_object(session, 2, SessionObject(name="calf", parent=1))

    session.edits.undo()
    assert session.store.objects == {2: SessionObject(name="calf")}
    session.edits.undo()
    assert session.store.objects == {}
    session.edits.redo()
    assert session.store.objects == {2: SessionObject(name="calf")}


def test_a_refused_change_leaves_everything_free(session: Session) -> None:
    """Another one may begin at once."""
    with pytest.raises(FrtmError, match="no object 7"):
        editing(session, _delete(7), range(T))

    assert _idle(session)
    assert session.history.last is None


def test_keyframes_of_a_layer_keep_their_new_ids(session: Session, qtbot: QtBot) -> None:
    """Even if the layer is read again, which has the old ones."""
    drawn = np.where(_masks() == 1, 1, 0).astype(np.uint8)
    session.keyframes.take({0: drawn}, range(T))

    _do(session, qtbot, editing(session, SWAP, range(T)))
    session.keyframes.take({0: drawn}, range(T))

    np.testing.assert_array_equal(session.store.keyframes[0], drawn * 2)


def test_a_division_is_one_step(session: Session, qtbot: QtBot) -> None:
    """Ids and parents; undone and redone as a whole."""
    for frame in range(3, T):
        labels = _masks()
        labels[16:18, 5:10] = 1
        session.store.put(frame, labels)
    division = Division(object_id=1, frame=3, daughters=(4, 5))

    _do(session, qtbot, dividing(session, division))

    assert [session.store.labels(t)[7, 7] for t in range(T)] == [1, 1, 1, 4, 4, 4]
    assert session.store.labels(4)[17, 7] == 5
    assert {i: known.parent for i, known in session.store.objects.items()} == {4: 1, 5: 1}
    assert session.edits.undo() == "Divide object 1 into 4 and 5"
    qtbot.waitUntil(lambda: _idle(session))
    assert session.store.objects == {}
    assert session.store.labels(4)[17, 7] == session.store.labels(4)[7, 7] == 1
    session.edits.redo()
    qtbot.waitUntil(lambda: _idle(session))
    assert session.store.labels(4)[17, 7] == 5
    assert set(session.store.objects) == {4, 5}


def test_a_change_that_is_stopped_leaves_whole_frames(
    session: Session, workspace: Workspace, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those before are changed, the others are not; one undo brings all back."""
    reached, go_on, read = Event(), Event(), session.store.state

    def slow(index: int) -> FrameState:
        if index == 2:
            reached.set()
            go_on.wait(60)
        return read(index)

    monkeypatch.setattr(session.store, "state", slow)
    change = editing(session, SWAP, range(T))
    workspace.change(change)
    qtbot.waitUntil(reached.is_set, timeout=60_000)
    assert workspace.is_busy
    with pytest.raises(FrtmError, match="still being changed"):
        workspace.change(editing(session, SWAP, range(T)))
    change.cancel()
    go_on.set()
    qtbot.waitUntil(lambda: workspace.changing is None, timeout=60_000)

    swapped = [int(session.store.labels(t)[7, 7]) for t in range(T)]
    assert swapped[:3] == [2, 2, 2]
    assert swapped[4:] == [1, 1]
    done = swapped.count(2)
    assert change.outcome == (
        f"Swap objects 1 and 2 was stopped after {done} of 6 frames. Undo brings them back."
    )
    assert [int(area) for area in session.timeline.area[1]] == [25] * done + [50] * (T - done)
    session.edits.undo()
    qtbot.waitUntil(lambda: _idle(session))
    assert all(session.store.labels(t)[7, 7] == 1 for t in range(T))


def test_a_change_that_cannot_be_saved_is_said_and_undone(
    session: Session, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The frame that failed is in the step as well."""
    replace, said = session.store.replace, []

    def full(index: int, labels: np.ndarray) -> None:
        replace(index, labels)
        if index == 3:
            raise OutputError("Cannot write: the disk is full.")

    change = editing(session, SWAP, range(T))
    change.failed.connect(said.append)
    with monkeypatch.context() as broken:
        broken.setattr(session.store, "replace", full)
        _do(session, qtbot, change)

    assert said == ["Swap objects 1 and 2 stopped: Cannot write: the disk is full."]
    assert "failed after 4 of 6 frames" in change.outcome
    assert _idle(session)
    session.edits.undo()
    qtbot.waitUntil(lambda: _idle(session))
    assert all(session.store.labels(t)[7, 7] == 1 for t in range(T))


def test_a_video_that_is_removed_ends_the_change(
    session: Session, workspace: Workspace, qtbot: QtBot
) -> None:
    """Its folder is let go of after the frame under way."""
    change = editing(session, SWAP, range(T))
    workspace.change(change)

    workspace.end(session)
    qtbot.waitUntil(lambda: workspace.changing is None, timeout=60_000)

    assert change.is_stopping
    assert not workspace.is_busy
