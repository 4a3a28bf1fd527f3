"""Look for an object only near where it was last seen; look-alikes elsewhere do not count.

The target model knows what an object looks like, not where it is. Among cells that look the same
it finds all of them. A region around the last mask keeps it to its own, in what it learns and in
what it finds.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn.functional import max_pool2d, pad

from napari_frtm.config import TARGET_STRIDE
from napari_frtm.engine.extensions.windows import window_around
from napari_frtm.engine.frames.partition import hull_of
from napari_frtm.types import Box

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_frtm.config import LocalityConfig
    from napari_frtm.engine.extensions.location import Location
    from napari_frtm.types import Labels


_CONTEXT = 64
"""Pixels around a window that the segmentation network sees as well: without them it fails."""


class SearchRegions:
    """Where to look for N objects in one frame.

    Parameters
    ----------
    locations : sequence of Location
        Where they were last seen.
    index : int
        The frame.
    config : LocalityConfig
        How far to look.
    working, padded : tuple of int
        Size (H, W) of the frame, and with its padding.
    stage : tuple of float
        Where the stage is in this frame, rows and columns in pixels.

    Attributes
    ----------
    windows : list of Box
        What the target model of each object looks at: its region, and a score around it.
    wide : list of Box
        What the segmentation network looks at.
    boxes : list of Box
        The windows without the padding of the frame.
    weights : list of float32 arrays
        How much a pixel counts, in [0, 1], by object, of the size of `boxes`.
    """

    def __init__(
        self,
        locations: Sequence[Location],
        index: int,
        config: LocalityConfig,
        working: tuple[int, int],
        padded: tuple[int, int],
        stage: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        self.locations = locations = [location.carried(stage) for location in locations]
        self.stage = stage
        self.windows: list[Box] = []
        for location in locations:
            margin = int(location.reach(index, config)) + 1 + TARGET_STRIDE
            self.windows.append(window_around(location.box.grown(margin), padded))
        self.wide = [window_around(window.grown(_CONTEXT), padded) for window in self.windows]
        frame = Box(0, 0, *working)
        self.boxes = [window.intersection(frame) for window in self.windows]
        self.weights = [
            location.window(index, config, box)
            for location, box in zip(locations, self.boxes, strict=True)
        ]

    def scores(self, number: int, scores: Tensor) -> Tensor:
        """Return coarse scores of an object's window, at most 0 outside its region."""
        h, w = scores.shape
        weights = torch.from_numpy(self.weights[number]).to(scores.device)
        below, right = h * TARGET_STRIDE - len(weights), w * TARGET_STRIDE - weights.shape[1]
        inside = max_pool2d(pad(weights, (0, right, 0, below))[None], TARGET_STRIDE)[0] > 0
        return torch.where(inside, scores, scores.clamp(max=0))

    def limit(self, masks: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """Return soft masks of the size of `boxes`, 0 outside the regions.

        Where several objects claim pixels, what one wins of another is left to that other, unless
        it is the main part of what the one wins.
        """
        soft = [mask * weight for mask, weight in zip(masks, self.weights, strict=True)]
        for location, box, mask in zip(self.locations, self.boxes, soft, strict=True):
            location.cut(mask, box[:2])
        hull = hull_of(self.boxes)
        best, top = np.zeros(hull.size, np.int32), np.zeros(hull.size, np.float32)
        for number, (box, mask) in enumerate(zip(self.boxes, soft, strict=True)):
            where = box.within(hull)
            better = mask > top[where]
            best[where][better] = number
            top[where][better] = mask[better]
        for number, (location, mask) in enumerate(zip(self.locations, soft, strict=True)):
            box = self.boxes[number]
            own = (mask > 0.5) & (best[box.within(hull)] == number)
            location.drop_fragments(mask, own, box[:2])
        return soft


def working_scale(annotations: Iterable[Labels], least: float, config: LocalityConfig) -> float:
    """Return the scale of the frames at which a typical annotated object is large enough.

    Enlarged in steps of a half; not below the scale `least`, without locality.
    """
    sizes: list[float] = []
    pixels = 1
    for labels in annotations:
        pixels = labels.size
        sizes += (np.bincount(np.asarray(labels).ravel())[1:] ** 0.5).tolist()
    size = median(s for s in sizes if s)
    scale = min(config.size / size, config.enlarge, (config.pixels / pixels) ** 0.5)
    return max(least, scale if scale < 1 else int(2 * scale) / 2)
