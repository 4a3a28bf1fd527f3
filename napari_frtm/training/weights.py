"""Weights at both ends of a training: what it starts from, what it leaves."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from napari_frtm.config import SegmentationConfig, Variant
from napari_frtm.engine.backbone import CHANNELS, STRIDES
from napari_frtm.engine.network import FrtmNetwork
from napari_frtm.engine.segmentation import SegmentationNetwork
from napari_frtm.errors import CheckpointError
from napari_frtm.io.checkpoint import read_network, save_checkpoint
from napari_frtm.io.foreign import read_authors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_frtm.training.config import TrainConfig

EMBEDDED = "lite"


def initial_network(config: TrainConfig, init: str | None, device: str) -> FrtmNetwork:
    """Return the network to start from, on a device, batch norms not folded.

    Parameters
    ----------
    config : TrainConfig
        Says which backbone, how wide the segmentation network is, and its first weights.
    init : str or None
        Weights to start from, with their widths: ``lite`` for the embedded ones, or a file.
    device : str
        ``cpu``, ``cuda``, ...

    Raises
    ------
    CheckpointError
        If the weights are missing, damaged, or of another network.
    """
    segmentation = new_segmentation(config, init)
    backbone = read_network(replace(config.method, variant=Variant.D_ONLY), init).backbone
    network = FrtmNetwork(backbone, segmentation)
    return network.to(device).to(memory_format=torch.channels_last)


def for_inference(network: FrtmNetwork) -> FrtmNetwork:
    """Return a copy of the backbone as it runs in inference, which fits the target models."""
    return FrtmNetwork(deepcopy(network.backbone)).for_inference(str(network.device))


def new_segmentation(config: TrainConfig, init: str | None) -> SegmentationNetwork:
    """Return the segmentation network to train; see `initial_network`."""
    channels = dict(zip(STRIDES, CHANNELS[config.method.backbone], strict=True))
    if init is not None:
        return _loaded(channels, _part(_read(init), "segmentation."), init)
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        return SegmentationNetwork(channels, config.segmentation)


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
    assert network.segmentation is not None
    save_checkpoint(path, _kept(backbone), _kept(network.segmentation.state_dict()), name)


def _kept(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {k: v.cpu() for k, v in state.items() if "num_batches" not in k}


def _loaded(
    channels: Mapping[int, int], state: Mapping[str, Tensor], init: str
) -> SegmentationNetwork:
    """Return a segmentation network with these weights, unfolded."""
    if not state:
        raise CheckpointError(f"'{init}' has no segmentation network to start from.")
    try:
        w4, w8, w16, w32 = (len(state[f"levels.{s}.encoder.reduce.0.weight"]) for s in STRIDES)
        config = SegmentationConfig(channels=(w4, w8, w16, w32))
        segmentation = SegmentationNetwork(channels, config)
        segmentation.load_state_dict(state, strict=False)
    except (KeyError, RuntimeError) as error:
        raise CheckpointError(
            f"The weights '{init}' are not for the backbone of this recipe's preset."
        ) from error
    return segmentation


def _read(source: str) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint as they are."""
    if source == EMBEDDED:
        source = str(files("napari_frtm") / "weights" / f"{EMBEDDED}.safetensors")
    path = Path(source)
    if path.suffix.lower() != ".safetensors":
        return read_authors(path)
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"Cannot read the weights {path}: {error}.") from error


def _part(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
