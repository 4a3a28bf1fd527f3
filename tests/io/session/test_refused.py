"""Session folders that cannot be used: damaged, newer, in use, on a full disk."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_frtm.errors import OutputError
from napari_frtm.io.session.folder import SessionError, SessionFolder, VideoIdentity
from napari_frtm.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

VIDEO = VideoIdentity(source=None, shape=(6, 20, 30), dtype="uint8", digest="ab")
HOLDER = """
import sys
from pathlib import Path
from napari_frtm.io.session.folder import SessionFolder
folder = SessionFolder.open(Path(sys.argv[1]))
print("open", flush=True)
sys.stdin.read()
"""
LIMITED = """
import resource, sys
from pathlib import Path
import numpy as np
from napari_frtm.errors import OutputError
from napari_frtm.io.session.folder import SessionFolder
folder = SessionFolder.open(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))
noise = np.random.default_rng(0).integers(0, 200, (20, 30))
try:
    folder.write_frame(1, noise, None, None)
except OutputError as error:
    sys.exit(0 if "larger than" in str(error) else 2)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a session with something of everything, closed."""
    folder = SessionFolder.create(tmp_path / "movie.frtm", VIDEO)
    fill(folder, 1)
    folder.save_run({"name": "run"}, {})
    folder.release()
    return folder.path


def fill(folder: SessionFolder, value: int) -> None:
    """Write one frame, and all that is small."""
    image = np.full(VIDEO.shape[1:], value, np.uint8)
    scores = np.full((4, 5), value, np.float16)
    folder.write_frame(1, image, scores, {1: image})
    folder.save_keyframe(1, image, complete=True)
    timeline = Timeline.empty(VIDEO.shape[0])
    timeline.record(1, {1: value / 256}, {1: value})
    folder.save_timeline(timeline)
    folder.save_settings({"value": value})


def edit(path: Path, **changes: object) -> None:
    """Change the words of ``session.json``."""
    content = json.loads((path / "session.json").read_text())
    (path / "session.json").write_text(json.dumps(content | changes))


def cut(path: Path) -> None:
    """Leave half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def save_timeline_of(path: Path, length: int) -> None:
    """Replace the timeline by that of another video."""
    timeline = Timeline.empty(length)
    np.savez(path / "timeline.npz", filled=timeline.filled, frozen=timeline.frozen)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        pytest.param(
            lambda p: (p / "session.json").unlink(), "no session of napari-frtm", id="no-json"
        ),
        pytest.param(
            lambda p: cut(p / "session.json"), "session.json is damaged .*backup", id="half-json"
        ),
        pytest.param(
            lambda p: (p / "session.json").write_text("[]"), "session.json is damaged", id="list"
        ),
        pytest.param(lambda p: edit(p, video={}), "session.json is damaged", id="no-video"),
        pytest.param(lambda p: edit(p, format="other"), "no session", id="other-format"),
        pytest.param(
            lambda p: edit(p, schema=2, version="9.1"),
            "napari-frtm 9.1, which is newer than this one. Update",
            id="newer",
        ),
        pytest.param(
            lambda p: cut(p / "timeline.npz"),
            "timeline.npz is damaged .*Delete it to open the session",
            id="half-timeline",
        ),
        pytest.param(lambda p: save_timeline_of(p, 4), "timeline.npz is damaged", id="length"),
        pytest.param(
            lambda p: cut(p / "keyframes" / "00001.complete.png"),
            "00001.complete.png is damaged .*Move it elsewhere",
            id="half-keyframe",
        ),
        pytest.param(
            lambda p: (p / "keyframes" / "00001.complete.png").rename(p / "keyframes/00006.png"),
            "00006.png is damaged .*not of a frame",
            id="keyframe-of-no-frame",
        ),
        pytest.param(
            lambda p: (p / "masks-uint8.zarr" / "zarr.json").unlink(),
            "Cannot read .*masks-uint8.zarr",
            id="no-array",
        ),
        pytest.param(
            lambda p: cut(p / "masks-uint8.zarr" / "zarr.json"),
            "masks-uint8.zarr is damaged",
            id="half-array",
        ),
        pytest.param(
            lambda p: (p / "scores-float16.zarr").rename(p / "probabilities" / "2-uint8.zarr"),
            None,
            id="arrays-may-be-removed",
        ),
    ],
)
def test_damage_is_explained(
    path: Path, harm: Callable[[Path], object], message: str | None
) -> None:
    """What is damaged and what to do; the folder is not locked afterwards, and nothing removed."""
    harm(path)
    before = {p for p in path.rglob("*") if not p.name.startswith(".")}

    for _ in range(2):
        if message is None:
            SessionFolder.open(path).release()
        else:
            with pytest.raises(SessionError, match=message):
                SessionFolder.open(path)

    assert {p for p in path.rglob("*") if not p.name.startswith(".")} == before


