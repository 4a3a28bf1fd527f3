"""What the segmentation network is trained to make small (paper, section 3.3)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits


def mask_loss(logits: Tensor, masks: Tensor, dice: float) -> Tensor:
    """Return binary cross-entropy, the mean over all pixels, plus `dice` times a soft Dice loss.

    Parameters
    ----------
    logits : Tensor of shape (N, H, W)
        Of the network.
    masks : Tensor of shape (N, H, W), in {0, 1}
        The truth.
    dice : float
        Weight of 1 - 2 |P M| / (|P| + |M|), the mean over the N crops; the paper has none of it.
    """
    loss = binary_cross_entropy_with_logits(logits, masks)
    if dice:
        probabilities = torch.sigmoid(logits)
        common = (probabilities * masks).sum((1, 2))
        both = (probabilities + masks).sum((1, 2))
        loss = loss + dice * (1 - (2 * common + 1) / (both + 1)).mean()
    return loss
