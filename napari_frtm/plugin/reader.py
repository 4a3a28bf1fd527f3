"""Reader: movies and folders of images as lazy Image layers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from napari_frtm.io.video import open_video, supported

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LayerData: TypeAlias = tuple[Any, dict[str, Any], str]


def get_reader(path: str | Sequence[str]) -> Callable[[str], list[LayerData]] | None:
    """Return a function that opens `path`; None if it is no video, or several files."""
    if not isinstance(path, str | Path) or not supported(path):
        return None
    return read_video


def read_video(path: str | Path) -> list[LayerData]:
    """Return a video as one lazy Image layer.

    Raises
    ------
    VideoError
        If it cannot be opened.
    """
    video = open_video(path)
    rgb = video.frames.ndim == 4
    options: dict[str, Any] = {
        "name": Path(path).stem,
        "rgb": rgb,
        "axis_labels": video.axes[:3],
        "metadata": {"fps": video.fps, "source": str(path), "names": video.names},
    }
    if not rgb and video.frames.dtype != np.uint8:
        options["contrast_limits"] = video.contrast
    return [(video.frames, options, "image")]
