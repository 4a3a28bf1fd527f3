"""Edges of mattes: grown or choked by parts of a pixel, softened, and calmed over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_STEP = 8
"""Larger discs are put together from discs of this radius, which takes a fraction of the time."""
_BAND = 3
"""Distance from the outline within which frames before and after have a say, pixels."""
_WIDTH = 2.563
"""From 10 to 90 % of a step that was blurred with a Gaussian of sigma 1."""


def grown(alpha: NDArray[np.float32], distance: float) -> NDArray[np.float32]:
    """Return a matte with its edge moved outward, inward if `distance` is negative.

    Parameters
    ----------
    alpha : float32 array of shape (H, W), in [0, 1]
        The matte.
    distance : float
        Pixels; parts of a pixel lie between the results of whole ones.
    """
    if distance < 0:
        return np.asarray(1 - grown(1 - alpha, -distance), np.float32)
    whole = int(distance)
    rest = distance - whole
    less = _dilated(alpha, whole)
    if not rest:
        return less
    more = _dilated(alpha, whole + 1)
    return np.asarray(cv2.addWeighted(less, 1 - rest, more, rest, 0), np.float32)


def feathered(alpha: NDArray[np.float32], width: float) -> NDArray[np.float32]:
    """Return a matte with edges that take `width` pixels from 10 to 90 %."""
    if not width:
        return alpha
    return np.asarray(cv2.GaussianBlur(alpha, (0, 0), width / _WIDTH), np.float32)


def calmed(alphas: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the matte in the middle, without what its edge does for a moment only.

    Near the outline it becomes the median over time, after the others were moved to where they
    would be now: what moves evenly stays as it is.

    Parameters
    ----------
    alphas : sequence of float32 arrays of shape (H, W), in [0, 1]
        An odd number of successive frames.
    """
    here = len(alphas) // 2
    middle = alphas[here]
    moved = [middle]
    for before, after in zip(alphas[:here], alphas[:here:-1], strict=True):
        start, end = _centroid(before), _centroid(after)
        if start is None or end is None:
            return middle
        moved += [_moved(before, (end - start) / 2), _moved(after, (start - end) / 2)]
    hard = (middle > 0.5).view(np.uint8)
    disc = _disc(_BAND)
    near = cv2.dilate(hard, disc) != cv2.erode(hard, disc)
    result = middle.copy()
    result[near] = np.median([alpha[near] for alpha in moved], axis=0)
    return result


def _dilated(alpha: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    while radius > 0:
        step = min(radius, _STEP)
        alpha = np.asarray(cv2.dilate(alpha, _disc(step)), np.float32)
        radius -= step
    return alpha


def _disc(radius: int) -> NDArray[np.uint8]:
    y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    return np.asarray(x * x + y * y <= radius * radius + radius / 2, np.uint8)


def _centroid(alpha: NDArray[np.float32]) -> NDArray[np.float64] | None:
    moments = cv2.moments(alpha)
    if not moments["m00"]:
        return None
    return np.asarray(np.array([moments["m10"], moments["m01"]]) / moments["m00"])


def _moved(alpha: NDArray[np.float32], by: NDArray[np.float64]) -> NDArray[np.float32]:
    matrix = np.array([[1, 0, by[0]], [0, 1, by[1]]])
    size = alpha.shape[::-1]
    return np.asarray(cv2.warpAffine(alpha, matrix, size, borderMode=cv2.BORDER_REPLICATE))
