"""The loss of eq. (2) at stride 16: a 9-point stencil instead of full-resolution images.

With scores s, bilinear upsampling U and pixel weights W = diag(v^2),

    ||v (y - U s)||^2 = s' (U' W U) s - 2 s' (U' W y) + const.

Bilinear kernels overlap only with their neighbours, so U' W U couples a score only with the eight
around it. Both terms are small matrix products, because U is separable.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor
from torch.nn.functional import pad

from napari_frtm.config import TARGET_STRIDE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import EllipsisType

    from napari_frtm.types import Box

    Inside: TypeAlias = tuple[EllipsisType, slice, slice]

TAPS = 9
"""Neighbours in a 3x3 window, row by row: (-1, -1), (-1, 0), ... (1, 1)."""
_CENTRE = 4


@dataclass(frozen=True, slots=True, eq=False)
class Quadratic:
    """Quadratic form of samples: ``s' Q s - 2 s' b``, up to a constant.

    Attributes
    ----------
    stencil : Tensor of shape (..., 9, h, w)
        Q: what a score is coupled with, tap by tap.
    target : Tensor of shape (..., h, w)
        b: the weighted labels, brought to stride 16 by the transpose of U.
    """

    stencil: Tensor
    target: Tensor

    def product(self, scores: Tensor) -> Tensor:
        """Return Q s for scores of shape (..., h, w)."""
        total = self.stencil[..., _CENTRE, :, :] * scores
        for tap, here, there in _neighbours(scores.shape[-2], scores.shape[-1]):
            total[here].addcmul_(self.stencil[..., tap, :, :][here], scores[there])
        return total

    def __getitem__(self, samples: int | slice) -> Quadratic:
        return Quadratic(self.stencil[samples], self.target[samples])


def stacked(losses: Sequence[Quadratic]) -> Quadratic:
    """Return losses of the same shape with one more dimension in front."""
    stencil = torch.stack([loss.stencil for loss in losses])
    return Quadratic(stencil, torch.stack([loss.target for loss in losses]))


def quadratic(labels: Tensor, pixel_weights: Tensor, scores_size: tuple[int, int]) -> Quadratic:
    """Bring eq. (2) down to the resolution of the scores.

    Parameters
    ----------
    labels : Tensor of shape (K, H, W), in [0, 1]
        Target masks y, soft or hard.
    pixel_weights : Tensor of shape (K, H, W)
        Weights v^2 of the squared residuals.
    scores_size : tuple of int
        (h, w); each score covers a patch of 16 x 16 pixels. The last patches may stick out of
        the labels: what lies outside has no weight.
    """
    height, width = labels.shape[-2:]
    up_y = _upsampling(scores_size[0], height, labels)
    up_x = _upsampling(scores_size[1], width, labels)
    rows, columns = _overlaps(up_y), _overlaps(up_x)
    h, w = scores_size
    stencil = rows.reshape(3 * h, height) @ pixel_weights @ columns.reshape(3 * w, width).T
    stencil = stencil.reshape(-1, 3, h, 3, w).transpose(2, 3).reshape(-1, TAPS, h, w)
    return Quadratic(stencil, up_y.T @ (pixel_weights * labels) @ up_x)


def quadratic_in_boxes(
    labels: Sequence[Tensor],
    contrast: Sequence[tuple[Tensor, Tensor]],
    boxes: Sequence[Box],
    size: tuple[int, int],
    scores_size: tuple[int, int],
) -> Quadratic:
    """Return what `quadratic` does for objects each of which is in a box of the frame only.

    Parameters
    ----------
    labels : sequence of Tensor, in [0, 1]
        The masks of K objects in their boxes; 0 elsewhere.
    contrast : sequence of pairs of Tensor
        Weights v^2 where a label is above one half, and everywhere else.
    boxes : sequence of Box
        Where the labels are, pixels.
    size : tuple of int
        (H, W) of the frame.
    scores_size : tuple of int
        (h, w).
    """
    h, w = scores_size
    up_y = _upsampling(h, size[0], labels[0])
    up_x = _upsampling(w, size[1], labels[0])
    rows, columns = _overlaps(up_y), _overlaps(up_x)
    even = rows.sum(2).flatten()[:, None] * columns.sum(2).flatten()
    stencils, targets = [], []
    for label, (inside, outside), box in zip(labels, contrast, boxes, strict=True):
        y, x = box.slices
        extra = (label > 0.5) * (inside - outside)
        mine = rows[..., y].flatten(0, 1) @ extra @ columns[..., x].flatten(0, 1).T
        stencils.append((mine + outside * even).view(3, h, 3, w).transpose(1, 2))
        targets.append(up_y[y].T @ ((extra + outside) * label) @ up_x[x])
    return Quadratic(torch.stack(stencils).reshape(-1, TAPS, h, w), torch.stack(targets))


def windows(scores: Tensor) -> Tensor:
    """Return the 3x3 neighbours, (..., h, w) -> (..., 9, h, w); zero outside."""
    h, w = scores.shape[-2:]
    padded = pad(scores, (1, 1, 1, 1))
    shifted = [padded[..., i : i + h, j : j + w] for i in range(3) for j in range(3)]
    return torch.stack(shifted, -3)


def gather(tap_scores: Tensor) -> Tensor:
    """Sum the taps of a 3x3 filter, (..., 9, h, w) -> (..., h, w).

    ``tap_scores[..., t, :, :]`` is the answer of tap t at every pixel; it belongs to the pixel that
    sees this one through tap t.
    """
    total = tap_scores[..., _CENTRE, :, :].clone()
    for tap, here, there in _neighbours(tap_scores.shape[-2], tap_scores.shape[-1]):
        total[here] += tap_scores[..., tap, :, :][there]
    return total


def scatter(residuals: Tensor) -> Tensor:
    """Return the transpose of `gather`, (..., h, w) -> (..., 9, h, w)."""
    return windows(residuals).flip(-3)


def _neighbours(h: int, w: int) -> Iterator[tuple[int, Inside, Inside]]:
    """Yield each tap but the middle one, with the pixels of an image that have a neighbour there.

    And where those neighbours lie. So nothing is copied to have zeros around it.
    """
    for tap in range(TAPS):
        down, right = tap // 3 - 1, tap % 3 - 1
        if tap != _CENTRE:
            rows, columns = _shifted(down, h), _shifted(right, w)
            yield tap, (..., rows[0], columns[0]), (..., rows[1], columns[1])


def _shifted(step: int, size: int) -> tuple[slice, slice]:
    """Return which of `size` places have one that lies a step (-1, 0 or 1) on, and those ones."""
    back, on = max(0, -step), max(0, step)
    return slice(back, size - on), slice(on, size - back)


def _upsampling(low: int, high: int, like: Tensor) -> Tensor:
    """Return the matrix (high, low) of bilinear upsampling by the stride, then cut to `high`."""
    position = (torch.arange(high, dtype=torch.float64) + 0.5) / TARGET_STRIDE - 0.5
    position = position.clamp(0, low - 1)
    distance = position[:, None] - torch.arange(low, dtype=torch.float64)
    return (1 - distance.abs()).clamp(min=0).to(like)


def _overlaps(up: Tensor) -> Tensor:
    """Return U[p, i] U[p, i + d] for d = -1, 0, 1; shape (3, low, high)."""
    padded = pad(up, (1, 1))
    low = up.shape[1]
    return torch.stack([(up * padded[:, d : d + low]).T for d in range(3)])
