"""What exported movies show: cut-outs with alpha, or masks and mattes to look at."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from napari_frtm.io.export.box import box_around
from napari_frtm.io.export.mattes.alpha import Mattes
from napari_frtm.io.export.mattes.images import alpha_kind, cutout
from napari_frtm.io.export.movies.encodings import H264, Encoding
from napari_frtm.io.export.movies.movie import Movie
from napari_frtm.io.export.movies.sound import traits
from napari_frtm.io.export.overlay import overlay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

    from napari_frtm.io.export.job import Job, WriteFrame

_CHECKS = (96, 160)
_SQUARE = 16


def cutout_movie(encoding: Encoding) -> Callable[[Job], AbstractContextManager[WriteFrame]]:
    """Return the writer of movies of the objects with alpha."""

    @contextmanager
    def writer(job: Job) -> Iterator[WriteFrame]:
        mattes = Mattes(job)
        about = traits(job, f"alpha: {alpha_kind(job)}")
        with Movie(job.path, encoding, job.source.size, about, job.settings.odd) as movie:
            yield lambda index: movie.write(cutout(mattes, job, index, 8))

    return writer


def shown_movie(
    show: Callable[[Mattes, Job, int], NDArray[np.uint8]], wide: int = 1
) -> Callable[[Job], AbstractContextManager[WriteFrame]]:
    """Return the writer of H.264 movies of pictures that are `wide` frames wide."""

    @contextmanager
    def writer(job: Job) -> Iterator[WriteFrame]:
        mattes = Mattes(job)
        size = job.source.size[0], wide * job.source.size[1]
        with Movie(job.path, H264, size, traits(job, ""), job.settings.odd) as movie:
            yield lambda index: movie.write(show(mattes, job, index))

    return writer


def overlaid(mattes: Mattes, job: Job, index: int) -> NDArray[np.uint8]:
    """Return a frame with the masks tinted and outlined."""
    return overlay(mattes.image(index), job.labels(index))


def side_by_side(mattes: Mattes, job: Job, index: int) -> NDArray[np.uint8]:
    """Return a frame, and beside it the same with the masks."""
    return np.concatenate([mattes.image(index), overlaid(mattes, job, index)], axis=1)


def matte_only(mattes: Mattes, job: Job, index: int) -> NDArray[np.uint8]:
    """Return the matte of all objects as a grey picture."""
    alpha = np.rint(mattes.together(index) * 255).astype(np.uint8)
    return np.repeat(alpha[..., None], 3, axis=2)


def over_checker(mattes: Mattes, job: Job, index: int) -> NDArray[np.uint8]:
    """Return the objects over a checkerboard."""
    alpha = mattes.together(index)
    return composed(mattes.colours(index, alpha), alpha, checker(job.source.size))


def composed(
    front: NDArray[np.uint8], alpha: NDArray[np.float32], back: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Return colours of shape (H, W, 3) over others, with an alpha of shape (H, W)."""
    shown = back.copy()
    box = box_around(alpha > 0)
    share = alpha[box][..., None]
    shown[box] = np.rint(front[box] * share + back[box] * (1 - share)).astype(np.uint8)
    return shown


def checker(size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a checkerboard of shape (H, W, 3)."""
    rows, columns = (np.arange(side) // _SQUARE for side in size)
    board = np.array(_CHECKS, np.uint8)[(rows[:, None] + columns) % 2]
    return np.repeat(board[..., None], 3, axis=2)
