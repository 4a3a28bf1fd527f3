"""Clean-up of masks: grow, shrink, fill holes, drop specks, keep the largest piece, smooth in time.

The border of the image is no edge of an object: what it cuts off is taken to go on outside. So
shrinking does not detach an object from it, and an opening towards it is no hole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from napari_frtm.types import Labels

Mask: TypeAlias = NDArray[np.bool_]
"""One object of shape (H, W)."""

_Box: TypeAlias = tuple[slice, slice]


def grow(mask: Mask, pixels: int) -> Mask:
    """Return a mask grown by a disk; shrunk if `pixels` is negative.

    Parameters
    ----------
    mask : bool array of shape (H, W)
        The object.
    pixels : int
        Radius of the disk.
    """
    if pixels == 0:
        return mask.copy()
    reach = abs(pixels) + 0.25 / abs(pixels)  # between the radius and the next possible distance
    outside = mask if pixels < 0 else ~mask
    if outside.all():  # there is no edge to move
        return mask.copy()
    distance = _distance(outside)
    return distance > reach if pixels < 0 else distance <= reach


def fill_holes(mask: Mask, largest: int) -> Mask:
    """Return a mask whose holes of up to `largest` pixels are filled.

    A hole is background that the object encloses; diagonal neighbours do not connect background.
    """
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(_image(~mask), connectivity=4)
    hole = stats[:, cv2.CC_STAT_AREA] <= largest
    hole[0] = False  # the object
    for border in (pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]):
        hole[border] = False
    filled: Mask = mask | hole[pieces] if count > 1 else mask.copy()
    return filled


def drop_specks(mask: Mask, smallest: int) -> Mask:
    """Return a mask without its pieces of less than `smallest` pixels; diagonals connect."""
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(_image(mask), connectivity=8)
    kept = stats[:, cv2.CC_STAT_AREA] >= smallest
    kept[0] = False  # the background
    whole: Mask = kept[pieces]
    return whole


def keep_largest(mask: Mask) -> Mask:
    """Return the largest piece of a mask, the first from the top if several are; empty if empty."""
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(_image(mask), connectivity=8)
    if count == 1:
        return mask.copy()
    areas, tops = stats[1:, cv2.CC_STAT_AREA], stats[1:, cv2.CC_STAT_TOP]
    largest: Mask = pieces == 1 + np.lexsort((tops, -areas))[0]
    return largest


def smooth_in_time(masks: Mask, radius: int) -> Mask:
    """Return masks that follow the majority of the frames around each.

    Parameters
    ----------
    masks : bool array of shape (T, H, W)
        One object.
    radius : int
        Frames to either side that have a vote, as the frame itself; fewer at the ends. In a tie a
        pixel stays as it is.
    """
    smooth = np.empty_like(masks)
    for index in range(len(masks)):
        first = max(0, index - radius)
        window = list(masks[first : index + radius + 1].astype(np.uint8))
        smooth[index] = vote(window, index - first, [1])
    return smooth


def vote(window: Sequence[Labels], own: int, object_ids: Iterable[int]) -> Labels:
    """Return the labels of a frame after a vote of the frames around it, object by object.

    Parameters
    ----------
    window : sequence of integer arrays of shape (H, W)
        Labels of consecutive frames.
    own : int
        Place of the frame in the window.
    object_ids : iterable of int
        Objects to smooth. Pixels of others stay theirs.
    """
    before = window[own]
    differs = np.zeros(before.shape, bool)
    for labels in window:
        differs |= labels != before
    votes = np.stack([labels[differs] for labels in window])
    owner = votes[own]
    result = owner.copy()
    ids = np.intersect1d(votes, list(object_ids))
    mine = np.isin(owner, ids)
    result[mine] = 0
    for object_id in ids:
        count = 2 * np.count_nonzero(votes == object_id, axis=0)
        wanted = (count > len(window)) | ((count == len(window)) & (owner == object_id))
        result[wanted & (mine | (owner == 0))] = object_id
    smooth = before.copy()
    smooth[differs] = result
    return smooth


def clean_up(
    labels: Labels,
    object_ids: Iterable[int],
    steps: Sequence[Callable[[Mask], Mask]],
    reach: int = 0,
) -> Labels:
    """Return labels with some objects cleaned up, none at the cost of another.

    An object takes background only, and pixels that another gives up; where several want a pixel,
    the nearest gets it, of equally near ones that with the lowest number. What nobody wants becomes
    background.

    Parameters
    ----------
    labels : integer array of shape (H, W)
        Not modified.
    object_ids : iterable of int
        Objects to clean up; those that are not there are left out.
    steps : sequence of callable
        What to do with the mask of each, in order.
    reach : int
        Pixels by which the steps may grow a mask, all together.
    """
    boxes = _boxes(labels, sorted(set(object_ids)), reach + 1)
    wanted: dict[int, Mask] = {}
    for object_id, box in boxes.items():
        wanted[object_id] = labels[box] == object_id
        for step in steps:
            wanted[object_id] = step(wanted[object_id])
    result = labels.copy()
    for object_id, box in boxes.items():
        result[box][(labels[box] == object_id) & ~wanted[object_id]] = 0
    _take(result, labels, boxes, wanted)
    return result


def _take(result: Labels, labels: Labels, boxes: dict[int, _Box], wanted: dict[int, Mask]) -> None:
    """Give the background in `result` to the objects that want it."""
    free = result == 0
    claimed, contested = np.zeros_like(free), np.zeros_like(free)
    for object_id, box in boxes.items():
        wanted[object_id] = wanted[object_id] & free[box]
        contested[box] |= wanted[object_id] & claimed[box]
        claimed[box] |= wanted[object_id]
    nearest = np.full(labels.shape if contested.any() else (0, 0), np.inf, np.float32)
    for object_id, box in boxes.items():
        take = wanted[object_id]
        if (take & contested[box]).any():
            distance = _distance(labels[box] != object_id)
            take &= ~contested[box] | (distance < nearest[box])
            nearest[box][take] = distance[take]
        result[box][take] = object_id
        if take.any():
            _cut_off(result[box], labels[box], object_id)


def _cut_off(result: Labels, labels: Labels, object_id: int) -> None:
    """Take back what an object gained behind another one, so that growth stops there."""
    count, pieces = cv2.connectedComponents(_image(result == object_id), connectivity=8)
    behind = np.ones(count, bool)
    behind[pieces[labels == object_id]] = False
    behind[0] = False
    result[behind[pieces]] = 0


def _boxes(labels: Labels, object_ids: Sequence[int], margin: int) -> dict[int, _Box]:
    """Return where each object is, with a margin; in one pass for all of them."""
    pixels = np.nonzero(np.isin(labels, object_ids))
    found, which = np.unique(labels[pixels], return_inverse=True)
    spans = []
    for where, size in zip(pixels, labels.shape, strict=True):
        there = np.zeros((len(found), size), bool)
        there[which, where] = True
        first, last = there.argmax(1), size - 1 - there[:, ::-1].argmax(1)
        ends = zip(first, last, strict=True)
        spans.append([slice(max(0, a - margin), b + 1 + margin) for a, b in ends])
    return {int(i): box for i, box in zip(found, zip(*spans, strict=True), strict=True)}


def _distance(outside: Mask) -> NDArray[np.float32]:
    """Return how far each pixel is from the nearest one that is not `outside`, in pixels."""
    distance: NDArray[np.float32] = cv2.distanceTransform(
        _image(outside), cv2.DIST_L2, cv2.DIST_MASK_PRECISE
    )
    return distance


def _image(mask: Mask) -> NDArray[np.uint8]:
    return np.ascontiguousarray(mask).view(np.uint8)
