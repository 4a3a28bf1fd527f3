"""Where an object was last seen, and which pieces of a new mask can be it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch

from napari_frtm.config import TARGET_STRIDE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_frtm.config import LocalityConfig

_STEEP = 2.0  # a window is 1 up to half of its reach, and falls to 0 from there
_SPECK = 0.05  # of the largest piece; smaller ones may be slips of the brush


@dataclass(frozen=True, slots=True, eq=False)
class Location:
    """Where an object was last seen.

    Attributes
    ----------
    mask : array of shape (H, W), bool
        At the working size; not empty.
    index : int
        The frame.
    size : float
        Square root of the area that the user drew, pixels.
    apart : float
        How far pieces that the user drew are from the largest one, in its sizes; 0 for one piece.
    """

    mask: NDArray[np.bool_]
    index: int
    size: float
    apart: float

    @classmethod
    def from_annotation(cls, mask: Tensor, index: int) -> Location:
        """Return the place of a mask of shape (H, W), in [0, 1], that the user drew."""
        hard = mask.cpu().numpy() > 0.5
        return cls(hard, index, float(np.count_nonzero(hard)) ** 0.5, _apart(hard))

    def moved(self, soft: NDArray[np.float32], index: int) -> Location:
        """Return the place after a frame with a soft mask of shape (H, W), which may be empty."""
        found = soft > 0.5
        return replace(self, mask=found, index=index) if found.any() else self

    def window(self, index: int, config: LocalityConfig) -> NDArray[np.float32]:
        """Return where to look for the object in another frame, (H, W), in [0, 1].

        It is 1 on the last mask and falls to 0 at the reach, which grows with each frame in which
        the object was not seen.
        """
        unseen = max(0, abs(index - self.index) - 1)
        reach = max(config.reach * self.size, TARGET_STRIDE) * (1 + config.growth * unseen)
        near = np.zeros(self.mask.shape, np.float32)
        box = _box(self.mask, int(reach) + 1)
        away = _distance(self.mask[box])
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
        piece = _nearest_piece(found[box])
        own = np.unique(piece[self.mask[box] & found[box]])
        if not own.size:
            away = _distance(self.mask)[box]
            away[~found[box]] = np.inf
            own = piece.reshape(-1)[[away.argmin()]]
        soft[box][~np.isin(piece, own)] = 0

    def drop_far(self, soft: NDArray[np.float32], index: int, leap: float) -> bool:
        """Set a soft mask of shape (H, W) to 0 around pieces that are too far away, in place.

        Parameters
        ----------
        soft : array of shape (H, W), in [0, 1]
            Found in another frame.
        index : int
            The frame.
        leap : float
            How far the object can have moved with each frame, in its sizes; if it was drawn in
            pieces that lie farther apart, that far.

        Returns
        -------
        bool
            Whether any was. A piece stays if nothing was found nearer, or not more than this
            piece is: then the object may have left something behind that is not it.
        """
        found = soft > 0.5
        count, piece = cv2.connectedComponents(found.view(np.uint8), connectivity=8)
        if count <= 2:  # the background, and one piece
            return False
        size = max(self.size, float(np.count_nonzero(self.mask)) ** 0.5)
        reach = max(leap, self.apart) * size * abs(index - self.index)
        near = np.isin(np.arange(count), piece[self._grown(reach)])
        near[0] = False
        area = np.bincount(piece.ravel())
        stay = near | (area >= area[near].sum())
        if stay[1:].all():
            return False
        box = _box(found, TARGET_STRIDE)
        gone = ~stay[piece[box]] & found[box]
        nearest = _nearest_piece(found[box])
        soft[box][np.isin(nearest, nearest[gone])] = 0
        return True

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

    def _grown(self, reach: float) -> NDArray[np.bool_]:
        """Return what is at most so many pixels away from the mask."""
        near = np.zeros(self.mask.shape, np.bool_)
        box = _box(self.mask, int(reach) + 1)
        near[box] = _distance(self.mask[box]) <= reach
        return near


def locations_from_state(state: Mapping[str, Tensor]) -> list[Location]:
    """Return the locations that `locations_state` was taken from."""
    if "places" not in state:
        return []
    each = zip(state["places"].cpu().numpy(), state["seen"].tolist(), strict=True)
    return [Location(mask, int(index), size, apart) for mask, (index, size, apart) in each]


def locations_state(locations: Sequence[Location]) -> dict[str, Tensor]:
    """Return places as tensors."""
    if not locations:
        return {}
    seen = torch.tensor([[p.index, p.size, p.apart] for p in locations], dtype=torch.float64)
    return {"places": torch.from_numpy(np.stack([p.mask for p in locations])), "seen": seen}


def _box(mask: NDArray[np.bool_], margin: int) -> tuple[slice, slice]:
    """Return the rows and columns of a mask that is not empty, with a margin in pixels."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return (
        slice(max(0, rows[0] - margin), rows[-1] + 1 + margin),
        slice(max(0, columns[0] - margin), columns[-1] + 1 + margin),
    )


def _apart(mask: NDArray[np.bool_]) -> float:
    """Return how far pieces of a mask of shape (H, W) are from the largest one, in its sizes."""
    count, piece = cv2.connectedComponents(mask.view(np.uint8), connectivity=8)
    if count <= 2:
        return 0.0
    area = np.bincount(piece.ravel())
    area[0] = 0
    largest = int(area.argmax())
    away = _distance(piece == largest)
    gaps = [away[piece == i].min() for i in np.flatnonzero(area > _SPECK * area[largest])]
    return float(np.max(gaps) / np.sqrt(area[largest]))


def _distance(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return how far each pixel is from a mask of shape (H, W), pixels."""
    return np.asarray(cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, 5))


def _nearest_piece(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return the number of the connected piece of a mask of shape (H, W) that each is next to."""
    _, piece = cv2.distanceTransformWithLabels(
        (~mask).view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_CCOMP
    )
    return np.asarray(piece)
