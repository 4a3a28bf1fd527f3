"""What the colours of an image say about where an object ends; not in the paper.

Histograms of colours inside and outside of a soft mask, at several distances, and a guided filter
[He, Sun and Tang, Guided Image Filtering, TPAMI 2013] are what the outline network sees beside the
image and the mask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FULL, HALF = 7, 2
"""Planes of `Cues`."""
_LEAST = 0.01
"""How near to 0 or 1 a probability is whose log-odds are 1."""
_NOISE = 0.75
"""Standard deviation of the blur before the finer of two histograms nearby, pixels."""
_LEVELS, _FINER_LEVELS = 12, 16
"""Of each channel, as colours are counted; the finer ones in an image of half the size."""
_NEAR, _VERY_NEAR, _FAR, _FINER = (48, 48.0), (20, 20.0), (120, 250.0), (24, 24.0)
"""Pixels along a cell, and the standard deviation of the distance that counts."""
_MANY = 40_000
"""Pixels from which on every second row and column is counted."""
_RADIUS, _CONTRAST = 2, 1e-3
"""Of the guided filter, at half the size: pixels, and the variance of a window that is an edge."""
_FEW = 0.1
"""Pixels of a colour nearby that say as little as none."""
_THIN = 0.02
"""Share of a neighbourhood that an object is taken to have at least, and the background."""


class Cues(NamedTuple):
    """What tells whether pixels belong to an object, in [-1, 1].

    Attributes
    ----------
    full : float32 array of shape (7, H, W)
        The image; the log-odds of the mask; how much oftener the colour is seen inside of the mask
        than outside, nearby, very near and far.
    half : float32 array of shape (2, H / 2, W / 2)
        How much oftener the colour is seen inside nearby, in finer levels; and the mask as the
        guided filter smooths it.
    """

    full: NDArray[np.float32]
    half: NDArray[np.float32]


def log_odds(mask: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the log-odds of probabilities over those of 0.99, in [-1, 1]."""
    kept = mask.clip(_LEAST, 1 - _LEAST)
    odds: NDArray[np.float32] = np.log(kept / (1 - kept)) / np.log(1 / _LEAST - 1)
    return odds.astype(np.float32)


def cues(image: NDArray[np.float32], mask: NDArray[np.float32]) -> Cues:
    """Return what an image says about a soft mask.

    Parameters
    ----------
    image : array of shape (3, H, W), in [0, 1]
        Around the object; H and W are even.
    mask : array of shape (H, W), in [0, 1]
        What is known of it.
    """
    small, small_mask = np.stack([_halved(plane) for plane in image]), _halved(mask)
    calm = np.stack([cv2.GaussianBlur(plane, (0, 0), _NOISE) for plane in small])
    finer = shares(*numbered(calm, _FINER_LEVELS), small_mask, *_FINER)
    half = np.stack([finer, guided(small.mean(0), small_mask)])
    colours = numbered(image, _LEVELS)
    full = np.empty((FULL, *mask.shape), np.float32)
    full[:3], full[3] = image, log_odds(mask)
    for plane, where in zip(full[4:], (_NEAR, _VERY_NEAR, _FAR), strict=True):
        plane[:] = shares(*colours, mask, *where)
    for each in (full[:3], full[4:], half):
        np.multiply(each, 2, out=each)
        np.subtract(each, 1, out=each)
    return Cues(full, half)


def numbered(image: NDArray[np.float32], levels: int) -> tuple[NDArray[np.int32], int]:
    """Return which colour each pixel of an image (3, H, W) in [0, 1] has, and of how many.

    Colours are told apart by `levels` of each channel; those that are not seen have no number.
    """
    level = (image * (levels - 1e-3)).astype(np.int32)
    colour = (level[0] * levels + level[1]) * levels + level[2]
    seen = np.bincount(colour.ravel()) > 0
    number = np.cumsum(seen, dtype=np.int32) - 1
    return number[colour], int(np.count_nonzero(seen))


def shares(
    colour: NDArray[np.int32],
    colours: int,
    mask: NDArray[np.float32],
    cell: int,
    reach: float,
) -> NDArray[np.float32]:
    """Return how much likelier the colour of each pixel is inside of a mask than outside.

    As the share that the mask would have of the pixels nearby with that colour if it had half of
    all of them; lest thin parts be outvoted.

    Parameters
    ----------
    colour : int32 array of shape (H, W), below `colours`
        See `numbered`; colours are counted in cells of a grid.
    colours : int
        How many there are.
    mask : array of shape (H, W), in [0, 1]
        How much each pixel is inside.
    cell : int
        Pixels along the side of a cell.
    reach : float
        Standard deviation of the distance that counts as nearby, pixels.

    Returns
    -------
    float32 array of shape (H, W), in (0, 1)
    """
    rows, columns = (np.arange(side, dtype=np.int32) // cell for side in mask.shape)
    grid = (int(rows[-1]) + 1, int(columns[-1]) + 1)
    bins = (rows * (grid[1] * colours))[:, None] + columns * colours
    bins += colour
    step = 2 if mask.size > _MANY else 1
    counted = np.s_[::step, ::step]
    some = bins[counted].ravel()
    down, across = (_gaussian(cells, reach / cell) for cells in grid)

    def blurred(weights: NDArray[np.float32] | None) -> NDArray[np.float32]:
        count = np.bincount(some, weights, grid[0] * grid[1] * colours)
        spread = down @ count.astype(np.float32).reshape(grid[0], -1)
        return np.asarray(across @ spread.reshape(*grid, colours)).reshape(-1, colours)

    total, inside = blurred(None), blurred(mask[counted].ravel())
    share = (inside.sum(1) / total.sum(1)).clip(_THIN, 1 - _THIN)[:, None]
    inner, outer = inside / share, (total - inside) / (1 - share)
    found = (inner + _FEW) / (inner + outer + 2 * _FEW)
    likely: NDArray[np.float32] = found.ravel()[bins]
    return likely


def guided(guide: NDArray[np.float32], mask: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a mask (H, W) that is smooth, but not across the edges of an image (H, W).

    As a linear function of the image in each window.
    """
    mean, mean_mask = _box(guide), _box(mask)
    variance = _box(guide * guide) - mean**2 + _CONTRAST
    slope = (_box(guide * mask) - mean * mean_mask) / variance
    return _box(slope) * guide + _box(mean_mask - slope * mean)


def _halved(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    half = (plane.shape[1] // 2, plane.shape[0] // 2)
    return np.asarray(cv2.resize(plane, half, interpolation=cv2.INTER_AREA))


def _box(image: NDArray[np.float32]) -> NDArray[np.float32]:
    side = 2 * _RADIUS + 1
    return np.asarray(cv2.blur(image, (side, side)), np.float32)


def _gaussian(count: int, deviation: float) -> NDArray[np.float32]:
    """Return the matrix that blurs a row of so many cells."""
    place = np.arange(count) / deviation
    return np.exp(-0.5 * (place[:, None] - place) ** 2).astype(np.float32)
