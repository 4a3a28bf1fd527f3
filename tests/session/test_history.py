"""Undo and redo, within bounds."""

from __future__ import annotations

import numpy as np
import pytest

from napari_frtm.session.store import history
from napari_frtm.session.store.history import FrameState, History, Packed, Step
from napari_frtm.session.store.store import Store


def state(value: int = 1, size: tuple[int, int] = (6, 8)) -> FrameState:
    """Return the state of a frame filled with a value."""
    few = np.ones(1, np.float32)
    return FrameState(Packed.of(np.full(size, value, np.uint8)), True, (1,), few, few)


def test_steps_go_back_and_forth() -> None:
    """In the order of use; a new step ends what can be redone."""
    past = History()
    for name in "abc":
        past.add(Step(name, {0: state()}))

    undone = past.take_undo()
    assert undone is not None
    past.put_redo(undone)
    redone = past.take_redo()
    assert redone is not None
    past.put_undo(redone)

    assert (undone.name, redone.name) == ("c", "c")
    assert past.last is redone
    assert past.next is None
    past.put_redo(Step("x", {0: state()}))
    past.add(Step("d", {0: state()}))
    assert past.next is None


def test_no_more_than_twenty_steps() -> None:
    """The oldest are forgotten; steps that changed nothing do not count."""
    past = History()
    for number in range(30):
        past.add(Step(str(number), {0: state()}))
    past.add(Step("nothing"))

    names = []
    while (step := past.take_undo()) is not None:
        names.append(step.name)

    assert names == [str(number) for number in range(29, 9, -1)]


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """By all that a step holds; the newest stays however large it is."""
    monkeypatch.setattr(history, "_BYTES", 3000)
    rng = np.random.default_rng(0)
    noise = Packed.of(rng.integers(0, 255, (60, 60), np.uint8))
    few = np.ones(1, np.float32)
    past = History()
    for number in range(5):
        past.add(Step(str(number), {0: FrameState(noise, True, (1,), few, few)}))

    assert past.take_undo() is not None
    assert past.take_undo() is None


def test_a_frame_drawn_since_stays() -> None:
    """Neither undo nor redo touches it."""
    past = History()
    past.add(Step("run", {0: state(), 1: state()}))
    past.put_redo(Step("undone", {1: state(), 2: state()}))

    past.discard(1)

    assert past.last is not None
    assert past.next is not None
    assert (list(past.last.before), list(past.next.before)) == ([0], [2])


def test_a_store_goes_back_exactly() -> None:
    """Masks, confidence, area, and whether there were masks at all."""
    store = Store((3, 6, 8))
    store.timeline.record(0, {1: 0.5}, {1: 12.0})
    store.put(0, np.tri(6, 8, dtype=np.uint8))
    before = [store.state(0), store.state(1)]
    labels = store.labels(0)

    for frame in (0, 1):
        store.put(frame, np.full((6, 8), 300, np.uint16))
        store.timeline.record(frame, {300: 0.9}, {300: 48.0})
    after = store.state(0)
    for frame in (0, 1):
        store.restore(frame, before[frame])

    np.testing.assert_array_equal(store.labels(0), labels)
    assert store.timeline.confidence[1][0] == 0.5
    assert np.isnan(store.timeline.confidence[300][0])
    assert store.timeline.filled.tolist() == [True, False, False]
    store.restore(0, after)
    assert (store.labels(0) == 300).all()
    assert store.timeline.confidence[300][0] == pytest.approx(0.9)
