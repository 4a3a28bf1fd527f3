"""The frame of a sketch: target models fitted on what is known of it, and what S makes of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn.functional import interpolate

from napari_frtm.config import TARGET_STRIDE
from napari_frtm.engine.extensions.location import bounding_box
from napari_frtm.engine.extensions.parts import SeenFrame
from napari_frtm.engine.extensions.windows import window_around
from napari_frtm.engine.target.model import Samples, TargetModel, fit_models
from napari_frtm.engine.target.stencil import quadratic, stacked
from napari_frtm.engine.tracking.segmentation import refine_windows
from napari_frtm.types import Box

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_frtm.config import FrtmConfig, SketchConfig
    from napari_frtm.engine.extensions.outlines import Outlines
    from napari_frtm.engine.frames.images import Geometry
    from napari_frtm.engine.networks.backbone import Features
    from napari_frtm.engine.networks.network import FrtmNetwork
    from napari_frtm.engine.sketch.evidence import Evidence

_SUSPECTED = 0.25
"""Score from which S has a look."""

_MARGIN = 48
"""Pixels around what is suspected."""


@dataclass(frozen=True, slots=True, eq=False)
class SketchFrame:
    """A frame with its features.

    Attributes
    ----------
    network : FrtmNetwork
        Its S refines, if it has one.
    features : Features
        Of the frame, a batch of one.
    geometry : Geometry
        Sizes of the frame.
    initial : TargetModel
        What every fit starts from.
    outlines : Outlines or None
        What refined masks follow; None to keep them as they are.
    """

    network: FrtmNetwork
    features: Features
    geometry: Geometry
    initial: TargetModel
    outlines: Outlines | None = None

    @classmethod
    def of(
        cls,
        network: FrtmNetwork,
        features: Features,
        geometry: Geometry,
        config: FrtmConfig,
        sketch: SketchConfig,
        outlines: Outlines | None = None,
    ) -> SketchFrame:
        """Return a frame whose target models are optimised as a sketch's are."""
        deep = features[TARGET_STRIDE]
        target = replace(config.target, cg_steps=sketch.cg_steps)
        generator = torch.Generator().manual_seed(config.seed)
        initial = TargetModel.initial(deep.shape[1], target, generator)
        return cls(network, features, geometry, initial.to(deep.device), outlines)

    def fitted(self, evidence: Sequence[Evidence]) -> Tensor:
        """Return the scores (N, h, w) of target models fitted on what is known of N objects."""
        deep = self.features[TARGET_STRIDE].float()
        models, losses = [], []
        for one in evidence:
            target, weights = (
                torch.from_numpy(part)[None].to(deep) for part in (one.target, one.weights)
            )
            losses.append(quadratic(target, weights, self.geometry.scores))
            first = self.initial
            models.append(TargetModel(first.projection, first.taps, first.config))
        weights = deep.new_ones(len(models), 1)
        fit_models(models, [Samples(deep[None], stacked(losses), weights)])
        return torch.cat([model.scores(model.project(deep)) for model in models])

    def refined(self, scores: Tensor, evidence: Sequence[Evidence]) -> list[NDArray[np.float32]]:
        """Return the soft masks of N objects at the working size."""
        frame = Box(0, 0, *self.geometry.working)
        if self.network.segmentation is None:
            boxes = [frame] * len(evidence)
            up = interpolate(
                scores[None], self.geometry.padded, mode="bilinear", align_corners=False
            )
            soft = list(self.geometry.crop(up)[0].clamp(0, 1).cpu().numpy())
        else:
            each = zip(scores, evidence, strict=True)
            windows = [self.window(score, one.inside) for score, one in each]
            boxes = [window.intersection(frame) for window in windows]
            seen = SeenFrame.whole(self.features, self.geometry.padded)
            parts = refine_windows(self.network, scores, seen, windows)
            soft = [
                part[box.within(window)].cpu().numpy()
                for part, window, box in zip(parts, windows, boxes, strict=True)
            ]
        masks = [np.zeros(frame.size, np.float32) for _ in boxes]
        for mask, box, part in zip(masks, boxes, soft, strict=True):
            mask[box.slices] = part
        return masks

    def outlined(self, masks: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """Return soft masks of N objects at the working size with corrected outlines, if wanted."""
        if self.outlines is None:
            return masks
        return self.outlines.followed(masks, [Box(0, 0, *self.geometry.working)] * len(masks))

    def window(self, scores: Tensor, inside: NDArray[np.bool_]) -> Box:
        """Return where S has to look: around what is suspected and what was drawn."""
        suspected = (scores > _SUSPECTED).cpu().numpy()
        boxes = []
        if suspected.any():
            boxes.append(Box(*(TARGET_STRIDE * side for side in bounding_box(suspected, 0))))
        if inside.any():
            boxes.append(bounding_box(inside, 0))
        if not boxes:
            return Box(0, 0, *self.geometry.padded)
        return window_around(reduce(Box.union, boxes).grown(_MARGIN), self.geometry.padded)
