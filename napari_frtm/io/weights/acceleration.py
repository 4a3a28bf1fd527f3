"""Whether OpenVINO computes F and S here: measured once on each machine, and remembered."""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import time
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import platformdirs
import torch

from napari_frtm.config import TARGET_STRIDE
from napari_frtm.engine.networks.compiled import GRAPHS, PARTS, CompiledNetworks, Part
from napari_frtm.errors import OutputError
from napari_frtm.io.atomic import write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from napari_frtm.engine.networks.network import FrtmNetwork

Form: TypeAlias = Literal["torch", "f32", "8 bits"]
"""Computed by torch, or by OpenVINO in one of two forms."""

Forms: TypeAlias = "dict[Form, CompiledNetworks]"
"""Those of OpenVINO."""

Times: TypeAlias = dict[Part, dict[Form, float]]
"""Seconds that F and S take in each form."""

SWITCH = "NAPARI_FRTM_OPENVINO"
"""Environment variable: 0 for torch alone, f32 for single precision where that is faster; without
asking which is faster, 1 for OpenVINO in single precision, int8 for OpenVINO in 8 bits."""

_WORTH: dict[Form, float] = {"f32": 0.9, "8 bits": 0.8}
"""Of the time of what is nearer to the weights, what a form takes at most to be chosen."""

_FOR_BYTES = ("avx_vnni", "avx512_vnni", "amx_int8")
"""Instructions of x86 that sum products of bytes, any of them."""

_SIDE = 320
"""Pixels along each side of what both compute to be compared: a usual part of a frame."""

_TRIES = 4


def possible(device: str) -> bool:
    """Whether OpenVINO may compute on a device here."""
    return device == "cpu" and _switch() != "0" and _version("openvino") is not None


def accelerated(
    network: FrtmNetwork, in_8_bits: Mapping[str, Callable[[], Any]] | None = None
) -> FrtmNetwork:
    """Let OpenVINO compute F and S where it is installed and faster; return the network.

    What was measured is remembered: a run that goes on later is to come to the same numbers.

    Parameters
    ----------
    network : FrtmNetwork
        Ready for inference.
    in_8_bits : mapping of str to callable, optional
        What builds the graphs in 8 bits that fit its weights, see `read_graphs`.
    """
    if not possible(str(network.device)):
        return network
    built = dict(in_8_bits or {})
    forms: Forms = {"f32": CompiledNetworks(network.backbone, network.segmentation)}
    if built and _switch() not in ("1", "f32") and (_switch() == "int8" or _bytes_add_up()):
        forms["8 bits"] = CompiledNetworks(network.backbone, network.segmentation, in_8_bits=built)
    if _switch() in ("1", "int8"):
        network.compiled = forms.get("8 bits", forms["f32"])
        return network
    chosen = {part: _chosen(by) for part, by in _times(network, forms).items()}
    eight = [name for part, form in chosen.items() if form == "8 bits" for name in GRAPHS[part]]
    network.compiled = CompiledNetworks(
        network.backbone,
        network.segmentation,
        [part for part, form in chosen.items() if form != "torch"],
        {name: built[name] for name in eight if name in built},
    )
    return network


def compare(network: FrtmNetwork, forms: Forms) -> Times:
    """Return the times of what each can do.

    Parameters
    ----------
    network : FrtmNetwork
        Computes with torch.
    forms : mapping of Form to CompiledNetworks
        The same; what OpenVINO fails at is none of its parts any more.
    """
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(1, 3, _SIDE, _SIDE, generator=generator)
    refine = network.segmentation is not None
    with torch.inference_mode():
        features = network.features(images, refine=refine)
        scores = torch.rand(1, 1, *features[TARGET_STRIDE].shape[-2:], generator=generator)

        def seconds(by: FrtmNetwork | CompiledNetworks, part: Part) -> float:
            if part == "F":
                return _seconds(lambda: by.features(images, refine=refine))
            return _seconds(lambda: by.refine(scores, features))

        times: Times = {}
        for part in PARTS if refine else PARTS[:1]:
            times[part] = {"torch": seconds(network, part)}
            tried = {form: by for form, by in forms.items() if part in _able(form, by)}
            found = {form: seconds(by, part) for form, by in tried.items()}
            times[part] |= {
                form: s for form, s in found.items() if part in _able(form, tried[form])
            }
    return times


def _able(form: Form, compiled: CompiledNetworks) -> frozenset[Part]:
    """Return the parts that are computed in a form."""
    return compiled.in_8_bits if form == "8 bits" else compiled.parts


def _chosen(times: Mapping[Form, float]) -> Form:
    """Return the fastest form; another than torch, and 8 bits, only where that is worth it."""
    chosen: Form = "torch"
    for form, share in _WORTH.items():
        if times.get(form, math.inf) <= share * times[chosen]:
            chosen = form
    return chosen


def _times(network: FrtmNetwork, forms: Forms) -> Times:
    """Return what `compare` does, or did before on such a machine."""
    able = {form: _able(form, compiled) for form, compiled in forms.items()}
    facts = _facts(network) | {"forms": {form: sorted(parts) for form, parts in able.items()}}
    name = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
    folder = Path(platformdirs.user_cache_dir("napari-frtm", appauthor=False)) / "openvino"
    with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        kept = json.loads((folder / f"{name}.json").read_text())["seconds"]
        return {part: _read_times(kept[part], part, able) for part in PARTS if part in kept}
    times = compare(network, forms)
    if any(_able(form, forms[form]) != parts for form, parts in able.items()):
        return times  # it failed, which may be mended
    with suppress(OSError, OutputError):  # what cannot be written is measured again
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / f"{name}.json", {"of": facts, "seconds": times})
    return times


def _read_times(
    kept: dict[str, str], part: Part, able: Mapping[Form, Collection[Part]]
) -> dict[Form, float]:
    """Return what was remembered of a part; that of another program is not understood."""
    forms: list[Form] = ["torch", *(form for form, parts in able.items() if part in parts)]
    return {form: float(kept[form]) for form in forms}


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


def _bytes_add_up() -> bool:
    """Whether sums of products of bytes are exact: on x86, with instructions for them alone.

    Without, they overflow: features of *F* are off by a fifth instead of a tenth.
    """
    flags: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return "avx2" not in flags or any(flags.get(name) for name in _FOR_BYTES)


def _switch() -> str:
    return os.environ.get(SWITCH, "")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
