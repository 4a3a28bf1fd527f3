"""Two clips with their first frame painted, under File > Open Sample."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import napari
import numpy as np

from napari_frtm.io.labels import read_labels
from napari_frtm.plugin.source.files import read_video

if TYPE_CHECKING:
    from napari.utils.events import Event
    from numpy.typing import NDArray

    from napari_frtm.plugin.source.files import LayerData

_FOLDER = Path(str(files("napari_frtm") / "sample_data"))
_CELLS_PIXEL = 0.325  # micrometres


def roto() -> list[LayerData]:
    """Return a koi that turns, dives and returns, painted in frame 0."""
    return _clip("roto.mp4", "roto_mask.png", {})


def cells() -> list[LayerData]:
    """Return dividing cells, painted in frame 0; height and width in micrometres."""
    place = {
        "scale": (1, _CELLS_PIXEL, _CELLS_PIXEL),
        "units": ("pixel", "micrometer", "micrometer"),
    }
    return _clip("cells.tif", "cells_mask.tif", place)


def _clip(video: str, mask: str, place: dict[str, Any]) -> list[LayerData]:
    ((frames, options, _),) = read_video(_FOLDER / video)
    first = read_labels(_FOLDER / mask)
    labels = np.zeros(frames.shape[:3], np.uint8)
    labels[0] = first
    _begin_at_frame_0(labels)
    painted = {"name": f"{options['name']} labels", "axis_labels": options["axis_labels"]}
    return [(frames, options | place, "image"), (labels, painted | place, "labels")]


def _begin_at_frame_0(labels: NDArray[np.uint8]) -> None:
    """Show the painted frame once `labels` are in the viewer: napari goes to the middle one."""
    viewer = napari.current_viewer()
    if viewer is None:
        return

    def begin(event: Event) -> None:
        if event.value.data is labels:
            viewer.layers.events.inserted.disconnect(begin)
            viewer.dims.set_point(viewer.dims.ndim - labels.ndim, 0)

    viewer.layers.events.inserted.connect(begin)
