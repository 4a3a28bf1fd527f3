"""Session folders: what is saved comes back."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
import zarr

from napari_frtm.errors import LabelsError, OutputError
from napari_frtm.io.session.files import KeyframeFiles
from napari_frtm.io.session.folder import SessionFolder, VideoIdentity, session_path
from napari_frtm.timeline import Timeline

LENGTH, SIZE = 12, (24, 32)
VIDEO = VideoIdentity(source="/films/movie.mp4", shape=(LENGTH, *SIZE), dtype="uint8", digest="ab")


def labels(*ids: int) -> np.ndarray[tuple[int, int], np.dtype[np.int32]]:
    """Return labels with a column for each id."""
    image = np.zeros(SIZE, np.int32)
    image[4:20, 2 : 2 + len(ids)] = ids
    return image


def reopened(folder: SessionFolder) -> SessionFolder:
    """Return the folder as another program would see it."""
    folder.release()
    return SessionFolder.open(folder.path)


@pytest.fixture
def folder(tmp_path: Path) -> SessionFolder:
    """Return a new session."""
    return SessionFolder.create(tmp_path / "movie.frtm", VIDEO)


def test_everything_comes_back(folder: SessionFolder) -> None:
    """Video, settings, results, keyframes and timeline."""
    scores = np.array([[0.5, np.nan], [-1.25, 1.0]], np.float16)
    timeline = Timeline.empty(LENGTH)
    timeline.record(3, {1: 0.75, 2: 0.5}, {1: 16.0})
    timeline.frozen[5] = True
    folder.write_frame(3, labels(1, 2), scores, {2: np.full((6, 8), 200, np.uint8)})
    folder.save_keyframe(4, labels(2), complete=True)
    folder.save_keyframe(7, labels(1), complete=False)
    folder.save_timeline(timeline)
    folder.save_settings({"preset": "fast", "span": [2, 9]})

    again = reopened(folder)

    assert again.video == VIDEO
    assert again.settings == {"preset": "fast", "span": [2, 9]}
    np.testing.assert_array_equal(again.masks()[3], labels(1, 2))
    assert again.masks().shape == (LENGTH, *SIZE)
    assert again.masks().chunks == (1, *SIZE)
    np.testing.assert_array_equal(again.scores()[3], scores)
    assert np.isnan(again.scores()[4]).all()
    assert again.probability_ids() == [2]
    assert again.probabilities(1) is None
    assert (again.probabilities(2)[3] == 200).all()
    assert sorted(again.keyframes) == [4, 7]
    np.testing.assert_array_equal(again.keyframes[7], labels(1))
    assert again.complete == {4}
    assert again.timeline.keyframes == {4, 7}
    assert np.flatnonzero(again.timeline.filled).tolist() == [3]
    assert np.flatnonzero(again.timeline.frozen).tolist() == [5]
    assert [again.timeline.confidence[i][3] for i in (1, 2)] == [0.75, 0.5]
    assert np.isnan(again.timeline.confidence[1][4])
    assert list(again.timeline.area) == [1]
    assert again.timeline.area[1][3] == 16


def test_a_new_session_is_empty(folder: SessionFolder) -> None:
    """Nothing is filled, and no array is made before it is needed."""
    again = reopened(folder)

    assert not again.timeline.filled.any()
    assert again.keyframes == {}
    assert again.scores() is None
    assert again.load_run() is None
    assert not again.has_run
    assert {path.name for path in folder.path.iterdir()} == {".lock", ".owner.json", "session.json"}


def test_frames_that_the_timeline_does_not_know_are_filled(folder: SessionFolder) -> None:
    """With unknown confidence; a frame without any object is known by its scores."""
    folder.save_timeline(Timeline.empty(LENGTH))
    folder.write_frame(2, labels(1), None, None)
    folder.write_frame(6, labels(), np.zeros((2, 2), np.float16), None)

    timeline = reopened(folder).timeline

    assert np.flatnonzero(timeline.filled).tolist() == [2, 6]
    assert np.isnan(timeline.doubt).all()


def test_a_frame_can_be_emptied(folder: SessionFolder) -> None:
    """Labels without objects and without scores leave nothing behind, as undoing wants."""
    levels = {1: np.full((6, 8), 9, np.uint8)}
    folder.write_frame(2, labels(1), np.ones((2, 2), np.float16), levels)

    folder.write_frame(2, labels(), None, None)

    again = reopened(folder)
    assert not again.timeline.filled.any()
    assert not again.masks()[2].any()
    assert np.isnan(again.scores()[2]).all()
    assert not again.probabilities(1)[2].any()


def test_painting_into_the_array_is_saved(folder: SessionFolder) -> None:
    """As napari does when the user paints on the layer."""
    masks = folder.masks()

    masks[5, 2:4, 3:6] = 3

    again = reopened(folder)
    assert np.count_nonzero(again.masks()[5] == 3) == 6
    assert np.flatnonzero(again.timeline.filled).tolist() == [5]


def test_masks_are_widened(folder: SessionFolder) -> None:
    """An id above 255 makes 16 bits of them; frames of before stay."""
    folder.write_frame(1, labels(7, 255), None, None)
    narrow = folder.masks()

    folder.write_frame(2, labels(300), None, None)

    assert (narrow.dtype, folder.masks().dtype) == (np.uint8, np.uint16)
    again = reopened(folder)
    np.testing.assert_array_equal(again.masks()[1], labels(7, 255))
    np.testing.assert_array_equal(again.masks()[2], labels(300))
    assert again.masks(np.uint8).dtype == np.uint16
    assert [path.name for path in folder.path.glob("masks*")] == ["masks-uint16.zarr"]


@pytest.mark.parametrize("bad", [-1, 65536])
def test_ids_that_do_not_fit_are_refused(folder: SessionFolder, bad: int) -> None:
    """Nothing is written in their place."""
    with pytest.raises(LabelsError, match=str(bad)):
        folder.write_frame(1, labels(bad), None, None)

    assert not reopened(folder).timeline.filled.any()


def test_another_working_size_replaces_the_scores(folder: SessionFolder) -> None:
    """One array has one size; masks are not touched."""
    folder.write_frame(1, labels(1), np.ones((2, 2), np.float16), None)

    folder.write_frame(2, labels(1), np.ones((4, 5), np.float16), None)

    again = reopened(folder)
    assert again.scores().shape == (LENGTH, 4, 5)
    assert np.isnan(again.scores()[1]).all()
    assert (again.scores()[2] == 1).all()
    assert np.flatnonzero(again.timeline.filled).tolist() == [1, 2]


def test_a_keyframe_has_one_file(folder: SessionFolder) -> None:
    """Drawn again, completed, with larger ids, and erased."""
    names = []
    for ids, complete in (((1,), False), ((1, 2), True), ((1, 300), True)):
        folder.save_keyframe(3, labels(*ids), complete=complete)
        names += [path.name for path in (folder.path / "keyframes").iterdir()]
    last = reopened(folder)

    assert names == ["00003.png", "00003.complete.png", "00003.complete.tif"]
    np.testing.assert_array_equal(last.keyframes[3], labels(1, 300))
    assert last.complete == {3}
    last.delete_keyframe(3)
    last.delete_keyframe(4)
    gone = reopened(last)
    assert (gone.keyframes, gone.complete) == ({}, set())


def test_the_newer_of_two_files_of_a_keyframe_counts(folder: SessionFolder) -> None:
    """They are both there if the program was killed before the old one was removed."""
    folder.save_keyframe(3, labels(1), complete=False)
    old = folder.path / "keyframes" / "00003.png"
    content = old.read_bytes()
    folder.save_keyframe(3, labels(2), complete=True)
    old.write_bytes(content)
    os.utime(old, (1, 1))

    again = reopened(folder)

    assert again.keyframes[3].max() == 2
    assert again.complete == {3}


def test_what_is_drawn_last_counts_after_the_clock_was_set_back(
    folder: SessionFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill between the new file and the removal of the old one leaves both."""
    folder.save_keyframe(3, labels(1), complete=True)
    old = folder.path / "keyframes" / "00003.complete.png"
    tomorrow = time.time() + 86_400
    os.utime(old, (tomorrow, tomorrow))  # as now looks, once the clock is set back by a day

    with monkeypatch.context() as killed:
        killed.setattr(KeyframeFiles, "_remove", lambda files, paths: None)
        folder.save_keyframe(3, labels(2), complete=False)
    again = reopened(folder)

    assert old.exists()
    np.testing.assert_array_equal(again.keyframes[3], labels(2))
    assert again.complete == set()


