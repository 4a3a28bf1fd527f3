"""Weights at both ends of a training: what it starts from, what it leaves."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from napari_frtm.config import TARGET_STRIDE, Variant
from napari_frtm.engine.networks.network import FrtmNetwork
from napari_frtm.engine.networks.segmentation import SegmentationNetwork
from napari_frtm.engine.networks.target_encoder import TargetEncoder
from napari_frtm.io.weights.checkpoint import read_network, save_checkpoint

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

    from napari_frtm.training.config import TrainConfig


def initial_network(config: TrainConfig, init: str | None, device: str) -> FrtmNetwork:
    """Return the network to start from, on a device, batch norms not folded.

    Parameters
    ----------
    config : TrainConfig
        Says which backbone, how wide the segmentation network is, its first weights, and whether
        there is a target encoder, whose weights are always random.
    init : str or None
        Weights to start from, with their widths: ``lite`` or ``cells``, which are embedded, or a
        file.
    device : str
        ``cpu``, ``cuda``, ...

    Raises
    ------
    CheckpointError
        If the weights are missing, damaged, or of another network.
    """
    if init is not None:
        network = read_network(replace(config.method, variant=Variant.FULL), init)
    else:
        backbone = read_network(config.method).backbone
        with torch.random.fork_rng():
            torch.manual_seed(config.seed)
            segmentation = SegmentationNetwork(backbone.channels, config.segmentation)
        network = FrtmNetwork(backbone, segmentation)
    if config.base_net:
        channels = network.backbone.channels[TARGET_STRIDE]
        with torch.random.fork_rng():
            torch.manual_seed(config.seed)
            network.encoder = TargetEncoder(channels, config.method.target.channels)
    return network.to(device).to(memory_format=torch.channels_last)


def for_inference(network: FrtmNetwork, *, refine: bool = False) -> FrtmNetwork:
    """Return a copy of the backbone as it runs in inference, with its S if it is to `refine`.

    The backbone fits the target models.
    """
    segmentation = deepcopy(network.segmentation) if refine else None
    copy = FrtmNetwork(deepcopy(network.backbone), segmentation)
    return copy.for_inference(str(network.device))


def save_weights(path: Path, config: TrainConfig, network: FrtmNetwork) -> None:
    """Write a checkpoint for inference, with the backbone if nothing else brings its weights.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    name = config.method.backbone
    carries = name == "mobilenet_v2" or config.joint is not None
    backbone = network.backbone.torchvision_state() if carries else {}
    encoder = {} if network.encoder is None else network.encoder.state_dict()
    assert network.segmentation is not None
    segmentation = _kept(network.segmentation.state_dict())
    save_checkpoint(path, _kept(backbone), segmentation, name, _kept(encoder))


def _kept(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return what a checkpoint holds of a state dict."""
    return {k: v.cpu() for k, v in state.items() if "num_batches" not in k}
