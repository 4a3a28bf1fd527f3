"""Coarse scores of all objects, everywhere or in windows (paper, algorithm 1, line 5)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch

from napari_frtm.config import TARGET_STRIDE
from napari_frtm.engine.extensions.location import bounding_box
from napari_frtm.engine.extensions.windows import LEAST, MULTIPLE, groups, window_around
from napari_frtm.engine.target.model import filter_scores
from napari_frtm.types import Box

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_frtm.engine.extensions.location import Location
    from napari_frtm.engine.extensions.parts import SeenFrame
    from napari_frtm.engine.extensions.search_region import SearchRegions
    from napari_frtm.engine.tracking.objects import TrackedObject

_SUSPECTED = 0.25
"""Score from which S has a look."""

_MARGIN = 48
"""Pixels around what is suspected."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What the target models say of N objects in one frame.

    Attributes
    ----------
    scores : Tensor of shape (N, h, w)
        Coarse scores of the frame, padding included; 0 where they were not looked for.
    projected : list of Tensor of shape (c, h, w)
        Projected features, of the frame or of what each was looked for in.
    windows : list of Box
        Where each can be, pixels at the padded working size: there S has to look.
    likeness : Tensor of shape (N, h, w), optional
        How much each place looks like what the user drew, about 1 where it does.
    """

    scores: Tensor
    projected: list[Tensor]
    windows: list[Box]
    likeness: Tensor | None = None


def score_frames(objects: Sequence[TrackedObject], deep: Tensor) -> list[Scored]:
    """Score N objects everywhere in B frames, from features (B, C, h, w) at stride 16."""
    count, _, h, w = deep.shape
    projections = torch.stack([known.model.projection for known in objects])
    n, c = projections.shape[:2]
    projected = (projections.flatten(0, 1) @ deep.flatten(2)).view(count, n, c, h, w)
    taps = torch.stack([known.model.taps for known in objects])
    scores = filter_scores(taps, projected.transpose(0, 1)).transpose(0, 1)
    whole = [Box(0, 0, TARGET_STRIDE * h, TARGET_STRIDE * w)] * n
    return [Scored(s, list(p), whole) for p, s in zip(projected, scores, strict=True)]


def with_likeness(objects: Sequence[TrackedObject], frames: Sequence[Scored]) -> list[Scored]:
    """Return B frames with how much N objects look like what was drawn."""
    taps = torch.stack([known.drawn.taps for known in objects])
    projected = torch.stack([torch.stack(one.projected) for one in frames], 1)
    likeness = filter_scores(taps, projected).transpose(0, 1)
    return [replace(one, likeness=each) for one, each in zip(frames, likeness, strict=True)]


def score_parts(
    objects: Sequence[TrackedObject], seen: SeenFrame, index: int, leap: float | None
) -> Scored:
    """Score N objects in the parts of frame `index` that were seen; see `suspected_windows`.

    Beside them scores are 0, which is what is right there, and nothing is learned.
    """
    each = [score_frames(objects, f[TARGET_STRIDE].float())[0] for f in seen.features]
    scores, projected = each[0].scores, each[0].projected
    if not seen.all_of_it:
        whole = [side // TARGET_STRIDE for side in seen.size]
        scores = scores.new_zeros(len(objects), *whole)
        canvas = scores.new_zeros(len(objects), len(projected[0]), *whole)
        for part, scored in zip(seen.parts, each, strict=True):
            rows, columns = part.at_stride(TARGET_STRIDE).slices
            scores[:, rows, columns] = scored.scores
            canvas[..., rows, columns] = torch.stack(scored.projected)
        projected = list(canvas)
    windows = suspected_windows(objects, scores, seen, index, leap)
    return Scored(scores, projected, windows)


def score_windows(
    objects: Sequence[TrackedObject], seen: SeenFrame, region: SearchRegions
) -> Scored:
    """Score N objects in their windows of one frame, each of which was seen."""
    windows = region.windows
    whole = [side // TARGET_STRIDE for side in seen.size]
    scores = torch.zeros(len(objects), *whole, device=objects[0].model.taps.device)
    projected: dict[int, Tensor] = {}
    for numbers in groups(window.size for window in windows):
        features = seen.crops([windows[i] for i in numbers], TARGET_STRIDE).float()
        m, _, h, w = features.shape
        projections = torch.stack([objects[i].model.projection for i in numbers])
        mapped = (projections @ features.flatten(2)).view(m, 1, -1, h, w)
        taps = torch.stack([objects[i].model.taps for i in numbers])
        for i, p, s in zip(numbers, mapped, filter_scores(taps, mapped), strict=True):
            projected[i] = p[0]
            rows, columns = windows[i].at_stride(TARGET_STRIDE).slices
            scores[i, rows, columns] = region.scores(i, s[0])
    return Scored(scores, [projected[i] for i in range(len(objects))], region.wide)


def suspected_windows(
    objects: Sequence[TrackedObject],
    scores: Tensor,
    seen: SeenFrame,
    index: int,
    leap: float | None,
) -> list[Box]:
    """Return the windows in which S has to look: around scores and last masks, with a margin.

    Parameters
    ----------
    objects : sequence of TrackedObject
        N objects.
    scores : Tensor of shape (N, h, w)
        Coarse scores of the frame.
    seen : SeenFrame
        The frame; an object that was in one of its parts is looked for there.
    index : int
        The frame.
    leap : float or None
        How far an object can move with each frame, in its sizes: what is suspected farther away
        counts only if nothing is nearer. None for any distance.
    """
    windows = []
    for known, each in zip(objects, scores.cpu().numpy(), strict=True):
        last = known.location(index) if known.locations else None
        part = seen.part_with(last.box) if last else seen.parts[0]
        windows.append(suspected_window(each, last, index, leap, part))
    return windows


def suspected_window(
    scores: NDArray[np.float32],
    last: Location | None,
    index: int,
    leap: float | None,
    part: Box,
    margin: int = _MARGIN,
    least: int = LEAST,
) -> Box:
    """Return the window for one object, from its scores (h, w) and where it was seen last.

    Parameters
    ----------
    scores, index, leap
        As above.
    last : Location or None
        None if it was not seen yet.
    part : Box
        What can be looked at.
    margin : int
        Pixels around what is suspected that S needs to see.
    least : int
        Pixels of a side at least: small objects are lost without.
    """
    rows, columns = part.at_stride(TARGET_STRIDE).slices
    suspected = np.zeros(scores.shape, np.bool_)
    suspected[rows, columns] = scores[rows, columns] > _SUSPECTED
    box = last.box if last else Box(0, 0, MULTIPLE, MULTIPLE)
    found = _near(suspected, last, index, leap) if last and leap else suspected
    if found.any():
        there = Box(*(TARGET_STRIDE * side for side in bounding_box(found, 0)))
        box = box.union(there) if last else there
    top, left = part[:2]
    area = box.grown(margin).shifted(-top, -left)
    return window_around(area, part.size, least).shifted(top, left)


def _near(
    suspected: NDArray[np.bool_], last: Location, index: int, leap: float
) -> NDArray[np.bool_]:
    """Return the pieces of what is suspected, (h, w), that the object can be; all if none can."""
    count, piece = cv2.connectedComponents(suspected.view(np.uint8), connectivity=8)
    if count <= 2:
        return suspected
    area = last.box.grown(int(2 * last.leap_reach(index, leap)) + _MARGIN)
    rows, columns = area.intersection(Box(0, 0, 2**30, 2**30)).slices
    there = piece[
        rows.start // TARGET_STRIDE : -(-rows.stop // TARGET_STRIDE),
        columns.start // TARGET_STRIDE : -(-columns.stop // TARGET_STRIDE),
    ]
    near = np.isin(piece, np.unique(there[there > 0]))
    return near if near.any() else suspected
