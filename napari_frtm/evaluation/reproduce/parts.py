"""Where the time goes: a profile of the calling thread, summed up by the steps of algorithm 1."""

from __future__ import annotations

import cProfile
import time
from typing import TYPE_CHECKING

from napari_frtm.engine.networks.network import FrtmNetwork
from napari_frtm.engine.target.augmentation import altered_copies
from napari_frtm.engine.target.model import fit_models
from napari_frtm.engine.tracking.objects import update_objects
from napari_frtm.evaluation.davis import follow

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from napari_frtm.config import FrtmConfig
    from napari_frtm.evaluation.davis import Sequence

_LOOP: dict[str, list[Callable[..., Any]]] = {
    "features": [FrtmNetwork.features],
    "segmentation": [FrtmNetwork.refine],
    "update": [update_objects],
}
_FIRST: dict[str, list[Callable[..., Any]]] = {
    "augmentation": [altered_copies],
    "features": [FrtmNetwork.features],
    "target model": [fit_models, update_objects],
}
_LEAST_TOGETHER = 4  # frames of a chunk


def first_frame(sequence: Sequence, network: FrtmNetwork, config: FrtmConfig) -> dict[str, float]:
    """Return the seconds of the first frame (steps 1 and 2) by part, ``other`` the rest."""
    frames = follow(sequence, network, config)
    profile = cProfile.Profile(builtins=False)
    start = time.perf_counter()
    profile.enable()
    next(frames)
    profile.disable()
    whole = time.perf_counter() - start
    frames.close()
    return _summed(profile, _FIRST, whole)


def frame_loop(sequence: Sequence, network: FrtmNetwork, config: FrtmConfig) -> dict[str, float]:
    """Return the seconds of a frame (steps 4 to 9) by part, in the state that a long video reaches.

    Measured from the frame on at which the sample memory is full, or over the last chunk of a video
    that does not fill it.
    """
    together = max(_LEAST_TOGETHER, config.update_interval)
    length = len(list(sequence.images.iterdir()))
    fills = config.memory.capacity - config.augmentation.samples
    chunks = max(0, min(-(-fills // together), (length - 2) // together))
    start_at = 1 + together * chunks
    profile = cProfile.Profile(builtins=False)
    start, count = 0.0, 0
    frames = follow(sequence, network, config)
    for index in range(length):
        if index == start_at:
            start = time.perf_counter()
            profile.enable()
        if next(frames, None) is None:
            break
        count += index >= start_at
    profile.disable()
    whole = time.perf_counter() - start
    return {
        part: seconds / max(count, 1) for part, seconds in _summed(profile, _LOOP, whole).items()
    }


def _summed(
    profile: cProfile.Profile, parts: dict[str, list[Callable[..., Any]]], whole: float
) -> dict[str, float]:
    """Return the time spent in some functions, with all that they call, and the rest."""
    spent = {entry.code: entry.totaltime for entry in profile.getstats()}
    seconds = {
        part: sum(spent.get(_code(function), 0.0) for function in functions)
        for part, functions in parts.items()
    }
    return seconds | {"other": max(0.0, whole - sum(seconds.values()))}


def _code(function: Callable[..., Any]) -> Any:
    while hasattr(function, "__wrapped__"):  # what a decorator hides
        function = function.__wrapped__
    return function.__code__
