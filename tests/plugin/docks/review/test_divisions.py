"""The box *Divisions* of *Review*: what is offered, where it leads, and what is done about it."""

from __future__ import annotations

from threading import Event, current_thread, main_thread
from typing import TYPE_CHECKING

import numpy as np
import pytest
from reviewing import FRAMES, masks

from napari_frtm.io.session.folder import SessionFolder, VideoIdentity
from napari_frtm.io.session.objects import SessionObject
from napari_frtm.session.edits.division_search import PossibleDivision
from napari_frtm.session.store.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot
    from reviewing import Desk

AT = 5
LINE = f"Object 1 may have divided at frame {AT}"


@pytest.fixture
def divided(desk: Desk) -> Desk:
    """Return the desk with object 1 in two pieces from frame 5 on, as a run has left it."""
    for frame in range(AT, FRAMES):
        labels = masks()
        labels[10:20, 14:17] = 0
        labels[10:20, 20:22] = 1
        desk.view.session.store.put(frame, labels)
        desk.view.session.timeline.record(frame, {1: 0.9, 2: 0.8}, {1: 91, 2: 100})
    return desk


def _search(desk: Desk, qtbot: QtBot) -> list[str]:
    """Press the button; return what is offered then."""
    desk.review.divisions.search_button.click()
    qtbot.waitUntil(lambda: not desk.view.session.divisions.is_searching)
    return _lines(desk)


def _lines(desk: Desk) -> list[str]:
    shown = desk.review.divisions.list
    return [shown.item(row).text() for row in range(shown.count())]


def _choose(desk: Desk) -> None:
    shown = desk.review.divisions.list
    shown.setCurrentRow(0)
    shown.itemClicked.emit(shown.item(0))


def test_a_division_is_offered_and_nothing_is_changed(divided: Desk, qtbot: QtBot) -> None:
    """A line leads there; the fold says how many there are."""
    desk, box, session = divided, divided.review.divisions, divided.view.session
    before = [session.store.labels(t) for t in range(FRAMES)]
    assert not box.divide_button.isVisibleTo(box)

    assert _search(desk, qtbot) == [LINE]
    assert desk.review.divisions_fold.text() == "Divisions: 1 possible"
    assert not box.divide_button.isEnabled()
    _choose(desk)

    assert desk.view.current == AT
    assert desk.view.masks.selected_label == 1
    assert box.divide_button.isEnabled()
    assert session.history.last is None
    assert session.store.objects == {}
    for frame, labels in enumerate(before):
        np.testing.assert_array_equal(session.store.labels(frame), labels)


def test_divide_does_what_the_box_objects_does(
    divided: Desk, qtbot: QtBot, messages: list[str]
) -> None:
    """On its frame, wherever the user is; undo takes it back, and it is offered again."""
    desk, store = divided, divided.view.session.store
    _search(desk, qtbot)
    _choose(desk)
    desk.view.go_to(0)

    desk.review.divisions.divide_button.click()
    qtbot.waitUntil(lambda: not desk.view.session.edits.is_busy)

    assert store.objects == {3: SessionObject(parent=1), 4: SessionObject(parent=1)}
    assert [store.labels(t)[15, 12] for t in (AT - 1, AT, FRAMES - 1)] == [1, 4, 4]
    assert [store.labels(t)[15, 18] for t in (AT - 1, AT, FRAMES - 1)] == [1, 3, 3]
    assert desk.view.session.history.last.name == "Divide object 1 into 3 and 4"
    desk.review.look()
    assert _lines(desk) == []
    desk.review.undo_button.click()
    qtbot.waitUntil(lambda: not desk.view.session.edits.is_busy)
    desk.review.look()
    assert store.objects == {}
    assert _lines(desk) == [LINE]
    assert messages == ["Undone: Divide object 1 into 3 and 4."]


def test_what_is_no_division_is_not_offered_again(
    divided: Desk, qtbot: QtBot, tmp_path: Path
) -> None:
    """Not by another search, nor another day."""
    desk, session = divided, divided.view.session
    video = VideoIdentity(source=None, shape=session.store.size, dtype="uint8", digest="ab")
    session.store.keep_in(SessionFolder.create(tmp_path / "a.frtm", video))
    _search(desk, qtbot)
    _choose(desk)

    desk.review.divisions.deny_button.click()

    assert _lines(desk) == []
    assert _search(desk, qtbot) == []
    assert "None was found." in desk.review.divisions.note.text()
    assert session.history.last is None
    session.store.close()
    session.take_up(Store.of_folder(SessionFolder.open(tmp_path / "a.frtm")))
    assert session.divisions.denied == {PossibleDivision(1, AT)}
    assert _search(desk, qtbot) == []


def test_a_name_is_in_the_line(divided: Desk, qtbot: QtBot) -> None:
    """So that the user knows whom it is about."""
    divided.view.session.edits.set_objects({1: SessionObject(name="koi")}, "Name")

    assert _search(divided, qtbot) == [f"Object 1 (koi) may have divided at frame {AT}"]


def test_what_is_gone_by_then_is_refused(divided: Desk, qtbot: QtBot, messages: list[str]) -> None:
    """Masks may have changed since they were looked at."""
    store = divided.view.session.store
    _search(divided, qtbot)
    _choose(divided)
    labels = masks()
    labels[2, 50] = 0  # the speck: now it is one piece
    store.put(AT, labels)

    divided.review.divisions.divide_button.click()

    assert messages[0].startswith(f"Object 1 is not in two pieces on frame {AT}.")
    assert store.objects == {}


def test_a_search_can_be_stopped(
    divided: Desk, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same button; masks are read in a thread, which the button does not wait for."""
    store, read, go_on, threads = divided.view.session.store, [], Event(), []
    labels = store.labels

    def slow(frame: int) -> np.ndarray:
        read.append(frame)
        threads.append(current_thread())
        go_on.wait(60)
        return labels(frame)

    monkeypatch.setattr(store, "labels", slow)
    box = divided.review.divisions
    box.search_button.click()
    qtbot.waitUntil(lambda: bool(read))
    assert box.search_button.text() == "Stop"

    box.search_button.click()
    monkeypatch.setattr("napari_frtm.plugin.run.divisions._PATIENCE", -1)  # each frame is a stop
    go_on.set()
    qtbot.waitUntil(lambda: not divided.view.session.divisions.is_searching)

    assert read == [0]
    assert main_thread() not in threads
    assert (box.search_button.text(), _lines(divided)) == ("Look for divisions", [])
