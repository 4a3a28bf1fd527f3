"""Stores: what runs must not touch, what waits, and folders that cannot be written for a while."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from dataclasses import replace
from threading import Event, Thread
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_frtm.config import preset
from napari_frtm.errors import OutputError
from napari_frtm.io.session.folder import SessionFolder, VideoIdentity
from napari_frtm.session.run.carry_out import NetworkCache, carry_out
from napari_frtm.session.run.coverage import Scope
from napari_frtm.session.run.request import Request, Settings
from napari_frtm.session.store import arrays, result_arrays
from napari_frtm.session.store.store import Store
from napari_frtm.types import Contrast, Prediction

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Clip

SIZE = (6, 32, 48)
VIDEO = VideoIdentity(source=None, shape=SIZE, dtype="uint8", digest="ab")


def prediction(index: int, value: int = 1) -> Prediction:
    """Return a prediction of one object in the left half."""
    labels = np.zeros(SIZE[1:], np.uint8 if value < 256 else np.uint16)
    labels[:, :24] = value
    soft = (labels[None, ::2, ::2] > 0).astype(np.float32)
    scores = np.full((1, 2, 3), index, np.float32)
    return Prediction(index, (value,), labels, soft, scores, np.array([0.75], np.float32))


def in_folder(path: Path, *, in_memory: bool = True) -> Store:
    """Return a store that is kept in a new folder."""
    store = Store(SIZE, in_memory=in_memory)
    store.keep_in(SessionFolder.create(path, VIDEO))
    return store


@pytest.mark.parametrize("protection", ["frozen", "drawn since"])
def test_a_frame_is_looked_at_in_the_moment_of_writing(protection: str) -> None:
    """What the user does while a run waits for the frame is respected."""
    store = Store(SIZE)
    drawn = np.full(SIZE[1:], 9, np.uint8)
    store.put(2, drawn)
    store.hold({2})
    written: list[object] = []
    run = Thread(target=lambda: written.append(store.write(prediction(2), drawn={})))
    run.start()

    if protection == "frozen":
        store.timeline.frozen[2] = True
    else:
        store.set_keyframe(2, drawn, complete=True)
    store.release()
    run.join(10)

    assert written == [None]
    assert (store.labels(2) == 9).all()


def test_a_held_frame_waits_and_others_do_not() -> None:
    """Until it is released, however often the user lets go and takes hold of others."""
    store, done = Store(SIZE), Event()
    store.hold({2})

    def run() -> None:
        store.write(prediction(1), drawn={})
        store.write(prediction(2), drawn={})
        done.set()

    thread = Thread(target=run)
    thread.start()
    waited = not done.wait(0.2)
    before = store.timeline.filled.tolist()
    store.release()
    thread.join(10)

    assert (waited, done.is_set()) == (True, True)
    assert before == [False, True, False, False, False, False]
    assert store.timeline.filled.tolist() == [False, True, True, False, False, False]


def test_a_keyframe_that_the_run_knows_is_written() -> None:
    """It comes back as it was drawn, and is no obstacle."""
    store = Store(SIZE)
    labels = prediction(0).labels
    store.set_keyframe(0, labels, complete=True)

    assert store.write(prediction(0), drawn={0: store.keyframes[0]}) is not None
    assert store.write(prediction(0), drawn={0: labels.copy()}) is None


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_store_comes_back_from_its_folder(tmp_path: Path, in_memory: bool) -> None:
    """Wide ids, scores and soft masks too."""
    store = in_folder(tmp_path / "a.frtm", in_memory=in_memory)
    store.write(prediction(0), drawn={}, soft=True)
    store.write(prediction(3, 700), drawn={}, soft=True)
    store.close()

    again = Store.of_folder(SessionFolder.open(tmp_path / "a.frtm"), in_memory=in_memory)

    assert (again.labels(0) == prediction(0).labels).all()
    assert (again.labels(3) == prediction(3, 700).labels).all()
    assert (np.asarray(again.scores[3]) == 3).all()
    assert list(again.soft_masks(3)) == [700]
    assert again.soft_masks(3)[700].max() == 255
    assert again.timeline.confidence[700][3] == 0.75
    again.close()


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_large_array_is_written_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_memory: bool
) -> None:
    """To the folder; there is no temporary one beside it, also of scores and soft masks."""
    monkeypatch.setattr(arrays, "IN_MEMORY", 10)
    monkeypatch.setattr(result_arrays, "new_array", None)
    store = in_folder(tmp_path / "a.frtm", in_memory=in_memory)

    for index in range(3):
        store.write(prediction(index), drawn={}, soft=True)

    assert store.folder is not None
    assert store.masks is store.folder.masks()
    assert store.scores is store.folder.scores()
    assert store.probabilities == {1: store.folder.probabilities(1)}
    assert (np.asarray(store.scores[2]) == 2).all()
    smaller = replace(prediction(4), scores=np.ones((1, 1, 2), np.float32))
    store.write(smaller, drawn={}, soft=True)
    assert store.scores.shape == (6, 1, 2)
    store.close()


def fail(*_: object, **__: object) -> None:
    """Write as on a full disk."""
    raise OutputError("the disk is full")


def test_frames_are_saved_when_there_is_space_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them, with their scores; the user is told twice."""
    store, told = in_folder(tmp_path / "a.frtm"), []
    store.saver.on_failure = told.append
    with monkeypatch.context() as full:
        full.setattr(SessionFolder, "write_frame", fail)
        for index in (0, 1, 2):
            store.write(prediction(index), drawn={})
        store.replace(1, prediction(1, 5).labels)
        store.saver.flush()

    store.write(prediction(3), drawn={})
    store.close()

    assert [bool(reason) for reason in told] == [True, False]
    again = Store.of_folder(SessionFolder.open(tmp_path / "a.frtm"))
    assert again.timeline.filled.tolist() == [True] * 4 + [False] * 2
    assert (again.labels(1) == prediction(1, 5).labels).all()
    assert (np.asarray(again.scores[2]) == 2).all()
    again.close()


