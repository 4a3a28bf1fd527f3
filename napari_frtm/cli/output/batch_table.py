"""How far a batch is, on the terminal: a table that stays in place, or lines."""

from __future__ import annotations

import json
import shutil
import sys
import time
from typing import TYPE_CHECKING

from napari_frtm.batch.progress import State

if TYPE_CHECKING:
    from napari_frtm.batch.progress import ClipState, Overview

_ROWS = 12
"""Clips that are shown at once, at most."""
_ENDS = (State.DONE, State.KEPT, State.FAILED)


class Table:
    """What is running, and how far all is; on a terminal in place, else a line when a clip ends."""

    def __init__(self) -> None:
        self._in_place = sys.stderr.isatty()
        self._lines = 0
        self._told: dict[str, int] = {}
        self._alone = False

    def show(self, overview: Overview) -> None:
        """Show how far it is now."""
        alone, self._alone = self._alone, overview.workers == 0
        if self._alone and not alone and overview.count(*_ENDS) < len(overview.clips):
            self._replace([])
            self._write(["Waiting for workers."])
        self._tell(overview)
        if self._in_place:
            running = [clip for clip in overview.clips if clip.state is State.RUNNING]
            rows = [_row(clip) for clip in running[:_ROWS]]
            if len(running) > _ROWS:
                rows.append(f"  ... and {len(running) - _ROWS} more")
            self._replace([*rows, _summary(overview)])

    def close(self) -> None:
        """Leave the terminal to what comes."""
        self._replace([])

    def _tell(self, overview: Overview) -> None:
        """Tell what has ended or failed since."""
        lines = []
        for clip in overview.clips:
            ended = clip.state in _ENDS
            seen = len(clip.failures) + ended
            if self._told.get(clip.name, 0) < seen:
                self._told[clip.name] = seen
                lines.append(_told(clip))
        if lines:
            self._replace([])
            if not self._in_place:
                lines.append(_summary(overview))
            self._write(lines)

    def _replace(self, lines: list[str]) -> None:
        if not self._in_place:
            return
        wide = shutil.get_terminal_size().columns - 1
        back = f"\x1b[{self._lines}F\x1b[J" if self._lines else ""
        sys.stderr.write(back + "".join(f"{line[:wide]}\n" for line in lines))
        sys.stderr.flush()
        self._lines = len(lines)

    def _write(self, lines: list[str]) -> None:
        sys.stderr.write("".join(f"{line}\n" for line in lines))
        sys.stderr.flush()


class JsonLines:
    """What changes, clip by clip, as lines of JSON on standard output."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[object, ...]] = {}

    def show(self, overview: Overview) -> None:
        """Write a line for each clip that is further than before."""
        for clip in overview.clips:
            now = (clip.state, clip.done, clip.total, clip.step, len(clip.failures))
            if self._seen.get(clip.name) != now:
                self._seen[clip.name] = now
                line = {
                    "clip": clip.name,
                    "state": str(clip.state),
                    "done": clip.done,
                    "total": clip.total,
                    "step": clip.step,
                    "confidence": clip.confidence,
                    "reason": clip.failures[-1] if clip.failures else "",
                    "left": overview.left,
                }
                print(json.dumps(line), flush=True)

    def close(self) -> None:
        """Do nothing: every line is whole."""


def _row(clip: ClipState) -> str:
    sure = "" if clip.confidence is None else f"  confidence {clip.confidence:.2f}"
    share = f"{clip.done}/{clip.total}" if clip.total else "-"
    return f"  {clip.name:<28.28} {share:>11}  {clip.step or 'loading'}{sure}"


def _told(clip: ClipState) -> str:
    if clip.state is State.FAILED:
        return f"{clip.name}: failed: {clip.failures[-1]}"
    if clip.state is State.WAITING or clip.result is None:
        reason = clip.failures[-1] if clip.failures else ""
        return f"{clip.name}: tried again, since: {reason}"
    result = clip.result
    if clip.state is State.KEPT:
        return f"{clip.name}: done before"
    sure = "" if result.confidence is None else f", confidence {result.confidence:.2f}"
    doubt = f", {result.doubtful} doubtful frames" if result.doubtful else ""
    speed = result.computed / max(result.seconds, 1e-9)
    return f"{clip.name}: done, {result.frames} frames, {speed:.1f} per second{sure}{doubt}"


def _summary(overview: Overview) -> str:
    done = overview.count(State.DONE, State.KEPT)
    parts = [f"{done} of {len(overview.clips)} clips"]
    if failed := overview.count(State.FAILED):
        parts.append(f"{failed} failed")
    parts.append(f"{overview.workers} workers")
    if overview.speed:
        parts.append(f"{overview.speed:.1f} frames/s")
    if overview.left is not None and done < len(overview.clips):
        end = time.strftime("%H:%M", time.localtime(time.time() + overview.left))
        parts.append(f"done at about {end}")
    return ", ".join(parts)
