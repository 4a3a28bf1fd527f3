"""What the user prefers: napari's page *Preferences > FRTM* (from napari 0.9)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from napari_frtm.config import PRESETS

PLUGIN = "napari-frtm"


class Place(StrEnum):
    """Where work on a video is saved."""

    BESIDE = "Next to the video"
    DATA = "In my data folder"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """What a form shows before the user, or earlier work on the video, says otherwise.

    Attributes
    ----------
    preset, masks, device : str
        Choices of the form of *Propagate*.
    short_side : int
        Working resolution, pixels of the shorter side; 0 for that of the preset.
    saves : bool
        Whether work on a video is saved as it goes.
    place : Place
        Where; what came from no file is always saved in the user's data folder.
    """

    preset: str = PRESETS[0]
    masks: str = "Refined"
    device: str = "auto"
    short_side: int = 0
    saves: bool = True
    place: Place = Place.BESIDE


def preferences() -> Preferences:
    """Return what the user prefers; the defaults where napari keeps no settings of plugins."""
    settings = _settings()
    if settings is None:
        return Preferences()
    runs, sessions = settings.runs, settings.sessions
    return Preferences(
        preset=runs.preset,
        masks=runs.masks,
        device=runs.device,
        short_side=runs.short_side,
        saves=sessions.saves,
        place=Place(sessions.place),
    )


def _settings() -> Any:
    """Return napari's settings of this plugin; None before 0.9 and where it is switched off."""
    try:
        from napari.settings import get_plugin_settings
    except ImportError:
        return None
    try:
        return get_plugin_settings(PLUGIN)
    except KeyError:
        return None
