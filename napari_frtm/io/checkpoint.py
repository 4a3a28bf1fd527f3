"""Weights: the embedded ones, checkpoints, backbones of torchvision, the authors' files."""

from __future__ import annotations

import pickle
import re
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError

import torch
import torchvision.models
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from napari_frtm.config import SegmentationConfig, Variant
from napari_frtm.engine.backbone import CHANNELS, STRIDES, Backbone
from napari_frtm.engine.network import FrtmNetwork
from napari_frtm.engine.segmentation import SegmentationNetwork
from napari_frtm.errors import CheckpointError
from napari_frtm.io.atomic import replacing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_frtm.config import FrtmConfig

FORMAT = "1"
_EMBEDDED = {"mobilenet_v2": "lite.safetensors"}
_IMAGENET = {
    "resnet18": "ResNet18_Weights.IMAGENET1K_V1",
    "resnet50": "ResNet50_Weights.IMAGENET1K_V1",
    "resnet101": "ResNet101_Weights.IMAGENET1K_V1",
    "mobilenet_v2": "MobileNet_V2_Weights.IMAGENET1K_V1",
}
_AUTHORS = {
    r"^TSE\.layer(\d)\.reduce\.": r"levels.{}.encoder.reduce.",
    r"^TSE\.layer(\d)\.transform\.": r"levels.{}.encoder.transform.",
    r"^RRB1\.layer(\d)\.conv1x1\.": r"levels.{}.block1.project.",
    r"^RRB1\.layer(\d)\.bblock\.": r"levels.{}.block1.residual.",
    r"^CAB\.layer(\d)\.convreluconv\.": r"levels.{}.attention.attend.",
    r"^RRB2\.layer(\d)\.conv1x1\.": r"levels.{}.block2.project.",
    r"^RRB2\.layer(\d)\.bblock\.": r"levels.{}.block2.residual.",
}


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
    if checkpoint is not None:
        path = Path(checkpoint)
        state = _read_checkpoint(path)
        origin = path.name
    else:
        state, origin = _read_embedded(config.backbone), "the embedded weights"
    backbone = Backbone(config.backbone, _backbone_state(config.backbone, state, backbone_weights))
    segmentation = None
    if config.variant.refines:
        segmentation = _segmentation(config, _below(state, "segmentation."), origin)
    return FrtmNetwork(backbone, segmentation).for_inference().to(target)


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
    with replacing(path) as temporary:
        save_file(small, temporary, {"format": FORMAT, "backbone": name})


def _backbone_state(
    name: str, checkpoint: Mapping[str, Tensor], path: str | Path | None
) -> Mapping[str, Tensor]:
    if path is not None:
        return _unpickle(Path(path))
    for state in (checkpoint, _read_embedded(name)):
        if own := _below(state, "backbone."):
            return own
    return _download(name)


def _download(name: str) -> Mapping[str, Tensor]:
    weights = torchvision.models.get_weight(_IMAGENET[name])
    try:
        state: Mapping[str, Tensor] = weights.get_state_dict(progress=True, check_hash=True)
    except (URLError, OSError, RuntimeError) as error:
        raise CheckpointError(
            f"The ImageNet weights of {name} could not be downloaded from {weights.url} "
            f"({error}). Connect to the internet once, or download the file elsewhere and give "
            "it as backbone weights (--backbone-weights FILE). The 'lite' preset needs neither."
        ) from error
    return state


def _segmentation(config: FrtmConfig, state: dict[str, Tensor], origin: str) -> SegmentationNetwork:
    if not state:
        raise CheckpointError(
            f"There are no weights of the segmentation network for {config.backbone} in {origin}. "
            "Give a checkpoint (--checkpoint FILE) or use a D-only variant (--variant d-only)."
        )
    found = state["levels.16.encoder.reduce.0.weight"].shape[1]
    expected = CHANNELS[config.backbone][STRIDES.index(16)]
    if found != expected:
        names = [name for name, channels in CHANNELS.items() if channels[2] == found]
        raise CheckpointError(
            f"{origin} was made for {' or '.join(names) or 'another backbone'}, "
            f"not for {config.backbone}. Choose the preset that uses it."
        )
    w4, w8, w16, w32 = (state[f"levels.{s}.encoder.reduce.0.weight"].shape[0] for s in STRIDES)
    channels = dict(zip(STRIDES, CHANNELS[config.backbone], strict=True))
    network = SegmentationNetwork(channels, SegmentationConfig(channels=(w4, w8, w16, w32)))
    try:
        network.load_state_dict({k: v.float() for k, v in state.items()})
    except RuntimeError as error:
        raise CheckpointError(f"{origin} does not fit the segmentation network: {error}") from error
    return network


def _read_embedded(backbone: str) -> dict[str, Tensor]:
    """Return the tensors that the package carries for a backbone; none for most."""
    if backbone not in _EMBEDDED:
        return {}
    with as_file(files("napari_frtm") / "weights" / _EMBEDDED[backbone]) as path:
        return _read_safetensors(path)


def _read_checkpoint(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise CheckpointError(f"There is no checkpoint {path}.")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    return _from_authors(_unpickle(path), path.name)


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt") as file:
            if (file.metadata() or {}).get("format") != FORMAT:
                raise CheckpointError(f"{path.name} is not a checkpoint of napari-frtm.")
            return {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path.name} cannot be read ({error}). Is it complete? Download or copy it again."
        ) from error


def _unpickle(path: Path) -> Mapping[str, Tensor]:
    """Read a file of `torch.save` that holds tensors and nothing else."""
    if not path.is_file():
        raise CheckpointError(f"There is no file {path}.")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path.name} holds more than tensors, or is no checkpoint at all. Such a file can "
            "run any program when loaded, so it is refused. Ask its author for a plain state dict."
        ) from error
    except (RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"{path.name} cannot be read. Is it complete? Download or copy it again."
        ) from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path.name} holds no state dict.")
    return content


def _from_authors(content: Mapping[str, object], name: str) -> dict[str, Tensor]:
    """Rename the entries of a checkpoint of the authors' release."""
    model = content.get("model", content)
    if not isinstance(model, dict) or not any(str(k).startswith("refiner.") for k in model):
        raise CheckpointError(
            f"{name} is neither a checkpoint of napari-frtm nor one of the authors' release "
            "(no entry 'refiner...')."
        )
    state = {}
    for key, tensor in model.items():
        short = str(key).removeprefix("refiner.")
        for pattern, ours in _AUTHORS.items():
            if match := re.match(pattern, short):
                stride = 2 ** int(match[1])
                short = ours.format(stride) + short[match.end() :]
        short = re.sub(r"^project\.conv(\d)", lambda m: f"head.{int(m[1]) - 1}", short)
        state[f"segmentation.{short}"] = tensor
    return state


def _below(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
