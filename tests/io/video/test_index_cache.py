"""The index of a movie is kept, and made anew where the movie is another."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest
from console import write_movie

from napari_frtm.io.video.movies import index_cache
from napari_frtm.io.video.movies.index import scan
from napari_frtm.io.video.movies.index_cache import cached_index
from napari_frtm.io.video.movies.movie import open_movie

if TYPE_CHECKING:
    from pathlib import Path


def _movie(path: Path, count: int) -> Path:
    rng = np.random.default_rng(count)
    return write_movie(path, rng.integers(0, 255, (count, 32, 48, 3), np.uint8))


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Keep the index of every movie, in a folder of the test."""
    monkeypatch.setattr(index_cache, "_SLOW", 0.0)
    folder = tmp_path / "cache"
    monkeypatch.setattr(index_cache, "_folder", lambda: folder)
    return folder


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    """Return a movie of 12 frames."""
    return _movie(tmp_path / "clip.mp4", 12)


def test_a_movie_is_read_through_once(
    cache: Path, movie: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is kept is the same, and gives the same pictures."""
    first, picture = cached_index(movie), open_movie(movie).read(7)
    assert [file.suffix for file in cache.iterdir()] == [".json"]

    monkeypatch.setattr(index_cache, "scan", lambda path: pytest.fail("read through again"))
    again = cached_index(movie)

    for name in ("size", "fps", "pixel_aspect", "times", "keys", "seekable", "damaged", "matrix"):
        assert getattr(again, name) == getattr(first, name) == getattr(scan(movie), name)
    np.testing.assert_array_equal(open_movie(movie).read(7), picture)


def test_another_movie_of_that_name_is_read(cache: Path, movie: Path) -> None:
    """Also of the same size and time: its bytes are others."""
    cached_index(movie)
    state = movie.stat()
    content = bytearray(movie.read_bytes())
    _movie(movie, 9)
    assert len(cached_index(movie).times) == 9

    movie.write_bytes(content)
    os.utime(movie, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert len(cached_index(movie).times) == 12


@pytest.mark.parametrize("damage", ["", "{", '{"of": 1}', "[]", '{"of": null, "index": {}}'])
def test_a_damaged_index_is_made_anew(cache: Path, movie: Path, damage: str) -> None:
    """As is one that cannot be read."""
    cached_index(movie)
    (kept,) = cache.iterdir()
    kept.write_text(damage)

    assert len(cached_index(movie).times) == 12
    assert kept.read_text() != damage


def test_a_cache_that_cannot_be_written_is_none(cache: Path, movie: Path) -> None:
    """The movie opens all the same."""
    cache.write_text("no folder")

    assert len(cached_index(movie).times) == 12


def test_few_are_kept(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest ones."""
    monkeypatch.setattr(index_cache, "_KEPT", 2)
    for number in range(4):
        cached_index(_movie(tmp_path / f"{number}.mp4", 4))

    assert len(list(cache.iterdir())) == 2
