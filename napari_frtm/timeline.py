"""What is known of each frame of a video: keyframes, coverage, frozen frames, confidence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

DOUBTFUL = 0.6
"""Confidence below which a frame is worth a look."""


@dataclass(slots=True, eq=False)
class Timeline:
    """The frames of one video, as arrays of length T.

    Attributes
    ----------
    filled : bool array
        Frames that have masks, drawn or predicted.
    frozen : bool array
        Frames that the user has accepted; nothing overwrites them.
    keyframes : set of int
        Frames that the user has drawn.
    confidence : dict of int to float32 array
        By object, in [0, 1]; NaN where nothing was predicted.
    area : dict of int to float32 array
        By object, pixels of the video; NaN where nothing was predicted.
    """

    filled: NDArray[np.bool_]
    frozen: NDArray[np.bool_]
    keyframes: set[int] = field(default_factory=set)
    confidence: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    area: dict[int, NDArray[np.float32]] = field(default_factory=dict)

    @classmethod
    def empty(cls, length: int) -> Timeline:
        """Return the timeline of a video of which nothing is known."""
        return cls(np.zeros(length, bool), np.zeros(length, bool))

    @property
    def length(self) -> int:
        """Number of frames T."""
        return len(self.filled)

    @property
    def object_ids(self) -> list[int]:
        """Objects that something is known of, in order."""
        return sorted({*self.confidence, *self.area})

    def record(
        self, index: int, confidence: Mapping[int, float], area: Mapping[int, float]
    ) -> None:
        """Take what a prediction says of a frame, in place of what was known before.

        `confidence` and `area` are replaced, not changed, where objects are new: they may be read
        in another thread.
        """
        self.filled[index] = True
        self.confidence = _recorded(self.confidence, index, confidence, self.length)
        self.area = _recorded(self.area, index, area, self.length)

    def clear(self, indices: Iterable[int]) -> None:
        """Forget what was predicted of some frames."""
        where = list(indices)
        self.filled[where] = False
        for array in (*self.confidence.values(), *self.area.values()):
            array[where] = np.nan

    def forget_absent(self) -> None:
        """Drop the objects of which nothing is known on any frame."""
        self.confidence, self.area = (
            {i: values for i, values in series.items() if not np.isnan(values).all()}
            for series in (self.confidence, self.area)
        )

    @property
    def doubt(self) -> NDArray[np.float32]:
        """Confidence in the worst object of each frame; NaN where there is nothing to doubt.

        That is: on frames without prediction, on keyframes and on frozen frames.
        """
        lowest = np.full(self.length, np.nan, np.float32)
        for array in self.confidence.values():
            lowest = np.fmin(lowest, array)
        lowest[self.frozen] = np.nan
        lowest[list(self.keyframes)] = np.nan
        return lowest

    def next_doubtful(
        self, here: int, below: float = DOUBTFUL, *, backward: bool = False
    ) -> int | None:
        """Return the worst frame of the next stretch of doubtful ones; None if there is none.

        Parameters
        ----------
        here : int
            Where the user is; the search goes on from there, and begins anew behind the end.
        below : float
            Confidence that is doubted.
        backward : bool
            Whether to look for the stretch before.
        """
        lowest = self.doubt
        worst = [
            stretch[int(np.argmin(lowest[stretch]))]
            for stretch in _stretches(np.flatnonzero(lowest < below))
        ]
        if not worst:
            return None
        if backward:
            return int(([index for index in worst if index < here] or worst)[-1])
        return int(([index for index in worst if index > here] or worst)[0])


def _recorded(
    series: dict[int, NDArray[np.float32]], index: int, values: Mapping[int, float], length: int
) -> dict[int, NDArray[np.float32]]:
    """Set a frame of all series, NaN where there is no value; series that are new are added."""
    new = {i: np.full(length, np.nan, np.float32) for i in values if i not in series}
    series = {**series, **new} if new else series
    for object_id, array in series.items():
        array[index] = values.get(object_id, np.nan)
    return series


def _stretches(indices: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Split sorted indices where they are not neighbours."""
    if not indices.size:
        return []
    return np.split(indices, np.flatnonzero(np.diff(indices) > 1) + 1)
