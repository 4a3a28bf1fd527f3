"""Weights of others: backbones of torchvision, checkpoints of the authors."""

from __future__ import annotations

import pickle
import warnings
import zipfile
from dataclasses import dataclass
from http.client import HTTPException
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torchvision.models
from torch import Tensor

from napari_frtm.errors import CheckpointError
from napari_frtm.io.atomic import write_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

_IMAGENET = {
    "resnet18": "ResNet18_Weights.IMAGENET1K_V1",
    "resnet50": "ResNet50_Weights.IMAGENET1K_V1",
    "resnet101": "ResNet101_Weights.IMAGENET1K_V1",
    "mobilenet_v2": "MobileNet_V2_Weights.IMAGENET1K_V1",
}
_AUTHORS = {
    "TSE.layer{}.reduce.": "levels.{}.encoder.reduce.",
    "TSE.layer{}.transform.": "levels.{}.encoder.transform.",
    "RRB1.layer{}.conv1x1.": "levels.{}.block1.project.",
    "RRB1.layer{}.bblock.": "levels.{}.block1.residual.",
    "CAB.layer{}.convreluconv.": "levels.{}.attention.attend.",
    "RRB2.layer{}.conv1x1.": "levels.{}.block2.project.",
    "RRB2.layer{}.bblock.": "levels.{}.block2.residual.",
}
_NAMES = {
    "refiner." + theirs.format(n): "segmentation." + ours.format(2**n)
    for theirs, ours in _AUTHORS.items()
    for n in (2, 3, 4, 5)
} | {f"refiner.project.conv{n + 1}.": f"segmentation.head.{n}." for n in (0, 1)}
"""Beginnings of the authors' names, and ours; their layer n is at stride 2^n."""


@dataclass(frozen=True)
class Download:
    """ImageNet weights of a backbone as torchvision offers them; `size` in bytes."""

    url: str
    size: int
    cached: Path

    @property
    def digest(self) -> str:
        """The first digits of the file's sha256, which are a part of its name."""
        return self.cached.stem.rpartition("-")[2]


def imagenet(name: str) -> Download:
    """Return where the ImageNet weights of a backbone are to be had, and kept."""
    weights = torchvision.models.get_weight(_IMAGENET[name])
    cached = Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name
    return Download(weights.url, round(weights.meta["_file_size"] * 1e6), cached)


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
        raise CheckpointError(
            f"The ImageNet weights of {name} are damaged. Delete {imagenet(name).cached} and try "
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
    return _tensors(unpickle(path), path.name)


def read_authors(path: Path) -> dict[str, Tensor]:
    """Return the segmentation network of a checkpoint of the authors' release, in our names.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged, holds more than tensors, or is another kind of file.
    """
    content = unpickle(path)
    if not is_authors(content):
        raise CheckpointError(
            f"{path.name} is neither a checkpoint of napari-frtm nor one of the authors' release "
            "(no entry 'refiner...')."
        )
    assert isinstance(content, dict)
    tensors = _tensors(content.get("model", content), path.name)
    return {_renamed(key, _NAMES) or f"segmentation.{key}": t for key, t in tensors.items()}


def is_authors(content: object) -> bool:
    """Return whether what a file holds is a checkpoint of the authors' release."""
    model = content.get("model", content) if isinstance(content, dict) else content
    return isinstance(model, dict) and any(str(key).startswith("refiner.") for key in model)


def save_authors(path: Path, state: Mapping[str, Tensor]) -> None:
    """Write the segmentation network of a checkpoint as the authors' release does.

    Parameters
    ----------
    path : Path
        The file to write.
    state : mapping of str to Tensor
        Tensors of a checkpoint of this package; those of the backbone are left out.

    Raises
    ------
    OutputError
        If the file cannot be written; a file that was there is as before.
    """
    ours = {new: old for old, new in _NAMES.items()}
    model = {
        _renamed(key, ours): tensor.long() if "num_batches" in key else tensor.float()
        for key, tensor in state.items()
        if key.startswith("segmentation.")
    }
    content = BytesIO()
    torch.save({"model": model}, content)
    write_bytes(path, content.getvalue())


def _renamed(key: str, names: Mapping[str, str]) -> str:
    """Return the key with its beginning replaced; empty for one that is not known."""
    found = (new + key.removeprefix(old) for old, new in names.items() if key.startswith(old))
    return next(found, "")


def unpickle(path: Path) -> object:
    """Return what a file of `torch.save` holds: tensors and plain values, nothing else.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged, or holds more than that.
    """
    if not path.is_file():
        raise CheckpointError(f"There is no file {path}. Check the path of the weights.")
    _check_sums(path)
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


def _check_sums(path: Path) -> None:
    """Compare the checksums that torch writes, but does not compare."""
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except Exception as error:  # so does zipfile, for damaged names or encryption for example
        raise CheckpointError(
            f"{path.name} is damaged ({error}). Download or copy it again."
        ) from error
    if damaged is not None:
        raise CheckpointError(
            f"{path.name} is damaged: the checksum of its part '{damaged}' differs. "
            "Download or copy it again."
        )


def _tensors(content: object, name: str) -> dict[str, Tensor]:
    if not isinstance(content, dict) or not all(isinstance(v, Tensor) for v in content.values()):
        raise CheckpointError(f"{name} holds no state dict: names with a tensor each.")
    return {str(key): tensor for key, tensor in content.items()}
