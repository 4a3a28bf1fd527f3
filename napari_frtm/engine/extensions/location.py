"""Where an object was last seen, and which pieces of a new mask can be it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch

from napari_frtm.config import TARGET_STRIDE
from napari_frtm.types import Box

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_frtm.config import LocalityConfig

_STEEP = 2.0  # a window is 1 up to half of its reach, and falls to 0 from there
_LATEST = 0.2  # what a frame counts in the likeness of late
_SPECK = 0.05  # of the largest piece; smaller ones may be slips of the brush


@dataclass(frozen=True, slots=True, eq=False)
class Location:
    """Where an object was last seen.

    Masks of other frames are given by the part of the frame that they cover, `box`; whole frames
    start at (0, 0).

    Attributes
    ----------
    box : Box
        Around the object, at the working size.
    mask : bool array of the size of `box`
        Which pixels in it are the object; not empty.
    index : int
        The frame.
    size : float
        Square root of the area that the user drew, pixels.
    apart : float
        How far pieces that the user drew are from the largest one, in its sizes; 0 for one piece.
    stage : tuple of float
        Where the stage was then, rows and columns in pixels; see `Stage`.
    likeness : float
        How much it looked like what the user drew lately, at most 1; 0 where that is not known.
    """

    box: Box
    mask: NDArray[np.bool_]
    index: int
    size: float
    apart: float
    stage: tuple[float, float] = (0.0, 0.0)
    likeness: float = 0.0

    @classmethod
    def from_annotation(
        cls,
        mask: NDArray[np.float32],
        index: int,
        origin: tuple[int, int] = (0, 0),
        stage: tuple[float, float] = (0.0, 0.0),
    ) -> Location:
        """Return the location of a mask that the user drew, of a frame or a part of it."""
        hard = mask > 0.5
        box = bounding_box(hard, 0)
        part = hard[box.slices].copy()
        size = float(np.count_nonzero(part)) ** 0.5
        return cls(box.shifted(*origin), part, index, size, _apart(part), stage)

    def moved(
        self,
        soft: NDArray[np.float32],
        index: int,
        origin: tuple[int, int] = (0, 0),
        stage: tuple[float, float] = (0.0, 0.0),
        likeness: NDArray[np.float32] | None = None,
    ) -> Location:
        """Return the location after a frame with a soft mask, which may be empty.

        `likeness` says how much its pixels look like what the user drew, where that is known.
        """
        found = soft > 0.5
        if not found.any():
            return self
        box = bounding_box(found, 0)
        part = found[box.slices].copy()
        alike = self.likeness
        if likeness is not None:
            alike = self._lately(float(likeness[found].mean()), int(np.count_nonzero(part)))
        box = box.shifted(*origin)
        return replace(self, box=box, mask=part, index=index, stage=stage, likeness=alike)

    def carried(self, stage: tuple[float, float]) -> Location:
        """Return this location where the stage has carried it.

        How fast the object itself has moved is not looked at: to expect that it goes on so made
        masks of cells worse, which turn and stop.
        """
        down, right = stage[0] - self.stage[0], stage[1] - self.stage[1]
        return replace(self, box=self.box.shifted(round(down), round(right)))

    @property
    def largest(self) -> float:
        """Size that was drawn, or that it has now if that is larger, pixels."""
        return max(self.size, float(np.count_nonzero(self.mask) ** 0.5))

    def leap_reach(self, index: int, leap: float) -> float:
        """Return how far from the last mask it can be in another frame, pixels.

        That is `leap` times its size with each frame, or as far as it was drawn apart.
        """
        return max(leap, self.apart) * self.largest * abs(index - self.index)

    def reach(self, index: int, config: LocalityConfig) -> float:
        """Return how far from the last mask the object can be in another frame, pixels."""
        unseen = max(0, abs(index - self.index) - 1)
        return max(config.reach * self.size, TARGET_STRIDE) * (1 + config.growth * unseen)

    def window(self, index: int, config: LocalityConfig, box: Box) -> NDArray[np.float32]:
        """Return where to look for the object in a part of another frame, in [0, 1].

        It is 1 on the last mask and falls to 0 at the reach, which grows with each frame in which
        the object was not seen.
        """
        reach = self.reach(index, config)
        area = self.box.grown(int(reach) + 1)
        away = distance(self.cover(area))
        inside = np.clip((1 - away / reach) * _STEEP, 0, 1).astype(np.float32)
        near = np.zeros(box.size, np.float32)
        both = area.intersection(box)
        near[both.within(box)] = inside[both.within(area)]
        return near

    def cut(self, soft: NDArray[np.float32], origin: tuple[int, int] = (0, 0)) -> None:
        """Set a soft mask to 0 around pieces that are not the object, in place.

        Those that touch the last mask are it; if none does, the nearest one is.
        """
        found = soft > 0.5
        if not found.any():
            return
        part = bounding_box(soft > 0, 1).intersection(Box(0, 0, *soft.shape))
        where = part.shifted(*origin)
        found = found[part.slices]
        piece = nearest_piece(found)
        own = np.unique(piece[self.cover(where) & found])
        if not own.size:
            both = where.union(self.box)
            away = distance(self.cover(both))[where.within(both)]
            away[~found] = np.inf
            own = piece.reshape(-1)[[away.argmin()]]
        soft[part.slices][~np.isin(piece, own)] = 0

    def drop_fragments(
        self,
        soft: NDArray[np.float32],
        own: NDArray[np.bool_],
        origin: tuple[int, int] = (0, 0),
    ) -> None:
        """Set a soft mask to 0 on the lesser pieces of what is `own`, in place.

        A piece stays if it covers at least half as much of the last mask as the one that covers
        most; if none covers any of it, the largest ones stay.
        """
        if not own.any():
            return
        part = bounding_box(own, 0)
        own = np.ascontiguousarray(own[part.slices])
        count, piece = cv2.connectedComponents(own.view(np.uint8), connectivity=8)
        if count <= 2:
            return
        mask = self.cover(part.shifted(*origin))
        size = np.bincount(piece[mask & own], minlength=count)
        if not size.any():
            size = np.bincount(piece[own], minlength=count)
        lesser = size < size.max() / 2
        lesser[0] = False  # what is not its own
        soft[part.slices][lesser[piece]] = 0

    def _lately(self, likeness: float, area: int) -> float:
        """Return the mean likeness of late; what is small says little about it."""
        if self.likeness == 0:
            return min(likeness, 1.0)
        share = _LATEST * min(1.0, area / self.size**2)
        return (1 - share) * self.likeness + share * min(likeness, 1.0)

    def cover(self, box: Box) -> NDArray[np.bool_]:
        """Return which pixels of a part of the frame are the object."""
        covered = np.zeros(box.size, np.bool_)
        both = self.box.intersection(box)
        covered[both.within(box)] = self.mask[both.within(self.box)]
        return covered

    def near(self, box: Box, reach: float) -> NDArray[np.bool_]:
        """Return which pixels of a part of the frame are at most so many pixels away."""
        area = self.box.grown(int(reach) + 1).intersection(box.union(self.box))
        near = np.zeros(box.size, np.bool_)
        both = area.intersection(box)
        near[both.within(box)] = (distance(self.cover(area)) <= reach)[both.within(area)]
        return near


def locations_from_state(state: Mapping[str, Tensor]) -> list[Location]:
    """Return the locations that `locations_state` was taken from."""
    if "seen" not in state:
        return []
    locations = []
    for number, (index, size, apart, *later) in enumerate(state["seen"].tolist()):
        box = Box(*state[f"location.{number}.box"].tolist())
        mask = state[f"location.{number}.mask"].cpu().numpy()
        y, x, likeness = [*later, 0.0, 0.0, 0.0][:3]  # older states have fewer
        locations.append(Location(box, mask, int(index), size, apart, (y, x), likeness))
    return locations


def locations_state(locations: Sequence[Location]) -> dict[str, Tensor]:
    """Return locations as tensors."""
    if not locations:
        return {}
    seen = [[at.index, at.size, at.apart, *at.stage, at.likeness] for at in locations]
    state = {"seen": torch.tensor(seen, dtype=torch.float64)}
    for number, at in enumerate(locations):
        state[f"location.{number}.box"] = torch.tensor(at.box)
        state[f"location.{number}.mask"] = torch.from_numpy(at.mask.copy())
    return state


def bounding_box(mask: NDArray[np.bool_], margin: int) -> Box:
    """Return the box around a mask that is not empty, with a margin in pixels."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = Box(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)
    return box.grown(margin)


def _apart(mask: NDArray[np.bool_]) -> float:
    """Return how far pieces of a mask of shape (H, W) are from the largest one, in its sizes."""
    count, piece = cv2.connectedComponents(mask.view(np.uint8), connectivity=8)
    if count <= 2:
        return 0.0
    area = np.bincount(piece.ravel())
    area[0] = 0
    largest = int(area.argmax())
    away = distance(piece == largest)
    gaps = [away[piece == i].min() for i in np.flatnonzero(area > _SPECK * area[largest])]
    return float(np.max(gaps) / np.sqrt(area[largest]))


def distance(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return how far each pixel is from a mask of shape (H, W), pixels."""
    return np.asarray(cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, 5))


def nearest_piece(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return the number of the connected piece of a mask of shape (H, W) that each is next to."""
    _, piece = cv2.distanceTransformWithLabels(
        (~mask).view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_CCOMP
    )
    return np.asarray(piece)
