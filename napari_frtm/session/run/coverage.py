"""Which frames a run covers, and which keyframes it starts from: plain arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from napari_frtm.config import Direction
from napari_frtm.errors import FrtmError

if TYPE_CHECKING:
    from collections.abc import Collection


class Scope(StrEnum):
    """How much of the video a run is asked to fill."""

    RANGE = "range"
    FROM_HERE = "from here"
    FRAME = "frame"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """The frames of one run.

    Attributes
    ----------
    frames : range
        The frames that it covers.
    direction : Direction
        Which way it goes.
    annotated : tuple of int
        Keyframes among `frames`, where objects start or are corrected.
    references : tuple of int
        The other keyframes, which it learns from only.
    """

    frames: range
    direction: Direction
    annotated: tuple[int, ...]
    references: tuple[int, ...]


def coverage(
    scope: Scope, direction: Direction, span: range, keyframes: Collection[int], here: int
) -> Coverage:
    """Return what a run covers.

    From one frame on, that is what a correction there touches: the frames up to the next keyframe,
    on the sides that the direction says.

    Parameters
    ----------
    scope : Scope
        The whole range, what follows from one frame, or that frame alone.
    direction : Direction
        Which way to go.
    span : range
        In to Out, step 1.
    keyframes : collection of int
        All frames that the user has drawn, inside the range or not.
    here : int
        The frame that the user looks at.

    Raises
    ------
    FrtmError
        If there is no keyframe, or nothing to do.
    """
    if not keyframes:
        raise FrtmError("Nothing is painted. Paint each object with its own label on one frame.")
    if scope is Scope.RANGE:
        frames = span
    elif here not in span:
        raise FrtmError(
            f"Frame {here} is not between In ({span.start}) and Out ({span.stop - 1}). Go to a "
            "frame inside, or extend the range."
        )
    elif scope is Scope.FRAME:
        if here in keyframes:
            raise FrtmError(f"Frame {here} is a keyframe: its masks are what you painted.")
        frames, direction = range(here, here + 1), Direction.FORWARD
    else:
        frames = _depending(direction, span, sorted(keyframes), here)
        if frames == range(here, here + 1) and here in keyframes:
            raise FrtmError(
                f"No frame depends on frame {here} in this direction: the next one is a keyframe "
                "or outside the range. Choose another direction."
            )
    return Coverage(
        frames=frames,
        direction=direction,
        annotated=tuple(t for t in sorted(keyframes) if t in frames),
        references=tuple(t for t in sorted(keyframes) if t not in frames),
    )


def _depending(direction: Direction, span: range, keyframes: list[int], here: int) -> range:
    """Return the frames on which a correction has a say; keyframes between which it blends too."""
    before = [t for t in keyframes if span.start <= t < here]
    after = [t for t in keyframes if here < t < span.stop]
    if direction is Direction.FORWARD:
        return range(here, after[0] if after else span.stop)
    if direction is Direction.BACKWARD:
        return range(before[-1] + 1 if before else span.start, here + 1)
    return range(before[-1] if before else span.start, after[0] + 1 if after else span.stop)
