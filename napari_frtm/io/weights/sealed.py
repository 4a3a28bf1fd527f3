"""Checkpoint files of this package: tensors, facts about them, and a digest that tells damage."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open

from napari_frtm.errors import CheckpointError
from napari_frtm.io.weights.library import DIGEST, FORMAT
from napari_frtm.io.weights.tensors import save_tensors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor


def write_sealed(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write the tensors of a checkpoint as they are, with a digest that tells damage later.

    Parameters
    ----------
    path : Path
        Ends in ``.safetensors``.
    tensors : mapping of str to Tensor
        Names start with ``backbone.`` or ``segmentation.``.
    metadata : mapping of str to str
        At least ``backbone``, its name; what else there is to say about the weights.

    Raises
    ------
    OutputError
        If the file cannot be written; a file that was there is as before.
    """
    facts = {**metadata, "format": FORMAT}
    save_tensors(path, tensors, {**facts, DIGEST: _digest(tensors, facts)})


def read_sealed(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors of a checkpoint of this package, as they are, and its metadata.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged or another kind of file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            facts = dict(file.metadata() or {})
            if facts.get("format") != FORMAT:
                raise CheckpointError(f"{path.name} {_unknown(facts.get('format'))}")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path.name} cannot be read ({error}). Is it complete? Download or copy it again."
        ) from error
    if DIGEST in facts and facts[DIGEST] != _digest(tensors, facts):
        raise CheckpointError(
            f"{path.name} is damaged: its contents are not those that were written "
            "(sha256 differs). Download or copy it again."
        )
    return tensors, facts


def _unknown(form: str | None) -> str:
    """Say why a file of another format cannot be read."""
    if form is not None and form.isdecimal() and int(form) > int(FORMAT):
        return (
            f"is a checkpoint of format {form}, which a newer napari-frtm has written; this one "
            f"reads format {FORMAT}. Update napari-frtm to use it."
        )
    return "is not a checkpoint that this version of napari-frtm can read."


def _digest(tensors: Mapping[str, Tensor], facts: Mapping[str, str]) -> str:
    """Return the sha256 of metadata, names, types, shapes and values, in hexadecimal digits."""
    kept = {key: value for key, value in facts.items() if key != DIGEST}
    digest = hashlib.sha256(json.dumps(kept, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        values = tensor.detach().cpu().contiguous().flatten().view(torch.uint8)
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(values.numpy().data)
    return digest.hexdigest()
