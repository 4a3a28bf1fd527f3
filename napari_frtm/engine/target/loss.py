"""The weighted loss of samples with given masks (paper, section 3.1, eq. (2) and (4))."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from napari_frtm.engine.target.stencil import quadratic, quadratic_in_boxes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_frtm.engine.target.stencil import Quadratic
    from napari_frtm.types import Box


def sample_loss(masks: Tensor, kappa_min: float, scores_size: tuple[int, int]) -> Quadratic:
    """Return the loss of samples with these masks of shape (K, H, W), soft or hard, in [0, 1]."""
    return quadratic(masks, pixel_weights(masks, kappa_min), scores_size)


def region_losses(
    masks: Tensor, counts: Tensor, kappa_min: float, scores_size: tuple[int, int]
) -> Quadratic:
    """Return the loss of samples of which only some pixels count.

    Parameters
    ----------
    masks : Tensor of shape (K, H, W), in [0, 1]
        Soft or hard.
    counts : bool Tensor of shape (K, H, W)
        What counts.
    kappa_min : float
        As in eq. (4).
    scores_size : tuple of int
        (h, w) of the scores.
    """
    return quadratic(masks, region_weights(masks, counts, kappa_min), scores_size)


def losses_in_boxes(
    masks: Sequence[Tensor],
    boxes: Sequence[Box],
    size: tuple[int, int],
    kappa_min: float,
    scores_size: tuple[int, int],
) -> Quadratic:
    """Return the loss of K samples as `sample_loss` does, each known only in its box.

    Parameters
    ----------
    masks : sequence of Tensor, in [0, 1]
        In the boxes; 0 elsewhere.
    boxes : sequence of Box
        Pixels.
    size : tuple of int
        (H, W) of the frame.
    kappa_min : float
        As in eq. (4).
    scores_size : tuple of int
        (h, w) of the scores.
    """
    pixels = size[0] * size[1]
    areas = torch.stack([(mask > 0.5).sum() for mask in masks]).to(masks[0]) / pixels
    inside, outside = _shares(areas, kappa_min, torch.full_like(areas, 0.5 / pixels))
    contrast = list(zip(inside, outside, strict=True))
    return quadratic_in_boxes(masks, contrast, boxes, size, scores_size)


def pixel_weights(masks: Tensor, kappa_min: float) -> Tensor:
    """Return the weights of the squared residuals, eq. (4), for masks of shape (K, H, W).

    The target (mask above one half) gets at least the share `kappa_min` of the influence.
    """
    target = masks > 0.5
    actual = target.to(masks.dtype).mean((1, 2), keepdim=True)
    inside, outside = _shares(actual, kappa_min, torch.full_like(actual, 0.5 / masks[0].numel()))
    return torch.where(target, inside, outside)


def region_weights(masks: Tensor, inside: Tensor, kappa_min: float) -> Tensor:
    """Return the weights of eq. (4) as if what is `inside`, (K, H, W) bool, were the image."""
    target = (masks > 0.5) & inside
    count = inside.sum((1, 2), keepdim=True).clamp(min=1).to(masks.dtype)
    actual = target.to(masks.dtype).sum((1, 2), keepdim=True) / count
    weights = _shares(actual, kappa_min, 0.5 / count)
    return torch.where(target, weights[0], weights[1]) * inside


def _shares(actual: Tensor, kappa_min: float, tiny: Tensor) -> tuple[Tensor, Tensor]:
    """Return the weights of the target's pixels, and of the others, for its share of the image.

    `tiny` is less than the share of one pixel; it counts only where a side is empty.
    """
    desired = actual.clamp(min=kappa_min)
    return desired / actual.clamp(min=tiny), (1 - desired) / (1 - actual).clamp(min=tiny)
