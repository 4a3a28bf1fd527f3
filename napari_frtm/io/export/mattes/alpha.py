"""Soft mattes at the video's own resolution, from probabilities or, without them, hard masks."""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_frtm.io.export.box import box_around
from napari_frtm.io.export.mattes.edges import calmed, feathered, grown
from napari_frtm.io.export.mattes.matting import estimated, foreground
from napari_frtm.io.export.overlay import to_integers
from napari_frtm.io.export.settings import EdgeSettings
from napari_frtm.types import Contrast

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_frtm.io.export.job import Job

logger = logging.getLogger(__name__)

_LEVELS = 255
_SLACK = 1
"""Distance between hard and soft outline up to which the soft one is trusted, pixels."""
_REACH = 3
"""How far around a place that was painted anew the soft mask is not trusted, in its pixels."""
_BORDER = 4
"""Pixels around an object in which its antialiased edge ends."""
_BELOW = np.float32(np.nextafter(np.float16(0.5), np.float16(0)))
"""The largest half float below a half; of 8 bits it is 127, of 16 bits 32752."""
_BLUR = 0.7
"""Sigma that makes the staircase of a hard mask an antialiased edge, pixels."""


class Mattes:
    """The mattes of a job, with its edge settings.

    Parameters
    ----------
    job : Job
        What is exported.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._kept: OrderedDict[tuple[int, int], NDArray[np.float16]] = OrderedDict()
        self._labels: tuple[int, NDArray[np.unsignedinteger[Any]]] | None = None
        self._warned = False

    def alpha(self, index: int, object_id: int) -> NDArray[np.float32]:
        """Return the matte of an object in a frame: of shape (H, W), in [0, 1]."""
        edges = self._job.settings.edges
        if edges == EdgeSettings(matting=edges.matting, band=edges.band):
            return self._unsmoothed(index, object_id)
        reach = min(edges.smooth, index, self._job.source.length - 1 - index)
        if reach:
            near = range(index - reach, index + reach + 1)
            alpha = calmed([self._remembered(t, object_id) for t in near])
        else:
            alpha = self._unsmoothed(index, object_id)
        alpha = feathered(grown(alpha, edges.grow), edges.feather)
        return np.clip(alpha, 0, 1)

    def together(self, index: int) -> NDArray[np.float32]:
        """Return the matte of all objects of the job: of shape (H, W), in [0, 1]."""
        total = np.zeros(self._job.source.size, np.float32)
        for object_id in self._job.object_ids:
            total += self.alpha(index, object_id)
        return np.minimum(total, 1, out=total)

    def colours(
        self, index: int, alpha: NDArray[np.float32], depth: int = 8
    ) -> NDArray[np.unsignedinteger[Any]]:
        """Return the colours to show with a matte: RGB of shape (H, W, 3), of 8 or 16 bits.

        With matting, those of the objects alone, without what shines through their edges.
        """
        image = self.image(index, depth)
        return foreground(image, alpha) if self._job.settings.edges.matting else image

    def image(self, index: int, depth: int = 8) -> NDArray[np.unsignedinteger[Any]]:
        """Return a frame of the video as RGB of shape (H, W, 3), of 8 or 16 bits.

        With 16 bits, colours of 16 bits keep their levels, for they go on to a compositor; other
        data that have no natural range are shown between the limits of contrast.
        """
        frame = self._job.source.image(index)
        video = self._job.source.video
        assert video is not None  # or `image` had raised
        same = depth == 16 and frame.dtype == np.uint16 and frame.ndim == 3
        return to_integers(frame, Contrast(0, 65535) if same else video.contrast, depth)

    def _remembered(self, index: int, object_id: int) -> NDArray[np.float32]:
        key = index, object_id
        if key not in self._kept:
            self._kept[key] = self._unsmoothed(index, object_id).astype(np.float16)
        window = (2 * self._job.settings.edges.smooth + 1) * len(self._job.object_ids)
        while len(self._kept) > window:
            self._kept.popitem(last=False)
        return self._kept[key].astype(np.float32)

    def _unsmoothed(self, index: int, object_id: int) -> NDArray[np.float32]:
        mask = self._labels_of(index) == object_id
        if not mask.any():
            return np.zeros(mask.shape, np.float32)
        soft = self._job.source.probabilities.get(object_id)
        levels = None if soft is None else np.asarray(soft[index])
        alpha = np.zeros(mask.shape, np.float32)
        if levels is None or not levels.any():
            self._warn(index)
            box = box_around(mask, _BORDER)
            alpha[box] = antialiased(mask[box])
        else:
            box = _common_box(mask, levels)
            ratio = mask.shape[0] / levels.shape[0]
            alpha[box] = agreeing(upsampled(levels, mask.shape, box), mask[box], ratio)
        edges = self._job.settings.edges
        return estimated(self.image(index), alpha, edges.band) if edges.matting else alpha

    def _labels_of(self, index: int) -> NDArray[np.unsignedinteger[Any]]:
        if self._labels is None or self._labels[0] != index:
            self._labels = index, self._job.source.labels(index)
        return self._labels[1]

    def _warn(self, index: int) -> None:
        if not self._warned:
            self._warned = True
            logger.warning(
                "There are no soft masks for some frames (the first is %d): their mattes are "
                "hard masks with antialiased edges.",
                index,
            )


def upsampled(
    levels: NDArray[np.uint8], size: tuple[int, ...], box: tuple[slice, slice]
) -> NDArray[np.float32]:
    """Return a part of a soft mask at another size, interpolated as log-odds.

    Parameters
    ----------
    levels : uint8 array of shape (h, w)
        255 for certain.
    size : tuple of int
        (H, W) of the whole.
    box : tuple of slice
        The rows and columns to return, of those of `size`.

    Returns
    -------
    float32 array, in [0, 1]
        Of the shape of `box`. Exactly 0 and 1 where all levels around are.
    """
    low = 0.5 / _LEVELS
    table = np.clip(np.arange(_LEVELS + 1) / _LEVELS, low, 1 - low)
    odds = np.log(table / (1 - table)).astype(np.float32)
    rows, columns = (
        _between(part, old, new) for part, old, new in zip(box, levels.shape, size, strict=True)
    )
    lines = (
        odds[levels[rows[0]]] * (1 - rows[2])[:, None] + odds[levels[rows[1]]] * rows[2][:, None]
    )
    values = lines[:, columns[0]] * (1 - columns[2]) + lines[:, columns[1]] * columns[2]
    alpha = 1 / (1 + np.exp(-values))
    # the ends of the table are 0 and 1; up to rounding
    alpha = (alpha - low) / (1 - 2 * low)
    alpha[alpha < low / _LEVELS] = 0
    alpha[alpha > 1 - low / _LEVELS] = 1
    return np.asarray(alpha, np.float32)


def _between(
    part: slice, old: int, new: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """Return the old pixels before and behind new ones, and how near those are to the latter."""
    place = np.clip((np.arange(part.start, part.stop) + 0.5) * old / new - 0.5, 0, old - 1)
    before = np.floor(place).astype(np.intp)
    return before, np.minimum(before + 1, old - 1), (place - before).astype(np.float32)


def antialiased(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return a hard mask of shape (H, W) with soft edges a pixel wide.

    At 0.5 it is the mask again, also where that is thinner than an edge.
    """
    blurred = cv2.GaussianBlur(mask.astype(np.float32), (5, 5), _BLUR)
    return np.asarray(np.where(mask, np.clip(blurred, 0.5, 1), np.minimum(blurred, _BELOW)))


