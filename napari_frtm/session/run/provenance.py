"""How the masks of a session were made: what is kept of each run in its ``session.json``."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from napari_frtm.session.run.request import Settings
from napari_frtm.structure import structured

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_frtm.session.run.request import Started

KEPT = 200
"""Runs that a session keeps: 1.7 kB each, written with whatever else it has in that file."""

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
    return {**settings, "runs": runs_with(settings.get("runs", ()), run)}


def runs_with(runs: Sequence[Mapping[str, Any]], run: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return how masks were made, with one run more, which is the last then.

    What is done again and again, with the same settings on the same frames, is kept once; and of
    all that differ the last `KEPT`.
    """
    others = [dict(each) for each in runs if _plain(each) != _plain(run)]
    return [*others[1 - KEPT :], dict(run)]


def last_run(settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the newest run that a session keeps; None if there was none."""
    runs = settings.get("runs") or ()
    return dict(runs[-1]) if runs else None


def is_same(kept: Mapping[str, Any] | None, run: Mapping[str, Any]) -> bool:
    """Whether a run that a session keeps is this one, on whatever device it goes on."""
    if kept is None:
        return False
    before, now = _plain(kept), _plain(run)
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


def _plain(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run as JSON gives it back: with lists for tuples."""
    plain: dict[str, Any] = json.loads(json.dumps(run))
    return plain