def test_the_advice_works(path: Path) -> None:
    """Without timeline and keyframe the session opens, with its masks."""
    (path / "timeline.npz").unlink()
    (path / "keyframes" / "00001.complete.png").unlink()

    folder = SessionFolder.open(path)

    assert np.flatnonzero(folder.timeline.filled).tolist() == [1]
    assert (folder.masks()[1] == 1).all()


def test_a_damaged_run_is_explained(path: Path) -> None:
    """The rest of the session opens."""
    cut(path / "run.safetensors")
    folder = SessionFolder.open(path)

    with pytest.raises(SessionError, match=r"run.safetensors is damaged .*start the run anew"):
        folder.load_run()


def test_a_folder_that_is_no_session_is_left_alone(tmp_path: Path) -> None:
    """No lock file is put there."""
    with pytest.raises(SessionError, match="no session"):
        SessionFolder.open(tmp_path)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
@pytest.mark.parametrize("name", ["keyframes", "session-notes.txt", "masks-uint8.zarr/c.0.0.0"])
def test_links_out_of_the_folder_are_refused(path: Path, tmp_path: Path, name: str) -> None:
    """A session from a stranger writes nowhere else; links within it are its own affair."""
    outside = tmp_path / "outside"
    outside.mkdir()
    place = path / name
    if place.is_dir():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    place.symlink_to(outside)

    with pytest.raises(SessionError, match="leads out of it"):
        SessionFolder.open(path)

    assert not list(outside.iterdir())
    place.unlink()
    (path / "copy.json").symlink_to(path / "session.json")
    SessionFolder.open(path).release()


def test_a_session_is_open_once(path: Path) -> None:
    """Here and in another program; when that is killed, it is free."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(SessionError, match=rf"in use by process {holder.pid} on .*Close it"):
            SessionFolder.open(path)
        holder.kill()

    folder = SessionFolder.open(path)
    with pytest.raises(SessionError, match="in use in this napari already"):
        SessionFolder.open(path)
    folder.release()
    folder.release()
    SessionFolder.open(path).release()


@pytest.mark.skipif(sys.platform == "win32", reason="needs setrlimit")
def test_a_write_that_runs_out_of_room_leaves_the_old_frame(path: Path) -> None:
    """A real failure in the middle of a chunk, by a limit on the size of files."""
    run = subprocess.run([sys.executable, "-c", LIMITED, str(path)], check=False)

    assert run.returncode == 0
    assert (SessionFolder.open(path).masks()[1] == 1).all()
    assert list(path.rglob("*.partial")) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a disk of 600 kB; needs root."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(disk)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("cannot mount a file system")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


# of the archive that NumPy before 2.1 leaves open
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_full_disk_loses_nothing(small_disk: Path) -> None:
    """Each way of saving says so and keeps what was saved; with room again, all goes on."""
    folder = SessionFolder.create(small_disk / "movie.frtm", VIDEO)
    fill(folder, 1)
    hog = small_disk / "hog"
    with hog.open("wb", buffering=0) as file:
        while True:
            try:
                file.write(bytes(4096))
            except OSError:
                break
    image = np.full(VIDEO.shape[1:], 2, np.uint8)
    writes: list[Callable[[], object]] = [
        lambda: folder.write_frame(1, image, None, None),
        lambda: folder.write_frame(2, image, None, None),
        lambda: folder.write_frame(1, image, np.ones((9, 9), np.float16), None),
        lambda: folder.masks(np.uint16),
        lambda: folder.save_keyframe(1, image, complete=True),
        lambda: folder.save_keyframe(1, image, complete=False),
        lambda: folder.save_timeline(Timeline.empty(VIDEO.shape[0])),
        lambda: folder.save_settings({"value": 2}),
        lambda: folder.save_run({}, {}),
    ]

    messages = []
    for write in writes:
        with pytest.raises(OutputError, match=r"disk") as raised:
            write()
        messages.append(str(raised.value))
    folder.release()
    hog.unlink()
    again = SessionFolder.open(folder.path)

    assert all(re.match(r"Cannot write .*movie\.frtm", message) for message in messages)
    np.testing.assert_array_equal(again.scores()[1], np.ones((4, 5)))
    assert again.timeline.confidence[1][1] == 1 / 256
    assert again.settings == {"value": 1}
    assert (again.keyframes[1] == 1).all()
    assert again.complete == {1}
    fill(again, 2)
    again.masks(np.uint16)
    again.release()
    assert (SessionFolder.open(folder.path).masks()[1] == 2).all()