def test_without_a_copy_in_memory_a_full_disk_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As frames would be lost."""
    store = in_folder(tmp_path / "a.frtm", in_memory=False)
    store.write(prediction(0), drawn={})
    monkeypatch.setattr(SessionFolder, "write_frame", fail)

    with pytest.raises(OutputError, match="full"):
        store.write(prediction(1), drawn={})
    store.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a disk of 200 kB; needs root."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("cannot mount a file system")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_run_goes_on_over_a_full_disk(clip: Clip, small_disk: Path) -> None:
    """Masks stay in memory, and come to the folder once there is space."""
    frames = clip.frames[:12]
    store = Store((12, *clip.truth.shape[1:]))
    store.keep_in(SessionFolder.create(small_disk / "a.frtm", VideoIdentity.of(frames, None)))
    store.set_keyframe(0, clip.truth[0], complete=False)
    ballast = small_disk / "ballast"
    request = Request(
        frames=frames,
        keyframes=dict(store.keyframes),
        complete=frozenset(),
        store=store,
        settings=Settings(config=preset("lite", "d-only-no-update"), device="cpu"),
        span=range(12),
        scope=Scope.RANGE,
        contrast=Contrast(0.0, 255.0),
    )
    run = carry_out(request, NetworkCache())
    next(run)
    store.saver.flush()
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))

    assert list(run)
    assert store.saver.flush() != ""
    ballast.unlink()
    store.close()

    again = Store.of_folder(SessionFolder.open(small_disk / "a.frtm"))
    assert again.timeline.filled.all()
    for index in range(12):
        np.testing.assert_array_equal(again.labels(index), store.labels(index))
    again.close()


def test_what_is_painted_and_what_it_belongs_to_is_forced_to_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing that a run writes frame by frame, which a run finds again."""
    store = in_folder(tmp_path / "movie.frtm")
    labels = prediction(0).labels
    forced = []
    monkeypatch.setattr("napari_frtm.io.atomic._force", lambda path: forced.append(path.suffix))

    for index in range(SIZE[0]):
        store.write(prediction(index), drawn={})
    store.save_timeline()
    store.saver.flush()
    by_run = list(forced)
    store.set_keyframe(1, labels, complete=True)
    store.save_settings({"runs": []})
    store.set_objects({})
    reason = store.saver.flush()
    store.close()

    assert (by_run, reason) == ([], "")
    assert [suffix for suffix in forced if suffix != ".frtm"] == [".png", "", ".json", ".json"]
