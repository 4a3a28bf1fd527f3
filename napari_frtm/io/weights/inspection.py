"""What a file of weights is, and whether it is whole."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import torch
import torchvision.models

from napari_frtm.engine.networks.backbone import CHANNELS
from napari_frtm.errors import CheckpointError
from napari_frtm.io.weights.checkpoint import (
    below,
    check_entries,
    check_finite,
    made_for,
    segmentation_network,
    target_encoder,
)
from napari_frtm.io.weights.foreign import (
    imagenet,
    is_authors,
    read_authors,
    read_state_dict,
    unpickle,
)
from napari_frtm.io.weights.library import file_digest, preset_of
from napari_frtm.io.weights.sealed import read_sealed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

_UNUSED = ("fc.", "classifier.", "features.18.")


class Kind(StrEnum):
    """Kinds of files with weights."""

    CHECKPOINT = "checkpoint of napari-frtm"
    AUTHORS = "checkpoint of the authors' release"
    BACKBONE = "backbone weights"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """A file of weights that is whole.

    Attributes
    ----------
    kind : Kind
        What it is.
    backbone : str
        That it holds, or that its segmentation network runs with.
    tensors : mapping of str to Tensor
        As they are in the file; in our names, or for backbone weights in torchvision's.
    facts : mapping of str to str
        Metadata of a checkpoint of this package.
    sha256 : str
        Of the file, in hexadecimal digits.
    """

    kind: Kind
    backbone: str
    tensors: Mapping[str, Tensor]
    facts: Mapping[str, str]
    sha256: str

    def has(self, part: str) -> bool:
        """Return whether a checkpoint has a part: ``backbone``, ``segmentation``, ``encoder``."""
        return any(name.startswith(f"{part}.") for name in self.tensors)


def inspect(path: Path) -> Inspected:
    """Return what a file is, after a look at every value in it.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged, incomplete or of an unknown kind.
    """
    facts: dict[str, str] = {}
    if path.suffix.lower() == ".safetensors" and path.is_file():
        tensors, facts = read_sealed(path)
        kind, backbone = Kind.CHECKPOINT, _check_parts(tensors, facts, path.name)
    else:
        kind, backbone, tensors = _inspect_pth(path)
    check_finite(tensors, path.name)
    digest = file_digest(path)
    if kind == Kind.BACKBONE and path.name == imagenet(backbone).cached.name:
        _check_name(path, digest, imagenet(backbone).digest)
    return Inspected(kind=kind, backbone=backbone, tensors=tensors, facts=facts, sha256=digest)


def _check_parts(tensors: Mapping[str, Tensor], facts: Mapping[str, str], origin: str) -> str:
    """Check both parts of a checkpoint of this package, where they are; return its backbone."""
    backbone = facts.get("backbone", "")
    if backbone not in CHANNELS:
        raise CheckpointError(f"{origin} is for a backbone that is not known here: '{backbone}'.")
    trunk = below(tensors, "backbone.")
    if trunk:
        check_entries(_layout(backbone), trunk, origin, backbone)
    if below(tensors, "segmentation.") or not trunk:
        segmentation_network(backbone, tensors, origin)
    if below(tensors, "encoder."):
        target_encoder(backbone, tensors, origin)
    return backbone


def _inspect_pth(path: Path) -> tuple[Kind, str, dict[str, Tensor]]:
    """Return kind, backbone and tensors of a file of `torch.save`."""
    content = unpickle(path)
    if not is_authors(content):
        state = read_state_dict(path)
        return Kind.BACKBONE, _identify(state, path.name), state
    tensors = read_authors(path)
    names = made_for(below(tensors, "segmentation.")) or list(CHANNELS)
    backbone = next((name for name in names if preset_of(name)), names[0])
    segmentation_network(backbone, tensors, path.name)
    return Kind.AUTHORS, backbone, tensors


def _identify(state: Mapping[str, Tensor], origin: str) -> str:
    """Return the backbone whose entries these are; those of a classifier do not count."""
    used = {name: tensor for name, tensor in state.items() if not name.startswith(_UNUSED)}
    layouts = {name: _layout(name) for name in CHANNELS}
    alike = {
        name: len(layout.keys() & used.keys()) / len(layout.keys() | used.keys())
        for name, layout in layouts.items()
    }
    nearest = max(alike, key=lambda name: alike[name])
    if not alike[nearest]:
        raise CheckpointError(
            f"{origin} is neither a checkpoint of napari-frtm, nor one of the authors' release, "
            f"nor weights of {', '.join(CHANNELS)}."
        )
    check_entries(layouts[nearest], used, origin, nearest)
    return nearest


def _layout(backbone: str) -> dict[str, Tensor]:
    """Return the entries of a backbone in torchvision's names, without values."""
    with torch.device("meta"):
        body: Any = torchvision.models.get_model(backbone, weights=None)
    return {k: v for k, v in body.state_dict().items() if not k.startswith(_UNUSED)}


def _check_name(path: Path, digest: str, start: str) -> None:
    """Compare a file with the hash that torchvision puts into its name."""
    if not digest.startswith(start):
        raise CheckpointError(
            f"{path.name} is damaged: its sha256 starts with {digest[: len(start)]}, not with "
            f"{start} as its name says. Download it again."
        )
