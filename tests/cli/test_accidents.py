"""``napari-frtm segment`` on odd videos and full disks."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import numpy as np
import pytest
from console import FAST, Outcome, Shot, finish, process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Command = Callable[..., Outcome]


def test_nan_is_told_once(shot: Shot, command: Command, tmp_path: Path) -> None:
    """Frames with NaN are followed all the same; the masks are valid."""
    frames = shot.frames[:6].mean(3).astype(np.float32)
    frames[1:, 90:] = np.nan
    frames[3] = np.nan
    np.save(tmp_path / "stack.npy", frames)

    outcome = command(
        *("segment", tmp_path / "stack.npy", "--mask", shot.mask(0)),
        *("--out", tmp_path / "masks", "--probabilities", *FAST),
    )

    assert outcome.code == 0
    assert outcome.err.count("NaN or infinite") == 1
    assert "are seen as black to white (--contrast)" in outcome.out
    assert len(list(tmp_path.glob("masks/*.png"))) == 6


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_constant_video_runs(
    shot: Shot, command: Command, tmp_path: Path, dtype: type[np.generic]
) -> None:
    """There is nothing to see, but nothing breaks."""
    np.save(tmp_path / "stack.npy", np.full((10, 96, 128), 7, dtype))

    outcome = command(
        *("segment", tmp_path / "stack.npy", "--mask", shot.mask(0)),
        *("--out", tmp_path / "masks", "--probabilities", "--scores"),
    )

    assert outcome.code == 0
    assert "NaN" not in outcome.err
    assert len(list(tmp_path.glob("masks/*.png"))) == 10


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a disk of 400 kB; needs root."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)], check=False
    )
    if mounted.returncode:
        pytest.skip("cannot mount a file system")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_loses_nothing(shot: Shot, command: Command, small_disk: Path) -> None:
    """What is finished stays, and the run goes on when there is space."""
    out = small_disk / "masks"
    start = ("segment", shot.movie, "--mask", shot.mask(0), "--out", out)

    full = command(*start)
    kept = sorted(out.glob("*.png"))
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    resumed = command(*start, "--resume")

    assert full.code == 1
    assert "the disk" in full.err.lower()
    assert "finished frames are kept" in full.err
    assert "--resume" in full.err
    assert 0 < len(kept) < 20
    assert (resumed.code, len(list(out.glob("*.png")))) == (0, 20)


def test_a_limit_on_files_loses_nothing(shot: Shot, command: Command, tmp_path: Path) -> None:
    """As on a disk that takes no large files: the state cannot be saved any more."""
    out = tmp_path / "masks"
    start = ("segment", shot.movie, "--mask", shot.mask(0), "--out", out)
    prelude = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (320_000, 320_000))"

    limited = finish(process(start, prelude))
    resumed = command(*start, "--resume")

    assert limited.code == 1
    assert "Traceback" not in limited.err
    assert "Cannot write" in limited.err
    assert "--resume" in limited.err
    assert "Continuing" in resumed.out
    assert (resumed.code, len(list(out.glob("*.png")))) == (0, 20)
