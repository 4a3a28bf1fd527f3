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


def test_pixels_near_an_outline_weigh_more() -> None:
    """Twice as much within five pixels; the weights of all pixels are one in the mean."""
    masks = torch.zeros(1, 1, 20)
    masks[..., 10:] = 1
    wrong_near, wrong_far = (torch.where(masks > 0, LOG3, -LOG3) for _ in range(2))
    wrong_near[..., 12] *= -1
    wrong_far[..., 18] *= -1

    near, far = (mask_loss(x, masks, 0, outline=1.0).item() for x in (wrong_near, wrong_far))

    good, bad = -math.log(3 / 4), math.log(4)  # ten pixels of 20 are near
    assert near == pytest.approx((2 * (9 * good + bad) + 10 * good) / 30)
    assert far == pytest.approx((2 * 10 * good + 9 * good + bad) / 30)
