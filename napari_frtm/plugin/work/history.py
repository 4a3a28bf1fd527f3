"""What can be undone as a whole: runs, clean-ups, and what frames held before them."""

from __future__ import annotations

import zlib
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_frtm.timeline import Timeline

_STEPS = 10
_BYTES = 256 * 2**20  # of all steps; older ones are forgotten first


@dataclass(frozen=True, slots=True)
class Packed:
    """Labels of shape (H, W), compressed."""

    data: bytes
    shape: tuple[int, ...]
    dtype: str

    @classmethod
    def of(cls, labels: NDArray[Any]) -> Packed:
        """Compress labels."""
        return cls(
            zlib.compress(np.ascontiguousarray(labels).data, 1), labels.shape, labels.dtype.str
        )

    @property
    def labels(self) -> NDArray[Any]:
        """The labels, of shape (H, W)."""
        return np.frombuffer(zlib.decompress(self.data), self.dtype).reshape(self.shape)


@dataclass(frozen=True, slots=True)
class FrameBefore:
    """What a frame held before it was changed.

    Attributes
    ----------
    labels : Packed or None
        Its masks; None for none.
    filled : bool
        Whether it had masks.
    confidence, area : dict of int to float
        By object; see `napari_frtm.timeline.Timeline`.
    """

    labels: Packed | None
    filled: bool
    confidence: dict[int, float]
    area: dict[int, float]


@dataclass(slots=True, eq=False)
class Step:
    """One thing that the user did, and what it changed.

    Attributes
    ----------
    name : str
        For the user, as in "Undo *Propagate 0-95*".
    before : dict of int to FrameBefore
        The frames that it changed.
    """

    name: str
    before: dict[int, FrameBefore] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes that its masks take."""
        kept = (before.labels for before in self.before.values())
        return sum(len(labels.data) for labels in kept if labels is not None)


def frame_before(timeline: Timeline, index: int, labels: Packed | None) -> FrameBefore:
    """Return what is known of a frame, to be restored by `restore`."""
    return FrameBefore(
        labels,
        bool(timeline.filled[index]),
        {i: float(values[index]) for i, values in timeline.confidence.items()},
        {i: float(values[index]) for i, values in timeline.area.items()},
    )


def restore(timeline: Timeline, index: int, before: FrameBefore) -> None:
    """Make the timeline say of a frame what it said before."""
    timeline.record(index, before.confidence, before.area)
    timeline.filled[index] = before.filled


class History:
    """The last steps, as many as fit into a bounded memory."""

    def __init__(self) -> None:
        self._steps: deque[Step] = deque(maxlen=_STEPS)

    @property
    def last(self) -> Step | None:
        """The step that would be undone next."""
        return self._steps[-1] if self._steps else None

    def begin(self, name: str) -> Step:
        """Return a new step, which is the last one from now on."""
        while self._steps and sum(step.size for step in self._steps) > _BYTES:
            self._steps.popleft()
        step = Step(name)
        self._steps.append(step)
        return step

    def forget(self, step: Step) -> None:
        """Take out a step, for instance one that changed nothing."""
        if step in self._steps:
            self._steps.remove(step)

    def discard(self, frame: int) -> None:
        """Leave a frame as it is when steps are undone: the user has drawn it since."""
        for step in self._steps:
            step.before.pop(frame, None)

    def pop(self) -> Step | None:
        """Take out the last step."""
        return self._steps.pop() if self._steps else None
