"""How things move in the clips made of images, and the streaks that it leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Layer: TypeAlias = "tuple[NDArray[np.uint8], NDArray[np.float32]]"
"""An image of shape (H, W, 3) and the mask of shape (H, W), in [0, 1], of what to cut out."""

_SHORTEST, _LONGEST = 3, 25


@dataclass(frozen=True, slots=True)
class Motion:
    """How far things move from one frame of a clip to any other.

    Attributes
    ----------
    turn : float
        Largest rotation, degrees.
    size : float
        Largest factor by which the size changes, either way.
    shift : float
        Largest displacement, as a fraction of the image.
    bend : float
        Largest displacement of the smooth warp, as a fraction of the object.
    """

    turn: float
    size: float
    shift: float
    bend: float


@dataclass(frozen=True, slots=True)
class Moved:
    """A layer that has moved.

    Attributes
    ----------
    image : array of shape (H, W, 3)
        With levels in [0, 255].
    alpha : array of shape (H, W), in [0, 1]
        What of it is seen.
    shift : array of shape (2,)
        How far it has gone, pixels, as x, y.
    """

    image: NDArray[np.uint8]
    alpha: NDArray[np.float32]
    shift: NDArray[np.float32]


def moved(
    layer: Layer, motion: Motion, rng: np.random.Generator, border: int = cv2.BORDER_REPLICATE
) -> Moved:
    """Return image and mask under one random affine motion and smooth warp."""
    image, mask = layer
    height, width = mask.shape
    rows, columns = np.nonzero(mask > 0.5)
    if not rows.size:
        return Moved(image, mask, np.zeros(2, np.float32))
    centre = np.array([columns.mean(), rows.mean()], np.float32)
    extent = float(np.sqrt(rows.size))
    angle = np.deg2rad(rng.uniform(-motion.turn, motion.turn))
    scale = motion.size ** rng.uniform(-1, 1)
    shear = np.array([[1, rng.uniform(-0.1, 0.1)], [0, 1]])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = np.linalg.inv(scale * turn @ shear).astype(np.float32)
    shift = (rng.uniform(-motion.shift, motion.shift, 2) * (width, height)).astype(np.float32)
    knots = rng.uniform(-1, 1, (5, 5, 2)).astype(np.float32) * motion.bend * extent
    bend = cv2.resize(knots, (width, height), interpolation=cv2.INTER_CUBIC)
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).astype(np.float32)
    where = (grid - centre - shift) @ linear.T + centre + bend
    return Moved(
        np.asarray(cv2.remap(image, where, None, cv2.INTER_LINEAR, borderMode=border)),
        np.asarray(cv2.remap(mask, where, None, cv2.INTER_LINEAR)),
        shift,
    )


def pasted(
    canvas: NDArray[np.uint8], image: NDArray[np.uint8], alpha: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """Return the canvas with what `alpha` shows of the image, its edge a little softened."""
    rows, columns = np.flatnonzero(alpha.any(1)), np.flatnonzero(alpha.any(0))
    if not rows.size:
        return canvas
    window = (
        slice(max(int(rows[0]) - 1, 0), int(rows[-1]) + 2),
        slice(max(int(columns[0]) - 1, 0), int(columns[-1]) + 2),
    )
    soft = cv2.GaussianBlur(alpha[window], (3, 3), 0)[..., None]
    result = canvas.copy()
    result[window] = image[window] * soft + canvas[window] * (1 - soft) + 0.5
    return result


def streaked(thing: Moved, rng: np.random.Generator) -> Moved:
    """Return it blurred along its motion, as while a shutter is open; the background stays out."""
    length = float(np.hypot(*thing.shift))
    size = int(min(rng.uniform(0.05, 0.3) * length, _LONGEST))
    if size < _SHORTEST:
        return thing
    half = thing.shift / length * (size - 1) / 2
    middle = (size - 1) / 2
    ends = (np.array([middle - half, middle + half]) * 16 + 0.5).astype(int)
    streak = np.zeros((size, size), np.float32)
    cv2.line(streak, tuple(map(int, ends[0])), tuple(map(int, ends[1])), 1.0, 1, cv2.LINE_8, 4)
    streak /= streak.sum()
    alpha = cv2.filter2D(thing.alpha, -1, streak)
    cutout = cv2.filter2D(thing.image * thing.alpha[..., None], -1, streak)
    image = (cutout / np.maximum(alpha, 1e-3)[..., None]).clip(0, 255).astype(np.uint8)
    return Moved(image, np.asarray(alpha), thing.shift)
