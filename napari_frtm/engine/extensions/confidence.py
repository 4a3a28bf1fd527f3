"""How sure the engine is of a mask: a guess at whether a frame is worth a look.

Measured against the true overlap on DAVIS, two things tell most: how much of a soft mask is
neither object nor background, and whether it falls to pieces. The agreement of mask and coarse
scores, their peak, and jumps of the area told less, and nothing beyond these two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch

from napari_frtm.timeline import DOUBTFUL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import Tensor

# certainty times the root of the share of the largest piece below which the overlap with the true
# mask is likely less than 0.7: of the segmentation network's masks, and of scores alone
_REFINED, _RAW = 0.92, 0.75
_NOTHING = 0.05  # probability that does not count
_ENOUGH = 1024  # pixels; see `certainty`
_VANISHED = 0.7  # share of the former area that is not doubted
_FADING = 0.85  # of the former area, per frame
_LITTLE = 256  # pixels, added to areas that are compared


class ConfidenceEstimator:
    """Says how sure the masks of one object are; knows what it looked like so far.

    Parameters
    ----------
    refined : bool
        The masks are the segmentation network's, which are sharper than those of scores alone.
    """

    def __init__(self, refined: bool) -> None:
        self.refined = refined
        self._whole = 1.0
        self._area = 0.0

    def observe_annotation(self, mask: NDArray[np.float32]) -> None:
        """See a mask of shape (H, W) that the user drew, on any frame.

        Several cells may be one object: it is then not doubted for being in pieces.
        """
        self._whole = min(self._whole, largest_component_share(mask > 0.5))
        self._area = 0.0

    def confidence(self, mask: NDArray[np.float32], scores: NDArray[np.float32]) -> float:
        """Return how sure a mask is by itself, in [0, 1].

        Parameters
        ----------
        mask : array of shape (H, W), in [0, 1]
            The object's probabilities.
        scores : array of shape (h, w)
            Its coarse scores.
        """
        mask = _cut_out(mask)
        found = mask > 0.5
        pieces = min(1.0, largest_component_share(found) / self._whole)
        knot = _REFINED if self.refined else _RAW
        sure = np.interp(certainty(mask) * pieces**0.5, (0, knot, 1), (0, DOUBTFUL, 1))
        if not found.any():  # then the scores must not say that there is something
            sure = min(sure, 1 - np.clip(2 * scores.max() - 1, 0, 1))
        return float(sure)

    def observe(self, mask: NDArray[np.float32], scores: NDArray[np.float32]) -> float:
        """Return how sure the next frame's mask is; less if the object has just vanished."""
        area = float(np.count_nonzero(mask > 0.5))
        left = (area + _LITTLE) / (self._area + _LITTLE)
        self._area = max(area, _FADING * self._area)
        return self.confidence(mask, scores) * min(1.0, left / _VANISHED)

    def state_dict(self) -> dict[str, Tensor]:
        """Return what it knows; see `from_state`."""
        return {"look": torch.tensor([self._whole, self._area], dtype=torch.float64)}

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor], *, refined: bool) -> ConfidenceEstimator:
        """Return what `state_dict` was taken from."""
        estimator = cls(refined)
        estimator._whole, estimator._area = state["look"].tolist()
        return estimator


def certainty(mask: NDArray[np.float32]) -> float:
    """Return the share of a soft mask of shape (H, W) that is not in doubt, in [0, 1].

    That is the overlap of the soft mask with itself made hard. 1024 pixels that are not in doubt,
    as many as lie under four coarse scores, are added: the edge of a small object is no news.
    """
    some = mask[mask > _NOTHING]
    hard = some > 0.5
    doubted = np.where(hard, 1 - some, some).sum(dtype=np.float64)
    return float(1 - doubted / (np.where(hard, 1, some).sum(dtype=np.float64) + _ENOUGH))


def largest_component_share(mask: NDArray[np.bool_]) -> float:
    """Return the share of a mask of shape (H, W) that lies in its largest piece; 1 if empty.

    At half the resolution, at which a gap of one pixel may close.
    """
    if not mask.any():
        return 1.0
    grown = cv2.dilate(mask.view(np.uint8), np.ones((2, 2), np.uint8), anchor=(0, 0))
    half = np.ascontiguousarray(grown[::2, ::2])
    _, _, stats, _ = cv2.connectedComponentsWithStats(half, connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    return float(areas.max() / areas.sum())


def _cut_out(mask: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the part of a soft mask in which there is something."""
    some = mask > _NOTHING
    rows, columns = np.flatnonzero(some.any(1)), np.flatnonzero(some.any(0))
    if not rows.size:
        return mask[:0, :0]
    return mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
