"""The loss, against values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from napari_frtm.training.losses import mask_loss

LOG3 = math.log(3)  # probability 3/4


def test_cross_entropy_is_the_mean_over_pixels() -> None:
    """-log of 3/4, 1/2, 1/2 and 1/4."""
    logits = torch.tensor([[[LOG3, 0.0], [0.0, LOG3]]])
    masks = torch.tensor([[[1.0, 1.0], [0.0, 0.0]]])

    expected = (-math.log(3 / 4) + 2 * math.log(2) + math.log(4)) / 4
    assert mask_loss(logits, masks, 0).item() == pytest.approx(expected)


def test_dice_is_the_mean_over_crops() -> None:
    """1 - (2 * 3/4 + 1) / (3/2 + 1 + 1) and 1 - 1 / (3/2 + 1), with one added to both."""
    logits = torch.full((2, 1, 2), LOG3)
    masks = torch.tensor([[[1.0, 0.0]], [[0.0, 0.0]]])

    dice = mask_loss(logits, masks, 2.0) - mask_loss(logits, masks, 0.0)

    expected = 2 * ((1 - 2.5 / 3.5) + (1 - 1 / 2.5)) / 2
    assert dice.item() == pytest.approx(expected)
