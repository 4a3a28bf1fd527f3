"""Frames of a session's arrays, and what cannot be read of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_frtm.io.compressed import grows_beyond
from napari_frtm.io.drive import DOES_NOT_ANSWER, is_file, unreachable
from napari_frtm.io.session.files import SessionError, reading
from napari_frtm.io.video.reading import LARGEST

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from napari_frtm.timeline import Timeline

_CHUNK = re.compile(r"c\.(\d+)\.0\.0")
_DAMAGED = "Restore it from a backup, or delete it: then its frame counts as not filled."


def read_frame(array: Any, index: int) -> NDArray[Any]:
    """Return a copy of a frame of an array, of shape (H, W).

    Parameters
    ----------
    array : array of shape (T, H, W)
        Of a session folder, or any other.
    index : int
        Of the frame.

    Raises
    ------
    SessionError
        If its file is damaged, or would fill memory, or the folder is not there any more.
    """
    root = getattr(getattr(array, "store", None), "root", None)
    if root is None:
        return np.array(array[index])
    folder = Path(root, array.path)
    chunk = folder / f"c.{index}.0.0"
    with reading(chunk, _DAMAGED):
        _check_size(chunk)
        values = np.array(array[index])
    empty = np.isnan(values).all() if values.dtype.kind == "f" else not values.any()
    if empty:  # as zarr says of a file, and of a folder, that is gone
        _check_there(folder)
    return values


def frames_in(folder: Path) -> list[int]:
    """Return the frames of which the folder of an array has a file."""
    matches = (_CHUNK.fullmatch(entry.name) for entry in folder.iterdir())
    return sorted(int(match[1]) for match in matches if match)


def missing(timeline: Timeline, written: Collection[int], drawn: Collection[int]) -> list[int]:
    """Return the frames on which objects were found, of which there is no file.

    Parameters
    ----------
    timeline : Timeline
        What is known of the frames.
    written : collection of int
        Frames of which there is a file of masks.
    drawn : collection of int
        Keyframes that say everything, which are brought back from what was drawn.
    """
    known = np.zeros(timeline.length, bool)
    for area in timeline.area.values():
        known |= np.nan_to_num(area) > 0
    return sorted({*np.flatnonzero(known & timeline.filled).tolist()} - {*written} - {*drawn})


def _check_size(chunk: Path) -> None:
    """Check how much a file becomes in memory, before it is decoded.

    Raises
    ------
    SessionError
        If it is more than `LARGEST` bytes.
    """
    if is_file(chunk) and grows_beyond(chunk.read_bytes(), LARGEST):
        raise SessionError(
            f"{chunk} is damaged: it would take more than {LARGEST / 2**30:g} GiB. {_DAMAGED}"
        )


def _check_there(folder: Path) -> None:
    """Check that the folder of an array has not been taken away.

    Raises
    ------
    SessionError
        If it has: with the drive that it is on, for example.
    """
    if not is_file(folder / "zarr.json"):
        if unreachable(folder):
            raise SessionError(f"Cannot read {folder}: {DOES_NOT_ANSWER}.")
        raise SessionError(
            f"{folder} is not there any more. Was its drive taken away? Bring it back and go on."
        )


class SavedFrames:
    """An array of a session that another program may work on, to be read only.

    Parameters
    ----------
    folder : Path
        Of the array.

    Raises
    ------
    SessionError
        If it cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        import zarr

        with reading(folder, "Restore it from a backup, or run the propagation again."):
            self._array = zarr.open_array(folder, mode="r")
        self.shape: tuple[int, ...] = self._array.shape
        self.dtype = self._array.dtype
        self._folder = folder

    def __getitem__(self, index: int) -> NDArray[Any]:
        return read_frame(self._array, index)

    def written(self) -> list[int]:
        """Return the frames of which there is a file."""
        return frames_in(self._folder)
