"""The segmentation network: parity with the authors', widths, objects batched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from torch.nn.functional import interpolate

from napari_frtm.config import SegmentationConfig, preset
from napari_frtm.engine.networks.doubling import convolve_doubled, double
from napari_frtm.engine.networks.segmentation import SegmentationNetwork
from napari_frtm.io.weights.checkpoint import load_network

PARITY = Path(__file__).parents[2] / "parity"
CHANNELS = {4: 5, 8: 6, 16: 7, 32: 8}


def _features(frames: int) -> dict[int, torch.Tensor]:
    """Of frames of 64 x 96 pixels."""
    generator = torch.Generator().manual_seed(0)
    return {
        s: torch.randn(frames, c, 64 // s, 96 // s, generator=generator)
        for s, c in CHANNELS.items()
    }


def test_parity_with_the_authors_implementation(tmp_path: Path) -> None:
    """Their checkpoint's layout, features and scores in tests/parity, within 1e-4 of the std."""
    data = {k: torch.from_numpy(v) for k, v in np.load(PARITY / "segnet_rn18.npz").items()}
    features = {stride: data[f"stride{stride}"] for stride in (4, 8, 16, 32)}
    torch.save(torchvision.models.resnet18().state_dict(), tmp_path / "backbone.pth")

    network = load_network(
        preset("fast"),
        device="cpu",
        checkpoint=PARITY / "segnet_rn18.pth",
        backbone_weights=tmp_path / "backbone.pth",
    )
    with torch.inference_mode():
        network.half_precision = False
        logits = network.refine(data["scores"], features)

    error = (logits - data["logits"]).abs().max() / data["logits"].std()
    assert error < 1e-4


def test_objects_in_a_batch_are_as_one_by_one() -> None:
    """Two frames with three objects each, levels of different width."""
    torch.manual_seed(0)
    network = SegmentationNetwork(CHANNELS, SegmentationConfig(channels=(4, 6, 8, 10))).eval()
    features, scores = _features(2), torch.randn(2, 3, 4, 6)

    with torch.inference_mode():
        together = network(scores, network.prepare(features))
        for b in range(2):
            frame = network.prepare({s: f[b : b + 1] for s, f in features.items()})
            for n in range(3):
                alone = network(scores[b : b + 1, n : n + 1], frame)
                assert torch.allclose(together[b, n], alone[0, 0], atol=1e-5)

    assert together.shape == (2, 3, 64, 96)


def test_the_first_convolution_is_split_exactly() -> None:
    """The encoder's share per frame plus per object is the convolution over both."""
    network = SegmentationNetwork(CHANNELS, SegmentationConfig(channels=(4, 4, 4, 4))).eval()
    encoder = network.levels["16"].encoder
    scores = torch.randn(1, 1, 4, 6)
    reduced, prepared = encoder.prepare(_features(1)[16])

    expected = encoder.transform(torch.cat([reduced, scores], 1))

    assert torch.allclose(encoder(prepared, scores), expected, atol=1e-6)


def test_gradients_reach_every_parameter() -> None:
    """Trainable as it stands."""
    network = SegmentationNetwork(CHANNELS, SegmentationConfig(channels=(4, 4, 4, 4)))

    network(torch.randn(2, 1, 4, 6), network.prepare(_features(2))).square().mean().backward()

    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_doubling_is_bicubic_interpolation() -> None:
    """As torch computes it, borders and gradients included."""
    x = torch.randn(2, 3, 5, 7, dtype=torch.float32, requires_grad=True)
    expected = interpolate(x, scale_factor=2, mode="bicubic", align_corners=False)

    found = double(x)

    assert torch.allclose(found, expected, atol=1e-5)
    weight = torch.randn_like(found)
    (gradient,) = torch.autograd.grad((found * weight).sum(), x)
    (true_gradient,) = torch.autograd.grad((expected * weight).sum(), x)
    assert torch.allclose(gradient, true_gradient, atol=1e-4)


@pytest.mark.parametrize("size", [(11, 14), (5, 9), (2, 1)])
def test_doubling_and_convolving_at_once(size: tuple[int, int]) -> None:
    """As one after the other, borders and gradients included."""
    x = torch.randn(2, 4, *size, requires_grad=True)
    convolution = torch.nn.Conv2d(4, 1, 3, padding=1)
    expected = convolution(double(x))

    found = convolve_doubled(x, convolution)

    assert torch.allclose(found, expected, atol=1e-5)
    weight = torch.randn_like(found)
    learned = [x, *convolution.parameters()]
    gradients = torch.autograd.grad((found * weight).sum(), learned)
    true_gradients = torch.autograd.grad((expected * weight).sum(), learned)
    for gradient, true_gradient in zip(gradients, true_gradients, strict=True):
        assert torch.allclose(gradient, true_gradient, atol=1e-4)
