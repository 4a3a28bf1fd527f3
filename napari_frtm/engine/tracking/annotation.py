"""What an annotated frame teaches: objects start, and objects are corrected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_frtm.config import TARGET_STRIDE
from napari_frtm.engine.extensions.location import Location
from napari_frtm.engine.extensions.search_region import SearchRegions
from napari_frtm.engine.target.augmentation import altered_copies
from napari_frtm.engine.tracking.images import Geometry, to_images
from napari_frtm.engine.tracking.objects import TrackedObject

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from napari_frtm.config import FrtmConfig, LocalityConfig
    from napari_frtm.engine.networks.network import FrtmNetwork


@dataclass(frozen=True, slots=True, eq=False)
class AnnotatedFrame:
    """An annotated frame, ready to be learned.

    Attributes
    ----------
    index : int
        The frame.
    image : Tensor of shape (3, H, W), in [0, 1]
        At the working size.
    deep : Tensor of shape (1, C, h, w)
        Features at stride 16.
    masks : dict of int to Tensor of shape (H, W), in [0, 1]
        What the user drew, by object; empty for an object that is absent.
    """

    index: int
    image: Tensor
    deep: Tensor
    masks: Mapping[int, Tensor]

    def start(self, object_id: int, network: FrtmNetwork, config: FrtmConfig) -> TrackedObject:
        """Return a new object, learned from its mask and from altered copies of the frame."""
        mask = self.masks[object_id]
        rng = np.random.default_rng((config.seed, object_id, self.index))
        copies, moved = altered_samples(network, self.image, mask, config, rng)
        features, masks = torch.cat([self.deep, copies]), torch.cat([mask[None], moved])
        windows = None
        if config.locality:
            locations = [Location.from_annotation(m, self.index) for m in masks]
            windows = self._windows(object_id, masks, locations, config.locality)
        started = TrackedObject.start(features, masks, config, windows=windows)
        self._note(started, mask)
        return started

    def correct(self, object_id: int, known: TrackedObject, config: FrtmConfig) -> None:
        """Extend what an object has learned by its mask."""
        mask = self.masks[object_id]
        self._note(known, mask)
        windows = None
        if config.locality:
            locations = [known.location(self.index)]
            windows = self._windows(object_id, mask[None], locations, config.locality)
        projected = known.model.project(self.deep)
        known.remember(projected, mask[None], windows=windows, permanent=True)
        known.update()

    def _note(self, known: TrackedObject, mask: Tensor) -> None:
        """Note where an object was drawn."""
        if (mask > 0.5).any():
            known.locations.append(Location.from_annotation(mask, self.index))

    def _windows(
        self, object_id: int, masks: Tensor, locations: Sequence[Location], locality: LocalityConfig
    ) -> Tensor:
        """Return what counts of samples of shape (K, H, W): what is near, but no other object.

        Look-alikes that were learned as background would make the object itself invisible.
        """
        windows = SearchRegions(locations, self.index, locality, masks.device).windows
        others = torch.zeros_like(masks[0], dtype=torch.bool)
        for other, drawn in self.masks.items():
            if other != object_id:
                others |= drawn > 0.5
        return windows * ~(others & (masks <= 0.5))


def altered_samples(
    network: FrtmNetwork,
    image: Tensor,
    mask: Tensor,
    config: FrtmConfig,
    rng: np.random.Generator,
) -> tuple[Tensor, Tensor]:
    """Return features and masks of altered copies of an annotated frame (supplement, 6).

    Parameters
    ----------
    network : FrtmNetwork
        Its backbone gives the features.
    image : Tensor of shape (3, H, W), in [0, 1]
        The frame at the working size.
    mask : Tensor of shape (H, W), in [0, 1]
        The object.
    config : FrtmConfig
        How many copies, and how they are altered.
    rng : numpy.random.Generator
        Source of the random motions.

    Returns
    -------
    Tensor of shape (K, C, h, w)
        Features at stride 16; K is zero if there is nothing to move.
    Tensor of shape (K, H, W)
        Masks.
    """
    pixels = (image.permute(1, 2, 0) * 255).round().byte().cpu().numpy()
    geometry = Geometry.scaled((pixels.shape[0], pixels.shape[1]), 1.0)
    h, w = geometry.scores
    features = [image.new_zeros(0, network.backbone.channels[TARGET_STRIDE], h, w)]
    masks = [mask[:0].new_zeros(0, *mask.shape)]
    for copy, copy_mask in altered_copies(pixels, mask.cpu().numpy(), config.augmentation, rng):
        ready = to_images([copy], (0.0, 255.0), geometry, image.device)
        features.append(network.features(ready, refine=False)[TARGET_STRIDE].float())
        masks.append(torch.from_numpy(copy_mask)[None].to(mask.device))
    return torch.cat(features), torch.cat(masks)
