"""Which video a session folder is about, and where the folder belongs."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_frtm.errors import OutputError
from napari_frtm.io.atomic import write_json
from napari_frtm.io.data_folder import data_folder
from napari_frtm.io.drive import DOES_NOT_ANSWER, is_file, unreachable
from napari_frtm.io.session.files import SessionError, reading
from napari_frtm.io.video.images.numbering import is_pattern

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_frtm.types import Frames

_HEADER = "session.json"
_FORMAT = "napari-frtm session"
_SCHEMA = 1
_SUFFIX = ".frtm"
_POSIX = os.name == "posix"  # where file names are bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoIdentity:
    """What a video is recognised by.

    Attributes
    ----------
    source : str or None
        Path that it was opened from; the one where the video is now, if it was moved together
        with its session folder.
    shape : tuple of int
        (T, H, W).
    dtype : str
        Name of the dtype of its frames.
    digest : str
        SHA-256 of shape, dtype and the first, middle and last frame.
    """

    source: str | None
    shape: tuple[int, int, int]
    dtype: str
    digest: str

    @classmethod
    def of(cls, frames: Frames, source: str | None) -> VideoIdentity:
        """Return the identity of a video, of which three frames are read."""
        length, height, width = frames.shape[:3]
        few = [np.ascontiguousarray(frames[i]) for i in sorted({0, length // 2, length - 1})]
        dtype = few[0].dtype.name
        digest = hashlib.sha256(f"{tuple(frames.shape)} {dtype}".encode())
        for frame in few:
            digest.update(frame.data)
        shape = int(length), int(height), int(width)
        return cls(source=source, shape=shape, dtype=dtype, digest=digest.hexdigest())


def is_session(folder: Path) -> bool:
    """Whether a folder is that of a session, intact or not."""
    return is_file(folder / _HEADER)


def session_path(source: Path | None, name: str, *, beside: bool = True) -> Path:
    """Return where the session of a video belongs.

    That is next to its file, ``movie.frtm`` for ``movie.mp4``; in the user's data folder if
    nothing can be written there or there is no file.

    Parameters
    ----------
    source : Path or None
        File or folder that the video was opened from.
    name : str
        What the user calls the video.
    beside : bool
        Whether next to the video is wanted; if not, the data folder is taken.
    """
    name = re.sub(r"[^\w .-]", "_", name).strip(" .") or "video"
    sessions = data_folder() / "sessions"
    if source is None:
        return sessions / f"{name}{_SUFFIX}"
    source = Path(source).absolute()
    near = source.with_name(session_name(source))
    if beside and can_write(near if near.is_dir() else near.parent):
        return near
    digest = hashlib.sha256(str(source).encode(errors="surrogateescape")).hexdigest()
    return sessions / f"{name}-{digest[:8]}{_SUFFIX}"


def can_write(folder: Path) -> bool:
    """Whether files can be made in a folder; one is made and deleted.

    What the system says of permissions means nothing on Windows and on network drives.
    """
    try:
        with tempfile.TemporaryFile(prefix=".napari-frtm-", dir=folder):
            return True
    except OSError:
        return False


def session_name(source: Path) -> str:
    """Return how the session folder of a video is called: ``movie.frtm`` for ``movie.mp4``.

    Of a pattern without its ``*``, which not every drive takes: ``shot.frtm`` for ``shot_*.png``,
    and the name of the folder where nothing else is left.
    """
    name = source.name if source.is_dir() else source.stem
    if "*" in name and not source.exists():
        name = name.replace("*", "").strip(" ._-") or source.absolute().parent.name
    return name + _SUFFIX


def sessions_in(folder: Path) -> list[Path]:
    """Return the session folders that lie in a folder, by name."""
    return sorted(path for path in folder.glob(f"*{_SUFFIX}") if is_session(path))


def check_free(folder: Path) -> None:
    """Check that a session can be made here: there are only hidden files, or nothing.

    Raises
    ------
    OutputError
        If there is anything else.
    """
    if is_session(folder):
        raise OutputError(
            f"{folder} holds other work already, on this or another video. Choose another folder."
        )
    if not folder.is_dir() or any(not entry.name.startswith(".") for entry in folder.iterdir()):
        raise OutputError(f"{folder} holds something else already. Choose another folder.")


def save_header(folder: Path, video: VideoIdentity, settings: Mapping[str, Any]) -> None:
    """Write ``session.json``, or nothing.

    Raises
    ------
    OutputError
        If it cannot be written; one that was there is as before.
    """
    from napari_frtm import __version__

    header = {"format": _FORMAT, "schema": _SCHEMA, "version": __version__}
    described = asdict(video) | {"source": None if video.source is None else utf8(video.source)}
    content = {**header, "video": described, "settings": settings}
    content["beside"] = _beside(folder, video.source)
    write_json(folder / _HEADER, content, lasting=True)  # without it, all else has no owner


def load_header(folder: Path) -> tuple[VideoIdentity, dict[str, Any]]:
    """Return the video and the settings of a session.

    If the video is not where it was, but lies to the folder as it did, that is its source.

    Raises
    ------
    SessionError
        If the folder is no session, its ``session.json`` damaged, or of a newer napari-frtm.
    """
    path = folder / _HEADER
    if unreachable(path):
        raise SessionError(f"Cannot read {folder}: {DOES_NOT_ANSWER}.")
    if not is_file(path):
        raise SessionError(f"{folder} is no session of napari-frtm: it has no {_HEADER}.")
    with reading(path, "Restore it from a backup, or rename the folder to begin anew."):
        content = json.loads(path.read_text())
        if content["format"] != _FORMAT:
            raise SessionError(f"{folder} is no session of napari-frtm, but {content['format']}.")
        if content["schema"] > _SCHEMA:
            raise SessionError(
                f"{folder} was written by napari-frtm {content['version']}, which is newer than "
                "this one. Update napari-frtm to open it."
            )
        video = content["video"]
        shape = tuple(int(n) for n in video.pop("shape"))
        if len(shape) != 3:
            raise ValueError(f"the shape of the video is {shape}")
        source = _found(folder, video.pop("source"), content.get("beside"))
        identity = VideoIdentity(**video, source=source, shape=shape)
        return identity, dict(content["settings"])


def utf8(path: str | Path) -> str:
    """Return a path as text that is the same whatever the encoding of file names; see `native`."""
    return os.fsencode(path).decode("utf-8", "surrogateescape") if _POSIX else str(path)


def native(text: str) -> str:
    """Return a path from the text that `utf8` gave."""
    return os.fsdecode(text.encode("utf-8", "surrogateescape")) if _POSIX else text


def is_there(source: str | Path) -> bool:
    """Whether there is a file or folder of this name, or the folder of a numbered pattern."""
    source = Path(source)
    try:
        return source.exists() or (is_pattern(source) and source.parent.is_dir())
    except OSError:
        return False


def _found(folder: Path, source: str | None, beside: str | None) -> str | None:
    """Return where a video is: at its path, or else where it lies as seen from the folder."""
    if source is None:
        return None
    source = native(source)
    if beside is None or is_there(source):
        return source
    moved = os.path.normpath(folder.absolute() / native(beside))
    return moved if is_there(moved) else source


def _beside(folder: Path, source: str | None) -> str | None:
    """Return the path of a video as seen from the folder, with slashes; None if there is none."""
    if source is None or not is_there(source):  # of another disk, for instance: as it was
        return _saved_beside(folder)
    try:
        path = os.path.relpath(Path(source).absolute(), folder.absolute())
    except ValueError:  # on another drive
        return None
    return utf8(Path(path).as_posix())


def _saved_beside(folder: Path) -> str | None:
    try:
        content = json.loads((folder / _HEADER).read_text())
        return content.get("beside") if isinstance(content, dict) else None
    except (OSError, ValueError):
        return None
