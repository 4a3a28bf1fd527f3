"""Drives that go away: what the system says then, and what is made of it."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from napari_frtm.errors import OutputError, VideoError
from napari_frtm.io.atomic import write_bytes
from napari_frtm.io.drive import device, exists, is_away, is_file, unreachable
from napari_frtm.io.session.files import SessionError
from napari_frtm.io.session.folder import SessionFolder, VideoIdentity
from napari_frtm.io.video.opening import open_video

if TYPE_CHECKING:
    from pathlib import Path

VIDEO = VideoIdentity(source=None, shape=(6, 20, 30), dtype="uint8", digest="ab")


class Drive:
    """A folder that can be as on a drive that does not answer any more."""

    def __init__(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.place = place
        self._monkeypatch = monkeypatch
        place.mkdir()

    def take_away(self) -> None:
        """Let the system say so of all that is in it."""
        for name in ("open", "stat", "mkdir"):
            self._monkeypatch.setattr(os, name, self._refusing(getattr(os, name)))

    def _refusing(self, ask):
        def refusing(path, *args, **kwargs):
            if isinstance(path, str | os.PathLike) and str(path).startswith(str(self.place)):
                raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN), str(path))
            return ask(path, *args, **kwargs)

        return refusing


@pytest.fixture
def drive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Drive:
    """Return a drive that answers."""
    return Drive(tmp_path / "drive", monkeypatch)


def test_a_drive_that_does_not_answer_is_no_absent_file(tmp_path: Path, drive: Drive) -> None:
    """It may come back, with all that is on it."""
    drive.take_away()

    assert unreachable(drive.place / "file")
    assert not unreachable(tmp_path / "file")
    assert not exists(drive.place / "file")
    assert not is_file(drive.place / "file")
    assert device(drive.place / "file") is None
    assert device(tmp_path / "no" / "folder") == tmp_path.stat().st_dev


@pytest.mark.parametrize(
    ("code", "away"),
    [(errno.EIO, True), (errno.ESTALE, True), (errno.ENOENT, False), (errno.ENOSPC, False)],
)
def test_systems_say_it_in_several_ways(code: int, away: bool) -> None:
    """NFS, sshfs and SMB have different words."""
    assert is_away(OSError(code, "")) == away
    assert not is_away(ValueError())


def test_a_session_on_such_a_drive_is_not_said_to_be_none(drive: Drive) -> None:
    """The message tells to connect the drive; nothing advises to delete or to begin anew."""
    folder = SessionFolder.create(drive.place / "movie.frtm", VIDEO)
    folder.release()
    assert not folder.is_away
    drive.take_away()

    with pytest.raises(SessionError, match=r"does not answer\. Connect it again") as raised:
        SessionFolder.open(folder.path)

    assert folder.is_away
    assert not any(word in str(raised.value) for word in ("elete", "anew", "backup"))


def test_what_is_on_it_is_told_to_be_unreachable(drive: Drive) -> None:
    """In place of advice about damaged files, other names and full disks."""
    drive.take_away()

    with pytest.raises(VideoError, match=r"movie\.tif cannot be read: its drive or network"):
        open_video(drive.place / "movie.tif")
    with pytest.raises(OutputError, match="not connected: its drive or network does not answer"):
        SessionFolder.create(drive.place / "movie.frtm", VIDEO)


def test_a_folder_that_is_gone_is_not_made_again(tmp_path: Path) -> None:
    """It would be beneath the place where a drive is put in."""
    with pytest.raises(OutputError, match="connect its drive"):
        write_bytes(tmp_path / "drive" / "file", b"x")

    assert not list(tmp_path.iterdir())
