"""Frames to scores and masks of all objects (paper, algorithm 1, lines 5-6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn.functional import interpolate

from napari_frtm.config import TARGET_STRIDE
from napari_frtm.engine.extensions.leap import drop_others, upsampled
from napari_frtm.engine.extensions.windows import crop, groups
from napari_frtm.engine.frames.labels import to_labels
from napari_frtm.engine.frames.partition import Partition
from napari_frtm.engine.networks.backbone import STRIDES
from napari_frtm.engine.target.loss import losses_in_boxes, region_losses
from napari_frtm.types import Box, Prediction

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_frtm.config import FrtmConfig
    from napari_frtm.engine.extensions.confidence import ConfidenceEstimator
    from napari_frtm.engine.extensions.outlines import Outlines
    from napari_frtm.engine.extensions.parts import SeenFrame
    from napari_frtm.engine.extensions.search_region import SearchRegions
    from napari_frtm.engine.frames.images import Geometry
    from napari_frtm.engine.frames.labels import DrawnMask
    from napari_frtm.engine.networks.backbone import Features
    from napari_frtm.engine.networks.network import FrtmNetwork
    from napari_frtm.engine.target.stencil import Quadratic
    from napari_frtm.engine.tracking.objects import TrackedObject
    from napari_frtm.engine.tracking.scoring import Scored

_BATCH = 2**19
"""Pixels that go through S at once: larger batches leave the caches."""


@dataclass(frozen=True, slots=True)
class SegmentedFrame:
    """What a tracker found in one frame.

    Attributes
    ----------
    index : int
        The frame.
    scored : Scored
        By the target models.
    scores, likeness : float32 arrays of shape (N, h, w)
        Of `scored`, fetched from where it was computed; no likeness where it was not asked for.
    partition : Partition
        The masks.
    region : SearchRegions or None
        Where the objects were looked for; None for everywhere.
    """

    index: int
    scored: Scored
    scores: NDArray[np.float32]
    likeness: NDArray[np.float32] | None
    partition: Partition
    region: SearchRegions | None

    @classmethod
    def of_windows(
        cls,
        index: int,
        scored: Scored,
        masks: Sequence[Tensor],
        geometry: Geometry,
        regions: SearchRegions | None,
        outlines: Outlines | None,
    ) -> SegmentedFrame:
        """Return the frame in which N objects have these soft masks in their windows."""
        frame = Box(0, 0, *geometry.working)
        windows = scored.windows
        boxes = regions.boxes if regions else [window.intersection(frame) for window in windows]
        parts = [
            mask[box.within(window)].cpu().numpy()
            for mask, window, box in zip(masks, windows, boxes, strict=True)
        ]
        if outlines:
            parts = outlines.followed(parts, boxes)
        if regions:
            parts = regions.limit(parts)
        partition = Partition.merged(boxes, parts, geometry.working)
        return cls(index, scored, *_fetched([scored])[0], partition, regions)

    def replace(self, given: Mapping[int, DrawnMask], object_ids: Sequence[int]) -> None:
        """Put the user's masks, by object, in the place of what was found."""
        for object_id, mask in given.items():
            number = object_ids.index(object_id)
            self.partition.replace(number, mask.box, mask.soft.copy())

    def drop_others(self, objects: Mapping[int, TrackedObject], leap: float | None) -> None:
        """Drop what cannot be the objects, and tell them where they are now.

        `leap` is how far an object can move with each frame, in its sizes; None for any distance.
        """
        masks = self.partition
        stage = self.region.stage if self.region else (0.0, 0.0)
        for number, known in enumerate(objects.values()):
            box, part, alike = masks.boxes[number], masks.parts[number], None
            if leap and known.locations and self.likeness is not None:
                alike, last = upsampled(self.likeness[number], box), known.location(self.index)
                if drop_others(part, alike, last, self.index, leap, box[:2]):
                    masks.normalise(box)
            known.move(part, self.index, box[:2], stage, alike)

    def losses(
        self, config: FrtmConfig, geometry: Geometry, device: torch.device
    ) -> list[Quadratic]:
        """Return what target models are to learn from the masks, by object."""
        masks = self.partition.parts
        if not config.variant.refines:
            masks = [(mask > 0.5).astype(np.float32) for mask in masks]
        parts = [torch.from_numpy(mask).to(device) for mask in masks]
        kappa_min = config.target.kappa_min
        if self.region is None:
            boxes, size = self.partition.boxes, geometry.working
            losses = losses_in_boxes(parts, boxes, size, kappa_min, geometry.scores)
            return [losses[i : i + 1] for i in range(len(parts))]
        counts = [
            torch.from_numpy((weight > 0) & ~other).to(device)
            for weight, other in zip(self.region.weights, self.partition.contested(), strict=True)
        ]
        found: dict[int, Quadratic] = {}
        sizes = [projected.shape[1:] for projected in self.scored.projected]
        for alike in groups((part.shape, size) for part, size in zip(parts, sizes, strict=True)):
            soft, count = (torch.stack([each[i] for i in alike]) for each in (parts, counts))
            h, w = sizes[alike[0]]
            losses = region_losses(soft, count, kappa_min, (h, w))
            found |= {i: losses[n : n + 1] for n, i in enumerate(alike)}
        return [found[i] for i in range(len(parts))]

    def prediction(
        self, estimators: Mapping[int, ConfidenceEstimator], geometry: Geometry
    ) -> Prediction:
        """Return what is to be delivered; the estimators see one frame after the other."""
        height, width = geometry.visible_scores
        scores = self.scores[:, :height, :width]
        each = zip(estimators.values(), self.partition.parts, scores, strict=True)
        sure = [estimator.observe(part, its_scores) for estimator, part, its_scores in each]
        return Prediction(
            index=self.index,
            object_ids=tuple(estimators),
            labels=to_labels(self.partition, tuple(estimators), geometry.video),
            probabilities=self.partition.masks,
            scores=scores,
            confidence=np.array(sure, np.float32),
        )


