"""Files of a session that are damaged or missing, and folders that go away under a program."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_frtm.errors import OutputError
from napari_frtm.io.export.opening import open_masks
from napari_frtm.io.session.files import SessionError
from napari_frtm.io.session.folder import SessionFolder, VideoIdentity
from napari_frtm.session.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

VIDEO = VideoIdentity(source=None, shape=(6, 20, 30), dtype="uint8", digest="ab")
LABELS = np.random.default_rng(0).integers(1, 3, VIDEO.shape[1:], np.uint8)
KINDS = ("masks-uint8", "scores-float16", "probabilities/1-uint8")


@pytest.fixture
def folder(tmp_path: Path) -> SessionFolder:
    """Return an open session with two frames of everything."""
    folder = SessionFolder.create(tmp_path / "drive" / "movie.frtm", VIDEO)
    for index in (4, 5):
        folder.write_frame(index, LABELS, np.ones((3, 4), np.float16), {1: LABELS[:9, :9]})
        folder.timeline.record(index, {1: 0.5}, {1: 9.0})
        folder.timeline.filled[index] = True
    folder.save_timeline(folder.timeline)
    return folder


@contextmanager
def opened(path: Path) -> Iterator[SessionFolder]:
    """Open a session as another program would, and let go of it."""
    folder = SessionFolder.open(path)
    try:
        yield folder
    finally:
        folder.release()


def _flip(path: Path) -> None:
    """Turn one bit of a file, in its middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def _cut(path: Path) -> None:
    """Leave half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _read(path: Path, *, in_memory: bool) -> None:
    """Read all that a session holds of a frame."""
    with opened(path) as folder:
        store = Store.of_folder(folder, in_memory=in_memory)
        store.state(5)
        store._arrays._soft_of(5)


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("harm", [_flip, _cut])
@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_frame_is_named(
    folder: SessionFolder, kind: str, harm: Callable[[Path], None], in_memory: bool
) -> None:
    """One bit is enough; the file stays, and without it the session opens."""
    damaged = folder.path / f"{kind}.zarr" / "c.5.0.0"
    harm(damaged)
    before = damaged.read_bytes()
    folder.release()

    for _ in range(2):
        with pytest.raises(SessionError, match=r"c\.5\.0\.0 is damaged .*delete it"):
            _read(folder.path, in_memory=in_memory)

    assert damaged.read_bytes() == before
    damaged.unlink()
    with opened(folder.path) as again:
        store = Store.of_folder(again, in_memory=in_memory)
        lost = kind.startswith("masks")
        assert np.flatnonzero(store.timeline.filled).tolist() == ([4] if lost else [4, 5])
        np.testing.assert_array_equal(store.labels(4), LABELS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_that_would_fill_memory_is_refused(folder: SessionFolder, kind: str) -> None:
    """Before it is decoded: 2 GiB of zeros in 64 kB."""
    block = ((2**17 << 3) | 2).to_bytes(3, "little") + b"\0"
    last = ((2**17 << 3) | 3).to_bytes(3, "little") + b"\0"
    bomb = b"\x28\xb5\x2f\xfd\x00\x58" + (2**14 - 1) * block + last
    (folder.path / f"{kind}.zarr" / "c.5.0.0").write_bytes(bomb)
    folder.release()

    with pytest.raises(SessionError, match=r"c\.5\.0\.0 is damaged: it would take more than 1 GiB"):
        _read(folder.path, in_memory=False)


def test_an_export_names_a_damaged_frame(folder: SessionFolder) -> None:
    """It reads the session by itself."""
    _flip(folder.path / "masks-uint8.zarr" / "c.5.0.0")
    source = open_masks(folder.path)

    np.testing.assert_array_equal(source.labels(4), LABELS)
    with pytest.raises(SessionError, match=r"c\.5\.0\.0 is damaged"):
        source.labels(5)


def test_a_missing_frame_is_not_taken_for_an_empty_one(
    folder: SessionFolder, caplog: pytest.LogCaptureFixture
) -> None:
    """The timeline tells that there were objects: it is told, and counts as not filled."""
    (folder.path / "masks-uint8.zarr" / "c.5.0.0").unlink()
    folder.release()

    open_masks(folder.path)
    told = caplog.text
    caplog.clear()
    with opened(folder.path) as again:
        assert np.flatnonzero(again.timeline.filled).tolist() == [4]

    assert "the masks of frame 5 are not there, so they are empty" in told
    assert "the masks of frame 5 are not there" in caplog.text


def test_a_missing_frame_that_was_drawn_comes_back(
    folder: SessionFolder, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is told: what was drawn says all about the frame."""
    folder.save_keyframe(5, LABELS, complete=True)
    (folder.path / "masks-uint8.zarr" / "c.5.0.0").unlink()
    folder.release()

    with opened(folder.path) as again:
        store = Store.of_folder(again)

        np.testing.assert_array_equal(store.labels(5), LABELS)
        assert np.flatnonzero(store.timeline.filled).tolist() == [4, 5]
    assert caplog.text == ""


def test_nothing_is_written_beneath_a_lost_drive(folder: SessionFolder) -> None:
    """If zarr made all folders again, the frames would be hidden once the drive is back."""
    drive = folder.path.parent
    drive.rename(drive.with_name("away"))
    drive.mkdir()
    image = np.full(VIDEO.shape[1:], 300, np.uint16)
    writes: list[Callable[[], object]] = [
        lambda: folder.write_frame(1, LABELS, None, None),
        lambda: folder.write_frame(1, LABELS, np.ones((3, 4), np.float16), None),
        lambda: folder.write_frame(1, LABELS, np.ones((6, 8), np.float16), None),
        lambda: folder.write_frame(1, LABELS, None, {3: LABELS}),
        lambda: folder.write_frame(1, image, None, None),
        lambda: folder.save_keyframe(1, LABELS, complete=True),
        lambda: folder.save_timeline(folder.timeline),
        lambda: folder.save_settings({}),
    ]

    for write in writes:
        with pytest.raises(OutputError, match=r"Cannot write .*connect its drive"):
            write()
    beneath = list(drive.iterdir())
    drive.rmdir()
    drive.with_name("away").rename(drive)
    folder.write_frame(1, LABELS, None, None)
    folder.release()

    assert beneath == []
    with opened(folder.path) as again:
        assert np.flatnonzero(again.timeline.filled).tolist() == [1, 4, 5]


def test_frames_of_a_lost_drive_are_not_read_as_empty(folder: SessionFolder) -> None:
    """As zarr does; what a run or an export makes of them would be wrong."""
    store = Store.of_folder(folder, in_memory=False)
    source = open_masks(folder.path)
    folder.path.rename(folder.path.with_name("elsewhere"))

    for read in (store.labels, source.labels):
        with pytest.raises(SessionError, match=r"not there any more\. Was its drive taken away"):
            read(4)
