"""Whether files are whole, and what is in them, for runs that were killed."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import tifffile
import torch
import zarr
from PIL import Image
from safetensors import safe_open

from napari_frtm.io.video.images.exr import read_exr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HELD = {".lock", ".owner.json"}
"""Hidden files of a session that are there whether or not it was killed."""
EFFORT = {"seconds", "computed", "attempts"}
"""What a result says of the time it took, which no two runs share."""


def final_files(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder that are under a final name: nothing hidden, no part files."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not hidden and path.suffix != ".partial":
            yield path


def left_behind(folder: Path) -> list[str]:
    """Return temporary files and folders that nobody will use again."""
    found = []
    for path in sorted(folder.rglob("*")):
        inside = any(part.startswith(".") for part in path.relative_to(folder).parts[:-1])
        temporary = path.name.startswith(".") or path.suffix == ".partial"
        if temporary and not inside and path.name not in HELD:
            found.append(str(path.relative_to(folder)))
    return found


def half_written(folder: Path) -> list[str]:
    """Return what cannot be read to its end of the files under a final name, and why."""
    problems = []
    for path in final_files(folder):
        try:
            _read(path)
        except Exception as error:  # noqa: BLE001 - readers raise nearly anything
            problems.append(f"{path.relative_to(folder)}: {type(error).__name__}: {error}")
    return problems


def contents(folder: Path) -> dict[str, str]:
    """Return a digest of each file under a final name; times that a run took are left out."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(_timeless(path)).hexdigest()
        for path in final_files(folder)
    }


def _read(path: Path) -> None:
    """Read a file to its end, as a program that uses it would."""
    if path.name.startswith("c.") or "c" in path.parts[-4:-1]:
        _read_chunk(path)
        return
    if path.suffix not in _READERS:
        raise ValueError("nobody knows how to read it")
    _READERS[path.suffix](path)


def _read_chunk(path: Path) -> None:
    """Read one frame of a zarr array from its file, in the session's layout or in OME-Zarr's."""
    array_folder = next(p for p in path.parents if (p / "zarr.json").exists())
    array: Any = zarr.open_array(array_folder, mode="r")
    name = path.relative_to(array_folder).as_posix().replace("/", ".")
    index = tuple(int(part) for part in name.split(".")[1:])
    place = tuple(slice(i * n, (i + 1) * n) for i, n in zip(index, array.chunks, strict=True))
    array[place]


def _read_table(path: Path) -> None:
    text = path.read_text()
    if not text.endswith("\n"):
        raise ValueError("its last line has no end")
    rows = list(csv.reader(io.StringIO(text)))
    if any(len(row) != len(rows[0]) for row in rows):
        raise ValueError("a row is not whole")


def _read_movie(path: Path) -> None:
    with av.open(str(path)) as movie:
        stream = movie.streams.video[0]
        count = sum(1 for _ in movie.decode(stream))
        if not count or (stream.frames and count != stream.frames):
            raise ValueError(f"{count} frames of {stream.frames}")


def _read_picture(path: Path) -> None:
    with Image.open(path) as image:
        image.load()


def _read_arrays(path: Path) -> None:
    with np.load(path) as saved:
        for name in saved.files:
            saved[name]


def _read_tensors(path: Path) -> None:
    with safe_open(path, "pt") as saved:
        for name in list(saved.keys()):
            saved.get_tensor(name)


def _read_page(path: Path) -> None:
    if not path.read_text().rstrip().endswith("</html>"):
        raise ValueError("it does not end")


_READERS: dict[str, Callable[[Path], object]] = {
    ".csv": _read_table,
    ".done": Path.read_bytes,
    ".exr": read_exr,
    ".html": _read_page,
    ".jpg": _read_picture,
    ".json": lambda path: json.loads(path.read_text()),
    ".log": Path.read_text,
    ".mov": _read_movie,
    ".mp4": _read_movie,
    ".npz": _read_arrays,
    ".png": _read_picture,
    ".pt": lambda path: torch.load(path, weights_only=True),
    ".safetensors": _read_tensors,
    ".tif": tifffile.imread,
    ".txt": Path.read_text,
    ".toml": lambda path: tomllib.loads(path.read_text()),
}


def _timeless(path: Path) -> bytes:
    """Return what is in a file, without what a clock has said."""
    if path.suffix == ".csv":
        rows = list(csv.DictReader(io.StringIO(path.read_text())))
        return json.dumps([_without_effort(row) for row in rows]).encode()
    if path.suffix == ".json":
        return json.dumps(_without_effort(json.loads(path.read_text()))).encode()
    if path.suffix == ".pt":
        saved = torch.load(path, weights_only=True)
        del saved["counters"]["seconds"]
        return _plain(saved).encode()
    if path.suffix == ".safetensors":  # its metadata stand in any order
        with safe_open(path, "pt") as tensors:
            held = {name: tensors.get_tensor(name) for name in sorted(tensors.keys())}
            return _plain([held, sorted((tensors.metadata() or {}).items())]).encode()
    if path.suffix in (".mov", ".mp4"):
        with av.open(str(path)) as movie:
            pictures = np.stack([f.to_ndarray(format="rgba") for f in movie.decode(video=0)])
        # H.264 comes out a little different now and then, also of runs left alone
        return repr(pictures.shape).encode() if path.suffix == ".mp4" else pictures.tobytes()
    return path.read_bytes()


def _without_effort(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_effort(v) for k, v in value.items() if k not in EFFORT}
    return [_without_effort(v) for v in value] if isinstance(value, list) else value


def _plain(value: Any) -> str:
    """Return tensors and what holds them as text."""
    if isinstance(value, torch.Tensor):
        return hashlib.sha256(value.contiguous().numpy().tobytes()).hexdigest()
    if isinstance(value, dict):
        return ";".join(f"{k}={_plain(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ",".join(map(_plain, value))
    return repr(value)
