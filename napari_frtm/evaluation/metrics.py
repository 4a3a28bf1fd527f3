"""Region similarity J and boundary accuracy F of the DAVIS benchmark (Perazzi et al., 2016)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_frtm.types import Labels

    Mask = NDArray[np.bool_]

TOLERANCE = 0.008
VOID = 255
BOTH_EMPTY = (1.0, 1.0)


@dataclass(frozen=True, slots=True)
class ObjectScores:
    """How well one object was followed, frame by frame.

    Attributes
    ----------
    jaccard : tuple of float
        Region similarity J of each scored frame, in [0, 1].
    boundary_f : tuple of float
        Boundary accuracy F of each scored frame, in [0, 1].
    """

    jaccard: tuple[float, ...]
    boundary_f: tuple[float, ...]


def score_video(
    predicted: Iterable[Labels],
    truth: Iterable[Labels],
    *,
    every_frame: bool = False,
    void: int | None = VOID,
) -> dict[int, ObjectScores]:
    """Score each object of a video against the truth; both are read once, frame by frame.

    Parameters
    ----------
    predicted, truth : iterable of integer arrays of shape (H, W)
        As many of the one as of the other.
    every_frame : bool
        Also score the first and the last frame, which DAVIS leaves out.
    void : int or None
        Id in `truth` of pixels that do not count.

    Returns
    -------
    dict of int to ObjectScores
        By increasing id, for the objects in the truth of the first frame or of a scored one.
        Those of the first frame have all scored frames, later ones those since they appeared,
        in truth or prediction. Objects that are only predicted do not count.

    Raises
    ------
    ValueError
        If the frames differ in number or size, or none is left to score.
    """
    frames: list[dict[int, tuple[float, float]]] = []
    objects: list[set[int]] = []
    for prediction, target in zip(predicted, truth, strict=True):
        scored = every_frame or bool(frames)
        frames.append(_score_frame(prediction, target, void) if scored else {})
        objects.append(_objects(target, void))
    kept = slice(None) if every_frame else slice(1, -1)
    if not frames[kept]:
        raise ValueError(f"None of {len(frames)} frames is left to score.")
    scores = {}
    for i in sorted(objects[0].union(*objects[kept])):
        seen = [t for t, frame in enumerate(frames[kept]) if i in frame]
        first = 0 if i in objects[0] else seen[0]
        pairs = [frame.get(i, BOTH_EMPTY) for frame in frames[kept][first:]]
        scores[i] = ObjectScores(tuple(j for j, _ in pairs), tuple(f for _, f in pairs))
    return scores


def score_late_objects(
    predicted: Iterable[Labels], truth: Iterable[Labels]
) -> dict[int, ObjectScores]:
    """Score as YouTube-VOS does: each object on the frames after the first one that shows it.

    Parameters
    ----------
    predicted, truth : iterable of integer arrays of shape (H, W)
        As many of the one as of the other.

    Returns
    -------
    dict of int to ObjectScores
        By increasing id, for the objects in the truth.

    Raises
    ------
    ValueError
        If the frames differ in number or size, or none is left to score.
    """
    found: dict[int, list[tuple[float, float]]] = {}
    for prediction, target in zip(predicted, truth, strict=True):
        frame = _score_frame(prediction, target, None)
        for i, pairs in found.items():
            pairs.append(frame.get(i, BOTH_EMPTY))
        for i in _objects(target, None):
            found.setdefault(i, [])
    scores = {
        i: ObjectScores(tuple(j for j, _ in pairs), tuple(f for _, f in pairs))
        for i, pairs in sorted(found.items())
        if pairs
    }
    if not scores:
        raise ValueError("No object is shown on two frames.")
    return scores


def jaccard(predicted: Mask, truth: Mask, void: Mask | None = None) -> float:
    """Return the region similarity J: intersection over union; 1 if both masks are empty.

    Parameters
    ----------
    predicted, truth : bool array of shape (H, W)
        The masks.
    void : bool array of shape (H, W), optional
        Pixels that do not count.
    """
    union = predicted | truth
    both = predicted & truth
    if void is not None:
        union, both = union & ~void, both & ~void
    area = np.count_nonzero(union)
    return np.count_nonzero(both) / area if area else 1.0


def boundary_f(
    predicted: Mask, truth: Mask, void: Mask | None = None, tolerance: float = TOLERANCE
) -> float:
    """Return the boundary accuracy F: harmonic mean of boundary precision and recall.

    A boundary pixel counts as found if the other boundary has a pixel no further away than the
    tolerance. F is 1 if neither mask has a boundary, and 0 if only one has.

    Parameters
    ----------
    predicted, truth : bool array of shape (H, W)
        The masks.
    void : bool array of shape (H, W), optional
        Pixels that are taken out of both masks.
    tolerance : float
        As a fraction of the image diagonal; the distance is rounded up to whole pixels.
    """
    radius = math.ceil(tolerance * math.hypot(*truth.shape))
    if void is not None:
        predicted, truth = predicted & ~void, truth & ~void
    window = _window(predicted | truth)
    ours, theirs = _boundary(predicted[window]), _boundary(truth[window])
    if not ours.any() or not theirs.any():
        return float(ours.any() == theirs.any())
    precision = float(np.mean(_near(theirs, radius)[ours]))
    recall = float(np.mean(_near(ours, radius)[theirs]))
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _score_frame(
    predicted: Labels, truth: Labels, void: int | None
) -> dict[int, tuple[float, float]]:
    """Return J and F of each object in either image; in no order."""
    if predicted.shape != truth.shape:
        raise ValueError(f"A prediction is of shape {predicted.shape}, its truth {truth.shape}.")
    ignored = None if void is None else truth == void
    scores = {}
    for i in _objects(predicted, None) | _objects(truth, void):
        ours, theirs = predicted == i, truth == i
        scores[i] = (jaccard(ours, theirs, ignored), boundary_f(ours, theirs, ignored))
    return scores


def _objects(labels: Labels, void: int | None) -> set[int]:
    return set(np.unique(labels).tolist()) - {0, void}


def _window(mask: Mask) -> tuple[slice, slice]:
    """Return the part of the image that holds the mask and its boundary."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return slice(0, 1), slice(0, 1)
    return (
        slice(max(int(rows[0]) - 1, 0), int(rows[-1]) + 2),
        slice(max(int(columns[0]) - 1, 0), int(columns[-1]) + 2),
    )


def _boundary(mask: Mask) -> Mask:
    """Return the pixels that differ from their neighbour to the right, below, or both.

    Beyond the image the last row and column continue, so that its edge is no boundary.
    """
    inside = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    here = inside[:-1, :-1]
    right, below, both = inside[:-1, 1:], inside[1:, :-1], inside[1:, 1:]
    return np.asarray((here != right) | (here != below) | (here != both))


def _near(boundary: Mask, radius: int) -> Mask:
    """Return the pixels at most `radius` away: what dilation with a disk gives, for any radius."""
    distance = cv2.distanceTransform(
        (~boundary).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE
    )
    return np.asarray(distance <= radius + 1e-3)
