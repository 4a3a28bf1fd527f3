"""What can be undone and redone as a whole: runs, clean-ups, and what frames held before them."""

from __future__ import annotations

import zlib
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_frtm.io.session.objects import SessionObject

_STEPS = 20
_BYTES = 256 * 2**20  # of all steps; older ones are forgotten first
_OVERHEAD = 400  # bytes of the Python objects of a frame, about


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


@dataclass(frozen=True, slots=True, eq=False)
class FrameState:
    """What is known of one frame at one time; small, so that thousands can be kept.

    Attributes
    ----------
    masks : Packed or None
        Its masks; None if they are empty.
    filled : bool
        Whether it has masks, empty ones included.
    object_ids : tuple of int
        The N objects that the arrays below are of.
    confidence : array of shape (N,), float32, in [0, 1]
        NaN where not known.
    area : array of shape (N,), float32
        Pixels of the video; NaN where not known.
    keyframe : Packed or None
        What is drawn on it, if that is not its masks and was changed as well.
    soft : mapping of int to Packed, or None
        Its soft masks by object, uint8; None if they were not changed.
    """

    masks: Packed | None
    filled: bool
    object_ids: tuple[int, ...]
    confidence: NDArray[np.float32]
    area: NDArray[np.float32]
    keyframe: Packed | None = None
    soft: Mapping[int, Packed] | None = None

    @property
    def size(self) -> int:
        """Bytes that it takes, about."""
        packed = (self.masks, self.keyframe, *(self.soft or {}).values())
        masks = sum(len(each.data) for each in packed if each is not None)
        return masks + self.confidence.nbytes + self.area.nbytes + _OVERHEAD


@dataclass(slots=True, eq=False)
class Step:
    """One thing that the user did, and what the frames that it changed held before.

    Attributes
    ----------
    name : str
        For the user, as in "Undo *Propagate 0-95*".
    before : dict of int to FrameState
        The frames that it changed.
    objects : mapping of int to SessionObject, or None
        Names and parents of before; None if it did not change them.
    """

    name: str
    before: dict[int, FrameState] = field(default_factory=dict)
    objects: Mapping[int, SessionObject] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it changed nothing."""
        return not self.before and self.objects is None

    @property
    def size(self) -> int:
        """Bytes that it takes, about."""
        return sum(state.size for state in self.before.values())


class History:
    """The last steps, and those that were undone, as many as fit into a bounded memory."""

    def __init__(self) -> None:
        self._done: deque[Step] = deque(maxlen=_STEPS)
        self._undone: list[Step] = []

    @property
    def last(self) -> Step | None:
        """The step that would be undone next."""
        return self._done[-1] if self._done else None

    @property
    def next(self) -> Step | None:
        """The step that would be redone next."""
        return self._undone[-1] if self._undone else None

    def add(self, step: Step) -> None:
        """Add a step that was done; what was undone before can no longer be redone."""
        self._undone.clear()
        self._push(step)

    def discard(self, frame: int) -> None:
        """Leave a frame as it is when steps are undone or redone: it has been drawn since."""
        for step in (*self._done, *self._undone):
            step.before.pop(frame, None)

    def take_undo(self) -> Step | None:
        """Take out the last step; give what undoes it back to `put_redo`."""
        return self._done.pop() if self._done else None

    def take_redo(self) -> Step | None:
        """Take out the step that was undone last; give what undoes it again to `put_undo`."""
        return self._undone.pop() if self._undone else None

    def put_redo(self, step: Step) -> None:
        """Add a step that was undone."""
        self._undone.append(step)

    def put_undo(self, step: Step) -> None:
        """Add a step that was redone."""
        self._push(step)

    def _push(self, step: Step) -> None:
        if step.is_empty:
            return
        self._done.append(step)
        while len(self._done) > 1 and sum(each.size for each in self._done) > _BYTES:
            self._done.popleft()
