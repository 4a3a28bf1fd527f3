"""How far a run is, in plain words."""

from __future__ import annotations

from time import monotonic


class Progress:
    """Frames done, speed and time left of a run.

    Parameters
    ----------
    total : int
        Frames of the run.
    done : int
        Frames that are there already when it begins.
    """

    def __init__(self, total: int, done: int = 0) -> None:
        self.total = total
        self.done = done
        self.restart()

    def restart(self) -> None:
        """Measure the speed from now on, after a pause."""
        self._before = self.done
        self._started = monotonic()

    def reach(self, done: int) -> None:
        """Note that so many frames are done in all."""
        self.done = done

    @property
    def text(self) -> str:
        """For example ``12 / 96 frames, 8.1 fps, 10 s left``."""
        counted = f"{self.done} / {self.total} frames"
        seconds, came = monotonic() - self._started, self.done - self._before
        if came <= 0 or self.done >= self.total or seconds <= 0:
            return counted
        speed = came / seconds
        return f"{counted}, {speed:.1f} fps, {duration((self.total - self.done) / speed)} left"


def duration(seconds: float) -> str:
    """Return a time span in words, as ``50 s``, ``3 min 20 s`` or ``2 h 05 min``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
