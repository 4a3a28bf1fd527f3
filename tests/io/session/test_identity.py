"""How session folders are called."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from napari_frtm.io.session.identity import session_name

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("movie.mp4", "movie.frtm"),
        ("shot.%04d.png", "shot.%04d.frtm"),
        ("take/*", "take.frtm"),
        ("take/*.png", "take.frtm"),
        ("take/shot_*.png", "shot.frtm"),
        ("take/*_left.tif", "left.frtm"),
    ],
)
def test_a_session_is_called_like_its_video(tmp_path: Path, source: str, name: str) -> None:
    """Without the characters of a pattern that not every drive takes."""
    assert session_name(tmp_path / source) == name


def test_a_pattern_in_this_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no folder in its name."""
    folder = tmp_path / "shots"
    folder.mkdir()
    monkeypatch.chdir(folder)

    assert session_name(type(tmp_path)("*")) == "shots.frtm"


@pytest.mark.skipif(os.name != "posix", reason="no file may be called so")
def test_a_file_that_is_really_called_so(tmp_path: Path) -> None:
    """Its session is called as before."""
    movie = tmp_path / "a*b.mp4"
    movie.touch()

    assert session_name(movie) == "a*b.frtm"
