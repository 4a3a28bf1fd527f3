"""Twice the size by bicubic interpolation, alone and with the convolution that follows it."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad, pixel_shuffle


def double(x: Tensor) -> Tensor:
    """Return (N, C, h, w) at twice the size, bicubic (a = -0.75) with the border repeated.

    The same as torch's `interpolate`, several times as fast: each output pixel is one of four
    fixed 5x5 filters of the input.
    """
    count, channels, h, w = x.shape
    filters = doubling_filters(x.device).to(x.dtype)
    padded = pad(x, (2, 2, 2, 2), mode="replicate")
    doubled = x.new_empty(count, 2 * h, 2 * w, channels).movedim(-1, 1)
    for p, q in product((0, 1), (0, 1)):
        weight = filters[p, q].expand(channels, 1, 5, 5)
        doubled[..., p::2, q::2] = conv2d(padded, weight, groups=channels)
    return doubled


def convolve_doubled(x: Tensor, convolution: nn.Conv2d) -> Tensor:
    """Return (N, 1, 2 h, 2 w): `double`, and a 3x3 convolution to one channel, as one.

    Both are linear: four 5x5 convolutions of the input. At the border the convolution sees zeros
    around what was doubled, for which the outermost pixels have filters of their own.
    """
    filters = convolved_filters(convolution.weight, x.device).to(x.dtype)
    assert convolution.bias is not None
    bias = convolution.bias.expand(4)
    padded = pad(x, (2, 2, 2, 2), mode="replicate")
    whole = pixel_shuffle(conv2d(padded, filters[0, 0], bias), 2)
    ends = ((0, slice(None, 5)), (-1, slice(-5, None)))
    for row, rows in ends:
        strip = pixel_shuffle(conv2d(padded[..., rows, :], filters[1, 0], bias), 2)
        whole[..., row, :] = strip[..., row, :]
        strip = pixel_shuffle(conv2d(padded[..., rows], filters[0, 1], bias), 2)
        whole[..., row] = strip[..., row]
    for (row, rows), (column, columns) in product(ends, ends):
        corner = conv2d(padded[..., rows, columns], filters[1, 1], bias)
        whole[..., row, column] = pixel_shuffle(corner, 2)[..., row, column]
    return whole


def doubling_filters(device: torch.device) -> Tensor:
    """Return the filters (2, 2, 5, 5) of the four pixels that doubling makes of one."""
    phases = _phases(device)
    return torch.stack([torch.stack([torch.outer(p, q) for q in phases]) for p in phases])


def convolved_filters(weight: Tensor, device: torch.device) -> Tensor:
    """Return the filters (2, 2, 4, C, 5, 5) of the four pixels that come of one.

    Those of the outermost rows of pixels are at 1 on the first axis, of columns on the second.

    Parameters
    ----------
    weight : Tensor of shape (1, C, 3, 3)
        Of the convolution of what was doubled.
    device : device
        Where the filters are to be.
    """
    even, odd = _phases(device)  # of the pixels 2 i and 2 i + 1, over i - 2 ... i + 2
    before, after = odd.roll(-1), even.roll(1)  # 2 i - 1 and 2 i + 2; what goes round is zero
    taps = torch.stack([torch.stack([before, even, odd]), torch.stack([even, odd, after])])
    outermost = taps.clone()
    outermost[0, 0] = outermost[1, 2] = 0
    both = torch.stack([taps, outermost])
    filters = torch.einsum("cab,ipat,jqbu->ijpqctu", weight[0].float(), both, both)
    return filters.flatten(2, 3)


def _phases(device: torch.device) -> Tensor:
    """Return the filters of the two pixels, (2, 5), that doubling makes of each."""
    offsets = torch.arange(-2, 3, device=device, dtype=torch.float32)
    return torch.stack([_cubic(offsets + 0.25), _cubic(offsets - 0.25)])


def _cubic(distance: Tensor, a: float = -0.75) -> Tensor:
    """Return the weights of cubic convolution at these distances, pixels."""
    d = distance.abs()
    near = (a + 2) * d**3 - (a + 3) * d**2 + 1
    far = a * (d**3 - 5 * d**2 + 8 * d - 4)
    return torch.where(d <= 1, near, torch.where(d < 2, far, 0.0))
