"""Swap, merge, renumber, split and delete: what becomes of masks and of what is known of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_frtm.errors import FrtmError
from napari_frtm.io.session.folder import SessionFolder, VideoIdentity
from napari_frtm.io.session.objects import SessionObject
from napari_frtm.session.edits.object_edits import (
    ObjectEdit,
    Operation,
    check_edit,
    edits_of,
    following_piece,
    free_id,
    piece_at,
    relabelled,
    with_object,
)
from napari_frtm.session.store.store import Store
from napari_frtm.session.store.whole_frames import bring_back, carried_out, whole_state
from napari_frtm.types import Prediction

if TYPE_CHECKING:
    from pathlib import Path

SIZE = (4, 8, 12)


@pytest.fixture
def store() -> Store:
    """Return a store as a run leaves it: object 1 in two pieces, and object 2, on all frames."""
    store = Store(SIZE)
    labels = np.zeros(SIZE[1:], np.uint8)
    labels[1:3, 1:3] = labels[5:7, 1:5] = 1
    labels[1:7, 8:11] = 2
    soft = np.stack([labels == 1, labels == 2])[:, ::2, ::2].astype(np.float32)
    scores = np.zeros((2, 1, 1), np.float32)
    for frame in range(SIZE[0]):
        sure = np.array([0.9, 0.5], np.float32)
        prediction = Prediction(frame, (1, 2), labels, soft, scores, sure)
        store.write(prediction, drawn={}, soft=True)
    return store


def _apply(store: Store, edit: ObjectEdit, frames: range, piece: np.ndarray | None = None) -> dict:
    """Change a store; return what it held before."""
    held = carried_out(store, edits_of(store, edit, frames, piece))
    return {frame: state for frame, state in held if state is not None}


def _edit(operation: Operation, object_id: int = 1, other: int = 0) -> ObjectEdit:
    return ObjectEdit(operation=operation, object_id=object_id, other=other)


@pytest.mark.parametrize(
    ("edit", "areas", "confidence"),
    [
        pytest.param(_edit(Operation.SWAP, 1, 2), {1: 18, 2: 12}, {1: 0.5, 2: 0.9}, id="swap"),
        pytest.param(_edit(Operation.MERGE, 1, 2), {2: 30}, {2: 0.5}, id="merge"),
        pytest.param(_edit(Operation.RENUMBER, 1, 9), {2: 18, 9: 12}, {2: 0.5, 9: 0.9}, id="9"),
        pytest.param(
            _edit(Operation.RENUMBER, 1, 300), {2: 18, 300: 12}, {2: 0.5, 300: 0.9}, id="wide"
        ),
        pytest.param(_edit(Operation.DELETE, 1), {2: 18}, {2: 0.5}, id="delete"),
    ],
)
def test_what_is_known_follows_the_ids(
    store: Store, edit: ObjectEdit, areas: dict[int, int], confidence: dict[int, float]
) -> None:
    """Masks, areas, confidence and soft masks, on the frames asked for; and comes back."""
    line = store.timeline
    first = store.labels(1)
    soft = store.soft_masks(2)

    before = _apply(store, edit, range(2, 4))

    ids, counts = np.unique(store.labels(2), return_counts=True)
    assert dict(zip(ids[1:].tolist(), counts[1:].tolist(), strict=True)) == areas
    assert {i: v[2] for i, v in line.area.items() if not np.isnan(v[2])} == areas
    known = {i: v[2] for i, v in line.confidence.items() if not np.isnan(v[2])}
    assert known == pytest.approx(confidence)
    assert set(store.soft_masks(2)) == set(areas)
    for object_id, levels in store.soft_masks(2).items():
        np.testing.assert_array_equal(levels > 0, store.labels(2)[::2, ::2] == object_id)
    np.testing.assert_array_equal(store.labels(1), first)
    assert (line.area[1][1], line.area[2][1]) == (12, 18)

    for frame, state in before.items():
        bring_back(store, frame, state)
    line.forget_absent()
    np.testing.assert_array_equal(store.labels(2), first)
    assert line.object_ids == [1, 2]
    assert line.confidence[1][2] == pytest.approx(0.9)
    for object_id, levels in soft.items():
        np.testing.assert_array_equal(store.soft_masks(2)[object_id], levels)


def test_a_piece_is_split_off_and_followed(store: Store) -> None:
    """From its frame on, where it overlaps; its soft mask goes with it."""
    piece = piece_at(store.labels(1), 2, 2)

    _apply(store, _edit(Operation.SPLIT, 1, 3), range(1, 4), piece)

    assert not (store.labels(0) == 3).any()
    for frame in range(1, 4):
        np.testing.assert_array_equal(store.labels(frame) == 3, piece)
        assert (store.timeline.area[1][frame], store.timeline.area[3][frame]) == (8, 4)
        assert store.timeline.confidence[3][frame] == pytest.approx(0.9)
        soft = store.soft_masks(frame)
        assert (soft[3][:2] > 0).any()
        assert not soft[3][2:].any()
        assert not soft[1][:2].any()


def test_a_split_ends_where_the_piece_is_one_with_the_rest(store: Store) -> None:
    """And leaves what comes afterwards alone."""
    labels = store.labels(2)
    labels[1:7, 1:3] = 1
    store.replace(2, labels)

    _apply(store, _edit(Operation.SPLIT, 1, 3), range(4), piece_at(store.labels(0), 2, 2))

    assert [bool((store.labels(t) == 3).any()) for t in range(4)] == [True, True, False, False]


def test_a_piece_that_moves_is_followed_by_its_overlap() -> None:
    """Also if the rest comes apart."""
    rest, piece, now = (np.zeros((8, 12), bool) for _ in range(3))
    piece[1:4, 1:4] = rest[1:7, 7:9] = True
    now[2:5, 2:5] = now[1:3, 7:9] = now[5:7, 7:9] = True

    found = following_piece(now, piece, rest)

    np.testing.assert_array_equal(np.argwhere(found).min(0), (2, 2))
    assert found.sum() == 9


def test_frozen_and_empty_frames_stay(store: Store) -> None:
    """Bit for bit."""
    store.timeline.frozen[1] = True
    store.timeline.clear([3])
    before = store.labels(1)

    changed = _apply(store, _edit(Operation.DELETE, 1), range(4))

    assert sorted(changed) == [0, 2]
    np.testing.assert_array_equal(store.labels(1), before)


def test_keyframes_stay_keyframes_with_new_ids(store: Store) -> None:
    """Those that say everything, and those that a layer of the user's has drawn in part."""
    drawn = np.zeros(SIZE[1:], np.uint8)
    drawn[1, 1] = 1
    store.set_keyframe(0, store.labels(0), complete=True)
    store.set_keyframe(1, drawn, complete=False, shown=False)

    before = _apply(store, _edit(Operation.RENUMBER, 1, 7), range(4))

    assert store.complete == {0}
    np.testing.assert_array_equal(store.keyframes[0], store.labels(0))
    assert np.unique(store.keyframes[0]).tolist() == [0, 2, 7]
    np.testing.assert_array_equal(store.keyframes[1], drawn * 7)
    bring_back(store, 1, before[1])
    np.testing.assert_array_equal(store.keyframes[1], drawn)
    assert store.complete == {0}


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (_edit(Operation.RENUMBER, 1, 2), "Object 2 is there already, on frame 0. .* such as 3"),
        (_edit(Operation.SPLIT, 1, 2), "Object 2 is there already"),
        (_edit(Operation.DELETE, 5), r"There is no object 5 on frames 0-3\."),
    ],
)
def test_what_would_confuse_objects_is_refused(
    store: Store, edit: ObjectEdit, message: str
) -> None:
    """And says what to do."""
    with pytest.raises(FrtmError, match=message):
        check_edit(store, edit, range(4))