def agreeing(
    alpha: NDArray[np.float32], mask: NDArray[np.bool_], ratio: float
) -> NDArray[np.float32]:
    """Return a matte that says what the mask says: at 0.5 it is the mask, pixel by pixel.

    They differ widely where masks were painted, cleaned up or taken by another object after the
    soft masks were made: there the matte is the mask with antialiased edges. Where they differ by a
    pixel, as at corners and between objects that touch, it is a half.

    Parameters
    ----------
    alpha : float32 array of shape (H, W), in [0, 1]
        The soft mask.
    mask : bool array of shape (H, W)
        What is accepted.
    ratio : float
        Pixels of the video in a pixel of the soft mask.
    """
    hard, soft = mask.view(np.uint8), (alpha >= 0.5).view(np.uint8)
    square = np.ones((2 * _SLACK + 1, 2 * _SLACK + 1), np.uint8)
    # what either says must not be away from what the other says; lines and gaps have no inside
    wrong = _away(hard, soft, square) | _away(soft, hard, square)
    wrong |= _away(1 - hard, 1 - soft, square) | _away(1 - soft, 1 - hard, square)
    if wrong.any():
        reach = max(1, round(_REACH * ratio)) + _SLACK
        square = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
        alpha = np.where(cv2.dilate(wrong.view(np.uint8), square) > 0, antialiased(mask), alpha)
    return np.where(mask, np.maximum(alpha, 0.5), np.minimum(alpha, _BELOW))


def _away(
    one: NDArray[np.uint8], other: NDArray[np.uint8], square: NDArray[np.uint8]
) -> NDArray[np.bool_]:
    """Return where a mask has pixels with none of another mask around."""
    return np.asarray(one > cv2.dilate(other, square, borderValue=0))


def _common_box(mask: NDArray[np.bool_], levels: NDArray[np.uint8]) -> tuple[slice, slice]:
    """Return the part of a frame in which a mask or its soft mask are, and a little around it."""
    boxes = [box_around(mask, _BORDER)]
    spans = []
    for part, old, new in zip(box_around(levels > 0, 2), levels.shape, mask.shape, strict=True):
        spans.append(slice(part.start * new // old, min(new, -(-part.stop * new // old))))
    boxes.append((spans[0], spans[1]))
    rows, columns = zip(*boxes, strict=True)
    return _around(rows), _around(columns)


def _around(parts: tuple[slice, ...]) -> slice:
    return slice(min(part.start for part in parts), max(part.stop for part in parts))
