"""How much memory a run takes on the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from napari_frtm.config import TARGET_STRIDE

if TYPE_CHECKING:
    from napari_frtm.config import FrtmConfig

_TYPICAL = (480, 854)
_TORCH = 0.98
_TAPS = 9
_FLOAT = 4e-9  # GB


class _Cost(NamedTuple):
    """GB of the networks, and GB for each million working pixels: in all, and by object."""

    networks: float
    frame: float
    object: float


# solved from what python benchmarks/peak_memory.py printed; coarse masks take less
_COSTS = {
    "lite": _Cost(0.13, 0.15, 0.17),
    "cells": _Cost(0.13, 0.15, 0.17),
    "fast": _Cost(0.20, 0.20, 0.27),
    "accurate": _Cost(0.51, 0.25, 0.27),
}


def memory_needed(
    name: str, config: FrtmConfig, size: tuple[int, int] | None, objects: int
) -> float:
    """Return GB that a run takes on the CPU at most, beside napari itself.

    Torch and the networks take the same for all videos; what is computed for a frame grows with
    its pixels, and with the objects; each target model has its sample memory.

    Parameters
    ----------
    name : str
        Of the preset.
    config : FrtmConfig
        The setting.
    size : tuple of int, optional
        Height and width of the video, pixels; 480 x 854 if not known.
    objects : int
        How many are followed.
    """
    height, width = _TYPICAL if size is None else size
    scale = config.scale((height, width))
    pixels = height * width * scale**2
    cost = _COSTS[name]
    numbers = (config.target.channels + _TAPS + 1) * pixels / TARGET_STRIDE**2
    samples = config.memory.capacity * (numbers + config.target.channels**2) * _FLOAT
    frames = pixels / 1e6 * (cost.frame + objects * cost.object)
    return _TORCH + cost.networks + frames + objects * samples
