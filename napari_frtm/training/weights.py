"""Weights at both ends of a training: what it starts from, what it leaves."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from napari_frtm.config import SegmentationConfig, Variant
from napari_frtm.engine.backbone import STRIDES
from napari_frtm.engine.segmentation import SegmentationNetwork
from napari_frtm.errors import CheckpointError
from napari_frtm.io.checkpoint import load_network, save_checkpoint
from napari_frtm.io.foreign import read_authors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_frtm.engine.network import FrtmNetwork
    from napari_frtm.training.config import TrainConfig

EMBEDDED = "lite"


def frozen_network(config: TrainConfig, device: str) -> FrtmNetwork:
    """Return the backbone, ready for inference, without a segmentation network."""
    return load_network(replace(config.method, variant=Variant.D_ONLY), device=device)


def new_segmentation(
    config: TrainConfig, network: FrtmNetwork, init: str | None
) -> SegmentationNetwork:
    """Return the segmentation network to train.

    Parameters
    ----------
    config : TrainConfig
        Widths, and the seed of the first weights.
    network : FrtmNetwork
        Its backbone says how many channels come in.
    init : str, optional
        Start from these weights, with their widths: ``lite`` for the embedded ones, or a file.

    Raises
    ------
    CheckpointError
        If the weights are missing, damaged, or of another network.
    """
    channels = network.backbone.channels
    if init is not None:
        segmentation = _loaded(channels, _part(_read(init), "segmentation."), init)
    else:
        with torch.random.fork_rng():
            torch.manual_seed(config.seed)
            segmentation = SegmentationNetwork(channels, config.segmentation)
    return segmentation.to(network.device).to(memory_format=torch.channels_last)


def save_weights(path: Path, config: TrainConfig, segmentation: SegmentationNetwork) -> None:
    """Write a checkpoint for inference, with the backbone if the package carries it.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    name = config.method.backbone
    with as_file(files("napari_frtm") / "weights" / f"{EMBEDDED}.safetensors") as embedded:
        carried = _part(_read(str(embedded)), "backbone.") if name == "mobilenet_v2" else {}
    state = {k: v.cpu() for k, v in segmentation.state_dict().items() if "num_batches" not in k}
    save_checkpoint(path, carried, state, name)


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
