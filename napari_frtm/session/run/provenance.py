"""How the masks of a session were made: what is kept of each run in its ``session.json``."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from napari_frtm.session.run.request import Settings
from napari_frtm.structure import structured

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_frtm.session.run.request import Started

_WHAT = ("config", "scope", "range", "direction", "keyframes", "objects", "soft")
"""What tells two runs on one video apart, wherever they are carried out."""


def provenance(started: Started) -> dict[str, Any]:
    """Return how a run was made, as plain values."""
    covered, settings = started.coverage, started.settings
    plain = settings.plain()
    return {
        "version": version("napari-frtm"),
        "preset": settings.preset,
        "variant": started.config.variant.value,
        "config": asdict(started.config),
        "device": started.device,
        "contrast": started.contrast.plain(),
        "scope": str(started.scope),
        "range": [covered.frames.start, covered.frames.stop - 1],
        "direction": covered.direction.value,
        "keyframes": sorted({*covered.annotated, *covered.references}),
        "objects": None if settings.objects is None else list(settings.objects),
        "soft": settings.soft,
        "checkpoint": plain["checkpoint"],
        "backbone_weights": plain["backbone_weights"],
    }


def with_run(settings: Mapping[str, Any], run: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a session keeps, with one run more; everything else stays."""
    return {**settings, "runs": [*settings.get("runs", ()), dict(run)]}


def last_run(settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the newest run that a session keeps; None if there was none."""
    runs = settings.get("runs") or ()
    return dict(runs[-1]) if runs else None


def is_same(kept: Mapping[str, Any] | None, run: Mapping[str, Any]) -> bool:
    """Whether a run that a session keeps is this one, on whatever device it goes on."""
    if kept is None:
        return False
    before, now = (json.loads(json.dumps(each)) for each in (kept, run))
    return all(before.get(name) == now[name] for name in _WHAT)


def settings_of(run: Mapping[str, Any]) -> Settings:
    """Return the settings of a run, to run again with them; on any device.

    Raises
    ------
    ValueError, TypeError, KeyError
        If it was another version that ran, which had other settings.
    """
    names = ("preset", "direction", "objects", "soft", "checkpoint", "backbone_weights")
    plain = {name: run[name] for name in names if name in run}
    restored: Settings = structured(Settings, {"config": run["config"], **plain})
    return restored
