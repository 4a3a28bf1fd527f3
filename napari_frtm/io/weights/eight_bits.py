"""F and S in 8 bits: graphs that were made of the embedded weights, and that serve no others."""

from __future__ import annotations

import hashlib
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from napari_frtm.engine.networks.compiled import GRAPHS, Part
from napari_frtm.errors import CheckpointError
from napari_frtm.io.weights.library import EIGHT_BITS, EMBEDDED, embedded
from napari_frtm.io.weights.sealed import read_sealed, write_sealed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from torch import nn

    from napari_frtm.engine.networks.network import FrtmNetwork

logger = logging.getLogger(__name__)

FILE = embedded(EIGHT_BITS)
"""Written by ``scripts/quantise.py``."""

_MADE_FROM = "sha256 of {}"


def read_graphs(network: FrtmNetwork, path: Path | None = None) -> dict[str, Callable[[], Any]]:
    """Return what builds the graphs in 8 bits that fit a network; none if it has other weights.

    Parameters
    ----------
    network : FrtmNetwork
        As its weights are: batch norms not folded.
    path : Path, optional
        What `write_graphs` wrote, by default `FILE`. If it is missing or damaged that is said, and
        no graph fits.

    Returns
    -------
    dict of str to callable
        By the name of the graph, see `GRAPHS`.
    """
    if network.segmentation is None or network.backbone.name not in EMBEDDED:
        return {}  # without S, F gives other features than its graph here
    try:
        tensors, facts = read_sealed(path or FILE)
    except CheckpointError as error:
        logger.warning("F and S are computed in single precision: %s", error)
        return {}
    of = _digests(network)
    fitting = [part for part in GRAPHS if facts.get(_MADE_FROM.format(part)) == of[part]]
    names = [name for part in fitting for name in GRAPHS[part]]
    return {
        name: partial(_built, *(_bytes(tensors[f"{name}.{kind}"]) for kind in ("xml", "bin")))
        for name in names
    }


def write_graphs(
    path: Path,
    graphs: Mapping[str, tuple[bytes, bytes]],
    network: FrtmNetwork,
    facts: Mapping[str, str],
) -> None:
    """Write graphs in 8 bits, and which weights they were made of.

    Parameters
    ----------
    path : Path
        Ends in ``.safetensors``.
    graphs : mapping of str to (bytes, bytes)
        By name, see `GRAPHS`: what OpenVINO writes into a file .xml, and into that beside it.
    network : FrtmNetwork
        With these weights, batch norms not folded.
    facts : mapping of str to str
        How they were made.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    tensors = {
        f"{name}.{kind}": torch.frombuffer(bytearray(content), dtype=torch.uint8)
        for name, both in graphs.items()
        for kind, content in zip(("xml", "bin"), both, strict=True)
    }
    of = {_MADE_FROM.format(part): digest for part, digest in _digests(network).items()}
    write_sealed(path, tensors, {"backbone": network.backbone.name, **of, **facts})


def _digests(network: FrtmNetwork) -> dict[Part, str]:
    """Return the sha256 of the weights of F and of S."""
    assert network.segmentation is not None
    return {"F": _digest(network.backbone), "S": _digest(network.segmentation)}


def _digest(part: nn.Module) -> str:
    """Return the sha256 of names and values of all that a part's results depend on."""
    digest = hashlib.sha256()
    for name, tensor in sorted(part.state_dict().items()):
        if "num_batches" not in name:
            digest.update(f"{name} {list(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().float().contiguous().numpy().data)
    return digest.hexdigest()


def _bytes(tensor: torch.Tensor) -> bytes:
    return tensor.numpy().tobytes()


def _built(description: bytes, constants: bytes) -> Any:
    from napari_frtm.engine.networks.graphs import read_graph

    return read_graph(description, constants)
