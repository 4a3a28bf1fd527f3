"""Outlines of soft masks where the colours of the image change; not in the paper.

A conditional random field of pixels, by a few steps of mean field [Krähenbühl and Koltun,
Efficient Inference in Fully Connected CRFs, NIPS 2011]. Its long-range term compares a pixel with
those of its colour nearby: a histogram of colours in each cell of a coarse grid, blurred over the
grid, which is linear in the pixels. Its short-range term is a guided filter [He, Sun and Tang,
Guided Image Filtering, TPAMI 2013].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_frtm.engine.extensions.location import bounding_box
from napari_frtm.types import Box

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_frtm.config import OutlineConfig

_LEVELS = 12
"""Of each of the three colours: bins of the histograms."""
_CELL = 48
"""Pixels along a side of a cell that has a histogram."""
_SURE = 0.2
"""How near to 0 or 1 a soft mask is where it is kept, if nothing else is near."""
_LEAST = 0.01
"""How near to 0 or 1 its log-odds are those of."""
_NEAR = 17
"""Pixels along the side of the square around an unsure pixel in which all may change."""
_RADIUS, _CONTRAST = 5, 1e-3
"""Of the guided filter: pixels, and the variance of a window that counts as an edge."""
_FEW = 0.1
"""Pixels of a colour nearby that say as little as none."""
_THIN = 0.02
"""Share of a neighbourhood that an object is taken to have at least, and the background."""
_MANY = 40_000
"""Pixels from which on every second row and column is counted."""


@dataclass(frozen=True, slots=True, eq=False)
class Outlines:
    """What the outlines of masks follow in a frame.

    Attributes
    ----------
    image : array of shape (3, H, W), in [0, 1]
        The frame at the working size; it may be padded.
    config : OutlineConfig
        How much colours count.
    refined : bool
        Whether masks come from the segmentation network, or straight from the target model.
    """

    image: NDArray[np.float32]
    config: OutlineConfig
    refined: bool

    @classmethod
    def of(
        cls, images: Tensor, config: OutlineConfig | None, *, refined: bool
    ) -> list[Outlines] | list[None]:
        """Return those of B frames (B, 3, H, W), in [0, 1], fetched from where they are together.

        Nothing where masks are kept as they are.
        """
        if config is None:
            return [None] * len(images)
        return [cls(image, config, refined) for image in images.cpu().numpy()]

    def followed(
        self, masks: Sequence[NDArray[np.float32]], boxes: Sequence[Box]
    ) -> list[NDArray[np.float32]]:
        """Return soft masks of N objects in their boxes, with outlines at edges of the image.

        Only what changes sides is changed: how unsure the others are says how good a mask is.
        """
        return [self._along_edges(mask, box) for mask, box in zip(masks, boxes, strict=True)]

    def _along_edges(self, mask: NDArray[np.float32], box: Box) -> NDArray[np.float32]:
        likely = mask > _SURE
        if not likely.any():
            return mask
        around = bounding_box(likely, 2 * _NEAR).intersection(Box(0, 0, *mask.shape))
        sharp = mask.copy()
        image = self.image[:, *box.slices][:, *around.slices]
        trust = self.config.trust if self.refined else self.config.trust_scores
        sharp[around.slices] = _mean_field(mask[around.slices], image, trust, self.config)
        return sharp


def _mean_field(
    mask: NDArray[np.float32], image: NDArray[np.float32], trust: float, config: OutlineConfig
) -> NDArray[np.float32]:
    unsure = ((mask > _SURE) & (mask < 1 - _SURE)).astype(np.uint8)
    band = np.flatnonzero(cv2.dilate(unsure, np.ones((_NEAR, _NEAR), np.uint8)))
    if not len(band):
        return mask
    histograms = _Histograms(image, config.reach)
    edges = _GuidedFilter(image.mean(0))
    start = mask.ravel()[band].clip(_LEAST, 1 - _LEAST)
    known = trust * np.log(start / (1 - start))
    soft = mask.copy()
    for _ in range(config.steps):
        alike = histograms.share(soft, band)
        smooth = edges.filtered(soft).ravel()[band]
        logits = known + config.colour * (2 * alike - 1) + config.smooth * (2 * smooth - 1)
        soft.ravel()[band] = 1 / (1 + np.exp(-logits))
    return np.where((soft > 0.5) == (mask > 0.5), mask, soft)


class _Histograms:
    """How often each colour is seen around each place of an image (3, H, W)."""

    def __init__(self, image: NDArray[np.float32], reach: float) -> None:
        size = (image.shape[1], image.shape[2])
        levels = (image * (_LEVELS - 1e-3)).astype(np.int32)
        colour = (levels[0] * _LEVELS + levels[1]) * _LEVELS + levels[2]
        seen = np.zeros(_LEVELS**3, np.bool_)
        seen[colour] = True
        self.colours = int(np.count_nonzero(seen))
        number = np.cumsum(seen) - 1
        rows, columns = (np.arange(side) // _CELL for side in size)
        self.grid = (int(rows[-1]) + 1, int(columns[-1]) + 1)
        self.cell = rows[:, None] * self.grid[1] + columns
        self.bin = self.cell * self.colours + number[colour]
        self.blurs = [_gaussian(cells, reach / _CELL) for cells in self.grid]
        step = 2 if colour.size > _MANY else 1
        self.counted = (slice(None, None, step), slice(None, None, step))
        self.total = self._blurred(None)

    def share(self, soft: NDArray[np.float32], where: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return how much likelier a colour is inside of a mask than outside, for some pixels.

        As the share that the mask would have of the pixels nearby with that colour if it had half
        of all of them; lest thin parts be outvoted.
        """
        inside = self._blurred(soft)
        of_bin, of_cell = self.bin.ravel()[where], self.cell.ravel()[where]
        inner = inside.ravel()[of_bin]
        outer = self.total.ravel()[of_bin] - inner
        share = (inside.sum(1) / self.total.sum(1)).clip(_THIN, 1 - _THIN)
        inner /= share[of_cell]
        outer /= (1 - share)[of_cell]
        found: NDArray[np.float32] = (inner + _FEW) / (inner + outer + 2 * _FEW)
        return found

    def _blurred(self, weights: NDArray[np.float32] | None) -> NDArray[np.float32]:
        """Return the weight of each colour around each cell, (cells, colours)."""
        bins = self.bin[self.counted].ravel()
        each = None if weights is None else weights[self.counted].ravel()
        count = self.grid[0] * self.grid[1] * self.colours
        counted = np.bincount(bins, each, count).astype(np.float32)
        down, across = self.blurs
        counted = down @ counted.reshape(self.grid[0], -1)
        counted = across @ counted.reshape(*self.grid, self.colours)
        return counted.reshape(-1, self.colours)


class _GuidedFilter:
    """Smooths masks, but not across the edges of an image (H, W)."""

    def __init__(self, guide: NDArray[np.float32]) -> None:
        self.guide = guide
        self.mean = _box(guide)
        self.variance = _box(guide * guide) - self.mean**2 + _CONTRAST

    def filtered(self, soft: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a mask (H, W) as a linear function of the guide in each window."""
        mean = _box(soft)
        slope = (_box(self.guide * soft) - self.mean * mean) / self.variance
        return _box(slope) * self.guide + _box(mean - slope * self.mean)


def _box(image: NDArray[np.float32]) -> NDArray[np.float32]:
    side = 2 * _RADIUS + 1
    return np.asarray(cv2.blur(image, (side, side)), np.float32)


def _gaussian(count: int, deviation: float) -> NDArray[np.float32]:
    """Return the matrix that blurs a row of so many cells."""
    place = np.arange(count) / deviation
    return np.exp(-0.5 * (place[:, None] - place) ** 2).astype(np.float32)
