"""The first samples of an object: the annotated frame, and altered copies (supplement, 6).

Only a window around what changes is altered, and goes through F again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from napari_frtm.config import TARGET_STRIDE
from napari_frtm.engine.extensions.windows import MULTIPLE, groups
from napari_frtm.engine.frames.images import Geometry, to_images
from napari_frtm.engine.target.augmentation import altered_copies
from napari_frtm.types import Box

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_frtm.config import AugmentationConfig
    from napari_frtm.engine.networks.network import FrtmNetwork

_BATCH = 2**20
"""Pixels that go through F at once."""


@dataclass(frozen=True, slots=True, eq=False)
class AlteredCopies:
    """Altered copies of an annotated frame, in a window around the object.

    Attributes
    ----------
    window : Box
        At the padded working size.
    box : Box
        The window without the padding of the frame.
    images : list of arrays of shape (H, W, 3), uint8
        The K copies; none if there is nothing to move.
    masks : list of arrays of shape (H, W), float32, in [0, 1]
        Where the object is: in the frame itself, then in the copies.
    """

    window: Box
    box: Box
    images: list[NDArray[np.uint8]]
    masks: list[NDArray[np.float32]]

    @classmethod
    def of(
        cls,
        image: Tensor,
        mask: NDArray[np.float32],
        window: Box,
        box: Box,
        config: AugmentationConfig,
        rng: np.random.Generator,
        span: tuple[int, int] | None,
    ) -> AlteredCopies:
        """Return copies of a part of an image (3, H', W') in [0, 1], with the mask in its box.

        `span` is what shifts are a fraction of, (H, W), pixels; None for the window.
        """
        rows, columns = box.slices
        pixels = (image[:, rows, columns].permute(1, 2, 0) * 255).round().byte().cpu().numpy()
        copies = altered_copies(pixels, mask, config, rng, span)
        moved = [copy_mask for _, copy_mask in copies]
        return cls(window, box, [copy for copy, _ in copies], [mask, *moved])

    def paste(self, features: Tensor, altered: Tensor) -> None:
        """Put the copies' features into those of the frame, (K, C, h, w), in place.

        The rim of the window is left out, where F did not see what lies around it.
        """
        h, w = features.shape[-2:]
        frame = Box(0, 0, h * TARGET_STRIDE, w * TARGET_STRIDE)
        pairs = list(zip(self.window, frame, strict=True))
        rims = [0 if at == edge else MULTIPLE for at, edge in pairs]
        top, left, bottom, right = (
            (at + sign * rim) // TARGET_STRIDE
            for at, rim, sign in zip(self.window, rims, (1, 1, -1, -1), strict=True)
        )
        first, left_first = (rim // TARGET_STRIDE for rim in rims[:2])
        part = altered[..., first : first + bottom - top, left_first : left_first + right - left]
        features[..., top:bottom, left:right] = part


def features_of(network: FrtmNetwork, copies: Sequence[AlteredCopies]) -> list[Tensor]:
    """Return features (K, C, h, w) at stride 16 of the copies of every object."""
    features: dict[int, Tensor] = {}
    for numbers in groups((one.box.size, one.window.size) for one in copies):
        images = [image for n in numbers for image in copies[n].images]
        box, window = copies[numbers[0]].box, copies[numbers[0]].window
        seen = list(_features(network, images, box.size, window.size))
        empty = [torch.zeros(0, device=network.device)]
        for n in numbers:
            count = len(copies[n].images)
            features[n] = torch.stack(seen[:count]) if count else empty[0]
            del seen[:count]
    return [features[n] for n in range(len(copies))]


def _features(
    network: FrtmNetwork,
    images: Sequence[NDArray[np.uint8]],
    size: tuple[int, int],
    padded: tuple[int, int],
) -> Iterator[Tensor]:
    """Yield features of images of one size, (C, h, w) each."""
    geometry = Geometry.scaled(size, 1.0)
    at_once = max(1, _BATCH // (padded[0] * padded[1]))
    for first in range(0, len(images), at_once):
        ready = to_images(images[first : first + at_once], (0, 255), geometry, network.device)
        yield from network.features(ready, refine=False)[TARGET_STRIDE].float()
