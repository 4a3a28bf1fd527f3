"""Label images to masks at the working size, and masks to label images; each in its box."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_frtm.types import Box

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_frtm.engine.frames.images import Geometry
    from napari_frtm.engine.frames.partition import Partition
    from napari_frtm.types import Labels

_LEAST = 1e-6  # probability


class DrawnMask(NamedTuple):
    """What the user drew of one object, at the working size.

    Attributes
    ----------
    box : Box
        Around it; empty if it was drawn nowhere.
    soft : float32 array of the size of `box`, in [0, 1]
        How much of each pixel was drawn.
    """

    box: Box
    soft: NDArray[np.float32]

    def within(self, box: Box) -> NDArray[np.float32]:
        """Return the mask in another part of the frame."""
        part = np.zeros(box.size, np.float32)
        both = self.box.intersection(box)
        part[both.within(box)] = self.soft[both.within(self.box)]
        return part


def to_masks(labels: Labels, object_ids: Sequence[int], geometry: Geometry) -> dict[int, DrawnMask]:
    """Return the masks of some objects at the working size, by id.

    Scaled by area; an object too thin to cover half a pixel anywhere is raised so that its
    strongest pixel is one, and no object is lost.
    """
    boxes = object_boxes(labels)
    empty = DrawnMask(Box(0, 0, 0, 0), np.zeros((0, 0), np.float32))
    return {
        i: _scaled(labels[boxes[i].slices] == i, boxes[i], geometry) if i in boxes else empty
        for i in object_ids
    }


def to_labels(
    partition: Partition, object_ids: Sequence[int], size: tuple[int, int]
) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Return the label image of size (H, W) of N objects: the most probable one, or background.

    Log-probabilities, not labels, are upsampled, so edges stay smooth. Each object is looked at
    only where it is above the background; upsampling keeps the order of two layers.
    """
    labels = np.zeros(size, np.uint8 if max(object_ids, default=0) < 256 else np.uint16)
    log_background = np.log(np.maximum(partition.background, _LEAST))
    before: list[tuple[Box, NDArray[np.float32]]] = []
    for object_id, outer, part in zip(object_ids, partition.boxes, partition.parts, strict=True):
        background = log_background[outer.within(partition.hull)]
        soft = np.log(np.maximum(part, _LEAST))
        above = soft > background
        if not above.any():
            continue
        inner = _trimmed(above)
        frame = partition.size
        place = Box(*(a + b for a, b in zip(inner, outer[:2] * 2, strict=True)))
        box, strength = enlarged(soft[inner.slices], place, frame, size)
        wins = strength > enlarged(background[inner.slices], place, frame, size)[1]
        for other, rival in before:
            both = box.intersection(other)
            wins[both.within(box)] &= strength[both.within(box)] > rival[both.within(other)]
        labels[box.slices][wins] = object_id
        before.append((box, strength))
    return labels


def enlarged(
    part: NDArray[np.float32], place: Box, frame: tuple[int, int], size: tuple[int, int]
) -> tuple[Box, NDArray[np.float32]]:
    """Return a part of a frame at another size of the frame, (H, W), and where it lies there.

    Bilinear, as torch's `interpolate` does the whole; the outermost pixels that would need what
    lies around the part are left out.
    """
    if frame == size:
        return place, part
    rows, top, bottom = _interpolation(place.top, place.bottom, frame[0], size[0])
    columns, left, right = _interpolation(place.left, place.right, frame[1], size[1])
    return Box(top, left, bottom, right), lerp(lerp(part, *rows).T, *columns).T


def lerp(
    values: NDArray[np.float32], first: NDArray[np.intp], share: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return rows between rows `first` and the next ones, at this share of the way."""
    after = np.minimum(first + 1, len(values) - 1)
    start = values[first]
    return np.asarray(start + share[:, None] * (values[after] - start))


def _interpolation(
    start: int, stop: int, low: int, high: int
) -> tuple[tuple[NDArray[np.intp], NDArray[np.float32]], int, int]:
    """Return where the new pixels of the part `start` to `stop` of a side lie between the old."""
    position = ((np.arange(high) + 0.5) * (low / high) - 0.5).clip(0, low - 1)
    first = int(np.searchsorted(position, start))
    last = int(np.searchsorted(position, stop - 1, side="right"))
    inside = position[first:last] - start
    whole = inside.astype(np.intp)
    return (whole, (inside - whole).astype(np.float32)), first, last


def object_boxes(labels: Labels) -> dict[int, Box]:
    """Return the boxes around all objects of labels of shape (H, W), by id, in one pass."""
    rows, columns = np.nonzero(labels)
    owner = labels[rows, columns]
    order = np.argsort(owner, kind="stable")
    ids, first = np.unique(owner[order], return_index=True)
    if not len(ids):
        return {}
    (top, bottom), (left, right) = (
        (np.minimum.reduceat(at[order], first), np.maximum.reduceat(at[order], first))
        for at in (rows, columns)
    )
    ends = zip(top, left, bottom + 1, right + 1, strict=True)
    return {int(i): Box(*map(int, each)) for i, each in zip(ids, ends, strict=True)}


def _scaled(mask: NDArray[np.bool_], box: Box, geometry: Geometry) -> DrawnMask:
    """Return a mask of a part of the video's frame at the working size."""
    if geometry.working == geometry.video:
        return DrawnMask(box, mask.astype(np.float32))
    rows, top, bottom = _means(box.top, box.bottom, geometry.video[0], geometry.working[0])
    columns, left, right = _means(box.left, box.right, geometry.video[1], geometry.working[1])
    soft = rows @ mask.astype(np.float32) @ columns.T
    strongest = soft.max()
    if 0 < strongest <= 0.5:
        soft = soft / strongest
    return DrawnMask(Box(top, left, bottom, right), soft)


def _means(start: int, stop: int, high: int, low: int) -> tuple[NDArray[np.float32], int, int]:
    """Return the matrix that averages the pixels `start` to `stop` of a side to the `low` ones.

    And the first and last of those that any of them falls into.
    """
    begins = np.arange(low) * high // low
    ends = -(-(np.arange(1, low + 1) * high) // low)
    touched = np.flatnonzero((ends > start) & (begins < stop))
    first, last = int(touched[0]), int(touched[-1]) + 1
    begins, ends = begins[first:last, None], ends[first:last, None]
    positions = np.arange(start, stop)
    inside = (positions >= begins) & (positions < ends)
    return (inside / (ends - begins)).astype(np.float32), first, last


def _trimmed(above: NDArray[np.bool_]) -> Box:
    """Return the box around what is not empty, and a pixel around it if there is one."""
    rows, columns = np.flatnonzero(above.any(1)), np.flatnonzero(above.any(0))
    box = Box(int(rows[0]) - 1, int(columns[0]) - 1, int(rows[-1]) + 2, int(columns[-1]) + 2)
    return box.intersection(Box(0, 0, *above.shape))
