"""Errors of the libraries that read files, turned into errors for the user; a bound for sizes."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_frtm.errors import VideoError, first_line
from napari_frtm.io.drive import DOES_NOT_ANSWER, is_away
from napari_frtm.io.silent_drive import told_if_silent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


LARGEST = 2**30
"""Bytes that one frame may take."""
MOST = 4_000_000
"""Planes that a file may have: time by channels by depth."""
LONGEST = 2**20
"""Pixels that the side of a plane may have."""


def check_size(shape: Sequence[int], itemsize: int, name: str) -> None:
    """Refuse a picture that says it is larger than memory should be given for.

    Raises
    ------
    VideoError
        If it would take more than `LARGEST` bytes.
    """
    if math.prod(shape) * itemsize > LARGEST:
        size = f"{shape[1]} x {shape[0]} pixels"
        raise VideoError(
            f"{name} says that a frame has {size}: more than {LARGEST / 2**30:g} GiB. If it is not "
            "damaged, scale it down or cut it into tiles."
        )


def check_extent(shape: Sequence[int], plane: int, name: str) -> None:
    """Refuse what no file has: to list its planes or tiles alone would fill memory.

    Parameters
    ----------
    shape : sequence of int
        Of all axes.
    plane : int
        How many of them, the last ones, are of a plane.
    name : str
        For messages.

    Raises
    ------
    VideoError
        If there are more than `MOST` planes, or a side is longer than `LONGEST`.
    """
    count = math.prod(shape[:-plane])
    if count > MOST or max(shape[-plane:]) > LONGEST:
        raise VideoError(
            f"{name} says that it has {count} planes of {tuple(shape[-plane:])} values. There may "
            f"be {MOST}, and {LONGEST} along a side. If it is not damaged, cut it into parts."
        )


class Unchanged:
    """A file that has to stay as it was when it was opened.

    Parameters
    ----------
    path : Path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        self._before = self._now()

    def check(self) -> None:
        """Check that it is as it was.

        Raises
        ------
        VideoError
            If it is not: what is read now would be mixed with what was read before.
        OSError
            If it is not there.
        """
        try:
            same = self._now() == self._before
        except PermissionError:  # what is open may be read on all the same
            return
        if not same:
            raise VideoError(
                f"{self._path} has been changed since it was opened. Bring back the file of "
                "before, or open this one anew."
            )

    def _now(self) -> tuple[int, int]:
        state = self._path.stat()
        return state.st_size, state.st_mtime_ns


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn whatever a library raises while reading `path` into a `VideoError`."""
    try:
        with told_if_silent(path):
            yield
    except VideoError:
        raise
    except FileNotFoundError as error:
        raise VideoError(f"{path} is not there (any more). Check the path.") from error
    except Exception as error:
        if is_away(error):
            raise VideoError(f"{path} cannot be read: {DOES_NOT_ANSWER}.") from error
        raise VideoError(
            f"{path.name} cannot be read ({first_line(error)}). Is it complete, and of the "
            f"kind that its name says? Full path: {path}"
        ) from error
