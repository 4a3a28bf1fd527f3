"""The stencil form of the loss against full-resolution images."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import interpolate

from napari_frtm.engine.target.stencil import Quadratic, gather, quadratic, scatter, windows

SIZES = [(96, 160), (32, 32), (17, 50), (90, 33), (16, 16), (1, 1)]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_stencil_gives_the_loss_at_full_resolution(size: tuple[int, int]) -> None:
    """Of the difference between two score maps, so that the constant drops out."""
    h, w = -(-size[0] // 16), -(-size[1] // 16)
    generator = torch.Generator().manual_seed(0)
    scores, others = torch.randn(2, 3, h, w, generator=generator, dtype=torch.float64)
    labels, weights = torch.rand(2, 3, *size, generator=generator, dtype=torch.float64)

    form = quadratic(labels, weights, (h, w))
    found = _value(form, scores) - _value(form, others)

    def literal(s: torch.Tensor) -> torch.Tensor:
        up = interpolate(s[:, None], (16 * h, 16 * w), mode="bilinear", align_corners=False)
        up = up[:, 0, : size[0], : size[1]]
        return (weights * (labels - up) ** 2).sum((1, 2))

    assert torch.allclose(found, literal(scores) - literal(others))


def test_a_label_of_one_patch_by_hand() -> None:
    """One score covers 16 x 16 pixels: Q is the sum of the weights, b that of weight x label."""
    labels, weights = torch.zeros(1, 16, 16), torch.full((1, 16, 16), 2.0)
    labels[0, :4] = 1

    form = quadratic(labels, weights, (1, 1))

    assert form.stencil[0, :, 0, 0].tolist() == [0, 0, 0, 0, 512, 0, 0, 0, 0]
    assert form.target.item() == 128


def test_scores_beyond_the_labels_have_no_weight() -> None:
    """A score map that is wider than the labels."""
    form = quadratic(torch.ones(1, 16, 16), torch.ones(1, 16, 16), (3, 3))

    assert form.stencil[0, :, 2, :].abs().max() == 0
    assert form.target[0, 2].abs().max() == 0


def test_scatter_is_the_transpose_of_gather() -> None:
    """<gather(t), r> = <t, scatter(r)>."""
    taps, residuals = torch.randn(2, 9, 5, 7), torch.randn(2, 5, 7)

    assert torch.allclose((gather(taps) * residuals).sum(), (taps * scatter(residuals)).sum())


def test_windows_hold_the_neighbours() -> None:
    """Tap 0 is the pixel above to the left, tap 5 the one to the right; outside is zero."""
    image = torch.arange(12.0).view(1, 3, 4)

    found = windows(image)[0]

    assert found[0, 1, 1] == image[0, 0, 0]
    assert found[5, 1, 1] == image[0, 1, 2]
    assert found[5, 1, 3] == 0


def _value(form: Quadratic, scores: torch.Tensor) -> torch.Tensor:
    """Return s' Q s - 2 s' b."""
    product = form.product(scores)
    return (scores * product - 2 * scores * form.target).sum((1, 2))
