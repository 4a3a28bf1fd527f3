"""Weights of others: backbones of torchvision, checkpoints of the authors."""

from __future__ import annotations

import pickle
import re
import warnings
from http.client import HTTPException
from pathlib import Path

import torch
import torchvision.models
from torch import Tensor

from napari_frtm.errors import CheckpointError

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


def download(name: str) -> dict[str, Tensor]:
    """Return the ImageNet weights of a backbone, from torchvision's server or its cache.

    Raises
    ------
    CheckpointError
        If there is no connection, or what came is damaged.
    """
    weights = torchvision.models.get_weight(_IMAGENET[name])
    remedy = (
        "download the file elsewhere and give it as backbone weights (--backbone-weights FILE). "
        "The 'lite' preset needs neither."
    )
    try:
        state: dict[str, Tensor] = weights.get_state_dict(check_hash=True, weights_only=True)
    except (OSError, HTTPException) as error:
        raise CheckpointError(
            f"The ImageNet weights of {name} could not be downloaded from {weights.url} "
            f"({error}). Connect to the internet once, or {remedy}"
        ) from error
    except Exception as error:  # torch raises nearly anything for damaged files
        cached = Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name
        raise CheckpointError(
            f"The ImageNet weights of {name} are damaged. Delete {cached} and try "
            f"again, or {remedy}"
        ) from error
    return state


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file as torchvision saves it.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged, or holds more than tensors.
    """
    return _tensors(_unpickle(path), path.name)


def read_authors(path: Path) -> dict[str, Tensor]:
    """Return the segmentation network of a checkpoint of the authors' release, in our names.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged, holds more than tensors, or is another kind of file.
    """
    content = _unpickle(path)
    model = content.get("model", content) if isinstance(content, dict) else content
    if not isinstance(model, dict) or not any(str(k).startswith("refiner.") for k in model):
        raise CheckpointError(
            f"{path.name} is neither a checkpoint of napari-frtm nor one of the authors' release "
            "(no entry 'refiner...')."
        )
    state = {}
    for key, tensor in _tensors(model, path.name).items():
        short = key.removeprefix("refiner.")
        for pattern, ours in _AUTHORS.items():
            if match := re.match(pattern, short):
                short = ours.format(2 ** int(match[1])) + short[match.end() :]
        short = re.sub(r"^project\.conv(\d)", lambda m: f"head.{int(m[1]) - 1}", short)
        state[f"segmentation.{short}"] = tensor
    return state


def _unpickle(path: Path) -> object:
    """Read a file of `torch.save` that holds tensors and plain values, nothing else."""
    if not path.is_file():
        raise CheckpointError(f"There is no file {path}. Check the path of the weights.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickle protocols; the errors say it better
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path.name} holds more than tensors, or is no checkpoint at all. Such a file can "
            "run any program when loaded, so it is refused. Ask its author for a plain state dict."
        ) from error
    except Exception as error:  # torch raises nearly anything for damaged files
        raise CheckpointError(
            f"{path.name} cannot be read. Is it complete? Download or copy it again."
        ) from error


def _tensors(content: object, name: str) -> dict[str, Tensor]:
    if not isinstance(content, dict) or not all(isinstance(v, Tensor) for v in content.values()):
        raise CheckpointError(f"{name} holds no state dict: names with a tensor each.")
    return {str(key): tensor for key, tensor in content.items()}
