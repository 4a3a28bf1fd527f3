"""Soft aggregation: independent masks of several objects to one partition (section 3.4, [33])."""

from __future__ import annotations

import torch
from torch import Tensor

EPSILON = 1e-6


def merge(probabilities: Tensor) -> Tensor:
    """Return probabilities that sum to one, background first.

    Each object and the background, whose probability is the product of the objects' complements,
    takes its share of the odds.

    Parameters
    ----------
    probabilities : Tensor of shape (..., N, H, W), in [0, 1]
        Each object against everything else.

    Returns
    -------
    Tensor of shape (..., N + 1, H, W)
        Layer 0 is the background.
    """
    background = (1 - probabilities).prod(-3, keepdim=True)
    odds = torch.cat([background, probabilities], -3).clamp_(EPSILON, 1 - EPSILON)
    odds.div_(1 - odds)
    return odds.div_(odds.sum(-3, keepdim=True))
