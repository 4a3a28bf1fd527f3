"""Weights: the embedded ones, checkpoints of this package, and which of them a setting needs."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Never

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from napari_frtm.config import SegmentationConfig, Variant
from napari_frtm.engine.backbone import CHANNELS, STRIDES, Backbone
from napari_frtm.engine.network import FrtmNetwork
from napari_frtm.engine.segmentation import SegmentationNetwork
from napari_frtm.errors import CheckpointError
from napari_frtm.io.foreign import download, read_authors, read_state_dict
from napari_frtm.io.tensors import save_tensors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_frtm.config import FrtmConfig

FORMAT = "1"
_EMBEDDED = {"mobilenet_v2": "lite.safetensors"}


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
    checkpoint : path, optional
        Segmentation network: a file of this package (.safetensors) or of the authors (.pth).
    backbone_weights : path, optional
        State dict of the backbone as torchvision saves it, in place of the embedded weights or
        of a download.

    Raises
    ------
    CheckpointError
        If weights are missing, damaged or of another network; the message says what to do.
    """
    target = resolve_device(device)
    state, origin = _read_embedded(config.backbone), "the embedded weights"
    if checkpoint is not None:
        path = Path(checkpoint)
        state, origin = _read_checkpoint(path, config.backbone), path.name
    backbone = Backbone(config.backbone, _backbone_state(config.backbone, state, backbone_weights))
    segmentation = None
    if config.variant.refines:
        segmentation = _segmentation(config, _below(state, "segmentation."), origin)
    return FrtmNetwork(backbone, segmentation).for_inference(target)


def available_variant(config: FrtmConfig, checkpoint: str | Path | None) -> FrtmConfig:
    """Return `config`, or its D-only form if there are no weights of S for it."""
    if checkpoint is not None or not config.variant.refines:
        return config
    if any(name.startswith("segmentation.") for name in _read_embedded(config.backbone)):
        return config
    d_only = Variant.D_ONLY if config.variant.updates else Variant.D_ONLY_NO_UPDATE
    return replace(config, variant=d_only)


def save_checkpoint(
    path: Path, backbone: Mapping[str, Tensor], segmentation: Mapping[str, Tensor], name: str
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
    """
    tensors = {f"backbone.{k}": v for k, v in backbone.items()}
    tensors |= {f"segmentation.{k}": v for k, v in segmentation.items()}
    small = {k: v.half() if v.ndim > 1 else v.float() for k, v in tensors.items()}
    save_tensors(path, small, {"format": FORMAT, "backbone": name})


def _backbone_state(
    name: str, checkpoint: Mapping[str, Tensor], path: str | Path | None
) -> Mapping[str, Tensor]:
    if path is not None:
        return read_state_dict(Path(path))
    for state in (checkpoint, _read_embedded(name)):
        if own := _below(state, "backbone."):
            return own
    return download(name)


def _segmentation(config: FrtmConfig, state: dict[str, Tensor], origin: str) -> SegmentationNetwork:
    """Return the segmentation network of a checkpoint, as wide as its weights."""
    if not state:
        raise CheckpointError(
            f"There are no weights of the segmentation network for {config.backbone} in {origin}. "
            "Give a checkpoint (--checkpoint FILE) or use a D-only variant (--variant d-only)."
        )
    first = {s: f"levels.{s}.encoder.reduce.0.weight" for s in STRIDES}
    for key in first.values():
        if key not in state or state[key].ndim != 4:
            raise _misfit(origin, f"'{key}' is missing")
    found = state[first[16]].shape[1]
    if found != CHANNELS[config.backbone][STRIDES.index(16)]:
        names = [name for name, channels in CHANNELS.items() if channels[2] == found]
        _refuse_backbone(origin, " or ".join(names) or "another backbone", config.backbone)
    w4, w8, w16, w32 = (state[first[s]].shape[0] for s in STRIDES)
    channels = dict(zip(STRIDES, CHANNELS[config.backbone], strict=True))
    network = SegmentationNetwork(channels, SegmentationConfig(channels=(w4, w8, w16, w32)))
    _check_entries(network.state_dict(), state, origin)
    network.load_state_dict({k: v.float() for k, v in state.items()}, strict=False)
    return network


def _check_entries(wanted: Mapping[str, Tensor], state: Mapping[str, Tensor], origin: str) -> None:
    """Refuse a state dict that is not exactly what a network has; counters may be left out."""
    for key in sorted(wanted.keys() | state.keys()):
        if key not in state and "num_batches" not in key:
            raise _misfit(origin, f"'{key}' is missing")
        if key not in wanted:
            raise _misfit(origin, f"'{key}' is not a part of it")
        if key in state and state[key].shape != wanted[key].shape:
            shapes = f"{tuple(state[key].shape)}, expected {tuple(wanted[key].shape)}"
            raise _misfit(origin, f"'{key}' has shape {shapes}")


def _misfit(origin: str, why: str) -> CheckpointError:
    return CheckpointError(f"{origin} does not fit the segmentation network: {why}.")


def _refuse_backbone(origin: str, made_for: str, wanted: str) -> Never:
    raise CheckpointError(
        f"{origin} was made for {made_for}, not for {wanted}. Choose the preset that uses it."
    )


def _read_embedded(backbone: str) -> dict[str, Tensor]:
    """Return the tensors that the package carries for a backbone; none for most."""
    if backbone not in _EMBEDDED:
        return {}
    with as_file(files("napari_frtm") / "weights" / _EMBEDDED[backbone]) as path:
        return _read_safetensors(path, backbone)


def _read_checkpoint(path: Path, backbone: str) -> dict[str, Tensor]:
    if path.suffix.lower() == ".safetensors" and path.is_file():
        return _read_safetensors(path, backbone)
    return read_authors(path)


def _read_safetensors(path: Path, backbone: str) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise CheckpointError(
                    f"{path.name} is not a checkpoint that this version of napari-frtm can read."
                )
            if metadata.get("backbone") != backbone:
                _refuse_backbone(path.name, metadata.get("backbone", "another one"), backbone)
            return {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path.name} cannot be read ({error}). Is it complete? Download or copy it again."
        ) from error


def _below(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
