"""Sessions find their video again after a move, and are the same whatever the locale."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from napari_frtm.io.session.folder import SessionFolder, VideoIdentity, session_path
from napari_frtm.io.session.identity import load_header, native, utf8

if TYPE_CHECKING:
    from pathlib import Path


def begun(folder: Path, video: Path) -> SessionFolder:
    """Return a new session on a video."""
    identity = VideoIdentity(source=str(video), shape=(2, 4, 4), dtype="uint8", digest="ab")
    return SessionFolder.create(folder, identity)


def test_moved_together(tmp_path: Path) -> None:
    """Movie and session keep to each other; a second move is no different."""
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    movie = tmp_path / "a" / "movie.mp4"
    movie.touch()
    begun(tmp_path / "a" / "movie.frtm", movie).release()

    for before, after in (("a", "b"), ("b", "c")):
        for name in ("movie.mp4", "movie.frtm"):
            shutil.move(tmp_path / before / name, tmp_path / after / name)
        folder = SessionFolder.open(tmp_path / after / "movie.frtm")
        folder.save_settings({"n": 1})
        folder.release()

        source = load_header(tmp_path / after / "movie.frtm")[0].source
        assert source == str(tmp_path / after / "movie.mp4")


def test_the_old_place_counts_first(tmp_path: Path) -> None:
    """A copy of the session alone is still about the movie where it was."""
    movie, other = tmp_path / "a" / "movie.mp4", tmp_path / "b" / "movie.mp4"
    for path in (movie, other):
        path.parent.mkdir()
        path.touch()
    begun(tmp_path / "a" / "movie.frtm", movie).release()

    shutil.copytree(tmp_path / "a" / "movie.frtm", tmp_path / "b" / "movie.frtm")

    assert load_header(tmp_path / "b" / "movie.frtm")[0].source == str(movie)


def test_a_lost_movie_is_not_forgotten(tmp_path: Path) -> None:
    """Saving without it, on another disk for instance, keeps both of its places."""
    movie = tmp_path / "movie.mp4"
    movie.touch()
    folder = begun(tmp_path / "movie.frtm", movie)

    movie.unlink()
    folder.save_settings({})

    saved = json.loads((folder.path / "session.json").read_text())
    assert (saved["video"]["source"], saved["beside"]) == (str(movie), "../movie.mp4")
    folder.release()


@pytest.mark.parametrize("beside", ["\x00", "../" * 40 + "etc/passwd", "nothing.mp4"])
def test_a_strange_place_does_no_harm(tmp_path: Path, beside: str) -> None:
    """It is looked at, no more; the source is a path at any rate."""
    folder = begun(tmp_path / "movie.frtm", tmp_path / "gone.mp4")
    folder.release()
    path = folder.path / "session.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"beside": beside}))

    source = load_header(folder.path)[0].source

    assert source in (str(tmp_path / "gone.mp4"), "/etc/passwd")


@pytest.mark.skipif(os.name != "posix", reason="file names are text there")
def test_names_are_the_same_in_every_locale(tmp_path: Path) -> None:
    """What was written under LC_ALL=C is read under UTF-8 and the other way round."""
    code = (
        "import sys; from napari_frtm.io.session.identity import utf8, native;"
        "sys.stdout.write(ascii(utf8(sys.argv[1])) + '|' + ascii(native(utf8(sys.argv[1]))))"
    )
    plain = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    name = b"caf\xc3\xa9.mp4"

    said = subprocess.run(
        [sys.executable, "-c", code, name], env=plain, capture_output=True, check=True, text=True
    ).stdout

    assert said == "'caf\\xe9.mp4'|'caf\\udcc3\\udca9.mp4'"
    assert native(utf8(os.fsdecode(name))) == os.fsdecode(name)


def test_a_folder_that_cannot_be_written_is_found_by_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Permissions say nothing on Windows and network drives."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    movie = tmp_path / "movie.mp4"

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    near = session_path(movie, "movie")
    monkeypatch.setattr("napari_frtm.io.session.identity.tempfile.TemporaryFile", refuse)
    far = session_path(movie, "movie")

    assert near == tmp_path / "movie.frtm"
    assert far.parent.name == "sessions"
