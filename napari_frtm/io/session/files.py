"""What a session folder keeps in small files: the timeline and the keyframes."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import numpy as np

from napari_frtm.errors import FrtmError
from napari_frtm.io.atomic import replacing, reporting
from napari_frtm.io.drive import DOES_NOT_ANSWER, is_away
from napari_frtm.io.labels import labels_suffix, read_labels, write_labels
from napari_frtm.io.silent_drive import told_if_silent
from napari_frtm.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_frtm.types import Labels

_KEYFRAME = re.compile(r"(\d+)(\.complete)?\.(png|tif)")
_TEMPORARY = re.compile(r"\.[0-9a-f]{32}(\.\w+)?")


class SessionError(FrtmError):
    """A session folder cannot be opened or read."""


@contextmanager
def reading(path: Path, remedy: str) -> Iterator[None]:
    """Turn whatever the block raises into a `SessionError` about `path`.

    Parameters
    ----------
    path : Path
        What the block reads.
    remedy : str
        What the user can do if it cannot be read.
    """
    try:
        with told_if_silent(path):
            yield
    except SessionError:
        raise
    except OSError as error:
        if is_away(error):
            raise SessionError(f"Cannot read {path}: {DOES_NOT_ANSWER}.") from error
        raise SessionError(f"Cannot read {path}: {error.strerror or error}. {remedy}") from error
    except Exception as error:  # readers raise nearly anything for damaged files
        raise SessionError(f"{path} is damaged ({error}). {remedy}") from error


def save_timeline(path: Path, timeline: Timeline) -> None:
    """Write all of a timeline except its keyframes, which have files of their own.

    Raises
    ------
    OutputError
        If the file cannot be written; a file that was there is as before.
    """
    with replacing(path) as temporary:
        np.savez(
            temporary,
            filled=timeline.filled,
            frozen=timeline.frozen,
            confidence_ids=list(timeline.confidence),
            confidence=_stacked(timeline.confidence.values(), timeline.length),
            area_ids=list(timeline.area),
            area=_stacked(timeline.area.values(), timeline.length),
        )


def load_timeline(path: Path, length: int) -> Timeline:
    """Return the timeline of a video of `length` frames; an empty one if none was saved.

    Raises
    ------
    SessionError
        If the file is damaged, or of a video of another length.
    """
    timeline = Timeline.empty(length)
    if not path.exists():
        return timeline
    remedy = (
        "Delete it to open the session without frozen frames and confidence; the masks are kept."
    )
    with reading(path, remedy), path.open("rb") as file, np.load(file) as saved:
        timeline.filled[:] = saved["filled"]
        timeline.frozen[:] = saved["frozen"]
        for name in ("confidence", "area"):
            values = np.empty((len(saved[f"{name}_ids"]), length), np.float32)
            values[:] = saved[name]
            series = getattr(timeline, name)
            series.update(zip(saved[f"{name}_ids"].tolist(), values, strict=True))
    return timeline


class KeyframeFiles:
    """The frames that the user has drawn, one label image each.

    A file is called by its frame, ``00012.complete.png`` if the labels say everything about the
    frame, ``00012.png`` if not, and is a TIFF if there are ids above 255. A kill may leave two
    files of a frame; the newer one counts.

    Parameters
    ----------
    folder : Path
        Where the files are; made by the first.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, index: int, labels: Labels, *, complete: bool) -> None:
        """Write the labels of a frame, of shape (H, W), in place of those before.

        Raises
        ------
        LabelsError
            If they are no label image.
        OutputError
            If they cannot be written; those before are as they were.
        """
        suffix = labels_suffix(int(labels.max(initial=0)))
        path = self._folder / f"{index:05d}{'.complete' if complete else ''}{suffix}"
        with reporting(path):
            self._folder.mkdir(exist_ok=True)
        before = self._files().get(index, [])
        for old in (old for old in before if old != path):
            with reporting(old):  # the new one is newer then, also if the clock was set back
                os.utime(old, (0, 0))
        write_labels(path, labels, lasting=True)  # by hand: nothing can compute it again
        self._remove(old for old in before if old != path)

    def delete(self, index: int) -> None:
        """Remove the labels of a frame, if there are any.

        Raises
        ------
        OutputError
            If the file cannot be removed.
        """
        self._remove(self._files().get(index, []))

    def load(self, shape: tuple[int, int, int]) -> tuple[dict[int, Labels], set[int]]:
        """Return the labels by frame, and the frames whose labels say everything.

        Raises
        ------
        SessionError
            If a file is damaged or not of a frame of a video of `shape` (T, H, W).
        """
        keyframes: dict[int, Labels] = {}
        complete = set()
        for index, paths in sorted(self._files().items()):
            path = max(paths, key=lambda path: path.stat().st_mtime_ns)
            with reading(path, "Move it elsewhere to open the session without this keyframe."):
                keyframes[index] = compact(read_labels(path))
                if index >= shape[0] or keyframes[index].shape != shape[1:]:
                    raise ValueError(f"it is not of a frame of this video of {shape}")
            if ".complete" in path.suffixes:
                complete.add(index)
        return keyframes, complete

    def tidy(self) -> None:
        """Remove the temporary files of a killed program."""
        remove_temporaries(self._folder)

    def _files(self) -> dict[int, list[Path]]:
        found: dict[int, list[Path]] = {}
        for path in self._folder.glob("*"):
            if match := _KEYFRAME.fullmatch(path.name):
                found.setdefault(int(match[1]), []).append(path)
        return found

    def _remove(self, paths: Iterable[Path]) -> None:
        for path in paths:
            with reporting(path):
                path.unlink(missing_ok=True)


def remove_temporaries(folder: Path) -> None:
    """Remove what `replacing` has left in a folder because the program was killed."""
    for path in folder.glob(".*"):
        if _TEMPORARY.fullmatch(path.name) and path.is_file():
            with suppress(OSError):
                path.unlink()


def compact(labels: Labels) -> Labels:
    """Return a copy of labels, of the smallest of uint8, uint16 and uint32 that holds them."""
    return np.array(labels, np.min_scalar_type(int(labels.max(initial=0))))


def _stacked(series: Iterable[NDArray[np.float32]], length: int) -> NDArray[np.float32]:
    """Return an array of shape (N, T)."""
    return np.array(list(series), np.float32).reshape(-1, length)
