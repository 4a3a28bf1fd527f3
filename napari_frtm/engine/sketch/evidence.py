"""What prompts say of the pixels of one object: a target, and how much each pixel counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_frtm.engine.sketch.prompts import ids_of
from napari_frtm.types import Box

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_frtm.config import SketchConfig
    from napari_frtm.engine.frames.images import Geometry
    from napari_frtm.engine.sketch.prompts import Prompts
    from napari_frtm.types import Labels


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What is known of one object, at the working size.

    Attributes
    ----------
    target : float32 array of shape (H, W), in [0, 1]
        1 on the object.
    weights : float32 array of shape (H, W)
        How much the squared residual of each pixel counts; 0 where nothing is known. Their sum is
        at most the number of pixels, as it is for the weights of eq. (4).
    inside, outside : bool arrays of shape (H, W)
        Where the answer is given.
    """

    target: NDArray[np.float32]
    weights: NDArray[np.float32]
    inside: NDArray[np.bool_]
    outside: NDArray[np.bool_]

    def enforced(self, soft: NDArray[np.float32], marked: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return a soft mask with the given answers, and without pieces that are not marked."""
        soft = np.where(self.inside, 1, np.where(self.outside, 0, soft)).astype(np.float32)
        return without_unmarked(soft, marked)

    def with_answer(self, soft: NDArray[np.float32], share: float) -> Evidence:
        """Return evidence of which a share is a soft mask, where that is sure of itself."""
        found = soft > 0.5
        sure = np.square(2 * soft - 1)
        weights = share * balanced(sure * found, sure * ~found, max(0.1, float(found.mean())))
        target = np.where(self.inside | self.outside, self.target, soft).astype(np.float32)
        return Evidence(target, weights + (1 - share) * self.weights, self.inside, self.outside)


def of_strokes(
    strokes: NDArray[np.float32],
    others: NDArray[np.float32],
    count: int,
    config: SketchConfig,
) -> Evidence:
    """Return what strokes say of an object.

    Far from them is background, as long as there are few of them: this prior fades with the square
    of their number.

    Parameters
    ----------
    strokes, others : float32 arrays of shape (H, W), in [0, 1]
        How much of each pixel is drawn as the object, and as anything else.
    count : int
        Of the strokes.
    config : SketchConfig
        How much each of these counts.
    """
    inside = strokes > 0.5
    outside = (others > 0.5) & ~inside
    far = np.zeros_like(strokes)
    prior = config.prior / max(1, count) ** 2
    if inside.any():
        distance = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, 5)
        far = np.clip(distance / (config.near * min(inside.shape)) - 0.5, 0, 1) * ~outside
    weights = balanced(strokes * inside, others * outside, config.share, far, prior)
    return Evidence(inside.astype(np.float32), weights, inside, outside)


def of_box(evidence: Evidence, box: Box, config: SketchConfig) -> Evidence:
    """Return evidence to which a box around the object is added: outside is background.

    Inside, towards the middle, weakly, is the object; strokes there count as they did.
    """
    size = evidence.target.shape
    within = np.zeros(size, np.bool_)
    within[box.slices] = True
    rows, columns = (np.linspace(-1, 1, n, dtype=np.float32) for n in box.size)
    likely = np.zeros(size, np.float32)
    likely[box.slices] = np.clip(1 - 2 * (rows[:, None] ** 2 + columns**2), 0, 1)
    likely *= ~(evidence.inside | evidence.outside)
    prior = balanced(likely, (~within).astype(np.float32), config.share)
    known = evidence.weights.any()
    share = config.box if known else 1.0
    target = np.where(likely > 0, 1, evidence.target).astype(np.float32)
    weights = share * prior + (1 - share) * evidence.weights
    return Evidence(target, weights, evidence.inside & within, evidence.outside | ~within)


def of_rough_mask(mask: NDArray[np.float32], config: SketchConfig) -> Evidence:
    """Return what a roughly drawn mask says: deep inside and far outside, but not near its outline.

    How near is a part of the object's size.
    """
    found = mask > 0.5
    band = config.band * float(np.count_nonzero(found)) ** 0.5
    depth, height = (
        cv2.distanceTransform(np.pad(part, 1, mode="edge").astype(np.uint8), cv2.DIST_L2, 5)[
            1:-1, 1:-1
        ]
        for part in (found, ~found)
    )
    inside = depth > min(band, 0.5 * float(depth.max(initial=0)))
    outside = height > band
    share = max(0.1, float(found.mean()))
    weights = balanced(inside.astype(np.float32), outside.astype(np.float32), share)
    return Evidence(found.astype(np.float32), weights, inside, outside)


def balanced(
    inside: NDArray[np.float32],
    outside: NDArray[np.float32],
    share: float,
    far: NDArray[np.float32] | None = None,
    prior: float = 0.0,
) -> NDArray[np.float32]:
    """Return weights of which the object has this share, and the background the rest.

    Parameters
    ----------
    inside, outside : float32 arrays of shape (H, W)
        How certainly a pixel is the object, or background.
    share : float
        In [0, 1].
    far : float32 array of shape (H, W), optional
        How likely a pixel is background though nobody said so.
    prior : float
        The part of the background's weight that these have.
    """
    pixels = inside.size
    left = (1 - share) * pixels
    weights = np.asarray(share * pixels / max(1.0, float(inside.sum())) * inside, np.float32)
    if far is not None and prior and far.any():
        weights += prior * left / max(1.0, float(far.sum())) * far
        left *= 1 - prior
    weights += left / max(1.0, float(outside.sum())) * outside
    return weights.astype(np.float32)


def without_unmarked(soft: NDArray[np.float32], marked: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return a soft mask without the pieces that do not touch what is marked, if anything is."""
    if not marked.any():
        return soft
    found = (soft > 0.5).astype(np.uint8)
    count, piece = cv2.connectedComponents(found, connectivity=8)
    kept = np.zeros(count, np.bool_)
    kept[piece[marked]] = True
    kept[0] = True
    return np.where(kept[piece], soft, 0).astype(np.float32)


def stroke_counts(strokes: Labels) -> dict[int, int]:
    """Return how many strokes there are of each label."""
    return {
        i: cv2.connectedComponents((strokes == i).astype(np.uint8), connectivity=8)[0] - 1
        for i in ids_of(strokes)
    }


def evidence_of(
    prompts: Prompts, object_ids: Sequence[int], geometry: Geometry, config: SketchConfig
) -> dict[int, Evidence]:
    """Return what prompts say of some objects, at the working size."""
    counts = stroke_counts(prompts.strokes)
    total = sum(counts.values())
    drawn = at_working_size(prompts.strokes, list(counts), geometry)
    nothing = np.zeros(geometry.working, np.float32)
    anything = sum(drawn.values(), nothing)
    found = {}
    for i in object_ids:
        mine = drawn.get(i, nothing)
        evidence = of_strokes(mine, np.clip(anything - mine, 0, 1), total, config)
        if i in prompts.boxes:
            box = scaled(prompts.boxes[i], geometry)
            evidence = of_box(evidence, box, config)
        found[i] = evidence
    return found


def at_working_size(
    labels: Labels, ids: Sequence[int], geometry: Geometry
) -> dict[int, NDArray[np.float32]]:
    """Return how much of each pixel of the working size objects cover, (H, W), in [0, 1].

    An object too thin to cover half a pixel anywhere is raised so that its strongest is one.
    """
    found = {}
    height, width = geometry.working
    for i in ids:
        mask = (labels == i).astype(np.float32)
        if geometry.working != geometry.video:
            mask = np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA))
        strongest = float(mask.max(initial=0))
        found[i] = mask / strongest if 0 < strongest <= 0.5 else mask
    return found


def scaled(box: Box, geometry: Geometry) -> Box:
    """Return a box of the video's pixels at the working size, at least a pixel large."""
    factors = [w / v for w, v in zip(geometry.working, geometry.video, strict=True)] * 2
    top, left, bottom, right = (round(s * f) for s, f in zip(box, factors, strict=True))
    height, width = geometry.working
    top, left = min(max(top, 0), height - 1), min(max(left, 0), width - 1)
    return Box(top, left, min(max(bottom, top + 1), height), min(max(right, left + 1), width))
