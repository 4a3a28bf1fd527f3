"""The box *Objects* of *Review*, and names in its table."""

from __future__ import annotations

from threading import Event
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
from reviewing import FRAMES, masks

from napari_frtm.io.session.objects import SessionObject

if TYPE_CHECKING:
    import pytest
    from pytestqt.qtbot import QtBot
    from reviewing import Desk

    from napari_frtm.session.store.history import FrameState


def _do(desk: Desk, qtbot: QtBot, what: str, *, object_id: int, other: int = 0) -> None:
    box = desk.review.objects
    box.operation.setCurrentText(what)
    box.object_id.setValue(object_id)
    if other:
        box.other.setValue(other)
    box.apply()
    qtbot.waitUntil(lambda: not desk.view.session.edits.is_busy)


def test_a_swap_from_here_on(desk: Desk, qtbot: QtBot, messages: list[str]) -> None:
    """Frames before and frozen ones stay, the latter with a word; undo brings all back."""
    store = desk.view.session.store
    desk.view.session.freeze([8], True)
    desk.view.go_to(6)

    _do(desk, qtbot, "Swap", object_id=1, other=2)

    assert [store.labels(t)[15, 15] for t in (5, 6, 8, FRAMES - 1)] == [1, 2, 1, 2]
    assert messages == ["1 frozen frames are left alone. Unfreeze them to change them."]
    desk.review.look()
    desk.review.undo_button.click()
    qtbot.waitUntil(lambda: not desk.view.session.edits.is_busy)
    np.testing.assert_array_equal(store.labels(6), masks())


def test_an_object_is_deleted_over_the_range(desk: Desk, qtbot: QtBot) -> None:
    """Its neighbour stays."""
    desk.view.session.set_span(range(2, 5))
    desk.review.objects.frames.setCurrentText("In to Out")

    _do(desk, qtbot, "Delete", object_id=2)

    found = [bool((desk.view.session.store.labels(t) == 2).any()) for t in range(FRAMES)]
    assert found == [t not in (2, 3, 4) for t in range(FRAMES)]


def test_a_click_splits_a_piece_off(desk: Desk, qtbot: QtBot) -> None:
    """The click paints nothing; a free number is proposed, and the tool of before comes back."""
    layer = desk.view.masks
    desk.view.go_to(3)
    layer.mode = "paint"
    _do(desk, qtbot, "Split", object_id=1)
    assert layer.mode == "pan_zoom"
    assert desk.review.objects.note.text() == "Click on the piece in the picture."

    (callback,) = [each for each in desk.viewer.mouse_drag_callbacks if each.__name__ == "_clicked"]
    callback(desk.viewer, SimpleNamespace(position=layer.data_to_world((3, 2, 50))))
    qtbot.waitUntil(lambda: not desk.view.session.edits.is_busy and layer.mode == "paint")

    store = desk.view.session.store
    assert callback not in desk.viewer.mouse_drag_callbacks
    assert [store.labels(t)[2, 50] for t in (2, 3, FRAMES - 1)] == [1, 3, 3]
    assert store.labels(3)[15, 15] == 1
    assert desk.view.session.timeline.area[3][3] == 1


def test_stop_waits_for_no_click(desk: Desk, qtbot: QtBot) -> None:
    """And another change can begin."""
    _do(desk, qtbot, "Split", object_id=1)

    desk.review.objects.stop()

    assert desk.review.objects.apply_button.isEnabled()
    assert not [c for c in desk.viewer.mouse_drag_callbacks if c.__name__ == "_clicked"]


def test_a_parent_is_set_and_shown(desk: Desk, qtbot: QtBot, messages: list[str]) -> None:
    """In the table; a circle is refused, and nobody comes from what is not there."""
    _do(desk, qtbot, "Parent", object_id=2, other=1)
    desk.review.look()
    assert desk.view.session.store.objects == {2: SessionObject(parent=1)}
    assert desk.review.table.table.item(1, 0).text() == "2 (of 1)"

    _do(desk, qtbot, "Parent", object_id=1, other=2)
    _do(desk, qtbot, "Parent", object_id=1, other=9)

    assert messages[0].endswith("that is a circle.")
    assert messages[1] == "There is no object 9."


