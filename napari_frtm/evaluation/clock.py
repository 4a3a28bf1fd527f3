"""Time as the paper counts it: all steps of algorithm 1 (section 4), the first frame's too."""

from __future__ import annotations

import csv
import io
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Times:
    """What the frames of a sequence took, in seconds, in the order of the video.

    That of a frame covers what its chunk needed before it came out; the last frames of a chunk
    come for nothing.
    """

    seconds: list[float] = field(default_factory=list)

    @property
    def first(self) -> float:
        """Of the annotated frame: steps 1 and 2."""
        return self.seconds[0]

    @property
    def per_frame(self) -> float:
        """Of all steps, over all frames."""
        return sum(self.seconds) / len(self.seconds)

    @property
    def later(self) -> float:
        """Of the frame loop alone, steps 4 to 9, over its frames; 0 for a single frame."""
        return sum(self.seconds[1:]) / max(len(self.seconds) - 1, 1)


def timed(items: Iterable[T], into: Times) -> Iterator[T]:
    """Yield items, and note what each took; what is done with them does not count."""
    iterator = iter(items)
    while True:
        start = time.perf_counter()
        try:
            item = next(iterator)
        except StopIteration:
            return
        into.seconds.append(time.perf_counter() - start)
        yield item


def times_as_csv(times: Mapping[str, Times]) -> str:
    """Return a row for each sequence, and one for the means over sequences, as the paper has it."""
    text = io.StringIO()
    writer = csv.writer(text)
    heads = ["sequence", "frames", "first frame (s)", "later frames (ms)", "all frames (ms)"]
    writer.writerow(heads)
    table = [(len(t.seconds), t.first, 1000 * t.later, 1000 * t.per_frame) for t in times.values()]
    for name, (frames, *values) in zip(times, table, strict=True):
        writer.writerow([name, frames, *(f"{value:.4f}" for value in values)])
    means = [sum(column) / len(table) for column in zip(*table, strict=True)]
    writer.writerow(["mean", *(f"{value:.4f}" for value in means)])
    return text.getvalue()


def describe(times: Mapping[str, Times]) -> str:
    """Return the mean time of a frame as a sentence."""
    each = sum(t.per_frame for t in times.values()) / len(times)
    whole = sum(sum(t.seconds) for t in times.values())
    first = sum(t.first for t in times.values()) / whole
    return (
        f"All steps of algorithm 1, mean of the sequences: {1000 * each:.1f} ms a frame, "
        f"{1 / each:.1f} frames a second; the first frame takes {100 * first:.0f} % of the time."
    )
