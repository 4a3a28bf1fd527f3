"""The loss of eq. (2) at stride 16: a 9-point stencil instead of full-resolution images.

With scores s, bilinear upsampling U and pixel weights W = diag(v^2),

    ||v (y - U s)||^2 = s' (U' W U) s - 2 s' (U' W y) + const.

Bilinear kernels overlap only with their neighbours, so U' W U couples a score only with the eight
around it. Both terms are small matrix products, because U is separable.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from napari_frtm.config import TARGET_STRIDE

TAPS = 9
"""Neighbours in a 3x3 window, row by row: (-1, -1), (-1, 0), ... (1, 1)."""


@dataclass(frozen=True, slots=True, eq=False)
class Quadratic:
    """Quadratic form of K samples: ``s' Q s - 2 s' b``, up to a constant.

    Attributes
    ----------
    stencil : Tensor of shape (K, 9, h, w)
        Q: what a score is coupled with, tap by tap.
    target : Tensor of shape (K, h, w)
        b: the weighted labels, brought to stride 16 by the transpose of U.
    """

    stencil: Tensor
    target: Tensor

    def product(self, scores: Tensor) -> Tensor:
        """Return Q s for scores of shape (K, h, w)."""
        return (self.stencil * windows(scores)).sum(1)


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


def windows(scores: Tensor) -> Tensor:
    """Return the 3x3 neighbours, (K, h, w) -> (K, 9, h, w); zero outside."""
    h, w = scores.shape[-2:]
    padded = pad(scores, (1, 1, 1, 1))
    return torch.stack([padded[:, i : i + h, j : j + w] for i in range(3) for j in range(3)], 1)


def gather(tap_scores: Tensor) -> Tensor:
    """Sum the taps of a 3x3 filter, (K, 9, h, w) -> (K, h, w).

    ``tap_scores[:, t]`` is the answer of tap t at every pixel; it belongs to the pixel that sees
    this one through tap t.
    """
    h, w = tap_scores.shape[-2:]
    padded = pad(tap_scores, (1, 1, 1, 1))
    total = padded[:, 0, :h, :w].clone()
    for tap in range(1, TAPS):
        i, j = divmod(tap, 3)
        total += padded[:, tap, i : i + h, j : j + w]
    return total


def scatter(residuals: Tensor) -> Tensor:
    """Return the transpose of `gather`, (K, h, w) -> (K, 9, h, w)."""
    return windows(residuals).flip(1)


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
