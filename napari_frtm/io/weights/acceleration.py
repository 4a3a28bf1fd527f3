"""Whether OpenVINO computes F and S here: measured once on each machine, and remembered."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import platformdirs
import torch

from napari_frtm.config import TARGET_STRIDE
from napari_frtm.engine.networks.compiled import PARTS, CompiledNetworks, Part
from napari_frtm.errors import OutputError
from napari_frtm.io.atomic import write_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_frtm.engine.networks.network import FrtmNetwork

Times: TypeAlias = dict[Part, tuple[float, float]]
"""Seconds that F and S take with torch, and with OpenVINO."""

SWITCH = "NAPARI_FRTM_OPENVINO"
"""Environment variable: 0 for torch alone, 1 for OpenVINO without asking which is faster."""

_WORTH = 0.9
"""Of the time of torch, what OpenVINO takes at most to be chosen."""

_SIDE = 320
"""Pixels along each side of what both compute to be compared: a usual part of a frame."""

_TRIES = 4


def accelerated(network: FrtmNetwork) -> FrtmNetwork:
    """Let OpenVINO compute F and S where it is installed and faster; return the network.

    What was measured is remembered: a run that goes on later is to come to the same numbers.
    """
    switch = os.environ.get(SWITCH, "")
    if network.device.type != "cpu" or switch == "0" or _version("openvino") is None:
        return network
    compiled = CompiledNetworks(network.backbone, network.segmentation)
    if switch != "1":
        times = _times(network, compiled)
        faster = (part for part, (torchs, its) in times.items() if its <= _WORTH * torchs)
        compiled.parts = frozenset(faster)
    network.compiled = compiled
    return network


def compare(network: FrtmNetwork, compiled: CompiledNetworks) -> Times:
    """Return the times of what both can do.

    Parameters
    ----------
    network : FrtmNetwork
        Computes with torch.
    compiled : CompiledNetworks
        The same; what OpenVINO fails at is none of its parts any more.
    """
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(1, 3, _SIDE, _SIDE, generator=generator)
    refine = network.segmentation is not None
    with torch.inference_mode():
        features = network.features(images, refine=refine)
        calls: dict[Part, tuple[Callable[[], object], Callable[[], object]]] = {
            "F": (
                lambda: network.features(images, refine=refine),
                lambda: compiled.features(images, refine=refine),
            )
        }
        if refine:
            size = features[TARGET_STRIDE].shape[-2:]
            scores = torch.rand(1, 1, *size, generator=generator)
            calls["S"] = (
                lambda: network.refine(scores, features),
                lambda: compiled.refine(scores, features),
            )
        times = {part: (_seconds(one), _seconds(other)) for part, (one, other) in calls.items()}
    return {part: both for part, both in times.items() if part in compiled.parts}


def _times(network: FrtmNetwork, compiled: CompiledNetworks) -> Times:
    """Return what `compare` does, or did before on such a machine."""
    facts = _facts(network)
    name = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
    folder = Path(platformdirs.user_cache_dir("napari-frtm", appauthor=False)) / "openvino"
    with suppress(OSError, ValueError, TypeError, KeyError):
        kept = json.loads((folder / f"{name}.json").read_text())["seconds"]
        return {
            part: (float(kept[part][0]), float(kept[part][1])) for part in PARTS if part in kept
        }
    times = compare(network, compiled)
    if compiled.parts != frozenset(PARTS):  # it failed, which may be mended
        return times
    with suppress(OSError, OutputError):  # what cannot be written is measured again
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / f"{name}.json", {"of": facts, "seconds": times})
    return times


def _seconds(call: Callable[[], object]) -> float:
    """Return the time of a call, once it has been prepared, without what goes on beside it."""
    call()
    times = []
    for _ in range(_TRIES):
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return min(times)


def _facts(network: FrtmNetwork) -> dict[str, object]:
    """Return all that the times depend on: processor, programs and networks."""
    flags: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    known = [platform.machine(), torch.backends.cpu.get_cpu_capability()]
    return {
        "processor": [*known, *sorted(f"{name}: {flag}" for name, flag in flags.items())],
        "threads": torch.get_num_threads(),
        "programs": [_version("openvino"), torch.__version__],
        "backbone": network.backbone.name,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
