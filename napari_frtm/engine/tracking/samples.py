"""The first samples of an object: the annotated frame, and altered copies (supplement, 6).

Only a part around what has changed in a copy goes through F again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from napari_frtm.config import TARGET_STRIDE
from napari_frtm.engine.extensions.location import bounding_box
from napari_frtm.engine.extensions.windows import aligned, groups
from napari_frtm.engine.target.augmentation import altered_copies
from napari_frtm.types import Box

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_frtm.config import AugmentationConfig
    from napari_frtm.engine.networks.network import FrtmNetwork

_BATCH = 2**20
"""Pixels that go through F at once."""

_CONTEXT = 64
"""Pixels around what is altered that F sees as well."""


@dataclass(frozen=True, slots=True, eq=False)
class AlteredCopies:
    """Altered copies of an annotated frame, in a box around the object.

    Attributes
    ----------
    box : Box
        In which the object has moved, pixels at the working size.
    images : list of arrays of shape (H, W, 3), uint8
        The K - 1 copies; none if there is nothing to move.
    masks : list of arrays of shape (H, W), float32, in [0, 1]
        Where the object is: in the frame itself, then in the copies.
    parts : list of Box
        The part of each copy that F is to see, of one size, at the padded working size.
    """

    box: Box
    images: list[NDArray[np.uint8]]
    masks: list[NDArray[np.float32]]
    parts: list[Box]

    @classmethod
    def of(
        cls,
        image: Tensor,
        mask: NDArray[np.float32],
        box: Box,
        config: AugmentationConfig,
        rng: np.random.Generator,
        span: tuple[int, int] | None,
        part: Box | None,
    ) -> AlteredCopies:
        """Return copies of a frame (3, H', W') in [0, 1], altered in a box; the mask is of that.

        `span` is what shifts are a fraction of, (H, W), pixels; None for the box. `part` is what F
        is to see of all copies; None for no more than it has to.
        """
        rows, columns = box.slices
        pixels = (image[:, rows, columns].permute(1, 2, 0) * 255).round().byte().cpu().numpy()
        copies = altered_copies(pixels, mask, config, rng, span)
        images = [copy for copy, _ in copies]
        masks = [mask, *(moved for _, moved in copies)]
        if part or not images:
            return cls(box, images, masks, [part] * len(images) if part else [])
        each = zip(images, masks[1:], strict=True)
        changed = [((copy != pixels).any(2) | (mask > 0) | (moved > 0)) for copy, moved in each]
        boxes = [bounding_box(where, _CONTEXT).shifted(*box[:2]) for where in changed]
        frame = (image.shape[1], image.shape[2])
        return cls(box, images, masks, _parts(boxes, frame))

    def seen(self, number: int, image: Tensor) -> Tensor:
        """Return what F is to see of a copy of the frame, (3, h, w) in [0, 1]."""
        part = self.parts[number]
        rows, columns = part.slices
        seen = image[:, rows, columns].clone()
        both = self.box.intersection(part)
        copy = torch.from_numpy(self.images[number][both.within(self.box)]).to(image)
        rows, columns = both.within(part)
        seen[:, rows, columns] = copy.permute(2, 0, 1) / 255
        return seen


def features_of(
    network: FrtmNetwork, image: Tensor, copies: Sequence[AlteredCopies]
) -> list[Tensor]:
    """Return features (K - 1, C, h, w) at stride 16 of the parts of every object's copies."""
    features: dict[tuple[int, int], Tensor] = {}
    numbers = [(n, k) for n, each in enumerate(copies) for k in range(len(each.images))]
    for alike in groups(copies[n].parts[k].size for n, k in numbers):
        together = [numbers[i] for i in alike]
        at_once = max(1, _BATCH // copies[together[0][0]].parts[0].area)
        for first in range(0, len(together), at_once):
            some = together[first : first + at_once]
            seen = torch.stack([copies[n].seen(k, image) for n, k in some])
            found = network.features(seen, refine=False)[TARGET_STRIDE].float()
            features |= zip(some, found, strict=True)
    return [
        torch.stack([features[n, k] for k in range(len(each.images))])
        if each.images
        else torch.zeros(0, device=image.device)
        for n, each in enumerate(copies)
    ]


def _parts(boxes: Sequence[Box], frame: tuple[int, int]) -> list[Box]:
    """Return parts of one size, on multiples of 32 pixels, around boxes in a padded frame."""
    edges = Box(0, 0, *frame)
    least = [aligned(box.intersection(edges)) for box in boxes]
    height, width = (max(box.size[axis] for box in least) for axis in (0, 1))
    found = []
    for box in least:
        top, left = min(box.top, frame[0] - height), min(box.left, frame[1] - width)
        found.append(Box(top, left, top + height, left + width))
    return found
