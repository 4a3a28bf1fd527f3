"""Which way through the frames: the passes of a run, and what each keyframe counts in them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from napari_frtm.config import Direction
from napari_frtm.errors import FrtmError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_frtm.types import Labels

MOST_REFERENCES = 8
"""References that a pass learns before it starts; more only to know every object."""

_LARGEST_ID = 65535


@dataclass(frozen=True)
class Pass:
    """One way through the frames.

    Attributes
    ----------
    initial_keyframes : list of (int, set of int)
        Keyframes that are learned first, in this order, and the objects that each one teaches.
    frames : range
        The frames that are then segmented, in this order.
    """

    initial_keyframes: list[tuple[int, frozenset[int]]]
    frames: range

    @cached_property
    def visits(self) -> list[int]:
        """Keyframes to learn, then frames."""
        return [*(t for t, _ in self.initial_keyframes), *self.frames]

    @property
    def forward(self) -> bool:
        """Whether it goes the way of time."""
        return self.frames.step > 0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The passes of a run, planned from its keyframes.

    Attributes
    ----------
    span : range
        The frames to fill, step 1.
    direction : Direction
        Which way to go.
    drawn : dict of int to set of int
        The objects drawn on each keyframe, in the order of time; keyframes outside `span` are
        references. At least one shows an object.
    complete : set of int
        The keyframes on which every object that is not drawn is absent.
    """

    span: range
    direction: Direction
    drawn: Mapping[int, frozenset[int]]
    complete: frozenset[int]

    @classmethod
    def of(
        cls,
        span: range,
        direction: Direction,
        labels: Mapping[int, Labels],
        complete: frozenset[int],
    ) -> Plan:
        """Return the plan for the label images of all keyframes.

        Raises
        ------
        FrtmError
            If none of them shows an object.
        """
        drawn = {t: frozenset(np.unique(labels[t]).tolist()) - {0} for t in sorted(labels)}
        if not any(drawn.values()):
            raise FrtmError("No frame is annotated. Paint an object on at least one frame.")
        return cls(span=span, direction=direction, drawn=drawn, complete=complete)

    @cached_property
    def passes(self) -> list[Pass]:
        """The passes, in the order in which they run; none is empty.

        A pass goes from the first keyframe that shows an object to the end of the span. A single
        one that finds no such keyframe on its way starts from those that are ahead of it.
        """
        forward = range(max(self.span.start, self._first), self.span.stop)
        backward = range(min(self.span.stop - 1, self._last), self.span.start - 1, -1)
        if self.direction is Direction.BOTH:
            return [self._pass(frames) for frames in (forward, backward) if frames]
        if self.direction is Direction.FORWARD:
            return [self._pass(forward or self.span)]
        return [self._pass(backward or self.span[::-1])]

    def final(self, way: Pass, index: int) -> bool:
        """Whether a frame is finished in one of the passes.

        Of two passes, the frames from the first to the last keyframe are finished in the second.
        """
        if self.direction is not Direction.BOTH:
            return True
        if self._first == self._last:
            return (index >= self._first) == way.forward
        return (index > self._last) == way.forward

    def share(self, object_id: int, index: int) -> float:
        """Return how much the backward pass counts: how near the object's next keyframe is."""
        known = [t for t, ids in self.drawn.items() if object_id in ids or t in self.complete]
        before = [t for t in known if t <= index]
        after = [t for t in known if t >= index]
        if not (before and after) or before[-1] == after[0]:
            return 0.5  # only one pass knows it, or both know it from here
        return (index - before[-1]) / (after[0] - before[-1])

    @cached_property
    def _first(self) -> int:
        return min(t for t, ids in self.drawn.items() if ids)

    @cached_property
    def _last(self) -> int:
        return max(t for t, ids in self.drawn.items() if ids)

    @property
    def _references(self) -> list[int]:
        return [t for t in self.drawn if t not in self.span]

    def _pass(self, frames: range) -> Pass:
        """Choose what a pass learns first: the nearest references, and one that shows each object.

        A target model is made for the frame on which it begins: it begins on the nearest one that
        shows the object, or on the start of the pass if that is annotated. The farther ones
        correct it; then the nearest one again, so that it counts most.
        """
        start, step = frames[0], frames.step
        behind = [ids for t, ids in self.drawn.items() if (start - t) * step >= 0]
        known = frozenset[int]().union(*behind) or frozenset[int]().union(*self.drawn.values())
        here = self.drawn.get(start, frozenset())
        missing = known - here
        initial_keyframes: list[tuple[int, frozenset[int]]] = []
        for t in sorted(self._references, key=lambda t: abs(t - start)):
            teaches = self.drawn[t] & known
            useful = teaches or t in self.complete
            if (useful and len(initial_keyframes) < MOST_REFERENCES) or teaches & missing:
                initial_keyframes.append((t, teaches))
                missing -= teaches
        if here and initial_keyframes:  # its own turn comes after them
            return Pass([(start, here), *initial_keyframes], frames)
        return Pass(
            initial_keyframes + initial_keyframes[:1] * (len(initial_keyframes) > 1), frames
        )


def check_request(
    span: range,
    shape: Sequence[int],
    annotations: Mapping[int, Labels],
    references: Mapping[int, Labels],
) -> None:
    """Refuse a range and labels that no run can be made of; for the errors see `Propagation`."""
    length, size = shape[0], tuple(shape[1:3])
    if span.step != 1 or len(span) == 0 or span.start < 0 or span.stop > length:
        raise FrtmError(
            f"The range {span.start}:{span.stop} is not within the video's {length} frames, "
            f"0:{length}. Choose a range inside it."
        )
    for index, labels in (*annotations.items(), *references.items()):
        if np.shape(labels) != size:
            raise FrtmError(
                f"The labels of frame {index} are of shape {np.shape(labels)}, the video's frames "
                f"of {size}. Give labels of the video's size."
            )
        if np.asarray(labels).dtype.kind not in "biu":
            raise FrtmError(
                f"The labels of frame {index} hold {np.asarray(labels).dtype}; objects are whole "
                "numbers. Make integers of them: (mask > 0.5).astype(int) of a soft mask."
            )
        low, high = int(np.min(labels)), int(np.max(labels))
        if low < 0 or high > _LARGEST_ID:
            raise FrtmError(
                f"Frame {index} has the object id {low if low < 0 else high}; ids must be from 1 "
                f"to {_LARGEST_ID}. Give the object another one."
            )
    outside = [i for i in annotations if i not in span]
    if outside:
        raise FrtmError(
            f"The annotated frame {outside[0]} is outside the range {span.start}:{span.stop}. "
            "Extend the range, or annotate a frame inside it."
        )
    for index in references:
        if index in span or not 0 <= index < length:
            raise ValueError(
                f"The reference {index} must lie in the video, 0:{length}, outside the range "
                f"{span.start}:{span.stop}."
            )
