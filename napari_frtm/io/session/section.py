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


def saved_takes(axes: Mapping[str, Any]) -> dict[int, Any]:
    """Return what was saved of the axes of channels and planes: by axis, what is taken along it."""
    if axes.get("extra") is not None:  # of a session from when there could be one alone
        return {axes["extra"]: axes.get("take", 0)}
    return {int(axis): take for axis, take in dict(axes.get("takes", {})).items()}


def _of_layer(axes: Mapping[str, Any], source: Path) -> Section | None:
    takes = {axis: _PROJECTED.get(take, take) for axis, take in saved_takes(axes).items()}
    if not takes or not is_stack(source):
        return None
    if not all(take == "max" or isinstance(take, int) for take in takes.values()):
        told = " and ".join(map(str, takes.values()))
        raise SessionError(
            f"The session is about channels or planes of {source.name} seen as one ({told}). Go "
            "on with it in napari."
        )
    # which of them are the planes, nobody knows: those that are put together, else the first
    depth = next((axis for axis, take in takes.items() if take == "max"), None)
    depth = min(takes) if depth is None and len(takes) > 1 else depth
    channels = [axis for axis in takes if axis != depth]
    if len(channels) > 1 or any(takes[axis] == "max" for axis in channels):
        raise SessionError(
            f"The session is about one of several axes of {source.name} that are neither channels "
            "nor planes. Go on with it in napari."
        )
    names = list(_OTHERS[: len(open_stack(source).axes) - 2])
    names[axes["time"]] = "t"
    for axis, letter in ((depth, "z"), *((axis, "c") for axis in channels)):
        if axis is not None:
            names[axis] = letter
    return Section(
        axes="".join(names) + "yx",
        channel=takes[channels[0]] if channels else None,
        plane=None if depth is None else takes[depth],
    )
