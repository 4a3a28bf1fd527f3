"""The part of a frame that the backbone sees, where objects cannot be anywhere else."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from napari_frtm.engine.extensions.location import grown
from napari_frtm.engine.extensions.windows import MULTIPLE, aligned, crop
from napari_frtm.types import Box

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_frtm.engine.extensions.location import Location
    from napari_frtm.engine.networks.backbone import Features
    from napari_frtm.engine.networks.network import FrtmNetwork

WHOLE_EVERY = 8
"""Frames from one that is seen as a whole to the next: what is far away tells objects apart."""

_LARGE = 0.7
"""Of the frame: a larger part costs nearly as much."""

_SHRUNK = 1 / 3
"""Of the area that the user drew: of an object that has less, it may be something else."""

_LEAST = 320
"""Pixels around an object, from edge to edge: in smaller parts, small objects are lost."""


def part_within_reach(
    lasts: Sequence[Location | None], index: int, leap: float, frame: tuple[int, int]
) -> Box:
    """Return the part of a frame in which objects can be that were seen in the one before.

    It is the whole frame at intervals, and where an object was not found in the frame before, or
    little of it, for it may have come to light elsewhere.

    Parameters
    ----------
    lasts : sequence of Location or None
        Where each object was seen last; None if it was not seen yet.
    index : int
        The frame.
    leap : float
        How far from its last mask an object may be, in its sizes.
    frame : tuple of int
        Padded size (H, W), pixels.
    """
    boxes = []
    for last in lasts:
        if last is None or abs(index - last.index) != 1 or index % WHOLE_EVERY == 0:
            return Box(0, 0, *frame)
        if np.count_nonzero(last.mask) < _SHRUNK * last.size**2:
            return Box(0, 0, *frame)
        reach = int(max(leap, last.apart) * max(last.size, *last.box.size)) + MULTIPLE
        rows, columns = (max(reach, (_LEAST - side) // 2) for side in last.box.size)
        top, left, bottom, right = last.box
        boxes.append(Box(top - rows, left - columns, bottom + rows, right + columns))
    return part_around(boxes, frame)


def part_around(boxes: Sequence[Box], frame: tuple[int, int]) -> Box:
    """Return the part of a frame that F has to see for its features in all of some boxes."""
    whole = Box(0, 0, *frame)
    part = aligned(grown(reduce(Box.union, boxes), MULTIPLE)).intersection(whole)
    return part if part.area <= _LARGE * whole.area else whole


def features_of_part(
    network: FrtmNetwork, images: Tensor, part: Box, *, refine: bool
) -> tuple[Features, Box]:
    """Return features of a part of images (B, 3, H, W), and the box (padded pixels) they cover.

    The rim of the part is left out, where F did not see what lies around it.
    """
    rows, columns = part.slices
    features = network.features(images[..., rows, columns], refine=refine)
    inside = part.without_rim(MULTIPLE, Box(0, 0, *images.shape[-2:]))
    if inside == part:
        return features, part
    box = inside.shifted(-part.top, -part.left)
    return {stride: crop(level, [box], stride) for stride, level in features.items()}, inside
