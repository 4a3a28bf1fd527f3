"""What an annotated frame teaches: objects start, and objects are corrected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_frtm.config import TARGET_STRIDE
from napari_frtm.engine.extensions.location import Location
from napari_frtm.engine.extensions.search_region import SearchRegions
from napari_frtm.engine.extensions.windows import crop, groups
from napari_frtm.engine.target.loss import losses_in_boxes, region_losses
from napari_frtm.engine.target.merging import FirstSamples
from napari_frtm.engine.tracking.objects import start_objects, update_objects
from napari_frtm.engine.tracking.samples import AlteredCopies, features_of
from napari_frtm.types import Box

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_frtm.config import AugmentationConfig, FrtmConfig, LocalityConfig
    from napari_frtm.engine.frames.images import Geometry
    from napari_frtm.engine.frames.labels import DrawnMask
    from napari_frtm.engine.networks.network import FrtmNetwork
    from napari_frtm.engine.target.stencil import Quadratic
    from napari_frtm.engine.tracking.objects import TrackedObject

_AT_ONCE = 2**27
"""Bytes of the features of first samples, at most."""

_MANY = 32
"""Objects in windows that are learned together."""

_FILLED = 64
"""Pixels around what moves in altered copies: what fills its old place is taken from there."""


@dataclass(frozen=True, slots=True, eq=False)
class AnnotatedFrame:
    """An annotated frame, ready to be learned.

    Attributes
    ----------
    index : int
        The frame.
    image : Tensor of shape (3, H', W'), in [0, 1]
        At the padded working size.
    deep : Tensor of shape (1, C, h, w)
        Features at stride 16.
    masks : dict of int to DrawnMask
        What the user drew, by object; empty for an object that is absent.
    geometry : Geometry
        Of the frame.
    stage : tuple of float
        Where the stage is, rows and columns in pixels; see `Stage`.
    """

    index: int
    image: Tensor
    deep: Tensor
    masks: Mapping[int, DrawnMask]
    geometry: Geometry
    stage: tuple[float, float] = (0.0, 0.0)

    def start(
        self, object_ids: Sequence[int], network: FrtmNetwork, config: FrtmConfig
    ) -> dict[int, TrackedObject]:
        """Return new objects, learned from their masks and from altered copies of the frame."""
        started: dict[int, TrackedObject] = {}
        for ids in self._together(object_ids, config):
            copies = [self._altered_copies(i, config) for i in ids]
            altered = features_of(network, self.image, copies)
            each = zip(ids, copies, altered, strict=True)
            samples = [self._first_samples(*one, config) for one in each]
            for numbers in groups((s.frame.shape, len(s.parts)) for s in samples):
                numbers.sort(key=lambda n: samples[n].altered.shape)
                losses = [self._first_losses(ids[n], copies[n], config) for n in numbers]
                drawn = [self.masks[ids[n]].soft for n in numbers]
                new = start_objects([samples[n] for n in numbers], losses, drawn, config)
                started |= zip([ids[n] for n in numbers], new, strict=True)
        for object_id, known in started.items():
            self._note(object_id, known)
        return started

    def correct(self, objects: Mapping[int, TrackedObject], config: FrtmConfig) -> None:
        """Extend what objects have learned by their masks."""
        for object_id, known in objects.items():
            mask = self.masks[object_id]
            self._note(object_id, known)
            features = self.deep
            if config.locality:
                regions = self._regions(known.location(self.index), config.locality)
                box = regions.boxes[0]
                masks = [mask.within(box)]
                features = crop(features, regions.windows, TARGET_STRIDE)
                size = (features.shape[2], features.shape[3])
                loss = self._region_losses(object_id, masks, box, regions.weights, size, config)
            else:
                loss = self._losses([mask.soft], mask.box, config)
            known.confidence_estimator.observe_annotation(mask.soft)
            known.remember(known.model.project(features)[0], loss, permanent=True)
        update_objects(list(objects.values()))
        for known in objects.values():
            known.learn_drawn()

    def _together(self, object_ids: Sequence[int], config: FrtmConfig) -> Iterator[Sequence[int]]:
        """Yield as many objects as are learned at once."""
        samples = self.deep.nbytes * config.augmentation.samples
        count = _MANY if config.locality else max(1, _AT_ONCE // samples)
        for first in range(0, len(object_ids), count):
            yield object_ids[first : first + count]

    def _altered_copies(self, object_id: int, config: FrtmConfig) -> AlteredCopies:
        mask, how = self.masks[object_id], config.augmentation
        window, frame = self._window(object_id, config), Box(0, 0, *self.geometry.working)
        anywhere = config.windows and not config.locality
        box = (self._reach(mask, how) if anywhere else window).intersection(frame)
        rng = np.random.default_rng((config.seed, object_id, self.index))
        span = None if config.locality else self.geometry.working
        part = None if anywhere else window
        return AlteredCopies.of(self.image, mask.within(box), box, how, rng, span, part)

    def _window(self, object_id: int, config: FrtmConfig) -> Box:
        """Return the part of the frame that the target model of an object learns from."""
        if not config.locality:
            return Box(0, 0, *self.geometry.padded)
        mask = self.masks[object_id]
        drawn = Location.from_annotation(mask.soft, self.index, mask.box[:2], self.stage)
        return self._regions(drawn, config.locality).windows[0]

    def _reach(self, mask: DrawnMask, how: AugmentationConfig) -> Box:
        """Return where an object can be in altered copies; it may stick out of the frame."""
        larger = how.scale[1] * (1 + how.shear) * 2**0.5  # than it is, turned by 45 degrees
        shift = how.shift * max(self.geometry.working)
        margin = shift + (larger - 1) * max(mask.box.size) / 2
        return mask.box.grown(int(margin) + _FILLED)

    def _first_samples(
        self, object_id: int, copies: AlteredCopies, altered: Tensor, config: FrtmConfig
    ) -> FirstSamples:
        """Return the features of the frame, and of what is altered in its copies."""
        window = self._window(object_id, config)
        frame = crop(self.deep, [window], TARGET_STRIDE)[0]
        if not copies.images:
            return FirstSamples(frame, altered, [])
        parts = [part.shifted(-window.top, -window.left) for part in copies.parts]
        in_scores = [part.at_stride(TARGET_STRIDE) for part in parts]
        return FirstSamples.pasted(frame, altered, in_scores)

    def _first_losses(self, object_id: int, copies: AlteredCopies, config: FrtmConfig) -> Quadratic:
        if not config.locality:
            return self._losses(copies.masks, copies.box, config)
        whole = Box(0, 0, *copies.box.size)
        weights = [
            Location.from_annotation(mask, self.index).window(self.index, config.locality, whole)
            for mask in copies.masks
        ]
        height, width = self._window(object_id, config).size
        size = (height // TARGET_STRIDE, width // TARGET_STRIDE)
        return self._region_losses(object_id, copies.masks, copies.box, weights, size, config)

    def _losses(
        self, masks: Sequence[NDArray[np.float32]], box: Box, config: FrtmConfig
    ) -> Quadratic:
        """Return the losses of samples with masks in a box of the frame."""
        parts = [torch.from_numpy(mask).to(self.deep) for mask in masks]
        size, kappa_min = self.geometry.working, config.target.kappa_min
        return losses_in_boxes(parts, [box] * len(parts), size, kappa_min, self.geometry.scores)

    def _region_losses(
        self,
        object_id: int,
        masks: Sequence[NDArray[np.float32]],
        box: Box,
        weights: Sequence[NDArray[np.float32]],
        scores_size: tuple[int, int],
        config: FrtmConfig,
    ) -> Quadratic:
        """Return the losses of samples of a box, in which what is near counts, but no other object.

        Look-alikes that were learned as background would make the object itself invisible.
        """
        others = np.zeros(box.size, np.bool_)
        for other, drawn in self.masks.items():
            both = box.intersection(drawn.box)
            if other != object_id and min(both.size) > 0:
                others |= drawn.within(box) > 0.5
        counts = [
            (weight > 0) & ~(others & (mask <= 0.5))
            for mask, weight in zip(masks, weights, strict=True)
        ]
        device = self.deep.device
        soft, count = (torch.from_numpy(np.stack(part)).to(device) for part in (masks, counts))
        return region_losses(soft, count, config.target.kappa_min, scores_size)

    def _regions(self, location: Location, locality: LocalityConfig) -> SearchRegions:
        working, padded = self.geometry.working, self.geometry.padded
        return SearchRegions([location], self.index, locality, working, padded, self.stage)

    def _note(self, object_id: int, known: TrackedObject) -> None:
        """Note where an object was drawn."""
        mask = self.masks[object_id]
        if (mask.soft > 0.5).any():
            drawn = Location.from_annotation(mask.soft, self.index, mask.box[:2], self.stage)
            known.locations.append(drawn)
