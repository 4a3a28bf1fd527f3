"""Weights: the embedded ones, checkpoints of this package, and which of them a setting needs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Never

import torch
from torch import Tensor

from napari_frtm.config import SegmentationConfig, Variant
from napari_frtm.engine.networks.backbone import CHANNELS, STRIDES, Backbone
from napari_frtm.engine.networks.network import FrtmNetwork
from napari_frtm.engine.networks.segmentation import SegmentationNetwork
from napari_frtm.engine.networks.target_encoder import TargetEncoder
from napari_frtm.errors import CheckpointError
from napari_frtm.io.weights.acceleration import accelerated, possible
from napari_frtm.io.weights.eight_bits import read_graphs
from napari_frtm.io.weights.foreign import download, read_authors, read_state_dict
from napari_frtm.io.weights.library import (
    EMBEDDED,
    all_embedded,
    check_published,
    embedded,
    find_checkpoint,
    has_refinement,
    own_weights,
)
from napari_frtm.io.weights.outlines import read_outlines
from napari_frtm.io.weights.sealed import read_sealed, write_sealed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_frtm.config import FrtmConfig

_S = "the segmentation network"
_ENCODER = "the target encoder of Base net"


def resolve_device(name: str) -> str:
    """Return the device for ``auto``, ``cpu``, ``cuda`` or ``mps``.

    Raises
    ------
    CheckpointError
        If the device asked for is not there.
    """
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return next((device for device, there in present.items() if there), "cpu")
    if name != "cpu" and not present.get(name.split(":")[0], False):
        raise CheckpointError(f"There is no '{name}' device here. Use 'auto' or 'cpu'.")
    return name


def load_network(
    config: FrtmConfig,
    *,
    device: str = "auto",
    checkpoint: str | Path | None = None,
    backbone_weights: str | Path | None = None,
) -> FrtmNetwork:
    """Return the network for a setting, ready for inference.

    Parameters
    ----------
    config : FrtmConfig
        Says which backbone and whether the segmentation network is needed.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    checkpoint : path or str, optional
        Segmentation network: a file of this package (.safetensors) or of the authors (.pth), or
        the name of an imported one. Without it the embedded one, or else the newest imported.
    backbone_weights : path, optional
        State dict of the backbone as torchvision saves it, in place of the embedded weights or
        of a download.

    Raises
    ------
    CheckpointError
        If weights are missing, damaged or of another network; the message says what to do.
    """
    target = resolve_device(device)
    network = read_network(config, checkpoint, backbone_weights)
    in_8_bits = read_graphs(network) if possible(target) else None
    return accelerated(network.for_inference(target), in_8_bits)


def read_network(
    config: FrtmConfig,
    checkpoint: str | Path | None = None,
    backbone_weights: str | Path | None = None,
) -> FrtmNetwork:
    """Return the network for a setting as its weights are: on the CPU, batch norms not folded.

    Raises
    ------
    CheckpointError
        As `load_network`.
    """
    state: Mapping[str, Tensor] = {}
    origin = "the embedded weights"
    if path := find_checkpoint(config, checkpoint):
        state, origin = _read(path, config.backbone), path.name
    elif own := own_weights(config):
        state = _read(own, config.backbone)
    backbone = Backbone(config.backbone, _backbone_state(config.backbone, state, backbone_weights))
    segmentation = encoder = None
    if config.variant is Variant.BASE_NET:
        encoder = target_encoder(config.backbone, state, origin)
    elif config.variant.refines and below(state, "encoder."):
        raise CheckpointError(
            f"The segmentation network in {origin} was trained for Base net and understands no "
            "other scores: use --variant base-net, or another checkpoint."
        )
    if config.variant.refines:
        segmentation = segmentation_network(config.backbone, state, origin)
    given = origin if backbone_weights is None else Path(backbone_weights).name
    check_finite(backbone.state_dict(), given)
    for network in (segmentation, encoder):
        if network is not None:
            check_finite(network.state_dict(), origin)
    outlines = read_outlines() if config.outlines else None
    return FrtmNetwork(backbone, segmentation, encoder, outlines)


def available_variant(config: FrtmConfig, checkpoint: str | Path | None) -> FrtmConfig:
    """Return `config`, or its D-only form if there are no weights of S for it."""
    if not config.variant.refines or has_refinement(config, checkpoint):
        return config
    d_only = Variant.D_ONLY if config.variant.updates else Variant.D_ONLY_NO_UPDATE
    return replace(config, variant=d_only)


def save_checkpoint(
    path: Path,
    backbone: Mapping[str, Tensor],
    segmentation: Mapping[str, Tensor],
    name: str,
    encoder: Mapping[str, Tensor] | None = None,
) -> None:
    """Write weights as safetensors: matrices in half precision, vectors in single precision.

    Parameters
    ----------
    path : Path
        Ends in ``.safetensors``.
    backbone : mapping of str to Tensor
        In torchvision's names; may be empty.
    segmentation : mapping of str to Tensor
        State dict of a `SegmentationNetwork`; may be empty.
    name : str
        Of the backbone.
    encoder : mapping of str to Tensor, optional
        State dict of a `TargetEncoder`.
    """
    parts = {"backbone": backbone, "segmentation": segmentation, "encoder": encoder or {}}
    tensors = {f"{part}.{k}": v for part, state in parts.items() for k, v in state.items()}
    small = {k: v.half() if v.ndim > 1 else v.float() for k, v in tensors.items()}
    write_sealed(path, small, {"backbone": name})


def _backbone_state(
    name: str, checkpoint: Mapping[str, Tensor], path: str | Path | None
) -> Mapping[str, Tensor]:
    if path is not None:
        return read_state_dict(Path(path))
    for state in (checkpoint, _read_embedded(name)):
        if own := below(state, "backbone."):
            return own
    return download(name)


def segmentation_network(
    backbone: str, checkpoint: Mapping[str, Tensor], origin: str
) -> SegmentationNetwork:
    """Return the segmentation network of a checkpoint, as wide as its weights.

    Parameters
    ----------
    backbone : str
        That it is to run with.
    checkpoint : mapping of str to Tensor
        All tensors of a checkpoint.
    origin : str
        What to call the checkpoint in messages.

    Raises
    ------
    CheckpointError
        If it has no segmentation network, or not one for this backbone, or a damaged one.
    """
    state = below(checkpoint, "segmentation.")
    if not state:
        raise CheckpointError(
            f"There are no weights of the segmentation network for {backbone} in {origin}. "
            "Give a checkpoint (--checkpoint FILE) or use a D-only variant (--variant d-only)."
        )
    first = {s: f"levels.{s}.encoder.reduce.0.weight" for s in STRIDES}
    for key in first.values():
        if key not in state or state[key].ndim != 4:
            raise _misfit(origin, f"'{key}' is missing")
    names = made_for(state)
    if backbone not in names:
        _refuse_backbone(origin, " or ".join(names) or "another backbone", backbone)
    w4, w8, w16, w32 = (state[first[s]].shape[0] for s in STRIDES)
    channels = dict(zip(STRIDES, CHANNELS[backbone], strict=True))
    network = SegmentationNetwork(channels, SegmentationConfig(channels=(w4, w8, w16, w32)))
    check_entries(network.state_dict(), state, origin)
    network.load_state_dict({k: v.float() for k, v in state.items()}, strict=False)
    return network


def target_encoder(backbone: str, checkpoint: Mapping[str, Tensor], origin: str) -> TargetEncoder:
    """Return the target encoder of a checkpoint; for the parameters see `segmentation_network`.

    Raises
    ------
    CheckpointError
        If it has none, or not one for this backbone, or a damaged one.
    """
    state = below(checkpoint, "encoder.")
    if not state:
        raise CheckpointError(
            f"There is no target encoder in {origin}, which the variant base-net needs. Train one "
            "(base_net = true in a recipe of 'napari-frtm train') and give it with --checkpoint."
        )
    first = state.get("encoder.0.weight")
    if first is None or first.ndim != 4:
        raise _misfit(origin, "'encoder.0.weight' is missing", _ENCODER)
    network = TargetEncoder(CHANNELS[backbone][2], len(first))
    check_entries(network.state_dict(), state, origin, _ENCODER)
    network.load_state_dict({k: v.float() for k, v in state.items()})
    return network


def made_for(segmentation: Mapping[str, Tensor]) -> list[str]:
    """Return the backbones that a segmentation network takes features of stride 16 from."""
    weight = segmentation.get("levels.16.encoder.reduce.0.weight")
    if weight is None or weight.ndim != 4:
        return []
    found = weight.shape[1]
    return [name for name, channels in CHANNELS.items() if channels[2] == found]


def check_entries(
    wanted: Mapping[str, Tensor], state: Mapping[str, Tensor], origin: str, network: str = _S
) -> None:
    """Refuse a state dict that is not exactly what a network has; counters may be left out.

    Raises
    ------
    CheckpointError
        The first entry, in the order of the alphabet, that is missing, left over or misshapen.
    """
    for key in sorted(wanted.keys() | state.keys()):
        if key not in state and "num_batches" not in key:
            raise _misfit(origin, f"'{key}' is missing", network)
        if key not in wanted:
            raise _misfit(origin, f"'{key}' is not a part of it", network)
        if key in state and state[key].shape != wanted[key].shape:
            shapes = f"{tuple(state[key].shape)}, expected {tuple(wanted[key].shape)}"
            raise _misfit(origin, f"'{key}' has shape {shapes}", network)


def check_finite(tensors: Mapping[str, Tensor], origin: str) -> None:
    """Refuse values that are no numbers: they would give empty masks without a word.

    Raises
    ------
    CheckpointError
        The first tensor with NaN or infinity.
    """
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise CheckpointError(
                f"{origin} is damaged: '{name}' has values that are not finite. Download or copy "
                "it again; if it is of a training, that has diverged: take an earlier checkpoint."
            )


def _misfit(origin: str, why: str, network: str = _S) -> CheckpointError:
    return CheckpointError(f"{origin} does not fit {network}: {why}.")


def _refuse_backbone(origin: str, made_for: str, wanted: str) -> Never:
    raise CheckpointError(
        f"{origin} was made for {made_for}, not for {wanted}. Choose the preset that uses it."
    )


def _read_embedded(backbone: str) -> dict[str, Tensor]:
    """Return the tensors that the package carries for a backbone; none for most."""
    if backbone not in EMBEDDED:
        return {}
    return _read(embedded(EMBEDDED[backbone]), backbone)


def _read(path: Path, backbone: str) -> dict[str, Tensor]:
    if path.suffix.lower() != ".safetensors" or not path.is_file():
        return read_authors(path)
    if path in all_embedded():
        check_published(path)
    tensors, facts = read_sealed(path)
    if facts.get("backbone") != backbone:
        _refuse_backbone(path.name, facts.get("backbone", "another one"), backbone)
    return {name: tensor.float() for name, tensor in tensors.items()}


def below(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the entries whose names start with a prefix, without it."""
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
