"""Tensors in files: safetensors, with our errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_frtm.errors import OutputError
from napari_frtm.io.atomic import replacing

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
    from safetensors import SafetensorError
    from safetensors.torch import save_file  # here, because it loads torch

    packed = {name: tensor.contiguous() for name, tensor in tensors.items()}
    with replacing(path) as temporary:
        temporary.touch()
        permissions = temporary.stat().st_mode  # the usual ones; safetensors lets only us read
        try:
            save_file(packed, temporary, dict(metadata or {}))
            temporary.chmod(permissions)
        except SafetensorError as error:
            raise OutputError(f"Cannot write {path}: {error}. Is the disk full?") from error
