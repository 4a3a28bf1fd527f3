"""Divisions: who gets which pixels, who comes from whom, and what a CTC export says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import tifffile

from napari_frtm.errors import FrtmError
from napari_frtm.io.export.export import export
from napari_frtm.io.export.opening import open_masks
from napari_frtm.io.export.settings import ExportSettings
from napari_frtm.io.session.folder import SessionFolder, VideoIdentity
from napari_frtm.io.session.objects import SessionObject
from napari_frtm.session.edits.division import Division, check_division, divided, lineage
from napari_frtm.session.store.store import Store
from napari_frtm.session.store.whole_frames import bring_back, carried_out

if TYPE_CHECKING:
    from pathlib import Path

SIZE = (6, 30, 60)
DIVIDED = Division(object_id=1, frame=3, daughters=(2, 3))


def _cell(frame: int) -> np.ndarray:
    """Return object 1: a disc that is two from frame 3 on, the upper one larger; they part."""
    labels = np.zeros(SIZE[1:], np.uint8)
    if frame < 3:
        cv2.circle(labels, (20, 15), 6, 1, -1)
    else:
        cv2.circle(labels, (18 + 3 * (frame - 3), 8), 6, 1, -1)
        cv2.circle(labels, (22 + 6 * (frame - 3), 22), 4, 1, -1)
    return labels


@pytest.fixture
def store() -> Store:
    """Return a store in which a run has followed a cell through its division as one object."""
    store = Store(SIZE)
    for frame in range(SIZE[0]):
        labels = _cell(frame)
        store.put(frame, labels)
        area = float((labels == 1).sum())
        store.timeline.record(frame, {1: 0.9}, {1: area})
        store.put_soft(frame, {1: (labels == 1)[::2, ::2].astype(np.uint8) * np.uint8(200)})
    return store


def _divide(store: Store, division: Division = DIVIDED) -> dict:
    check_division(store, division)
    store.set_objects(lineage(store.objects, division))
    return dict(carried_out(store, divided(store, division)))


def test_pieces_are_the_daughters(store: Store) -> None:
    """The larger is the first; each is followed, with its soft mask; frames before stay."""
    _divide(store)

    for frame in range(SIZE[0]):
        labels = store.labels(frame)
        if frame < 3:
            np.testing.assert_array_equal(labels, _cell(frame))
            continue
        upper = _cell(frame).copy()
        upper[15:] = 0
        np.testing.assert_array_equal(labels == 2, upper == 1)
        np.testing.assert_array_equal(labels == 3, (_cell(frame) == 1) & (upper == 0))
        assert store.timeline.area[2][frame] == (labels == 2).sum()
        assert store.soft_masks(frame)[2][12:].max() == 0
        assert store.soft_masks(frame)[3][:6].max() == 0
        assert store.soft_masks(frame)[3].max() == 200
    assert store.objects == {2: SessionObject(parent=1), 3: SessionObject(parent=1)}


def test_what_the_frames_held_comes_back(store: Store) -> None:
    """All of it."""
    before = _divide(store)

    for frame, state in before.items():
        bring_back(store, frame, state)
    store.timeline.forget_absent()

    assert store.timeline.object_ids == [1]
    for frame in range(SIZE[0]):
        np.testing.assert_array_equal(store.labels(frame), _cell(frame))
        assert store.soft_masks(frame)[1].max() == 200


def test_daughters_that_touch_share_by_nearness(store: Store) -> None:
    """Each keeps what it is nearer to, and both are followed on."""
    touching = _cell(4)
    touching[5:25, 22] = 1
    store.replace(4, touching)

    _divide(store)

    here, after = store.labels(4), store.labels(5)
    assert (here[8, 21], here[22, 28]) == (2, 3)
    assert set(np.unique(here)) == {0, 2, 3}
    np.testing.assert_array_equal(after == 3, (_cell(5) == 1) & (np.arange(30) >= 15)[:, None])


def test_a_daughter_that_was_painted_keeps_her_pixels(store: Store) -> None:
    """What is left of the object is the other."""
    for frame in range(3, SIZE[0]):
        labels = store.labels(frame)
        labels[15:][labels[15:] == 1] = 7
        store.put(frame, labels)
        counts = {i: float((labels == i).sum()) for i in (1, 7)}
        store.timeline.record(frame, {1: 0.9, 7: 1.0}, counts)
    painted = store.labels(5) == 7

    _divide(store, Division(object_id=1, frame=3, daughters=(2, 7)))

    np.testing.assert_array_equal(store.labels(5) == 7, painted)
    np.testing.assert_array_equal(store.labels(5) == 2, (_cell(5) == 1) & ~painted)
    assert store.objects == {2: SessionObject(parent=1), 7: SessionObject(parent=1)}


def test_daughters_that_are_there_only_get_a_parent(store: Store) -> None:
    """No frame is changed."""
    for frame in range(3, SIZE[0]):
        labels = np.where(np.arange(30)[:, None] < 15, 2, 3) * (_cell(frame) > 0)
        store.put(frame, labels.astype(np.uint8))
        store.timeline.record(frame, {}, {1: 0.0, 2: 100.0, 3: 40.0})

    assert _divide(store) == {}

    assert set(store.objects) == {2, 3}


@pytest.mark.parametrize(
    ("division", "message"),
    [
        (Division(object_id=9, frame=3, daughters=(2, 3)), "Object 9 is on no frame before 3"),
        (Division(object_id=1, frame=0, daughters=(2, 3)), "Object 1 is on no frame before 0"),
        (Division(object_id=1, frame=2, daughters=(2, 3)), "not in two pieces on frame 2"),
    ],
)
def test_what_is_no_division_is_refused(store: Store, division: Division, message: str) -> None:
    """And says what to do."""
    with pytest.raises(FrtmError, match=message):
        check_division(store, division)


def test_a_daughter_from_before_is_refused(store: Store) -> None:
    """She is somebody else; a parent that goes on beside its daughters is none."""
    line = store.timeline
    line.record(1, {}, {1: 100.0, 2: 5.0})
    with pytest.raises(FrtmError, match="Object 2 is there before the division, on frame 1"):
        check_division(store, DIVIDED)

    line.record(1, {}, {1: 100.0})
    line.record(4, {}, {1: 100.0, 2: 5.0, 3: 5.0})
    with pytest.raises(FrtmError, match="object 1 is still on frame 3"):
        check_division(store, DIVIDED)


@pytest.mark.parametrize("daughters", [(2, 2), (1, 2), (0, 2), (2, 70000)])
def test_three_different_objects_are_needed(daughters: tuple[int, int]) -> None:
    """Before anything is read."""
    with pytest.raises(FrtmError):
        Division(object_id=1, frame=3, daughters=daughters)


def test_a_division_is_in_the_cell_tracking_folder(store: Store, tmp_path: Path) -> None:
    """The parent ends on the frame before, and both daughters name it."""
    _divide(store)
    video = VideoIdentity(source=None, shape=SIZE, dtype="uint8", digest="ab")
    store.keep_in(SessionFolder.create(tmp_path / "a.frtm", video))
    store.close()

    settings = ExportSettings(format="ctc", destination=tmp_path / "ctc")
    for _ in export(open_masks(tmp_path / "a.frtm"), settings):
        pass

    lines = (tmp_path / "ctc" / "man_track.txt").read_text().splitlines()
    assert lines == ["1 0 2 0", "2 3 5 1", "3 3 5 1"]
    last = tifffile.imread(tmp_path / "ctc" / "mask005.tif")
    assert set(np.unique(last)) == {0, 2, 3}
