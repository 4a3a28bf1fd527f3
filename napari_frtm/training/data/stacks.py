"""TIFF movies with label movies, as in the Cell Tracking Challenge."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tifffile

from napari_frtm.training.data.sources import DataError, Picture, Videos, chosen, resized

if TYPE_CHECKING:
    from pathlib import Path

    from napari_frtm.training.mixture import DatasetConfig

_CONTRAST = (0.5, 99.8)
"""Percentiles that become black and white."""


class Stacks(Videos):
    """TIFF movies with label movies, read whole; microscopy."""

    def __init__(self, name: str, folders: dict[str, Path], config: DatasetConfig) -> None:
        super().__init__(name, {}, config)
        self._pictures = {video: _read_stack(folder) for video, folder in folders.items()}
        self.frames = {
            video: [(folders[video],) * 2] * len(p) for video, p in self._pictures.items()
        }

    def read(self, video: str, index: int) -> Picture:
        """Return an annotated frame by its place in the video."""
        return resized(self._pictures[video][index], self.config.short_side)


def open_stacks(root: Path, config: DatasetConfig) -> Stacks:
    """Return a folder of folders with ``video.tif`` and ``labels.tif``.

    Raises
    ------
    DataError
        If there are none.
    """
    folder = root / config.path
    found = {p.parent.name: p.parent for p in sorted(folder.glob("*/labels.tif"))}
    if not found:
        raise DataError(f"{folder} has no folders with video.tif and labels.tif.")
    names = chosen(folder, config, list(found))
    return Stacks(config.path, {name: found[name] for name in names}, config)


def _read_stack(folder: Path) -> list[Picture]:
    """Return the completely labelled frames of a TIFF movie, contrast stretched."""
    try:
        video = tifffile.imread(folder / "video.tif")
        labels = tifffile.imread(folder / "labels.tif").astype(np.int32)
    except (OSError, ValueError) as error:
        raise DataError(f"Cannot read the movie in {folder}: {error}.") from error
    if video.shape != labels.shape or video.ndim != 3:
        raise DataError(f"Movie {video.shape} and labels {labels.shape} in {folder} do not fit.")
    complete = folder / "labelled_frames.txt"
    indices = list(range(len(video)))
    if complete.is_file():
        indices = [int(line) for line in complete.read_text().split()]
    low, high = np.percentile(video, _CONTRAST)
    stretched = np.clip((video - low) / max(high - low, 1) * 255, 0, 255).astype(np.uint8)
    return [(np.repeat(stretched[t, ..., None], 3, axis=2), labels[t]) for t in indices]
