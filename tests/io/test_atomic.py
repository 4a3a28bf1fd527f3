"""Files are complete or untouched."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from napari_frtm.errors import OutputError
from napari_frtm.io.atomic import replacing, replacing_folder, write_bytes, write_json

if TYPE_CHECKING:
    from pathlib import Path

LIMITED_WRITE = """
import resource, sys
from pathlib import Path
from napari_frtm.errors import OutputError
from napari_frtm.io.atomic import write_bytes

resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_bytes(Path(sys.argv[1]), b"x" * 5000)
except OutputError as error:
    sys.exit(0 if "larger than" in str(error) else 2)
"""


def test_a_file_takes_its_place_when_it_is_complete(tmp_path: Path) -> None:
    """Until then the old one is there, and afterwards nothing else is."""
    path = tmp_path / "masks.png"
    path.write_text("old")

    with replacing(path) as temporary:
        temporary.write_text("new")
        during = path.read_text()

    assert during == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]
    assert temporary.parent == tmp_path
    assert temporary.suffix == ".png"
    assert temporary.name.startswith(".")


@pytest.mark.parametrize("error", [KeyError("k"), KeyboardInterrupt()])
def test_an_interrupted_write_changes_nothing(tmp_path: Path, error: BaseException) -> None:
    """Errors of the block pass through as they are."""
    path = tmp_path / "masks.png"
    path.write_text("old")

    def interrupted() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(type(error)):
        interrupted()

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """The file behind it is replaced."""
    target = tmp_path / "disk" / "masks.bin"
    target.parent.mkdir()
    link = tmp_path / "masks.bin"
    try:
        link.symlink_to(target)
    except OSError:
        pytest.skip("no permission to make symbolic links")

    write_bytes(link, b"new")

    assert link.is_symlink()
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        pytest.param(errno.ENOSPC, "disk is full", id="full"),
        pytest.param(errno.EACCES, "permission denied", id="permission"),
        pytest.param(errno.EROFS, "read-only", id="read-only"),
        pytest.param(errno.EIO, os.strerror(errno.EIO), id="any-other"),
    ],
)
def test_what_the_system_refuses_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, reason: str
) -> None:
    """The message names the file and the reason; the old file is kept."""
    path = tmp_path / "masks.png"
    path.write_text("old")

    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OutputError, match=reason) as raised:
        write_bytes(path, b"new")

    assert str(path) in str(raised.value)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_explained(tmp_path: Path) -> None:
    """Folders are not made silently."""
    with pytest.raises(OutputError, match="folder does not exist"):
        write_bytes(tmp_path / "missing" / "masks.png", b"")


def test_a_folder_in_the_way_is_explained(tmp_path: Path) -> None:
    """It is not replaced, and the temporary is gone."""
    path = tmp_path / "masks.png"
    path.mkdir()

    with pytest.raises(OutputError, match="Choose another"):
        write_bytes(path, b"")

    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="needs setrlimit")
def test_a_write_that_runs_out_of_room_leaves_the_old_file(tmp_path: Path) -> None:
    """A real failure in the middle of a write, by a limit on the size of files."""
    path = tmp_path / "masks.bin"
    path.write_text("old")

    run = subprocess.run([sys.executable, "-c", LIMITED_WRITE, str(path)], check=False)

    assert run.returncode == 0
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_json_is_readable_and_whole(tmp_path: Path) -> None:
    """What JSON cannot say changes nothing."""
    path = tmp_path / "session.json"
    write_json(path, {"fps": 25, "name": "ä"})

    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"fps": float("nan")})

    assert json.loads(path.read_text()) == {"fps": 25, "name": "ä"}


def test_a_folder_takes_its_place_when_it_is_complete(tmp_path: Path) -> None:
    """With nothing of the one before."""
    path = tmp_path / "masks.zarr"
    path.mkdir()
    (path / "old").touch()

    with replacing_folder(path) as temporary:
        (temporary / "new").touch()
        during = [entry.name for entry in path.iterdir()]

    assert during == ["old"]
    assert [entry.name for entry in path.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyError("k"), GeneratorExit()])
def test_a_folder_stays_as_it_was_after_an_error(tmp_path: Path, error: BaseException) -> None:
    """And an error of the system is one for the user."""
    path = tmp_path / "masks.zarr"
    path.mkdir()
    (path / "old").touch()

    def interrupted() -> None:
        with replacing_folder(path) as temporary:
            (temporary / "new").touch()
            raise error

    with pytest.raises(OutputError if isinstance(error, OSError) else type(error)):
        interrupted()

    assert [entry.name for entry in path.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_beneath_a_lost_drive_is_not_taken_for_the_one_that_was_filled(
    tmp_path: Path,
) -> None:
    """Libraries make folders that they miss; what comes then is not the whole."""
    drive, away = tmp_path / "drive", tmp_path / "away"
    drive.mkdir()

    def filled() -> None:
        with replacing_folder(drive / "masks.zarr") as temporary:
            (temporary / "0").write_text("first half")
            drive.rename(away)
            temporary.mkdir(parents=True)
            (temporary / "1").write_text("second half")

    with pytest.raises(OutputError, match=r"Cannot write .*masks\.zarr.*connect its drive"):
        filled()

    assert not list(drive.iterdir())


@pytest.mark.parametrize("lasting", [True, False])
def test_what_must_outlast_a_power_cut_is_forced_to_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lasting: bool
) -> None:
    """The file before it takes its place, then its name in the folder; nothing else."""
    forced: list[str] = []

    def fsync(opened: int) -> None:
        forced.append("folder" if stat.S_ISDIR(os.fstat(opened).st_mode) else "file")

    monkeypatch.setattr(os, "fsync", fsync)
    write_json(tmp_path / "session.json", {}, lasting=lasting)

    both = ["file", "folder"] if os.name == "posix" else ["file"]
    assert forced == (both if lasting else [])


def test_a_drive_that_cannot_force_takes_the_file_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some network drives say so; one that is full says it now at the latest."""

    def refuse(code: int) -> None:
        def fsync(opened: int) -> None:
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(os, "fsync", fsync)

    refuse(errno.EINVAL)
    write_bytes(tmp_path / "file", b"new", lasting=True)
    refuse(errno.ENOSPC)
    with pytest.raises(OutputError, match="disk is full"):
        write_bytes(tmp_path / "file", b"newer", lasting=True)

    assert (tmp_path / "file").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
