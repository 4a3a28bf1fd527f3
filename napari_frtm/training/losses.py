"""What the segmentation network is trained to make small (paper, section 3.3)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, max_pool2d

_NEAR = 5
"""Pixels within which an outline is near."""


def mask_loss(logits: Tensor, masks: Tensor, dice: float, outline: float = 0.0) -> Tensor:
    """Return binary cross-entropy, the mean over all pixels, plus `dice` times a soft Dice loss.

    Parameters
    ----------
    logits : Tensor of shape (N, H, W)
        Of the network.
    masks : Tensor of shape (N, H, W), in [0, 1]
        What is right; of another network's answers, how sure it is.
    dice : float
        Weight of 1 - 2 |P M| / (|P| + |M|), the mean over the N crops; the paper has none of it.
    outline : float
        How much more than others pixels near an outline weigh in the cross-entropy; 0 in the paper.
    """
    if outline:
        weights = 1 + outline * _near_outline(masks)
        loss = binary_cross_entropy_with_logits(logits, masks, weights / weights.mean())
    else:
        loss = binary_cross_entropy_with_logits(logits, masks)
    if dice:
        probabilities = torch.sigmoid(logits)
        common = (probabilities * masks).sum((1, 2))
        both = (probabilities + masks).sum((1, 2))
        loss = loss + dice * (1 - (2 * common + 1) / (both + 1)).mean()
    return loss


def _near_outline(masks: Tensor) -> Tensor:
    """Return 1 where both classes are near, else 0, of shape (N, H, W)."""
    side = 2 * _NEAR + 1
    both = torch.stack([masks, 1 - masks], 1)
    return max_pool2d(both, side, 1, _NEAR).prod(1)
