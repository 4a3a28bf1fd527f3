"""Cut objects out of video by painting one frame: FRTM video object segmentation.

From a movie to masks::

    import napari_frtm as frtm

    video = frtm.open_video("clip.mp4")
    masks = {0: frtm.read_labels("mask.png")}
    config = frtm.preset("lite")
    network = frtm.load_network(config)
    for p in frtm.propagate(network, config, video.frames, masks, contrast=video.contrast):
        frtm.write_labels(f"{video.names[p.index]}.png", p.labels)

Nothing heavy is imported before it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_frtm.config import Direction, FrtmConfig, Variant, preset
    from napari_frtm.engine.sketch.prompts import Prompts
    from napari_frtm.engine.sketch.sketch import Sketch
    from napari_frtm.engine.tracking.propagate import Propagation, propagate
    from napari_frtm.errors import FrtmError
    from napari_frtm.io.labels import read_labels, write_labels
    from napari_frtm.io.video.opening import open_video
    from napari_frtm.io.weights.checkpoint import load_network
    from napari_frtm.types import Prediction

__version__ = "0.1.0"

_PUBLIC = {
    "FrtmConfig": "config",
    "Variant": "config",
    "Direction": "config",
    "preset": "config",
    "FrtmError": "errors",
    "Prediction": "types",
    "Prompts": "engine.sketch.prompts",
    "Sketch": "engine.sketch.sketch",
    "Propagation": "engine.tracking.propagate",
    "propagate": "engine.tracking.propagate",
    "load_network": "io.weights.checkpoint",
    "read_labels": "io.labels",
    "write_labels": "io.labels",
    "open_video": "io.video.opening",
}

__all__ = [
    "Direction",
    "FrtmConfig",
    "FrtmError",
    "Prediction",
    "Prompts",
    "Propagation",
    "Sketch",
    "Variant",
    "__version__",
    "load_network",
    "open_video",
    "preset",
    "propagate",
    "read_labels",
    "write_labels",
]


def __getattr__(name: str) -> object:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)
