"""Outlines of soft masks where the image has edges and changes its colours; not in the paper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch

from napari_frtm.engine.extensions.colours import cues
from napari_frtm.engine.extensions.location import bounding_box
from napari_frtm.engine.networks.network import has_half_precision
from napari_frtm.engine.networks.outline import STRIDE
from napari_frtm.types import Box

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_frtm.config import FrtmConfig
    from napari_frtm.engine.networks.network import FrtmNetwork
    from napari_frtm.engine.networks.outline import OutlineNetwork

_SURE = 0.45
"""How near to 0 or 1 a soft mask is where it is kept, if it is nowhere undecided nearby."""
_NEAR = 33
"""Pixels along the side of the square around an undecided pixel in which all may change."""
_MARGIN = 34
"""Pixels around an object that are looked at."""


def outline_network(network: FrtmNetwork, config: FrtmConfig) -> OutlineNetwork | None:
    """Return what corrects outlines with a setting; None to keep them.

    Raises
    ------
    ValueError
        If they are to be corrected and there is no network for it.
    """
    if config.outlines and network.outlines is None:
        raise ValueError("There is no outline network; set outlines=False.")
    return network.outlines if config.outlines else None


@dataclass(frozen=True, slots=True, eq=False)
class Outlines:
    """What the outlines of masks follow in a frame.

    Attributes
    ----------
    image : array of shape (3, H, W), in [0, 1]
        The frame at the working size; it may be padded.
    network : OutlineNetwork
        What corrects masks, on the CPU.
    """

    image: NDArray[np.float32]
    network: OutlineNetwork

    @classmethod
    def of(cls, images: Tensor, network: OutlineNetwork | None) -> list[Outlines] | list[None]:
        """Return those of B frames (B, 3, H, W), in [0, 1], fetched from where they are together.

        Nothing without a network: masks are kept as they are.
        """
        if network is None:
            return [None] * len(images)
        return [cls(image, network) for image in images.cpu().numpy()]

    def followed(
        self, masks: Sequence[NDArray[np.float32]], boxes: Sequence[Box]
    ) -> list[NDArray[np.float32]]:
        """Return soft masks of N objects in their boxes, with outlines at edges of the image.

        Only what changes sides is changed: how unsure the others are says how good a mask is.
        """
        return [self._along_edges(mask, box) for mask, box in zip(masks, boxes, strict=True)]

    def _along_edges(self, mask: NDArray[np.float32], box: Box) -> NDArray[np.float32]:
        undecided = ((mask > _SURE) & (mask < 1 - _SURE)).astype(np.uint8)
        if not undecided.any():
            return mask
        around = bounding_box(mask > _SURE, _MARGIN).intersection(Box(0, 0, *mask.shape))
        near = cv2.dilate(undecided[around.slices], np.ones((_NEAR, _NEAR), np.uint8)) > 0
        before = mask[around.slices]
        corrected = self._corrected(self.image[:, *box.slices][:, *around.slices], before)
        changes = near & ((corrected > 0.5) != (before > 0.5))
        sharp = mask.copy()
        sharp[around.slices] = np.where(changes, corrected, before)
        return sharp

    def _corrected(
        self, image: NDArray[np.float32], mask: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        height, width = mask.shape
        below, right = -height % STRIDE, -width % STRIDE
        image = np.pad(image, ((0, 0), (0, below), (0, right)), mode="edge")
        mask = np.pad(mask, ((0, below), (0, right)), mode="edge")
        planes = (torch.from_numpy(each)[None] for each in cues(image, mask))
        with torch.autocast("cpu", torch.bfloat16, enabled=has_half_precision("cpu")):
            odds = self.network(*planes)
        found = torch.sigmoid(odds)[0].numpy()
        return np.asarray(found[:height, :width])