def test_a_keyframe_may_be_empty(folder: SessionFolder) -> None:
    """The user says that there is nothing."""
    folder.save_keyframe(3, labels(), complete=True)

    assert not reopened(folder).keyframes[3].any()


def test_an_unfinished_run_comes_back(folder: SessionFolder) -> None:
    """Until it ends."""
    folder.save_run({"direction": "both", "frames": (2, 9)}, {"w": torch.arange(3)})

    again = reopened(folder)
    saved = again.load_run()

    assert again.has_run
    assert saved is not None
    assert saved[0] == {"direction": "both", "frames": [2, 9]}
    assert saved[1]["w"].tolist() == [0, 1, 2]
    again.end_run()
    again.end_run()
    assert again.load_run() is None


def test_threads_may_write_at_once(folder: SessionFolder) -> None:
    """Results, paint on other frames, keyframes, settings, and masks that are widened."""
    folder.masks(np.uint16)

    def write(i: int) -> None:
        folder.write_frame(i, labels(i + 1), np.full((2, 2), i, np.float16), None)
        folder.masks()[6 + i, 0, 0] = i + 1
        folder.save_keyframe(i, labels(i + 1), complete=True)
        folder.save_settings({"i": i})
        folder.save_timeline(Timeline.empty(LENGTH))

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(write, range(6)))

    again = reopened(folder)
    assert [int(again.masks()[i].max()) for i in range(12)] == [1, 2, 3, 4, 5, 6] * 2
    assert [again.scores()[i][0, 0] for i in range(6)] == list(range(6))
    assert again.complete == set(range(6))


