"""The soft masks of all objects in one frame, each only where it can be (section 3.4, [33])."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_frtm.types import Box, SoftMasks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_EPSILON = 1e-6
_LEAST_ODDS = np.float32(_EPSILON / (1 - _EPSILON))


@dataclass(slots=True)
class Partition:
    """Probabilities of N objects and of the background at the working size; they sum to one.

    Attributes
    ----------
    boxes : list of Box
        Where each object can be.
    parts : list of float32 arrays
        What it is there, in [0, 1]; elsewhere it is 0.
    hull : Box
        Around all boxes; outside is background alone.
    background : float32 array of the size of `hull`
        The probability of the background.
    size : tuple of int
        (H, W) of the frame.
    """

    boxes: list[Box]
    parts: list[NDArray[np.float32]]
    hull: Box
    background: NDArray[np.float32]
    size: tuple[int, int]

    @classmethod
    def merged(
        cls, boxes: Sequence[Box], masks: Sequence[NDArray[np.float32]], size: tuple[int, int]
    ) -> Partition:
        """Aggregate soft masks of each object against everything else.

        Each object and the background, whose probability is the product of the objects'
        complements, takes its share of the odds.
        """
        hull = hull_of(boxes)
        places = [box.within(hull) for box in boxes]
        background = np.ones(hull.size, np.float32)
        for place, mask in zip(places, masks, strict=True):
            background[place] *= 1 - mask
        background = _odds(background)
        total = background + len(boxes) * _LEAST_ODDS
        parts = [_odds(mask) for mask in masks]
        for place, odds in zip(places, parts, strict=True):
            total[place] += odds - _LEAST_ODDS
        parts = [odds / total[place] for place, odds in zip(places, parts, strict=True)]
        return cls(list(boxes), parts, hull, background / total, size)

    @property
    def masks(self) -> SoftMasks:
        """The objects as one array of shape (N, H, W)."""
        return SoftMasks(self.boxes, self.parts, self.size)

    def normalise(self, box: Box) -> None:
        """Make the probabilities in a box sum to one again."""
        total = self.background[box.within(self.hull)].copy()
        overlaps = [box.intersection(other) for other in self.boxes]
        for both, other, part in zip(overlaps, self.boxes, self.parts, strict=True):
            total[both.within(box)] += part[both.within(other)]
        self.background[box.within(self.hull)] /= total
        for both, other, part in zip(overlaps, self.boxes, self.parts, strict=True):
            part[both.within(other)] /= total[both.within(box)]

    def replace(self, number: int, box: Box, part: NDArray[np.float32]) -> None:
        """Put a mask that the user drew in the place of one, and take its pixels from others."""
        drawn = part > 0.5
        for other, soft in zip(self.boxes, self.parts, strict=True):
            both = box.intersection(other)
            soft[both.within(other)][drawn[both.within(box)]] = 0
        hull = self.hull.union(box) if len(part) else self.hull
        background = np.ones(hull.size, np.float32)
        background[self.hull.within(hull)] = self.background
        self.hull, self.background = hull, background
        self.boxes[number], self.parts[number] = box, part

    def contested(self) -> list[NDArray[np.bool_]]:
        """Return for each object where, in its box, another one is found and it is not."""
        found = [part > 0.5 for part in self.parts]
        anything = np.zeros(self.hull.size, np.bool_)
        for box, each in zip(self.boxes, found, strict=True):
            anything[box.within(self.hull)] |= each
        boxes = [box.within(self.hull) for box in self.boxes]
        return [anything[box] & ~each for box, each in zip(boxes, found, strict=True)]


def hull_of(boxes: Sequence[Box]) -> Box:
    """Return the box around all that are not empty."""
    hull: Box | None = None
    for box in boxes:
        if min(box.size) > 0:
            hull = box if hull is None else hull.union(box)
    return hull or Box(0, 0, 0, 0)


def _odds(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    clipped = np.clip(probabilities, _EPSILON, 1 - _EPSILON)
    return np.asarray(clipped / (1 - clipped), np.float32)
