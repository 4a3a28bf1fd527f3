"""The part of an image that matters: objects are small, and frames large."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Slices: TypeAlias = tuple[slice, slice]
"""What cuts rows and columns out of an image; see `Box.slices`."""


def box_around(mask: NDArray[Any], margin: int = 0) -> Slices:
    """Return the rows and columns that a mask of shape (H, W) is in, and some around.

    Parameters
    ----------
    mask : bool or uint8 array of shape (H, W)
        What is not 0 counts. An empty one has an empty box.
    margin : int
        Pixels around, as far as the image goes.
    """
    levels = np.ascontiguousarray(mask).view(np.uint8)
    x, y, width, height = cv2.boundingRect(levels)
    if not width:
        return slice(0, 0), slice(0, 0)
    rows = slice(max(0, y - margin), min(mask.shape[0], y + height + margin))
    return rows, slice(max(0, x - margin), min(mask.shape[1], x + width + margin))