def masks_in_windows(
    network: FrtmNetwork, scored: Scored, seen: SeenFrame, *, refine: bool
) -> list[Tensor]:
    """Return soft masks of N objects in their windows of one frame, by S or as they were scored."""
    if refine:
        return refine_windows(network, scored.scores, seen, scored.windows)
    up = interpolate(scored.scores[None], seen.size, mode="bilinear", align_corners=False)[0]
    each = zip(up, scored.windows, strict=True)
    return [plane[window.slices].clamp(0, 1) for plane, window in each]


def refine_windows(
    network: FrtmNetwork, scores: Tensor, seen: SeenFrame, windows: Sequence[Box]
) -> list[Tensor]:
    """Return soft masks of N objects in their windows of one frame, by S.

    Parameters
    ----------
    network : FrtmNetwork
        Has the segmentation network.
    scores : Tensor of shape (N, h, w)
        Coarse scores of the frame.
    seen : SeenFrame
        The frame, with features for S.
    windows : sequence of Box
        One for each object.
    """
    masks: dict[int, Tensor] = {}
    for numbers in groups(window.size for window in windows):
        for together in _portions(numbers, windows[numbers[0]]):
            boxes = [windows[i] for i in together]
            crops = {stride: seen.crops(boxes, stride) for stride in STRIDES}
            coarse = [crop(scores[None, i : i + 1], [windows[i]], TARGET_STRIDE) for i in together]
            logits = network.refine(torch.cat(coarse), crops)
            masks |= zip(together, torch.sigmoid(logits[:, 0]), strict=True)
    return [masks[i] for i in range(len(windows))]


def whole_frames(
    network: FrtmNetwork,
    indices: Sequence[int],
    scored: Sequence[Scored],
    features: Features,
    geometry: Geometry,
    outlines: Sequence[Outlines | None],
    *,
    refine: bool,
) -> list[SegmentedFrame]:
    """Return the masks of N objects in B whole frames; for the parameters see above."""
    scores = torch.stack([one.scores for one in scored])
    if refine:
        masks = torch.sigmoid(geometry.crop(network.refine(scores, features)))
    else:
        up = interpolate(scores, geometry.padded, mode="bilinear", align_corners=False)
        masks = geometry.crop(up).clamp(0, 1)
    boxes = [Box(0, 0, *geometry.working)] * scores.shape[1]
    each = zip(indices, scored, _fetched(scored), masks.cpu().numpy(), outlines, strict=True)
    frames = []
    for index, one, coarse, soft, outline in each:
        parts = outline.followed(list(soft), boxes) if outline else list(soft)
        partition = Partition.merged(boxes, parts, geometry.working)
        frames.append(SegmentedFrame(index, one, *coarse, partition, None))
    return frames


def _fetched(
    frames: Sequence[Scored],
) -> list[tuple[NDArray[np.float32], NDArray[np.float32] | None]]:
    """Return scores and likeness of B frames, fetched together: the host waits once."""
    known = [one.likeness for one in frames if one.likeness is not None]
    both = torch.stack([*(one.scores for one in frames), *known]).cpu().numpy()
    scores, likeness = both[: len(frames)], both[len(frames) :]
    return list(zip(scores, likeness if known else [None] * len(frames), strict=True))


def _portions(numbers: list[int], window: Box) -> Iterator[list[int]]:
    """Split the numbers of windows of one size so that a batch is not larger than a frame."""
    height, width = window.size
    most = max(1, _BATCH // (height * width))
    for first in range(0, len(numbers), most):
        yield numbers[first : first + most]
