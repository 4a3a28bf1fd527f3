"""Which pieces of a new mask are the object: near where it was, and like what the user drew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_frtm.config import TARGET_STRIDE
from napari_frtm.engine.extensions.location import bounding_box, distance, nearest_piece
from napari_frtm.types import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_frtm.engine.extensions.location import Location

_GAP = 0.25
"""Sizes of the object from its main piece within which others are it, whatever they look like."""

_ALIKE = 0.5
"""Of the likeness of the main piece, that others need."""

_HIDDEN = 0.35
"""Of the likeness of late: where less is left, something else is seen in its place."""

_TOLD = 0.15
"""Likeness that tells something: an object with less has changed since it was drawn."""


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """The connected pieces of a mask; number 0 is all that is not found.

    Attributes
    ----------
    of : int32 array of shape (h, w)
        The piece that each pixel belongs to.
    area : array of shape (K + 1,)
        Pixels of each.
    alike : array of shape (K + 1,)
        Mean likeness of each, see `Scored.likeness`.
    """

    of: NDArray[np.int32]
    area: NDArray[np.int64]
    alike: NDArray[np.float64]

    @classmethod
    def found(cls, mask: NDArray[np.bool_], likeness: NDArray[np.float32]) -> Pieces:
        """Return the pieces of a mask (h, w), with the likeness of its pixels."""
        count, of = cv2.connectedComponents(mask.view(np.uint8), connectivity=8)
        area = np.bincount(of.ravel(), minlength=count)
        alike = np.bincount(of.ravel(), likeness.ravel(), count) / np.maximum(area, 1)
        return cls(np.asarray(of), area, alike)

    def touching(self, where: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which pieces have pixels somewhere, (K + 1,)."""
        touched = np.isin(np.arange(len(self.area)), self.of[where])
        touched[0] = False
        return touched


def upsampled(scores: NDArray[np.float32], box: Box) -> NDArray[np.float32]:
    """Return scores (h, w) at stride 16 for the pixels of a box inside the frame."""
    top, left = (max(0, side // TARGET_STRIDE - 1) for side in box[:2])
    bottom, right = (-(-side // TARGET_STRIDE) + 1 for side in box[2:])
    some = scores[top:bottom, left:right]
    if not some.size:
        return np.zeros(box.size, np.float32)
    size = some.shape[1] * TARGET_STRIDE, some.shape[0] * TARGET_STRIDE
    pixels = np.asarray(cv2.resize(some, size, interpolation=cv2.INTER_LINEAR), np.float32)
    return pixels[box.shifted(-top * TARGET_STRIDE, -left * TARGET_STRIDE).slices]


def drop_others(
    soft: NDArray[np.float32],
    likeness: NDArray[np.float32],
    last: Location,
    index: int,
    leap: float,
    origin: tuple[int, int] = (0, 0),
) -> bool:
    """Set a soft mask to 0 around pieces that are not the object, in place.

    Those are too far from where it was seen last, or apart from its main piece and not like it.
    Where nothing is near that looks as it did of late, it is taken to be hidden.

    Parameters
    ----------
    soft : array of shape (h, w), in [0, 1]
        Found in another frame, or in a part of it.
    likeness : array of shape (h, w)
        How much its pixels look like what the user drew, about 1 if they do.
    last : Location
        Where the object was seen last.
    index : int
        The frame.
    leap : float
        How far the object can have moved with each frame, in its sizes; if it was drawn in
        pieces that lie farther apart, that far.
    origin : tuple of int
        First row and column of the part.

    Returns
    -------
    bool
        Whether any was. A piece that is far away stays if nothing was found nearer, or not more
        than this piece is: then the object may have left something behind that is not it.
    """
    found = soft > 0.5
    if not found.any():
        return False
    part = bounding_box(found, TARGET_STRIDE).intersection(Box(0, 0, *soft.shape))
    found = np.ascontiguousarray(found[part.slices])
    pieces = Pieces.found(found, likeness[part.slices])
    near = pieces.touching(last.near(part.shifted(*origin), last.leap_reach(index, leap)))
    stay = near | (pieces.area >= pieces.area[near].sum())
    stay &= _like_it(pieces, near, last.likeness, max(_GAP, last.apart) * last.largest)
    stay[0] = True
    if stay.all():
        return False
    gone = ~stay[pieces.of] & found
    nearest = nearest_piece(found)
    soft[part.slices][np.isin(nearest, nearest[gone])] = 0
    return True


def _like_it(
    pieces: Pieces, near: NDArray[np.bool_], lately: float, gap: float
) -> NDArray[np.bool_]:
    """Return which pieces may be an object by their looks, all where those tell nothing.

    The one of those near that shows most of what was drawn is its main piece.
    """
    main = np.where(near, pieces.area * pieces.alike, 0).argmax()
    least = _HIDDEN * lately if lately > _TOLD else 0.0
    if near[main] and pieces.alike[main] >= least:
        reference = pieces.alike[main]
        together = pieces.touching(distance(pieces.of == main) <= gap)
    else:
        reference, together = lately, np.zeros(len(near), np.bool_)
    if reference <= _TOLD:
        return np.ones(len(near), np.bool_)
    return np.asarray(together | (pieces.alike >= _ALIKE * reference))
