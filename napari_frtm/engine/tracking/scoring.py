"""Coarse scores of all objects, everywhere or in windows (paper, algorithm 1, line 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from torch.nn.functional import pad

from napari_frtm.config import TARGET_STRIDE
from napari_frtm.engine.extensions.location import bounding_box, grown
from napari_frtm.engine.extensions.windows import MULTIPLE, crop, groups, window_around
from napari_frtm.engine.target.model import filter_scores
from napari_frtm.types import Box

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_frtm.engine.extensions.location import Location
    from napari_frtm.engine.extensions.search_region import SearchRegions
    from napari_frtm.engine.tracking.objects import TrackedObject

_SUSPECTED = 0.25
"""Score from which S has a look."""

_MARGIN = 48
"""Pixels around what is suspected."""

_LEAST = 224
"""Pixels that S sees at least, if the frame has them: in smaller windows it loses small objects."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What the target models say of N objects in one frame.

    Attributes
    ----------
    windows : list of Box
        The part of the frame that each was looked for in, pixels at the padded working size.
    projected : list of Tensor of shape (c, h, w)
        Projected features of the windows.
    scores : Tensor of shape (N, h, w)
        Coarse scores of the frame, padding included; 0 outside the windows.
    """

    windows: list[Box]
    projected: list[Tensor]
    scores: Tensor


def score_frames(objects: Sequence[TrackedObject], deep: Tensor) -> list[Scored]:
    """Score N objects everywhere in B frames, from features (B, C, h, w) at stride 16."""
    count, _, h, w = deep.shape
    projections = torch.stack([known.model.projection for known in objects])
    n, c = projections.shape[:2]
    projected = (projections.flatten(0, 1) @ deep.flatten(2)).view(count, n, c, h, w)
    taps = torch.stack([known.model.taps for known in objects])
    scores = filter_scores(taps, projected.transpose(0, 1)).transpose(0, 1)
    whole = [Box(0, 0, TARGET_STRIDE * h, TARGET_STRIDE * w)] * n
    return [Scored(whole, list(p), s) for p, s in zip(projected, scores, strict=True)]


def score_part(
    objects: Sequence[TrackedObject], deep: Tensor, part: Box, frame: tuple[int, int]
) -> Scored:
    """Score N objects in a part of one frame of padded size (H, W), from features of the part.

    Beside it scores are 0, which is what is right there, and nothing is learned.
    """
    (scored,) = score_frames(objects, deep)
    top, left, bottom, right = (side // TARGET_STRIDE for side in part)
    h, w = (side // TARGET_STRIDE for side in frame)
    around = (left, w - right, top, h - bottom)
    if not any(around):
        return scored
    projected = list(pad(torch.stack(scored.projected), around))
    return Scored([Box(0, 0, *frame)] * len(objects), projected, pad(scored.scores, around))


def score_windows(
    objects: Sequence[TrackedObject],
    deep: Tensor,
    region: SearchRegions,
    part: Box,
    frame: tuple[int, int],
) -> Scored:
    """Score N objects in their windows of one frame of padded size (H, W).

    From features (1, C, h, w) at stride 16 of a part of it, which holds all windows.
    """
    windows = region.windows
    scores = deep.new_zeros(len(objects), *(side // TARGET_STRIDE for side in frame))
    projected: dict[int, Tensor] = {}
    for numbers in groups(window.size for window in windows):
        inside = [windows[i].shifted(-part.top, -part.left) for i in numbers]
        features = crop(deep, inside, TARGET_STRIDE)
        m, _, h, w = features.shape
        projections = torch.stack([objects[i].model.projection for i in numbers])
        mapped = (projections @ features.flatten(2)).view(m, 1, -1, h, w)
        taps = torch.stack([objects[i].model.taps for i in numbers])
        for i, p, s in zip(numbers, mapped, filter_scores(taps, mapped), strict=True):
            projected[i] = p[0]
            top, left = windows[i].top // TARGET_STRIDE, windows[i].left // TARGET_STRIDE
            scores[i, top : top + h, left : left + w] = region.scores(i, s[0])
    return Scored(windows, [projected[i] for i in range(len(objects))], scores)


def suspected_windows(
    objects: Sequence[TrackedObject], scores: Tensor, index: int, leap: float | None, part: Box
) -> list[Box]:
    """Return the windows in which S has to look: around scores and last masks, with a margin.

    Parameters
    ----------
    objects : sequence of TrackedObject
        N objects.
    scores : Tensor of shape (N, h, w)
        Coarse scores of the frame.
    index : int
        The frame.
    leap : float or None
        How far an object can move with each frame, in its sizes: what is suspected farther away
        counts only if nothing is nearer. None for any distance.
    part : Box
        The part of the frame that can be looked at.
    """
    lasts = [known.location(index) if known.locations else None for known in objects]
    each = zip(scores.cpu().numpy(), lasts, strict=True)
    return [suspected_window(one, last, index, leap, part) for one, last in each]


def suspected_window(
    scores: NDArray[np.float32],
    last: Location | None,
    index: int,
    leap: float | None,
    part: Box,
    margin: int = _MARGIN,
    least: int = _LEAST,
) -> Box:
    """Return the window for one object, from its scores (h, w) and where it was seen last.

    Parameters
    ----------
    scores, index, leap, part
        As above.
    last : Location or None
        None if it was not seen yet.
    margin : int
        Pixels around what is suspected that S needs to see.
    least : int
        Pixels of a side at least: small objects are lost without.
    """
    suspected = scores > _SUSPECTED
    box = last.box if last else Box(0, 0, MULTIPLE, MULTIPLE)
    found = _near(suspected, last, index, leap) if last and leap else suspected
    if found.any():
        there = Box(*(TARGET_STRIDE * side for side in bounding_box(found, 0)))
        box = box.union(there) if last else there
    top, left = part[:2]
    area = grown(box, margin).shifted(-top, -left)
    return window_around(area, part.size, least).shifted(top, left)


def _near(
    suspected: NDArray[np.bool_], last: Location, index: int, leap: float
) -> NDArray[np.bool_]:
    """Return the pieces of what is suspected, (h, w), that the object can be; all if none can."""
    count, piece = cv2.connectedComponents(suspected.view(np.uint8), connectivity=8)
    if count <= 2:
        return suspected
    size = max(last.size, float(np.count_nonzero(last.mask)) ** 0.5)
    reach = max(leap, last.apart) * size * abs(index - last.index)
    area = grown(last.box, int(2 * reach) + _MARGIN)
    rows, columns = area.intersection(Box(0, 0, 2**30, 2**30)).slices
    there = piece[
        rows.start // TARGET_STRIDE : -(-rows.stop // TARGET_STRIDE),
        columns.start // TARGET_STRIDE : -(-columns.stop // TARGET_STRIDE),
    ]
    near = np.isin(piece, np.unique(there[there > 0]))
    return near if near.any() else suspected
