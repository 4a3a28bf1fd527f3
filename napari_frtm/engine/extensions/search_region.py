"""Look for an object only near where it was last seen; look-alikes elsewhere do not count.

The target model knows what an object looks like, not where it is. Among cells that look the same
it finds all of them. A window around the last mask keeps it to its own, in what it learns and in
what it finds.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn.functional import max_pool2d, pad

from napari_frtm.config import TARGET_STRIDE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import Tensor

    from napari_frtm.config import LocalityConfig
    from napari_frtm.engine.extensions.location import Location
    from napari_frtm.types import Labels


class SearchRegions:
    """Where to look for N objects in one frame.

    Parameters
    ----------
    locations : sequence of Location
        Where they were last seen.
    index : int
        The frame.
    config : LocalityConfig
        How far to look.
    device : torch.device
        Where the scores and masks are.

    Attributes
    ----------
    windows : Tensor of shape (N, H, W), in [0, 1]
        At the working size.
    """

    def __init__(
        self,
        locations: Sequence[Location],
        index: int,
        config: LocalityConfig,
        device: torch.device,
    ) -> None:
        self.locations = locations
        windows = np.stack([location.window(index, config) for location in locations])
        self.windows = torch.from_numpy(windows).to(device)

    def scores(self, scores: Tensor) -> Tensor:
        """Return coarse scores of shape (1, N, h, w), at most 0 outside the windows."""
        below, right = (
            low * TARGET_STRIDE - high
            for low, high in zip(scores.shape[-2:], self.windows.shape[-2:], strict=True)
        )
        inside = max_pool2d(pad(self.windows, (0, right, 0, below)), TARGET_STRIDE) > 0
        return torch.where(inside, scores, scores.clamp(max=0))

    def masks(self, masks: Tensor) -> Tensor:
        """Return soft masks of shape (1, N, H, W), 0 outside the windows.

        Where several objects claim pixels, what one wins of another is left to that other, unless
        it is the main part of what the one wins.
        """
        soft = (masks * self.windows)[0].cpu().numpy()
        for location, mask in zip(self.locations, soft, strict=True):
            location.cut(mask)
        best = soft.argmax(0)
        for number, (location, mask) in enumerate(zip(self.locations, soft, strict=True)):
            location.drop_fragments(mask, (mask > 0.5) & (best == number))
        return torch.from_numpy(soft)[None].to(masks.device)


def working_scale(annotations: Iterable[Labels], least: float, config: LocalityConfig) -> float:
    """Return the scale of the frames at which a typical annotated object is large enough.

    Enlarged in steps of a half; not below the scale `least`, without locality.
    """
    sizes: list[float] = []
    pixels = 1
    for labels in annotations:
        pixels = labels.size
        sizes += (np.bincount(np.asarray(labels).ravel())[1:] ** 0.5).tolist()
    size = median(s for s in sizes if s)
    scale = min(config.size / size, config.enlarge, (config.pixels / pixels) ** 0.5)
    return max(least, scale if scale < 1 else int(2 * scale) / 2)