def test_other_programs_can_read_the_arrays(folder: SessionFolder) -> None:
    """They are plain zarr with named axes."""
    folder.write_frame(1, labels(4), None, None)

    array = zarr.open_array(folder.path / "masks-uint8.zarr", mode="r")

    assert array.metadata.dimension_names == ("t", "y", "x")
    assert array[1].max() == 4


def test_a_video_is_recognised_by_its_frames() -> None:
    """Shape, dtype and three frames; not by where it is."""
    frames = np.arange(5 * 4 * 6, dtype=np.uint8).reshape(5, 4, 6)
    changed = frames.copy()
    changed[2, 0, 0] ^= 1

    identity = VideoIdentity.of(frames, "a.mp4")

    assert (identity.source, identity.shape, identity.dtype) == ("a.mp4", (5, 4, 6), "uint8")
    expected = hashlib.sha256(b"(5, 4, 6) uint8" + frames[[0, 2, 4]].tobytes()).hexdigest()
    assert identity.digest == expected
    assert VideoIdentity.of(frames, None).digest == expected
    for other in (changed, frames[:4], frames.astype(np.int8), frames.reshape(5, 6, 4)):
        assert VideoIdentity.of(other, "a.mp4").digest != expected
    assert VideoIdentity.of(frames[:1], None).shape == (1, 4, 6)


def test_a_session_belongs_next_to_its_video(tmp_path: Path) -> None:
    """For files without their suffix, for folders of images with all of their name."""
    (tmp_path / "take.1").mkdir()

    assert session_path(tmp_path / "movie.mp4", "m") == tmp_path / "movie.frtm"
    assert session_path(tmp_path / "take.1", "m") == tmp_path / "take.1.frtm"


def test_sessions_of_read_only_places_are_with_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Videos of the same name from different places do not share one."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(os, "access", lambda *_: False)

    paths = [session_path(Path(f"/disk{i}/movie.mp4"), "my: movie") for i in (1, 2)]

    assert len({path.parent for path in paths}) == 1
    assert paths[0] != paths[1]
    digest = hashlib.sha256(b"/disk1/movie.mp4").hexdigest()[:8]
    assert paths[0].name == f"my_ movie-{digest}.frtm"
    assert paths[0].parent.parts[-2:] == ("napari-frtm", "sessions")
    assert session_path(None, "stack").name == "stack.frtm"


def test_the_folder_is_not_put_over_anything(folder: SessionFolder, tmp_path: Path) -> None:
    """A session, other files, or a file of this name."""
    other = tmp_path / "films"
    other.mkdir()
    (other / "film.mp4").touch()

    for path, reason in (
        (folder.path, "holds other work"),
        (other, "something else"),
        (other / "film.mp4", "something else"),
        (other / "film.mp4" / "film.frtm", "is a file"),
    ):
        with pytest.raises(OutputError, match=reason):
            SessionFolder.create(path, VIDEO)
    assert [path.name for path in other.iterdir()] == ["film.mp4"]


def test_a_session_is_made_in_an_empty_folder(tmp_path: Path) -> None:
    """And in one that was only just begun when the program was killed."""
    path = tmp_path / "new" / "movie.frtm"
    path.mkdir(parents=True)
    (path / ".lock").touch()

    SessionFolder.create(path, VIDEO).release()

    assert SessionFolder.open(path).video == VIDEO


def test_sessions_load_no_torch() -> None:
    """Nor zarr, before there is anything to open."""
    code = (
        "import sys, napari_frtm.io.session.folder; "
        "sys.exit(bool({'torch', 'zarr'} & sys.modules.keys()))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
