"""Pictures to judge a matte by: alpha, outline, over a plain background, onion skin."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_frtm.io.export.box import box_around
from napari_frtm.io.export.mattes.alpha import agreeing, antialiased, upsampled
from napari_frtm.session.edits.object_edits import relabelled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_frtm.io.export.box import Slices
    from napari_frtm.session.store.store import Store
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
    soft = {i: levels for i, levels in store.soft_masks(index).items() if levels.any()}
    alpha = np.zeros(labels.shape, np.float32)
    ratio = max((labels.shape[0] / levels.shape[0] for levels in soft.values()), default=1)
    margin = round(_BORDER * max(1, ratio))
    whole = box_around(labels > 0, margin)
    part, around = labels[whole], alpha[whole]
    hard = relabelled(part, dict.fromkeys(soft, 0)) > 0 if soft and part.size else part > 0
    inner = box_around(hard, _BORDER)
    if hard[inner].size:
        around[inner] = antialiased(hard[inner])
    for object_id, levels in soft.items():
        mask = part == object_id
        inner = box_around(mask, margin)
        if mask[inner].size:
            box = _within(whole, inner)
            around[inner] += agreeing(upsampled(levels, labels.shape, box), mask[inner], ratio)
    np.minimum(around, 1, out=around)
    return alpha


def over(image: NDArray[np.uint8], alpha: NDArray[np.float32], look: Look) -> NDArray[np.uint8]:
    """Return RGB of shape (H, W, 3) with a matte over a background, or the matte itself."""
    box = box_around(alpha > 0)  # all else is background
    if look is Look.ALPHA:
        background = np.zeros_like(image)
        if alpha[box].size:
            grey = cv2.convertScaleAbs(np.ascontiguousarray(alpha[box]), alpha=255)
            background[box] = cv2.merge([grey] * 3)
        return background
    if look is Look.CHECKER:
        background = checker(image.shape[0], image.shape[1])
    else:
        background = np.empty_like(image)
        background[:] = np.full(image.shape[1:], _PLAIN[look], np.uint8)  # line by line: quicker
    if alpha[box].size:
        inside = np.ascontiguousarray(alpha[box])
        parts = (np.ascontiguousarray(part[box]) for part in (image, background))
        background[box] = cv2.blendLinear(*parts, inside, 1 - inside)
    return background


def checker(height: int, width: int) -> NDArray[np.uint8]:
    """Return squares of two greys, RGB of shape (height, width, 3)."""
    tile = np.full((2 * _TILE, 2 * _TILE, 3), 100, np.uint8)
    tile[:_TILE, _TILE:] = tile[_TILE:, :_TILE] = 150
    band = np.ascontiguousarray(np.tile(tile, (1, -(-width // (2 * _TILE)), 1))[:, :width])
    board = np.empty((height, width, 3), np.uint8)
    for y in range(0, height, 2 * _TILE):
        board[y : y + 2 * _TILE] = band[: height - y]
    return board


def outlined(
    image: NDArray[np.uint8], labels: Labels, colours: Mapping[int, tuple[int, int, int]]
) -> NDArray[np.uint8]:
    """Return RGB of shape (H, W, 3) with the outline of each object in its colour."""
    drawn = np.array(image, order="C")
    for object_id, colour in colours.items():
        _draw_outline(drawn, labels == object_id, colour)
    return drawn


def onion_skin(
    image: NDArray[np.uint8], here: Labels, before: Labels | None, after: Labels | None
) -> NDArray[np.uint8]:
    """Return RGB of shape (H, W, 3) with the masks of the neighbouring keyframes over a frame.

    Those of the keyframe before are tinted red, those of the one behind blue, and the frame's own
    are outlined in white.
    """
    drawn = np.array(image, order="C")
    for labels, colour in ((before, BEFORE), (after, AFTER)):
        if labels is None or not labels.any():
            continue
        inside = labels > 0
        box = box_around(inside)
        part = np.ascontiguousarray(drawn[box])
        tint = np.empty_like(part)
        tint[:] = np.full(part.shape[1:], colour, np.uint8)
        tinted = cv2.addWeighted(part, 0.65, tint, 0.35, 0)
        cv2.copyTo(tinted, np.ascontiguousarray(inside[box]).view(np.uint8), part)
        drawn[box] = part
        _draw_outline(drawn, inside, colour)
    _draw_outline(drawn, here > 0, HERE)
    return drawn


def _draw_outline(
    drawn: NDArray[np.uint8], mask: NDArray[np.bool_], colour: tuple[int, int, int]
) -> None:
    box = box_around(mask)
    part = np.ascontiguousarray(mask[box]).view(np.uint8)
    if not part.size:
        return
    corner = (box[1].start, box[0].start)
    lines, _ = cv2.findContours(part, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE, offset=corner)
    cv2.drawContours(drawn, lines, -1, colour, 1 if min(mask.shape) < _LARGE else 2)


def _within(outer: Slices, inner: Slices) -> Slices:
    """Return the rows and columns of a box that is told as a part of another one."""
    rows, columns = (
        slice(o.start + i.start, o.start + i.stop) for o, i in zip(outer, inner, strict=True)
    )
    return rows, columns
