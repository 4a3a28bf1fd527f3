"""The parts of a frame that the backbone sees, where objects cannot be anywhere else."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_frtm.engine.extensions.windows import LEAST, MULTIPLE, aligned, crop, groups
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
"""Of the frame: larger parts together cost nearly as much."""

_SHRUNK = 1 / 3
"""Of the area that the user drew: of an object that has less, it may be something else."""


@dataclass(frozen=True, slots=True)
class SeenFrame:
    """What the backbone saw of a frame: all of it, or parts.

    Attributes
    ----------
    size : tuple of int
        Padded size (H, W) of the frame.
    parts : list of Box
        What the features cover, pixels; no two of them overlap.
    features : list of Features
        Of each part, a batch of one.
    """

    size: tuple[int, int]
    parts: list[Box]
    features: list[Features]

    @classmethod
    def whole(cls, features: Features, size: tuple[int, int]) -> SeenFrame:
        """Return a frame of which all was seen."""
        return cls(size, [Box(0, 0, *size)], [features])

    @classmethod
    def of_parts(
        cls, network: FrtmNetwork, image: Tensor, parts: Sequence[Box], *, refine: bool
    ) -> SeenFrame:
        """Let the backbone see parts of an image (1, 3, H, W), those of one size together.

        The rims of the parts are left out, where F did not see what lies around them.
        """
        size = (image.shape[2], image.shape[3])
        features: dict[int, Features] = {}
        for alike in groups(part.size for part in parts):
            seen = network.features(crop(image, [parts[i] for i in alike], 1), refine=refine)
            for number, i in enumerate(alike):
                inside = _inside(parts[i], size).shifted(-parts[i].top, -parts[i].left)
                each = {stride: level[number : number + 1] for stride, level in seen.items()}
                features[i] = {s: crop(level, [inside], s) for s, level in each.items()}
        insides = [_inside(part, size) for part in parts]
        return cls(size, insides, [features[i] for i in range(len(parts))])

    @property
    def all_of_it(self) -> bool:
        """Whether the features cover the whole frame."""
        return self.parts == [Box(0, 0, *self.size)]

    def part_with(self, box: Box) -> Box:
        """Return the part that has most of a box."""
        return max(self.parts, key=lambda part: part.intersection(box).area)

    def crops(self, windows: Sequence[Box], stride: int) -> Tensor:
        """Return features (M, C, h, w) of windows of one size, each inside a part."""
        pieces = []
        for window in windows:
            part = self.part_with(window)
            level = self.features[self.parts.index(part)][stride]
            pieces.append(crop(level, [window.shifted(-part.top, -part.left)], stride))
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces)


def parts_within_reach(
    lasts: Sequence[Location | None], index: int, leap: float, frame: tuple[int, int]
) -> list[Box]:
    """Return the parts of a frame in which objects can be that were seen in the one before.

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
            return [Box(0, 0, *frame)]
        if np.count_nonzero(last.mask) < _SHRUNK * last.size**2:
            return [Box(0, 0, *frame)]
        reach = int(max(leap, last.apart) * max(last.size, *last.box.size)) + MULTIPLE
        boxes.append(last.box.grown(*(max(reach, (LEAST - side) // 2) for side in last.box.size)))
    return parts_around(boxes, frame)


def parts_around(boxes: Sequence[Box], frame: tuple[int, int]) -> list[Box]:
    """Return the parts of a frame that F has to see for its features in all of some boxes.

    Boxes share a part if theirs would overlap, or if it is not larger than theirs.
    """
    whole = Box(0, 0, *frame)
    parts: list[Box] = []
    for box in boxes:
        part = aligned(box.grown(MULTIPLE)).intersection(whole)
        while near := [other for other in parts if _better_shared(part, other, frame)]:
            parts = [other for other in parts if other not in near]
            part = reduce(Box.union, near, part)
        parts.append(part)
    return parts if sum(part.area for part in parts) <= _LARGE * whole.area else [whole]


def _better_shared(one: Box, other: Box, frame: tuple[int, int]) -> bool:
    both = _inside(one, frame).intersection(_inside(other, frame))
    return both.area > 0 or one.union(other).area <= one.area + other.area


def _inside(part: Box, frame: tuple[int, int]) -> Box:
    """Return what of a part has features as of the whole frame: all but its rim."""
    return part.without_rim(MULTIPLE, Box(0, 0, *frame))
