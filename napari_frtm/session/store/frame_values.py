"""What is kept of a frame that a run has predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_frtm.types import Labels, Prediction


def areas(labels: Labels, object_ids: Iterable[int]) -> dict[int, float]:
    """Return the area of each object in labels of shape (H, W), pixels."""
    ids = list(object_ids)
    if len(ids) < 4:
        return {i: float(np.count_nonzero(labels == i)) for i in ids}
    counts = np.bincount(labels.ravel(), minlength=max(ids) + 1)
    return {i: float(counts[i]) for i in ids}


def over_others(old: Labels, new: Labels, followed: frozenset[int]) -> Labels:
    """Return new masks, of shape (H, W), of the objects followed over the old ones of others."""
    others = np.isin(old, sorted(followed), invert=True)
    return np.where((new == 0) & others, old, new)


def largest_scores(scores: NDArray[np.float32]) -> NDArray[np.float16]:
    """Return the largest score of all objects, of shape (h, w); NaN where none is known."""
    return np.asarray(np.fmax.reduce(scores, axis=0), np.float16)


def soft_levels(prediction: Prediction) -> dict[int, NDArray[np.uint8]]:
    """Return the soft mask of each object, of shape (h, w), 255 for certain."""
    levels = (prediction.probabilities * 255).round().astype(np.uint8)
    return dict(zip(prediction.object_ids, levels, strict=True))
