"""A writer of small CZI files (Zeiss), for tests, by Zeiss's own library."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from pathlib import Path


def write_czi(path: Path, pixels: np.ndarray, compression: str | None = None) -> Path:
    """Write pixels of shape (T, Z, C, H, W), or (T, Z, C, H, W, 3) in colour, plane by plane."""
    library = pytest.importorskip("pylibCZIrw.czi", reason="pylibCZIrw is not installed")
    with library.create_czi(str(path), compression_options=compression) as file:
        for t, z, c in np.ndindex(*pixels.shape[:3]):
            image = pixels[t, z, c]
            image = image[..., ::-1] if image.ndim == 3 else image[..., None]
            file.write(data=np.ascontiguousarray(image), plane={"T": t, "Z": z, "C": c})
        file.write_metadata("cells", scale_x=0.25e-6, scale_y=0.25e-6, scale_z=1e-6)
    return path
