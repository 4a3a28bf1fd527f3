"""What frames showed, and the predictions that say so."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_frtm.engine.images import Geometry, to_labels
from napari_frtm.types import Prediction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor


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
        self, indices: Sequence[int], object_ids: tuple[int, ...], geometry: Geometry
    ) -> list[Prediction]:
        """Return the predictions of the B frames with these indices.

        Parameters
        ----------
        indices : sequence of int
            Frame indices in the video.
        object_ids : tuple of int
            The N objects.
        geometry : Geometry
            Of the frames.
        """
        height, width = geometry.visible_scores
        scores = self.scores[..., :height, :width].cpu().numpy()
        return [
            Prediction(
                index=index,
                object_ids=object_ids,
                labels=to_labels(probabilities, object_ids, geometry.video),
                probabilities=probabilities[1:].cpu().numpy(),
                scores=frame_scores,
            )
            for index, probabilities, frame_scores in zip(
                indices, self.probabilities, scores, strict=True
            )
        ]
