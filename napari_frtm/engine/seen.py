"""What frames showed, and the predictions that say so."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_frtm.engine.images import Geometry, to_labels
from napari_frtm.types import Prediction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from napari_frtm.engine.confidence import Judge


@dataclass(frozen=True, slots=True)
class Seen:
    """What a tracker saw in B frames.

    Attributes
    ----------
    projected : dict of int to Tensor of shape (B, c, h, w)
        Projected features by object.
    scores : Tensor of shape (B, N, h, w)
        Coarse scores, padding included.
    probabilities : Tensor of shape (B, N + 1, H, W)
        Masks at the working size, background first; they sum to one.
    """

    projected: dict[int, Tensor]
    scores: Tensor
    probabilities: Tensor

    def with_masks(self, given: Mapping[int, Tensor], object_ids: Sequence[int]) -> Seen:
        """Return it with the user's masks of shape (H, W), by object, in a single frame."""
        probabilities = self.probabilities.clone()
        for mask in given.values():
            probabilities[0, 1:, mask > 0.5] = 0
        for object_id, mask in given.items():
            probabilities[0, 1 + object_ids.index(object_id)] = mask
        return replace(self, probabilities=probabilities)

    def predictions(
        self,
        indices: Sequence[int],
        judges: Mapping[int, Judge],
        geometry: Geometry,
    ) -> list[Prediction]:
        """Return the predictions of the B frames with these indices.

        Parameters
        ----------
        indices : sequence of int
            Frame indices in the video.
        judges : mapping of int to Judge
            What says how sure the masks of the N objects are; they see one frame after the other.
        geometry : Geometry
            Of the frames.
        """
        height, width = geometry.visible_scores
        scores = self.scores[..., :height, :width].cpu().numpy()
        predictions = []
        for index, soft, coarse in zip(indices, self.probabilities, scores, strict=True):
            masks = soft[1:].cpu().numpy()
            sure = [
                judge.follow(mask, its_scores)
                for judge, mask, its_scores in zip(judges.values(), masks, coarse, strict=True)
            ]
            predictions.append(
                Prediction(
                    index=index,
                    object_ids=tuple(judges),
                    labels=to_labels(soft, tuple(judges), geometry.video),
                    probabilities=masks,
                    scores=coarse,
                    confidence=np.array(sure, np.float32),
                )
            )
        return predictions
