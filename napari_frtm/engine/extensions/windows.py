"""The part of a frame that is computed for an object; many objects become one batch of crops."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from napari_frtm.types import Box

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence
    from typing import TypeVar

    from torch import Tensor

    Size = TypeVar("Size", bound=Hashable)

MULTIPLE = 32
"""Windows start and end at these pixels of the working size: the deepest stride of F."""


LEAST = 256
"""Pixels that S sees at least around an object, from edge to edge: in less, it loses small ones."""


def window_around(box: Box, frame: tuple[int, int], least: int = 2 * MULTIPLE) -> Box:
    """Return the window around a box, inside a frame of padded size (H, W).

    It has `least` pixels along each side, if the frame has them. There are not many sizes of
    windows, so that those of many objects go through together.
    """
    top, bottom = _span(box.top, box.bottom, frame[0], least)
    left, right = _span(box.left, box.right, frame[1], least)
    return Box(top, left, bottom, right)


def aligned(box: Box) -> Box:
    """Return the smallest box on multiples of 32 pixels around a box."""
    top, left = (side // MULTIPLE * MULTIPLE for side in box[:2])
    bottom, right = (-(-side // MULTIPLE) * MULTIPLE for side in box[2:])
    return Box(top, left, bottom, right)


def groups(sizes: Iterable[Size]) -> list[list[int]]:
    """Return the numbers of those that are alike, group by group."""
    alike: dict[Size, list[int]] = {}
    for number, size in enumerate(sizes):
        alike.setdefault(size, []).append(number)
    return list(alike.values())


def crop(features: Tensor, windows: Sequence[Box], stride: int) -> Tensor:
    """Cut windows of one size out of feature maps, (1, C, h, w) -> (M, C, h', w')."""
    if len(windows) == 1 and windows[0].size == tuple(s * stride for s in features.shape[-2:]):
        return features
    places = [window.at_stride(stride).slices for window in windows]
    parts = [features[0, :, rows, columns] for rows, columns in places]
    return torch.stack(parts).contiguous(memory_format=torch.channels_last)


def _span(start: int, stop: int, size: int, least: int) -> tuple[int, int]:
    """Return first and last pixel of a window along one side of the frame."""
    first, last = max(start, 0) // MULTIPLE, -(-min(stop, size) // MULTIPLE)
    count, most = _allowed(max(last - first, least // MULTIPLE)), size // MULTIPLE
    if count >= most:
        return 0, size
    first = min(max(0, first - (count - (last - first)) // 2), most - count)
    return first * MULTIPLE, (first + count) * MULTIPLE


def _allowed(count: int) -> int:
    """Round up to one of the sizes that windows have."""
    step = 1 if count <= 8 else 2 if count <= 12 else 4
    return -(-count // step) * step
