"""Cut objects out of video by painting one frame: FRTM video object segmentation.

Six lines from a movie to masks::

    import napari_frtm as frtm

    video = frtm.open_video("clip.mp4")
    config = frtm.preset("lite", "d-only")
    network = frtm.load_network(config)
    for p in frtm.propagate(network, config, video.frames, {0: frtm.read_labels("mask.png")}):
        frtm.write_labels(Path(f"{video.names[p.index]}.png"), p.labels)

Nothing heavy is imported before it is used.
"""

from __future__ import annotations

from importlib import import_module

__version__ = "0.1.0"

_PUBLIC = {
    "FrtmConfig": "config",
    "Variant": "config",
    "Direction": "config",
    "preset": "config",
    "FrtmError": "errors",
    "Prediction": "types",
    "Propagation": "engine.propagate",
    "propagate": "engine.propagate",
    "load_network": "io.checkpoint",
    "read_labels": "io.labels",
    "write_labels": "io.labels",
    "open_video": "io.video",
}

__all__ = ["__version__", *sorted(_PUBLIC)]


def __getattr__(name: str) -> object:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)
