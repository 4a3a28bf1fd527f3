"""Smooth procedural noise, cells and curves that both sample clips are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float32]


def smoothstep(low: float, high: float, x: ArrayLike) -> Array:
    """Return the cubic step from 0 at `low` to 1 at `high`, for an array of any shape."""
    t = np.clip((np.asarray(x, np.float32) - low) / (high - low), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def fractal(
    shape: tuple[int, int], cell: float, rng: np.random.Generator, octaves: int = 4
) -> Array:
    """Return noise of shape (H, W), mean 0 and deviation 1, with features of `cell` pixels."""
    height, width = shape
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        step = max(cell / 2**octave, 1.0)
        grid = rng.standard_normal((int(height / step) + 4, int(width / step) + 4))
        fine = cv2.resize(grid.astype(np.float32), None, fx=step, fy=step, interpolation=2)
        total += fine[:height, :width] / 2**octave
    return (total - total.mean()) / total.std()


def worley(x: Array, y: Array, seed: int) -> tuple[Array, Array]:
    """Return, at points of shape (H, W) in units of one cell, the crack distance and the cell id.

    The crack distance is second-nearest minus nearest distance to the jittered cell centres,
    rounded off far from them: at most 0 between cells; ids are in [0, 1), one per cell.
    """
    rng = np.random.default_rng(seed)
    table = rng.random((64, 64, 3)).astype(np.float32)
    column, row = np.floor(x).astype(np.int32), np.floor(y).astype(np.int32)
    nearest = np.full(x.shape, 9, np.float32)
    second, identity = nearest.copy(), nearest.copy()
    for i in range(-1, 2):
        for j in range(-1, 2):
            jitter = table[(row + i) % 64, (column + j) % 64]
            dx, dy = column + j + jitter[..., 0] - x, row + i + jitter[..., 1] - y
            distance = np.hypot(dx, dy)
            closer = distance < nearest
            second = np.where(closer, nearest, np.minimum(second, distance))
            identity = np.where(closer, jitter[..., 2], identity)
            nearest = np.where(closer, distance, nearest)
    gap, inside = second - nearest, 0.95 - 1.35 * nearest
    blend = np.clip(0.5 + (inside - gap) / 0.7, 0, 1)
    return inside + (gap - inside) * blend - 0.35 * blend * (1 - blend), identity


def curve(knots: ArrayLike, times: Array, smooth: float) -> Array:
    """Return a smooth curve of shape (N, D) through rows ``(time, value, ...)`` of `knots`.

    `times` of shape (N,) are evenly spaced; `smooth` is the deviation of the smoothing, in the
    unit of time.
    """
    table = np.asarray(knots, np.float32)
    values = np.stack([np.interp(times, table[:, 0], column) for column in table.T[1:]], 1)
    sigma = smooth / float(times[1] - times[0])
    return _smooth_rows(values, sigma).astype(np.float32)


def _smooth_rows(values: Array, sigma: float) -> Array:
    radius = int(3 * sigma) + 1
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    padded = np.pad(values, ((radius, radius), (0, 0)), mode="reflect", reflect_type="odd")
    columns = [np.convolve(column, kernel / kernel.sum(), "valid") for column in padded.T]
    return np.stack(columns, 1)


def sample(image: Array, x: Array, y: Array) -> Array:
    """Return `image` of shape (h, w, C) at pixel positions of shape (H, W); 0 outside."""
    return cv2.remap(image, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR)
