"""Pictures to judge a matte by: alpha, outline, over a plain background, onion skin."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_frtm.io.export.mattes.alpha import agreeing, antialiased, upsampled
from napari_frtm.session.object_edits import relabelled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_frtm.session.store import Store
    from napari_frtm.types import Labels

_TILE = 16  # pixels of a square of the checker
_LARGE = 720  # shorter side from which outlines are two pixels wide
_BORDER = 4  # pixels around an object in which its edge ends
BEFORE, AFTER, HERE = (230, 80, 40), (60, 150, 255), (255, 255, 255)
"""RGB of the keyframe before, the one behind, and the displayed frame in an onion skin."""


class Look(StrEnum):
    """How the displayed frame can be looked at."""

    MASKS = "Masks"
    ALPHA = "Alpha"
    OUTLINE = "Outline"
    CHECKER = "On checker"
    BLACK = "On black"
    WHITE = "On white"
    GREEN = "On green"
    ONION = "Onion skin"


_PLAIN = {Look.BLACK: (0, 0, 0), Look.WHITE: (255, 255, 255), Look.GREEN: (0, 177, 64)}


def matte(store: Store, index: int) -> NDArray[np.float32]:
    """Return the soft matte of all objects of a frame: of shape (H, W), in [0, 1].

    From the soft masks where a run has kept them, else the hard masks with antialiased edges.
    """
    labels = store.labels(index)
    soft = store.soft_masks(index)
    hard = relabelled(labels, dict.fromkeys(soft, 0)) > 0 if soft else labels > 0
    alpha = np.zeros(labels.shape, np.float32)
    if hard.any():
        around = _box(hard, _BORDER)
        alpha[around] = antialiased(hard[around])
    for object_id, levels in soft.items():
        mask = labels == object_id
        if not mask.any():
            continue
        ratio = labels.shape[0] / levels.shape[0]
        box = _box(mask, round(_BORDER * max(1, ratio)))
        if levels.any():
            alpha[box] += agreeing(upsampled(levels, labels.shape, box), mask[box], ratio)
        else:
            alpha[box] += antialiased(mask[box])
    return np.minimum(alpha, 1)


def over(image: NDArray[np.uint8], alpha: NDArray[np.float32], look: Look) -> NDArray[np.uint8]:
    """Return RGB of shape (H, W, 3) with a matte over a background, or the matte itself."""
    if look is Look.ALPHA:
        grey = np.rint(alpha * 255).astype(np.uint8)
        return np.asarray(cv2.merge([grey] * 3))
    if look is Look.CHECKER:
        background = checker(image.shape[0], image.shape[1])
    else:
        background = np.empty_like(image)
        background[:] = _PLAIN[look]
    box = _box(alpha > 0, 0)  # all else is background
    if alpha[box].size:
        inside = np.ascontiguousarray(alpha[box])
        parts = (np.ascontiguousarray(part[box]) for part in (image, background))
        background[box] = cv2.blendLinear(*parts, inside, 1 - inside)
    return background


def checker(height: int, width: int) -> NDArray[np.uint8]:
    """Return squares of two greys, RGB of shape (height, width, 3)."""
    tile = np.full((2 * _TILE, 2 * _TILE, 3), 100, np.uint8)
    tile[:_TILE, _TILE:] = tile[_TILE:, :_TILE] = 150
    down, across = (-(-n // (2 * _TILE)) for n in (height, width))
    return np.tile(tile, (down, across, 1))[:height, :width].copy()


def outlined(
    image: NDArray[np.uint8], labels: Labels, colours: Mapping[int, tuple[int, int, int]]
) -> NDArray[np.uint8]:
    """Return RGB of shape (H, W, 3) with the outline of each object in its colour."""
    drawn = np.ascontiguousarray(image).copy()
    width = 1 if min(labels.shape) < _LARGE else 2
    for object_id, colour in colours.items():
        mask = (labels == object_id).view(np.uint8)
        lines, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(drawn, lines, -1, colour, width)
    return drawn


def onion_skin(
    image: NDArray[np.uint8], here: Labels, before: Labels | None, after: Labels | None
) -> NDArray[np.uint8]:
    """Return RGB of shape (H, W, 3) with the masks of the neighbouring keyframes over a frame.

    Those of the keyframe before are tinted red, those of the one behind blue, and the frame's own
    are outlined in white.
    """
    drawn = np.ascontiguousarray(image).copy()
    for labels, colour in ((before, BEFORE), (after, AFTER)):
        if labels is not None:
            inside = labels > 0
            if not inside.any():
                continue
            box = _box(inside, 0)
            tint = np.empty_like(drawn[box])
            tint[:] = colour
            tinted = cv2.addWeighted(drawn[box], 0.65, tint, 0.35, 0)
            drawn[box] = np.where(inside[box][..., None], tinted, drawn[box])
            drawn = outlined(drawn, inside.view(np.uint8), {1: colour})
    return outlined(drawn, (here > 0).view(np.uint8), {1: HERE})


def _box(mask: NDArray[np.bool_], margin: int) -> tuple[slice, slice]:
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    rows = slice(max(0, y - margin), min(mask.shape[0], y + height + margin))
    return rows, slice(max(0, x - margin), min(mask.shape[1], x + width + margin))
