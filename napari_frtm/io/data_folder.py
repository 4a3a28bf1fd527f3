"""Where what belongs to the user, and to no video, is kept."""

from __future__ import annotations

from pathlib import Path

import platformdirs


def data_folder() -> Path:
    """Return the folder of sessions without a place of their own, imported weights, batches."""
    return Path(platformdirs.user_data_dir("napari-frtm", appauthor=False))
