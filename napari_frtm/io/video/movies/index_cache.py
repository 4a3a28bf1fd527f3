"""Indices of long movies, kept in the user's cache, so that a movie is read through only once."""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import platformdirs

from napari_frtm.errors import OutputError
from napari_frtm.io.atomic import replacing
from napari_frtm.io.video.movies.index import Key, MovieIndex, scan

_SLOW = 0.2  # seconds; what takes longer is kept
_KEPT = 200  # indices
_VERSION = 1
_ENDS = 2**16  # bytes at both ends of a movie that are looked at


def cached_index(path: Path) -> MovieIndex:
    """Return the index of a movie; that of before if the file is the same.

    It is the same if its place, size and time of change are, and its first and last bytes.

    Raises
    ------
    VideoError
        As `scan`.
    """
    place = _folder() / f"{hashlib.sha256(str(path.absolute()).encode()).hexdigest()}.json"
    seal = _seal(path)
    known = None if seal is None else _load(place, seal)
    if known is not None:
        return known
    begun = time.perf_counter()
    index = scan(path)
    if seal is not None and time.perf_counter() - begun > _SLOW:
        with suppress(OSError, OutputError):  # a cache that cannot be written is none
            _save(place, seal, index)
    return index


def _folder() -> Path:
    return Path(platformdirs.user_cache_dir("napari-frtm", appauthor=False)) / "movies"


def _seal(path: Path) -> list[Any] | None:
    """Return what tells a file from others; None if it cannot be read."""
    try:
        state = path.stat()
        with path.open("rb") as file:
            ends = hashlib.sha256(file.read(_ENDS))
            file.seek(max(0, state.st_size - _ENDS))
            ends.update(file.read(_ENDS))
    except OSError:
        return None
    return [_VERSION, state.st_size, state.st_mtime_ns, ends.hexdigest()]


def _load(place: Path, seal: list[Any]) -> MovieIndex | None:
    try:
        kept = json.loads(place.read_text())
        if kept["of"] != seal:
            return None
        index = kept["index"]
        height, width = index["size"]
        a, b, c, d = index["matrix"]
        known = {"size": (height, width), "matrix": (a, b, c, d), "times": tuple(index["times"])}
        keys = tuple(Key(*key) for key in index["keys"])
        return MovieIndex(**index | known | {"keys": keys})
    except (OSError, ValueError, KeyError, TypeError):
        return None  # none, or damaged


def _save(place: Path, seal: list[Any], index: MovieIndex) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"of": seal, "index": asdict(index)})
    with replacing(place) as part:
        part.write_text(text)
    kept = sorted(place.parent.glob("*.json"), key=lambda file: file.stat().st_mtime)
    for old in kept[:-_KEPT]:
        old.unlink(missing_ok=True)
