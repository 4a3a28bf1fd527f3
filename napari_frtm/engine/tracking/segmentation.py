"""What frames show of the objects, and the predictions that say so."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn.functional import interpolate

from napari_frtm.config import TARGET_STRIDE
from napari_frtm.engine.tracking.images import Geometry, to_labels
from napari_frtm.engine.tracking.merge import merge
from napari_frtm.types import Prediction

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from torch import Tensor

    from napari_frtm.engine.extensions.confidence import ConfidenceEstimator
    from napari_frtm.engine.extensions.search_region import SearchRegions
    from napari_frtm.engine.networks.backbone import Features
    from napari_frtm.engine.networks.network import FrtmNetwork
    from napari_frtm.engine.tracking.objects import TrackedObject


@dataclass(frozen=True, slots=True)
class SegmentedFrames:
    """What a tracker saw in B frames.

    Attributes
    ----------
    projected : dict of int to Tensor of shape (B, c, h, w)
        Projected features by object.
    scores : Tensor of shape (B, N, h, w)
        Coarse scores, padding included.
    probabilities : Tensor of shape (B, N + 1, H, W)
        Masks at the working size, background first; they sum to one.
    windows : Tensor of shape (B, N, H, W), in [0, 1], or None
        What can be learned of each object: where it was looked for and no other was found; None
        for all of it.
    """

    projected: dict[int, Tensor]
    scores: Tensor
    probabilities: Tensor
    windows: Tensor | None = None

    def with_masks(self, given: Mapping[int, Tensor], object_ids: Sequence[int]) -> SegmentedFrames:
        """Return it with the user's masks of shape (H, W), by object, in a single frame."""
        probabilities = self.probabilities.clone()
        for mask in given.values():
            probabilities[0, 1:, mask > 0.5] = 0
        for object_id, mask in given.items():
            probabilities[0, 1 + object_ids.index(object_id)] = mask
        return replace(self, probabilities=probabilities)

    def placed(
        self, indices: Sequence[int], objects: Mapping[int, TrackedObject], leap: float | None
    ) -> SegmentedFrames:
        """Drop what is too far from where the objects were, and tell them where they are now.

        Parameters
        ----------
        indices : sequence of int
            Frame indices of the B frames in the video.
        objects : mapping of int to TrackedObject
            The N objects.
        leap : float or None
            How far an object can move with each frame, in its sizes; None for any distance.
        """
        probabilities = self.probabilities.cpu().numpy().copy()
        dropped = False
        for index, soft in zip(indices, probabilities, strict=True):
            for known, mask in zip(objects.values(), soft[1:], strict=True):
                if leap and known.locations and known.location(index).drop_far(mask, index, leap):
                    dropped = True
                    np.divide(soft, soft.sum(0), out=soft)
                known.move(mask, index)
        if not dropped:
            return self
        return replace(self, probabilities=torch.from_numpy(probabilities).to(self.scores.device))

    def predictions(
        self,
        indices: Sequence[int],
        estimators: Mapping[int, ConfidenceEstimator],
        geometry: Geometry,
    ) -> list[Prediction]:
        """Return the predictions of the B frames with these indices.

        Parameters
        ----------
        indices : sequence of int
            Frame indices in the video.
        estimators : mapping of int to ConfidenceEstimator
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
                estimator.observe(mask, its_scores)
                for estimator, mask, its_scores in zip(
                    estimators.values(), masks, coarse, strict=True
                )
            ]
            predictions.append(
                Prediction(
                    index=index,
                    object_ids=tuple(estimators),
                    labels=to_labels(soft, tuple(estimators), geometry.video),
                    probabilities=masks,
                    scores=coarse,
                    confidence=np.array(sure, np.float32),
                )
            )
        return predictions


def segment_frames(
    network: FrtmNetwork,
    objects: Mapping[int, TrackedObject],
    features: Features,
    geometry: Geometry,
    *,
    refine: bool,
    search: SearchRegions | None = None,
) -> SegmentedFrames:
    """Return scores and masks of N objects in B frames (algorithm 1, lines 5-6).

    Parameters
    ----------
    network : FrtmNetwork
        Its segmentation network refines the scores.
    objects : mapping of int to TrackedObject
        The N objects.
    features : Features
        Of the B frames.
    geometry : Geometry
        Of the frames.
    refine : bool
        Otherwise the scores are the masks.
    search : SearchRegions, optional
        Where to look for the objects, in a single frame; otherwise everywhere.
    """
    deep = features[TARGET_STRIDE].float()
    projected = {i: known.model.project(deep) for i, known in objects.items()}
    each = [known.model.scores(projected[i]) for i, known in objects.items()]
    scores = torch.stack(each, 1)
    if search:
        scores = search.scores(scores)
    if refine:
        masks = torch.sigmoid(geometry.crop(network.refine(scores, features)))
    else:
        up = interpolate(scores, geometry.padded, mode="bilinear", align_corners=False)
        masks = geometry.crop(up).clamp(0, 1)
    if search:
        probabilities = merge(search.masks(masks))
        found = probabilities[0, 1:] > 0.5
        windows = search.windows * ~(found.any(0) & ~found)
        return SegmentedFrames(projected, scores, probabilities, windows[None])
    return SegmentedFrames(projected, scores, merge(masks))


def split(
    indices: Sequence[int], features: Features, count: int
) -> Iterator[tuple[Sequence[int], Features]]:
    """Yield `count` frames after the other: their indices, and their features."""
    if count >= len(indices):
        yield indices, features
        return
    for first in range(0, len(indices), count):
        part = slice(first, first + count)
        yield indices[part], {stride: level[part] for stride, level in features.items()}