def test_what_cannot_be_is_said(desk: Desk, qtbot: QtBot, messages: list[str]) -> None:
    """A number in use, an object that is not there."""
    _do(desk, qtbot, "Renumber", object_id=1, other=2)
    _do(desk, qtbot, "Delete", object_id=7)

    assert "Object 2 is there already" in messages[0]
    assert messages[1].startswith("There is no object 7 on")
    np.testing.assert_array_equal(desk.view.session.store.labels(0), masks())


def test_names_are_typed_into_the_table(desk: Desk) -> None:
    """Each is a step; looking at the table is none."""
    table = desk.review.table.table
    desk.review.look()
    assert desk.view.session.history.last is None

    table.item(1, 4).setText(" koi ")

    assert desk.view.session.store.objects == {2: SessionObject(name="koi")}
    desk.view.session.edits.undo()
    desk.review.look()
    assert table.item(1, 4).text() == ""


def test_an_object_divides_from_here_on(desk: Desk, qtbot: QtBot, messages: list[str]) -> None:
    """Free numbers are proposed; the table says who came from whom; undo takes both back."""
    box, store = desk.review.objects, desk.view.session.store
    for frame in range(5, FRAMES):
        labels = store.labels(frame)
        labels[30:34, 50:54] = 1
        store.put(frame, labels)
    desk.view.go_to(5)
    box.operation.setCurrentText("Divide")
    assert (box.other.value(), box.second.value()) == (3, 4)
    assert box.second.isVisibleTo(box)
    assert not box.frames.isEnabled()

    _do(desk, qtbot, "Divide", object_id=1)

    assert [store.labels(t)[15, 15] for t in (4, 5, FRAMES - 1)] == [1, 3, 3]
    assert store.labels(FRAMES - 1)[31, 51] == 4
    desk.review.look()
    names = [desk.review.table.table.item(row, 0).text() for row in range(4)]
    assert names == ["1", "2", "3 (of 1)", "4 (of 1)"]
    desk.review.undo_button.click()
    qtbot.waitUntil(lambda: not desk.view.session.edits.is_busy)
    assert store.objects == {}
    assert messages == ["Undone: Divide object 1 into 3 and 4."]
    box.operation.setCurrentText("Swap")
    assert not box.second.isVisibleTo(box)


def test_how_far_a_change_is_can_be_seen(
    desk: Desk, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bar, frames and time left; Stop keeps what is done, and says how to take it back."""
    box, store = desk.review.objects, desk.view.session.store
    reached, go_on, read = Event(), Event(), store.state

    def slow(index: int) -> FrameState:
        if index == 3:
            reached.set()
            go_on.wait(60)
        return read(index)

    monkeypatch.setattr(store, "state", slow)
    box.operation.setCurrentText("Swap")
    box.object_id.setValue(1)
    box.other.setValue(2)
    desk.view.go_to(0)
    box.apply()
    qtbot.waitUntil(lambda: reached.is_set() and box.bar.value() == 3, timeout=60_000)
    assert box.bar.isVisibleTo(box)
    assert box.note.text().startswith(f"Swap objects 1 and 2: 3 / {FRAMES} frames, ")
    assert box.note.text().endswith(" left")
    assert not desk.review.clean_up.bar.isVisibleTo(desk.review.clean_up)

    box.stop_button.click()
    go_on.set()
    qtbot.waitUntil(lambda: desk.review.workspace.changing is None, timeout=60_000)

    assert "was stopped after 4 of" in box.note.text()
    assert not box.bar.isVisibleTo(box)
    assert desk.view.session.history.last.name == "Swap objects 1 and 2"
