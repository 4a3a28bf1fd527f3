"""Random segmentation networks, and what they make of random input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from napari_frtm.config import SegmentationConfig
from napari_frtm.engine.networks.backbone import CHANNELS, STRIDES
from napari_frtm.engine.networks.segmentation import SegmentationNetwork
from napari_frtm.io.weights.checkpoint import save_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor


def random_network(backbone: str, width: int = 8) -> SegmentationNetwork:
    """Return a segmentation network with random weights, those of the batch norms included."""
    torch.manual_seed(3)
    channels = dict(zip(STRIDES, CHANNELS[backbone], strict=True))
    config = SegmentationConfig(channels=(width,) * 4)
    network = SegmentationNetwork(channels, config).eval()
    for name, tensor in network.state_dict().items():
        if "running" in name:
            tensor.uniform_(0.5, 1.5)
    return network


def write_checkpoint(path: Path, backbone: str) -> None:
    """Write a checkpoint of a random segmentation network."""
    save_checkpoint(path, {}, random_network(backbone).state_dict(), backbone)


def logits(network: SegmentationNetwork, backbone: str) -> Tensor:
    """Return what a segmentation network makes of random scores and features."""
    generator = torch.Generator().manual_seed(0)
    features = {
        s: torch.randn(1, c, 128 // s, 96 // s, generator=generator)
        for s, c in zip(STRIDES, CHANNELS[backbone], strict=True)
    }
    scores = torch.rand(1, 2, 8, 6, generator=generator)
    with torch.inference_mode():
        result: Tensor = network(scores, network.prepare(features))
    return result
