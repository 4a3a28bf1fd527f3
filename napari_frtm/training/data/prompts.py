"""What a user could have drawn to have an object found: simulated prompts of training samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_frtm.engine.extensions.location import bounding_box
from napari_frtm.engine.sketch.prompts import NOT_IT, Prompts
from napari_frtm.evaluation.corrections import next_correction, random_strokes, rough_polygon
from napari_frtm.types import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LEAST = 64
"""Pixels of an object that anything is drawn of."""

_BESIDE = 0.08
"""How far sides of a box are beside the object at most, in its height or width."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SimulatedPrompts:
    """What is drawn of the object of a crop, in which it has the id 1.

    Attributes
    ----------
    first : Prompts or bool array of shape (H, W)
        Strokes, points or a box; or a rough mask, which is to be tidied.
    corrections : int
        Strokes that follow, each where the answer is wrong most.
    points : bool
        Whether these are points.
    repeated : bool
        Whether the target model is fitted once more, on the answer: S sees both.
    """

    first: Prompts | NDArray[np.bool_]
    corrections: int = 0
    points: bool = False
    repeated: bool = True


def simulated(mask: NDArray[np.bool_], rng: np.random.Generator) -> SimulatedPrompts | None:
    """Return what could be drawn of an object; None if there is too little of it.

    Parameters
    ----------
    mask : bool array of shape (H, W)
        The object.
    rng : numpy.random.Generator
        Source of all choices.
    """
    if np.count_nonzero(mask) < _LEAST:
        return None
    repeated = bool(rng.random() < 0.7)
    kind = rng.random()
    if kind < 0.2:
        corners, dilation = int(rng.integers(6, 25)), float(rng.uniform(0, 0.1))
        return SimulatedPrompts(
            first=rough_polygon(mask, corners, rng, dilation), repeated=repeated
        )
    corrections = int(rng.integers(5))
    if kind < 0.3:
        nothing = np.zeros(mask.shape, np.int32)
        boxed = Prompts(strokes=nothing, boxes={1: _box(mask, rng)})
        return SimulatedPrompts(first=boxed, corrections=corrections, repeated=repeated)
    if kind < 0.55:
        counts = int(rng.integers(1, 6)), int(rng.integers(1, 9))
        inside, outside = random_strokes(mask, counts, rng)
        strokes = np.where(inside, 1, np.where(outside, NOT_IT, 0)).astype(np.int32)
        return SimulatedPrompts(first=Prompts(strokes=strokes), repeated=repeated)
    points = kind > 0.8
    begun = next_correction(np.zeros_like(mask), mask, point=points)
    assert begun is not None
    return SimulatedPrompts(
        first=Prompts(strokes=begun.drawn.astype(np.int32)),
        corrections=corrections,
        points=points,
        repeated=repeated,
    )


def _box(mask: NDArray[np.bool_], rng: np.random.Generator) -> Box:
    """Return a box around an object, not quite tight."""
    tight = bounding_box(mask, 0)
    rows, columns = (side * _BESIDE * rng.uniform(-0.25, 1, 2) for side in tight.size)
    top, bottom = round(tight.top - rows[0]), round(tight.bottom + rows[1])
    left, right = round(tight.left - columns[0]), round(tight.right + columns[1])
    box = Box(top, left, max(bottom, top + 1), max(right, left + 1))
    return box.intersection(Box(0, 0, *mask.shape))
