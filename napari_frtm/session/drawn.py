"""What a user gives to follow, from files: label images of some frames, and a range of frames."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from napari_frtm.config import Direction
from napari_frtm.errors import FrtmError
from napari_frtm.io.labels import LIMITS, check_labels, read_labels

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_frtm.io.video.opening import Video
    from napari_frtm.types import Labels

LARGEST_ID = max(LIMITS.values())


def mask_entry(text: str) -> tuple[int | None, Path]:
    """Return frame and file of ``T:FILE``; of a file alone, no frame."""
    match = re.match(r"(\d+):(.+)", text)
    return (int(match[1]), Path(match[2])) if match else (None, Path(text))


def read_drawn(
    masks: Iterable[tuple[int | None, Path]],
    video: Video,
    span: range,
    direction: Direction,
    threshold: float | None = None,
) -> dict[int, Labels]:
    """Return label images by frame; refuses those that do not fit.

    Parameters
    ----------
    masks : iterable of (int or None, Path)
        Frame and file; without a frame, the first of the span is meant, or the last one going
        backward.
    video : Video
        What they are of.
    span : range
        The frames to fill.
    direction : Direction
        Which way to go.
    threshold : float, optional
        Of soft masks: from which part of full strength on a pixel belongs to the object.

    Raises
    ------
    FrtmError
        If one cannot be read, is of another size or of a frame outside, or a frame has two.
    """
    default = span.stop - 1 if direction == Direction.BACKWARD else span.start
    size = video.frames.shape[1:3]
    drawn: dict[int, Labels] = {}
    for index, file in masks:
        labels = read_labels(file, threshold)
        check_labels(labels, size, file.name)
        if labels.max() > LARGEST_ID:
            raise FrtmError(
                f"{file.name} has the object id {labels.max()}; masks have room for ids up to "
                f"{LARGEST_ID}. Renumber the objects."
            )
        frame = default if index is None else index
        if frame not in span:
            raise FrtmError(
                f"{file.name} is of frame {frame}, which is outside of the frames {span.start} to "
                f"{span.stop - 1}. Extend the range, or say which frame it is: T:{file.name}."
            )
        if frame in drawn:
            raise FrtmError(f"Two masks are given for frame {frame}; the second is {file.name}.")
        drawn[frame] = labels
    return drawn


def absolute_span(span: tuple[int | None, int | None] | None, length: int) -> range:
    """Return the frames from the first to before the second; None for the video's own ends.

    Raises
    ------
    FrtmError
        If they are not within the video.
    """
    start, stop = span or (None, None)
    if (start or 0) >= length or (stop or 0) > length:
        raise FrtmError(
            f"The range {'' if start is None else start}:{'' if stop is None else stop} is not "
            f"within the video's {length} frames, 0:{length}. Choose a range inside it."
        )
    return range(start or 0, length if stop is None else stop)
