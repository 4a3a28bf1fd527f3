"""Look for an object only near where it was last seen; look-alikes elsewhere do not count.

The target model knows what an object looks like, not where it is. Among cells that look the same
it finds all of them. A window around the last mask keeps it to its own, in what it learns and in
what it finds.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from torch.nn.functional import max_pool2d, pad

from napari_frtm.config import TARGET_STRIDE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_frtm.config import LocalityConfig
    from napari_frtm.types import Labels


_STEEP = 2.0  # a window is 1 up to half of its reach, and falls to 0 from there


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where an object was last seen.

    Attributes
    ----------
    mask : array of shape (H, W), bool
        At the working size; not empty.
    index : int
        The frame.
    size : float
        Square root of the area that the user drew, pixels.
    """

    mask: NDArray[np.bool_]
    index: int
    size: float

    @classmethod
    def drawn(cls, mask: Tensor, index: int) -> Place:
        """Return the place of a mask of shape (H, W), in [0, 1], that the user drew."""
        hard = mask.cpu().numpy() > 0.5
        return cls(hard, index, float(np.count_nonzero(hard)) ** 0.5)

    def moved(self, soft: NDArray[np.float32], index: int) -> Place:
        """Return the place after a frame with a soft mask of shape (H, W), which may be empty."""
        found = soft > 0.5
        return Place(found, index, self.size) if found.any() else self

    def window(self, index: int, config: LocalityConfig) -> NDArray[np.float32]:
        """Return where to look for the object in another frame, (H, W), in [0, 1].

        It is 1 on the last mask and falls to 0 at the reach, which grows with each frame in which
        the object was not seen.
        """
        unseen = max(0, abs(index - self.index) - 1)
        reach = max(config.reach * self.size, TARGET_STRIDE) * (1 + config.growth * unseen)
        near = np.zeros(self.mask.shape, np.float32)
        box = _box(self.mask, int(reach) + 1)
        away = cv2.distanceTransform((~self.mask[box]).view(np.uint8), cv2.DIST_L2, 5)
        near[box] = np.clip((1 - away / reach) * _STEEP, 0, 1)
        return near

    def cut(self, soft: NDArray[np.float32]) -> None:
        """Set a soft mask of shape (H, W) to 0 around pieces that are not the object, in place.

        Those that touch the last mask are it; if none does, the nearest one is.
        """
        found = soft > 0.5
        if not found.any():
            return
        box = _box(soft > 0, 1)
        _, piece = cv2.distanceTransformWithLabels(
            (~found[box]).view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_CCOMP
        )
        own = np.unique(piece[self.mask[box] & found[box]])
        if not own.size:
            away = cv2.distanceTransform((~self.mask).view(np.uint8), cv2.DIST_L2, 5)[box]
            away[~found[box]] = np.inf
            own = piece.flat[away.argmin()]
        soft[box][~np.isin(piece, own)] = 0

    def drop_fragments(self, soft: NDArray[np.float32], own: NDArray[np.bool_]) -> None:
        """Set a soft mask of shape (H, W) to 0 on the lesser pieces of what is `own`, in place.

        A piece stays if it covers at least half as much of the last mask as the one that covers
        most; if none covers any of it, the largest ones stay.
        """
        if not own.any():
            return
        box = _box(own, 0)
        count, piece = cv2.connectedComponents(own[box].view(np.uint8), connectivity=8)
        size = np.bincount(piece[self.mask[box] & own[box]], minlength=count)
        if not size.any():
            size = np.bincount(piece[own[box]], minlength=count)
        lesser = size < size.max() / 2
        lesser[0] = False  # what is not its own
        soft[box][lesser[piece]] = 0


class Search:
    """Where to look for N objects in one frame.

    Parameters
    ----------
    places : sequence of Place
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
        self, places: Sequence[Place], index: int, config: LocalityConfig, device: torch.device
    ) -> None:
        self.places = places
        windows = np.stack([place.window(index, config) for place in places])
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
        for place, mask in zip(self.places, soft, strict=True):
            place.cut(mask)
        best = soft.argmax(0)
        for number, (place, mask) in enumerate(zip(self.places, soft, strict=True)):
            place.drop_fragments(mask, (mask > 0.5) & (best == number))
        return torch.from_numpy(soft)[None].to(masks.device)


def working_scale(annotations: Iterable[Labels], short_side: int, config: LocalityConfig) -> float:
    """Return the scale of the frames at which a typical annotated object is large enough.

    Enlarged in steps of a half; not below the scale that the short side allows.
    """
    sizes: list[float] = []
    pixels, least = 1, 1.0
    for labels in annotations:
        pixels, least = labels.size, min(1.0, short_side / min(labels.shape))
        sizes += (np.bincount(np.asarray(labels).ravel())[1:] ** 0.5).tolist()
    size = median(s for s in sizes if s)
    scale = min(config.size / size, config.enlarge, (config.pixels / pixels) ** 0.5)
    return max(least, scale if scale < 1 else int(2 * scale) / 2)


def places_from_state(state: Mapping[str, Tensor]) -> list[Place]:
    """Return the places that `places_state` was taken from."""
    if "places" not in state:
        return []
    each = zip(state["places"].cpu().numpy(), state["seen"].tolist(), strict=True)
    return [Place(mask, int(index), size) for mask, (index, size) in each]


def places_state(places: Sequence[Place]) -> dict[str, Tensor]:
    """Return places as tensors."""
    if not places:
        return {}
    seen = torch.tensor([[p.index, p.size] for p in places], dtype=torch.float64)
    return {"places": torch.from_numpy(np.stack([p.mask for p in places])), "seen": seen}


def _box(mask: NDArray[np.bool_], margin: int) -> tuple[slice, slice]:
    """Return the rows and columns of a mask that is not empty, with a margin in pixels."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return (
        slice(max(0, rows[0] - margin), rows[-1] + 1 + margin),
        slice(max(0, columns[0] - margin), columns[-1] + 1 + margin),
    )
