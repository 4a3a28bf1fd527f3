"""Session folders survive programs that are killed at any moment."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_frtm.io.session.folder import SessionFolder, VideoIdentity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VIDEO = VideoIdentity(source=None, shape=(40, 48, 64), dtype="uint8", digest="ab")

# Loads everything once, then lets a child process work for each line that it is given, and kills
# the child so many seconds after its first word.
NURSERY = """
import os, signal, sys, time
from pathlib import Path
import numpy as np, torch, zarr
import napari_frtm.io.weights.tensors
from napari_frtm.io.session.folder import SessionFolder
from napari_frtm.timeline import Timeline

def write(folder, first):
    n = first
    while True:
        index, value = n % 40, n % 250 + 1
        image = np.full((48, 64), value, np.uint8)
        folder.write_frame(index, image, np.full((3, 4), value, np.float16), {1: image[:9, :9]})
        folder.timeline.record(index, {1: value / 256}, {1: value})
        if n % 2:
            folder.save_timeline(folder.timeline)
        folder.save_keyframe(n % 3, image, complete=bool(n // 3 % 2))
        folder.save_settings({"n": n})
        folder.save_run({"n": n}, {"n": torch.tensor(n)})
        os.write(1, b"%d\\n" % n)
        n += 1

def widen(folder, first):
    os.write(1, b"%d\\n" % first)
    folder.masks(np.uint16)
    time.sleep(9)

for line in sys.stdin:
    work, path, first, seconds = line.split()
    talk, listen = os.pipe()[::-1]
    child = os.fork()
    if not child:
        os.dup2(talk, 1)
        globals()[work](SessionFolder.open(Path(path)), int(first))
    os.close(talk)
    said = os.read(listen, 99)
    time.sleep(float(seconds))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while more := os.read(listen, 1 << 16):
        said += more
    os.close(listen)
    print(said.split()[-1].decode() if said else "nothing", flush=True)
"""


class Nursery:
    """Starts programs and kills them."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def kill(self, work: str, path: Path, first: int, seconds: float) -> int:
        """Let a program write from number `first` on; return the last that it has finished."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{work} {path} {first} {seconds}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    """Return the process that starts others."""
    if sys.platform == "win32":
        pytest.skip("needs fork")
    with subprocess.Popen(
        [sys.executable, "-c", NURSERY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Nursery(process)
        assert process.stdin is not None
        process.stdin.close()


def test_what_was_saved_survives_a_kill(nursery: Nursery, tmp_path: Path) -> None:
    """Whole frames, the last ones included; nothing half written, and no rubbish left."""
    path = tmp_path / "movie.frtm"
    SessionFolder.create(path, VIDEO).release()
    rng = np.random.default_rng(0)

    last = -1
    for _ in range(15):
        last = nursery.kill("write", path, last + 1, rng.uniform(0, 0.08))
        folder = SessionFolder.open(path)

        check_results(folder, last)
        check_small_files(folder, last)
        assert not [p for p in path.rglob("*") if p.suffix == ".partial"]
        assert {p.name for p in path.rglob(".*")} == {".lock", ".owner.json"}
        last = folder.settings["n"]
        folder.release()
    assert last > 9  # what a program of 0.08 s writes at least, on a busy disk


def check_results(folder: SessionFolder, last: int) -> None:
    """Check that each frame is of one piece, and as new as the program has said or newer."""
    masks, soft = folder.masks(), folder.probabilities(1)
    for index in range(min(last + 1, 40)):
        newest = last - (last - index) % 40
        allowed = {newest % 250 + 1}
        if index == (last + 1) % 40:
            allowed.add((last + 1) % 250 + 1)
        frame = masks[index]
        assert len(np.unique(frame)) == 1
        assert int(frame[0, 0]) in allowed
        assert set(np.unique(soft[index]).tolist()) <= allowed
        assert folder.timeline.filled[index]


def check_small_files(folder: SessionFolder, last: int) -> None:
    """Check that settings, run, timeline and keyframes are whole, and not older than said."""
    saved = folder.load_run()
    assert saved is not None
    assert saved[0]["n"] == int(saved[1]["n"])
    assert {saved[0]["n"], folder.settings["n"]} <= {last, last + 1}
    timeline = folder.timeline
    np.testing.assert_array_equal(timeline.confidence[1] * 256, timeline.area[1])
    for index, image in folder.keyframes.items():
        newest = last - (last - index) % 3
        numbers = {newest, last + 1} if index == (last + 1) % 3 else {newest}
        (value,) = np.unique(image).tolist()
        (number,) = (n for n in numbers if value == n % 250 + 1)
        assert (index in folder.complete) == bool(number // 3 % 2)


def test_widening_survives_a_kill(nursery: Nursery, tmp_path: Path) -> None:
    """All frames are there, in the old array or the new one, and only one of them is left."""
    base = tmp_path / "base.frtm"
    folder = SessionFolder.create(base, VIDEO)
    for index in range(40):
        folder.write_frame(index, np.full(VIDEO.shape[1:], index + 1, np.uint8), None, None)
    folder.release()
    dtypes = set()

    for seconds in (*np.linspace(0, 0.06, 12), 0.5):
        path = tmp_path / "movie.frtm"
        shutil.copytree(base, path)
        nursery.kill("widen", path, 0, seconds)
        folder = SessionFolder.open(path)

        masks = folder.masks()
        dtypes.add(masks.dtype.name)
        expected = np.broadcast_to(np.arange(1, 41)[:, None, None], VIDEO.shape)
        np.testing.assert_array_equal(masks[:], expected)
        assert folder.timeline.filled.all()
        names = {p.name for p in path.iterdir()} - {".lock", ".owner.json", "session.json"}
        assert names == {f"masks-{masks.dtype.name}.zarr"}
        folder.release()
        shutil.rmtree(path)
    assert dtypes == {"uint8", "uint16"}


def test_rubbish_is_removed(tmp_path: Path) -> None:
    """What a killed program leaves: beginnings of files and of arrays, an array half removed."""
    folder = SessionFolder.create(tmp_path / "movie.frtm", VIDEO)
    image = np.full(VIDEO.shape[1:], 3, np.uint8)
    folder.write_frame(1, image, np.ones((2, 2), np.float16), {4: image})
    folder.masks(np.uint16)
    folder.save_keyframe(1, image, complete=True)
    folder.release()
    path, name = folder.path, "a" * 32
    shutil.rmtree(path / "masks-uint8.zarr")
    before = set(path.rglob("*"))
    for rubbish in (
        f".{name}.json",
        f".{name}.npz",
        f"keyframes/.{name}.png",
        f".{name}.zarr/zarr.json",
        f"probabilities/.{name}.zarr/c.0.0.0",
        "masks-uint8.zarr/c.1.0.0",
        f"masks-uint16.zarr/c.1.0.{name}.partial",
        f"masks-uint16.zarr/zarr.{name}.partial",
        f"scores-float16.zarr/c.2.0.{name}.partial",
        f"probabilities/4-uint8.zarr/c.2.0.{name}.partial",
    ):
        (path / rubbish).parent.mkdir(exist_ok=True)
        (path / rubbish).write_bytes(b"{")

    again = SessionFolder.open(path)

    assert set(path.rglob("*")) == before
    assert np.flatnonzero(again.timeline.filled).tolist() == [1]
    assert (again.masks()[1] == 3).all()


def test_a_session_that_was_hardly_begun_is_made_again(tmp_path: Path) -> None:
    """The program was killed between making the folder and the first file."""
    path = tmp_path / "movie.frtm"
    path.mkdir()
    (path / f".{'a' * 32}.json").write_text("{")

    SessionFolder.create(path, VIDEO).release()

    SessionFolder.open(path).release()
    assert {p.name for p in path.iterdir()} == {".lock", ".owner.json", "session.json"}


@pytest.mark.parametrize("what", ["masks-uint8", "scores-float16", "probabilities/1-uint8"])
def test_a_file_that_a_power_cut_left_empty_costs_its_frame_alone(
    tmp_path: Path, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The session opens; the frame counts as not filled if it has lost its masks."""
    folder = SessionFolder.create(tmp_path / "movie.frtm", VIDEO)
    image = np.full((48, 64), 1, np.uint8)
    for index in (4, 5):
        folder.write_frame(index, image, np.ones((3, 4), np.float16), {1: image[:9, :9]})
        folder.timeline.record(index, {1: 0.5}, {1: 9.0})
    folder.save_timeline(folder.timeline)
    folder.release()
    (folder.path / f"{what}.zarr" / "c.5.0.0").write_bytes(b"")

    again = SessionFolder.open(folder.path)

    lost = what.startswith("masks")
    assert np.flatnonzero(again.timeline.filled).tolist() == ([4] if lost else [4, 5])
    assert again.masks()[4].all()
    assert again.masks()[5].all() != lost
    assert np.isnan(again.scores()[5]).all() == what.startswith("scores")
    assert again.probabilities(1)[4].all()
    assert ("frame 5" in caplog.text) == lost
    again.release()
