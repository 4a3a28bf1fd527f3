"""What a clean-up does, frame by frame; without Qt."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from napari_frtm.engine.cleanup import clean_up, drop_specks, fill_holes, grow, keep_largest, vote

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_frtm.types import Labels


class Operation(StrEnum):
    """What can be done to masks."""

    GROW = "Grow or shrink"
    FILL = "Fill holes"
    DROP = "Drop specks"
    LARGEST = "Keep the largest piece"
    SMOOTH = "Smooth in time"


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanUp:
    """One clean-up.

    Attributes
    ----------
    operation : Operation
        What to do.
    amount : int
        Pixels to grow by (negative: shrink); area of the largest hole or the smallest piece,
        pixels; frames to either side that have a vote. *Keep the largest piece* needs none.
    object_ids : frozenset of int or None
        Objects to clean up; None for all.
    """

    operation: Operation
    amount: int
    object_ids: frozenset[int] | None = None

    @property
    def radius(self) -> int:
        """Frames to either side that it looks at."""
        return self.amount if self.operation is Operation.SMOOTH else 0

    def apply(self, window: Sequence[Labels], own: int) -> Labels:
        """Return the cleaned labels of the frame at place `own` of consecutive frames."""
        labels = window[own]
        ids = self.object_ids or frozenset(range(1, int(labels.max(initial=0)) + 1))
        if self.operation is Operation.SMOOTH:
            everyone = self.object_ids or {i for frame in window for i in _ids(frame)}
            return vote(window, own, everyone)
        steps: dict[Operation, Callable[[NDArray[np.bool_]], NDArray[np.bool_]]] = {
            Operation.GROW: partial(grow, pixels=self.amount),
            Operation.FILL: partial(fill_holes, largest=self.amount),
            Operation.DROP: partial(drop_specks, smallest=self.amount),
            Operation.LARGEST: keep_largest,
        }
        reach = max(0, self.amount) if self.operation is Operation.GROW else 0
        return clean_up(labels, ids, [steps[self.operation]], reach)


def cleaned(
    clean: CleanUp, read: Callable[[int], Labels], frames: range, left_alone: Collection[int]
) -> Generator[tuple[int, Labels | None], None, None]:
    """Yield the frames of a range with their new labels, None for those that are left alone.

    Every frame is read once, before any frame that it has a say in is yielded: the caller may
    replace frames as they come.

    Parameters
    ----------
    clean : CleanUp
        What to do.
    read : callable
        Gives the labels of a frame, of shape (H, W).
    frames : range
        Frames to clean up, step 1.
    left_alone : collection of int
        Frames among them that stay as they are, such as keyframes.
    """
    window: deque[Labels] = deque()
    first = ahead = frames.start
    for frame in frames:
        while ahead < min(frame + clean.radius + 1, frames.stop):
            window.append(read(ahead))
            ahead += 1
        while first < frame - clean.radius:
            window.popleft()
            first += 1
        yield frame, None if frame in left_alone else clean.apply(list(window), frame - first)


def _ids(labels: Labels) -> range:
    return range(1, int(labels.max(initial=0)) + 1)
