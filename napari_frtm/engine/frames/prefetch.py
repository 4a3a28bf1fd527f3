"""Frames of a video, each read while the one before is used."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from napari_frtm.types import Frame, Frames


def read_ahead(frames: Frames, order: Sequence[int]) -> Generator[Frame, None, None]:
    """Yield frames in this order; the next one is read while the last one is used."""
    with ThreadPoolExecutor(1, "frtm-reader") as reader:
        upcoming: Future[Frame] | None = None
        for position, index in enumerate(order):
            current = upcoming or reader.submit(_read, frames, index)
            upcoming = None
            if position + 1 < len(order):
                upcoming = reader.submit(_read, frames, order[position + 1])
            yield current.result()


def _read(frames: Frames, index: int) -> Frame:
    return np.asarray(frames[index])
