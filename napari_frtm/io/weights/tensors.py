"""Tensors in files: safetensors, with our errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_frtm.io.atomic import write_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor


def save_tensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Write tensors as safetensors, or nothing.

    Raises
    ------
    OutputError
        If the file cannot be written; a file that was there is as before.
    """
    from safetensors.torch import save  # here, because it loads torch

    packed = {name: tensor.contiguous() for name, tensor in tensors.items()}
    write_bytes(path, save(packed, dict(metadata or {})))