@pytest.mark.parametrize(("object_id", "other"), [(0, 1), (1, 0), (1, 1), (1, 70000)])
def test_no_object_and_the_same_object_are_refused(object_id: int, other: int) -> None:
    """Before anything is read."""
    with pytest.raises(FrtmError):
        _edit(Operation.SWAP, object_id, other)


def test_a_click_on_the_background_is_no_piece(store: Store) -> None:
    """Nor one outside."""
    for place in ((0, 0), (-1, 2), (8, 0)):
        with pytest.raises(FrtmError, match="There is no object"):
            piece_at(store.labels(0), *place)


def test_ids_wider_than_the_labels_are_given_room() -> None:
    """And the others stay."""
    labels = np.array([[0, 1, 2]], np.uint8)

    assert relabelled(labels, {1: 1000}).tolist() == [[0, 1000, 2]]


def test_free_ids_are_above_all_in_use(store: Store) -> None:
    """Names and drawn objects count."""
    store.set_objects({4: SessionObject(name="koi")})

    assert free_id(store) == 5


def test_nobody_is_its_own_ancestor() -> None:
    """Nor over several generations; what says nothing is left out."""
    objects = with_object({}, 2, SessionObject(parent=1))
    objects = with_object(objects, 3, SessionObject(parent=2))

    with pytest.raises(FrtmError, match="circle"):
        with_object(objects, 1, SessionObject(parent=3))
    assert with_object(objects, 3, SessionObject()) == {2: SessionObject(parent=1)}


def test_names_and_changed_objects_are_in_the_folder(store: Store, tmp_path: Path) -> None:
    """When it is opened again."""
    video = VideoIdentity(source=None, shape=SIZE, dtype="uint8", digest="ab")
    store.set_objects({2: SessionObject(name="koi", parent=1)})
    store.keep_in(SessionFolder.create(tmp_path / "a.frtm", video))
    _apply(store, _edit(Operation.RENUMBER, 1, 6), range(4))
    expected = whole_state(store, 1)
    store.close()

    again = Store.of_folder(SessionFolder.open(tmp_path / "a.frtm"))

    assert again.objects == {2: SessionObject(name="koi", parent=1)}
    np.testing.assert_array_equal(again.labels(1), expected.masks.labels)
    for object_id, packed in expected.soft.items():
        np.testing.assert_array_equal(again.probabilities[object_id][1], packed.labels)
    assert replace(expected, soft=None).keyframe is None
    again.close()
