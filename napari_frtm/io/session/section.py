"""Which channel, plane or projection of a stack a session is about."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from napari_frtm.io.session.files import SessionError
from napari_frtm.io.video.stacks.stack import is_stack, open_stack
from napari_frtm.io.video.stacks.stack_frames import Section

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

KEY = "section"
"""What the settings of a session call it."""

_AXES = "axes"  # of a layer in napari, which has all channels
_PROJECTED = {"maximum projection": "max"}
_OTHERS = "abdefghij"  # names for axes of one position


def kept_section(section: Section | None) -> dict[str, Any]:
    """Return what the settings of a session are to keep of it."""
    return {KEY: asdict(section)} if section else {}


def section_of(settings: Mapping[str, Any], source: Path) -> Section | None:
    """Return what of a stack a session is about; None for all of a video.

    Parameters
    ----------
    settings : mapping
        Of the session.
    source : Path
        The stack.

    Raises
    ------
    SessionError
        If it is something that only napari makes of a layer: a mean, or channels in colour; or if
        what is saved is damaged.
    """
    try:
        if settings.get(KEY):
            return Section(**settings[KEY])
        return _of_layer(settings.get(_AXES) or {}, source)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise SessionError(
            f"What the session says of the channels or planes of {source.name} is damaged "
            f"({error}). Restore its session.json from a backup."
        ) from error


def _of_layer(axes: Mapping[str, Any], source: Path) -> Section | None:
    if axes.get("extra") is None or not is_stack(source):
        return None
    time, extra, take = axes["time"], axes["extra"], axes["take"]
    take = _PROJECTED.get(take, take)
    if take != "max" and not isinstance(take, int):
        raise SessionError(
            f"The session is about channels or planes of {source.name} seen as one ({take}). Go "
            "on with it in napari."
        )
    names = list(_OTHERS[: len(open_stack(source).axes) - 2])
    names[time], names[extra] = "t", "z" if take == "max" else "c"
    letters = "".join(names) + "yx"
    if take == "max":
        return Section(axes=letters, plane=take)
    return Section(axes=letters, channel=take)
