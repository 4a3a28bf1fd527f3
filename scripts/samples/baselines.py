"""How far one gets without a method: the yardstick that says whether a clip is hard."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def frozen(truth: NDArray[np.integer]) -> NDArray[np.integer]:
    """Return the first labels of `truth`, of shape (T, H, W), repeated."""
    return np.broadcast_to(truth[:1], truth.shape)


def optical_flow(frames: NDArray[np.uint8], truth: NDArray[np.integer]) -> NDArray[np.integer]:
    """Return the first labels carried along by dense optical flow, of shape (T, H, W).

    `frames`, of shape (T, H, W), are grey.
    """
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    y, x = np.mgrid[: truth.shape[1], : truth.shape[2]].astype(np.float32)
    labels = [truth[0]]
    for previous, current in pairwise(frames):
        back = flow.calc(current, previous, None)
        where = x + back[..., 0], y + back[..., 1]
        labels.append(cv2.remap(labels[-1], *where, cv2.INTER_NEAREST))
    return np.stack(labels)


def jaccard(
    predicted: NDArray[np.integer], truth: NDArray[np.integer]
) -> dict[int, NDArray[np.float64]]:
    """Return, by object of the first frame, J of frames 1 to T - 1; NaN where it is not seen."""
    scores = {}
    for label in np.unique(truth[0])[1:]:
        p, t = predicted[1:] == label, truth[1:] == label
        union = (p | t).sum((1, 2))
        j = (p & t).sum((1, 2)) / np.maximum(union, 1)
        scores[int(label)] = np.where(t.any((1, 2)), j, np.nan)
    return scores
