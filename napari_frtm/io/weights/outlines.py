"""The weights of the outline network: one embedded file, for all backbones."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from napari_frtm.engine.extensions.colours import FULL, HALF
from napari_frtm.engine.networks.outline import OutlineNetwork
from napari_frtm.errors import CheckpointError
from napari_frtm.io.weights.library import OUTLINES, check_published, embedded
from napari_frtm.io.weights.sealed import read_sealed, write_sealed

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

_PART = "outlines."


def read_outlines(path: Path | None = None) -> OutlineNetwork:
    """Return the outline network, as its weights are.

    Parameters
    ----------
    path : Path, optional
        What `save_outlines` wrote; by default the embedded weights.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged or does not hold this network.
    """
    network = OutlineNetwork(FULL, HALF)
    network.load_state_dict(_embedded() if path is None else _read(path, network))
    return network


def save_outlines(path: Path, network: OutlineNetwork) -> None:
    """Write the weights of an outline network as safetensors.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    tensors = {f"{_PART}{name}": tensor for name, tensor in network.state_dict().items()}
    write_sealed(path, tensors, {"backbone": "any"})


@cache
def _embedded() -> dict[str, Tensor]:
    path = embedded(OUTLINES)
    check_published(path)
    return _read(path, OutlineNetwork(FULL, HALF))


def _read(path: Path, network: OutlineNetwork) -> dict[str, Tensor]:
    tensors, _ = read_sealed(path)
    wanted = {f"{_PART}{name}": tensor.shape for name, tensor in network.state_dict().items()}
    if {name: tensor.shape for name, tensor in tensors.items()} != wanted:
        raise CheckpointError(f"{path.name} does not hold weights of the outline network.")
    return {name.removeprefix(_PART): tensor.float() for name, tensor in tensors.items()}
