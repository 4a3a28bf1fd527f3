"""The weights of the outline network: one embedded file, for all backbones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_frtm.engine.extensions.colours import FULL, HALF
from napari_frtm.engine.networks.outline import OutlineNetwork
from napari_frtm.errors import CheckpointError
from napari_frtm.io.weights.library import OUTLINES, check_published, embedded
from napari_frtm.io.weights.sealed import read_sealed, write_sealed

if TYPE_CHECKING:
    from pathlib import Path

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
    if path is None:
        path = embedded(OUTLINES)
        check_published(path)
    network = OutlineNetwork(FULL, HALF)
    tensors, _ = read_sealed(path)
    wanted = {f"{_PART}{name}": tensor.shape for name, tensor in network.state_dict().items()}
    if {name: tensor.shape for name, tensor in tensors.items()} != wanted:
        raise CheckpointError(f"{path.name} does not hold weights of the outline network.")
    network.load_state_dict({k.removeprefix(_PART): tensor for k, tensor in tensors.items()})
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
