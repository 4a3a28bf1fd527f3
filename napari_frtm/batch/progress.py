"""How far a batch is: what is known of each clip, and what that says of all."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_frtm.batch.result import ClipResult

_RECENT = 30.0
"""Seconds over which the speed is measured."""


class State(StrEnum):
    """Where a clip stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    KEPT = "done before"
    FAILED = "failed"


@dataclass(slots=True, kw_only=True, eq=False)
class ClipState:
    """What is known of one clip.

    Attributes
    ----------
    name : str
        Of the clip.
    state : State
        Where it stands.
    done, total : int
        Frames; 0 if not known yet.
    confidence : float or None
        Mean of that of the worst object.
    step : str
        What is being done, in words.
    worker : str
        Where.
    attempts : int
        How often it was begun.
    failures : list of str
        Why it failed, each time.
    result : ClipResult or None
        What came of it.
    """

    name: str
    state: State = State.WAITING
    done: int = 0
    total: int = 0
    confidence: float | None = None
    step: str = ""
    worker: str = ""
    attempts: int = 0
    failures: list[str] = field(default_factory=list)
    result: ClipResult | None = None
    _tasks: dict[str, tuple[int, int]] = field(default_factory=dict)

    def take(self, message: dict[str, Any]) -> None:
        """Take what a worker says."""
        self.state = State.RUNNING
        self.worker = message["worker"]
        if message.get("begins"):
            self.attempts += 1
            return
        self.step = message["step"]
        if self.step == "following":
            self.confidence = message["confidence"]
            self._tasks[message["task"]] = message["done"], message["total"]
            self.done, self.total = (sum(v) for v in zip(*self._tasks.values(), strict=True))

    def conclude(self, result: ClipResult | None) -> None:
        """Take what came of it."""
        followed = self.step != ""
        self.state = State.DONE if followed else State.KEPT
        self.result = result
        if result is not None:
            self.done = self.total = result.frames
            self.confidence = result.confidence

    def fail(self, reason: str) -> None:
        """Note that it cannot be done."""
        self.state = State.FAILED
        self.failures.append(reason)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Overview:
    """How far a batch is.

    Attributes
    ----------
    clips : tuple of ClipState
        All of them, in the order of the job.
    workers : int
        That are there.
    speed : float
        Frames per second of all together, over the last half minute.
    left : float or None
        Seconds until all is done, as far as can be said.
    """

    clips: tuple[ClipState, ...]
    workers: int
    speed: float
    left: float | None

    def count(self, *states: State) -> int:
        """Return how many clips stand there."""
        return sum(clip.state in states for clip in self.clips)


class Pace:
    """Measures how fast frames come."""

    def __init__(self) -> None:
        self._seen: list[tuple[float, int]] = []

    def overview(self, clips: Iterable[ClipState], workers: int) -> Overview:
        """Return how far all is now."""
        clips = tuple(clips)
        done = sum(clip.done for clip in clips if clip.state is not State.KEPT)
        now = time.monotonic()
        self._seen = [seen for seen in self._seen if now - seen[0] < _RECENT]
        self._seen.append((now, done))
        (first, before), (last, _) = self._seen[0], self._seen[-1]
        speed = max(0, done - before) / (last - first) if last > first else 0.0
        return Overview(clips=clips, workers=workers, speed=speed, left=_left(clips, speed))


def _left(clips: tuple[ClipState, ...], speed: float) -> float | None:
    """Return the seconds to go; clips that have not begun count like those that have."""
    known = [clip.total for clip in clips if clip.total]
    if not known or speed <= 0:
        return None
    mean = sum(known) / len(known)
    open_clips = [clip for clip in clips if clip.state in (State.WAITING, State.RUNNING)]
    return sum((clip.total or mean) - clip.done for clip in open_clips) / speed
