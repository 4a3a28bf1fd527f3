"""What a clean-up does, frame by frame; without Qt."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from napari_frtm.engine.extensions.cleanup import (
    clean_up,
    drop_specks,
    fill_holes,
    grow,
    keep_largest,
    vote,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterable, Sequence
    from threading import Semaphore

    import numpy as np
    from numpy.typing import NDArray

    from napari_frtm.types import Labels

_PATIENCE = 5  # seconds that a frame waits to be taken


class Operation(StrEnum):
    """What can be done to masks."""

    GROW = "Grow or shrink"
    FILL = "Fill holes"
    DROP = "Drop specks"
    LARGEST = "Keep the largest piece"
    SMOOTH = "Smooth in time"


class Amount(NamedTuple):
    """Which numbers an operation takes, their unit, and what they mean to the user."""

    least: int
    most: int
    usual: int
    unit: str
    meaning: str


AMOUNTS = {
    Operation.GROW: Amount(-200, 200, 1, " px", "Pixels to grow by; negative numbers shrink."),
    Operation.FILL: Amount(1, 10**8, 200, " px", "Area of the largest hole that is filled."),
    Operation.DROP: Amount(1, 10**8, 50, " px", "Area of the smallest piece that is kept."),
    Operation.LARGEST: Amount(0, 0, 0, "", "Nothing to set."),
    Operation.SMOOTH: Amount(1, 20, 1, " frames", "Frames to either side that have a vote."),
}


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
        Objects to clean up; None for all. The background, 0, is none.
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
        everyone = {i for labels in window for i in _ids(labels)}
        ids = everyone if self.object_ids is None else self.object_ids - {0}
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


def in_turn(
    frames: Iterable[tuple[int, Labels | None]], free: Semaphore
) -> Generator[tuple[int, Labels | None], None, None]:
    """Yield cleaned frames, each when the one before has been taken, so that none pile up."""
    for item in frames:
        free.acquire(timeout=_PATIENCE)
        yield item


def _ids(labels: Labels) -> range:
    return range(1, int(labels.max(initial=0)) + 1)
