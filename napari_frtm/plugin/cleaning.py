"""What a clean-up does, frame by frame; without Qt."""

from __future__ import annotations

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
        """Return the cleaned labels of the frame at place `own` among those around it."""
        ids = self.object_ids or {i for labels in window for i in _ids(labels)}
        if self.operation is Operation.SMOOTH:
            return vote(window, own, ids)
        steps: dict[Operation, Callable[[NDArray[np.bool_]], NDArray[np.bool_]]] = {
            Operation.GROW: partial(grow, pixels=self.amount),
            Operation.FILL: partial(fill_holes, largest=self.amount),
            Operation.DROP: partial(drop_specks, smallest=self.amount),
            Operation.LARGEST: keep_largest,
        }
        reach = max(0, self.amount) if self.operation is Operation.GROW else 0
        return clean_up(window[own], ids, [steps[self.operation]], reach)


def cleaned(
    clean: CleanUp,
    read: Callable[[int], Labels],
    frames: range,
    filled: NDArray[np.bool_],
    left_alone: Collection[int] = (),
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
        Frames to clean up, step 1. Those around them have a say too.
    filled : bool array of shape (T,)
        Frames that have masks; others stay empty and have no say.
    left_alone : collection of int
        Frames that stay as they are, such as keyframes.
    """
    window: dict[int, Labels] = {}
    for frame in frames:
        first, stop = frame - clean.radius, min(len(filled), frame + clean.radius + 1)
        window = {index: labels for index, labels in window.items() if index >= first}
        for index in range(max(0, first), stop):
            if filled[index] and index not in window:
                window[index] = read(index)
        if frame in left_alone or frame not in window:
            yield frame, None
        else:
            indices = sorted(window)
            labels = [window[index] for index in indices]
            yield frame, clean.apply(labels, indices.index(frame))


def _ids(labels: Labels) -> range:
    return range(1, int(labels.max(initial=0)) + 1)
