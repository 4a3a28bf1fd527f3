"""The outline network: masks follow the edges and colours of the image; not in the paper."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pixel_shuffle, relu

_WIDTHS = (8, 16, 24)
"""Channels at strides 2, 4 and 8."""
STRIDE = 8
"""What the sides of images are multiples of."""
_LOG_ODDS = 3
"""Which of the planes of full size is the log-odds of the mask."""
_SCALE = 4.595
"""Log-odds of 0.99, which that plane has as 1."""


class OutlineNetwork(nn.Module):
    """A small U-Net that corrects the log-odds of a soft mask.

    Parameters
    ----------
    full, half : int
        Planes that it sees at full and at half size; the fourth of the former is the log-odds of
        the mask.
    """

    def __init__(self, full: int, half: int) -> None:
        super().__init__()
        at_2, at_4, at_8 = _WIDTHS
        self.trust = nn.Parameter(torch.ones(()))
        self.enter = _convolution(4 * full + half, at_2)
        self.fine = _convolution(at_2, at_2)
        self.down_4 = _convolution(at_2, at_4, stride=2)
        self.middle = _convolution(at_4, at_4)
        self.down_8 = _convolution(at_4, at_8, stride=2)
        self.coarse = nn.ModuleList(_convolution(at_8, at_8) for _ in range(2))
        self.up_4 = nn.Conv2d(at_8, at_4, 1)
        self.join_4 = _convolution(at_4, at_4)
        self.up_2 = nn.Conv2d(at_4, at_2, 1)
        self.join_2 = _convolution(at_2, at_2)
        self.leave = nn.Conv2d(at_2, 4, 3, padding=1)
        nn.init.zeros_(self.leave.weight)  # at first it changes nothing
        assert self.leave.bias is not None
        nn.init.zeros_(self.leave.bias)

    def forward(self, full: Tensor, half: Tensor) -> Tensor:
        """Return corrected log-odds (B, H, W) for planes (B, C, H, W) and (B, C', H / 2, W / 2).

        H and W are multiples of `STRIDE`.
        """
        fine = self.enter(_at_half_size(full, half))
        fine = relu(fine + self.fine(fine))
        middle = self.down_4(fine)
        middle = relu(middle + self.middle(middle))
        coarse = self.down_8(middle)
        for block in self.coarse:
            coarse = relu(coarse + block(coarse))
        middle = relu(middle + _doubled(self.up_4(coarse)))
        middle = relu(middle + self.join_4(middle))
        fine = relu(fine + _doubled(self.up_2(middle)))
        fine = relu(fine + self.join_2(fine))
        correction: Tensor = pixel_shuffle(self.leave(fine), 2)[:, 0]
        return self.trust * _SCALE * full[:, _LOG_ODDS] + correction


def _at_half_size(full: Tensor, half: Tensor) -> Tensor:
    """Return planes (B, 4 C + C', H / 2, W / 2), the former as `pixel_unshuffle` gives them.

    In half of its time, and in the layout of memory that convolutions want.
    """
    batch, channels, height, width = full.shape
    pairs = full.reshape(batch, channels, height // 2, 2, width // 2, 2)
    quarters = pairs.permute(0, 1, 3, 5, 2, 4).reshape(batch, -1, *half.shape[2:])
    return torch.cat([quarters, half], 1).contiguous(memory_format=torch.channels_last)


def _convolution(channels: int, out: int, stride: int = 1) -> nn.Module:
    return nn.Sequential(nn.Conv2d(channels, out, 3, stride, 1), nn.ReLU())


def _doubled(x: Tensor) -> Tensor:
    return interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
