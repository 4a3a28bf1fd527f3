"""Mean, recall and decay over time, as the DAVIS toolkits define them (Perazzi et al., 2016)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

_GOOD = 0.5
_QUARTERS = 4


@dataclass(frozen=True, slots=True)
class Statistics:
    """What became of a measure over the frames of a video.

    Attributes
    ----------
    mean : float
        Over the frames, in [0, 1].
    recall : float
        Share of the frames on which it is above one half.
    decay : float
        Mean of the first quarter of the frames less that of the last one, in [-1, 1].
    """

    mean: float
    recall: float
    decay: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Statistics:
        """Return the statistics of one value a frame; quarters share the frames between them."""
        series = np.asarray(values, np.float64)
        # the toolkits round one-based places; a half goes up
        ends = np.floor(np.linspace(1, len(series), _QUARTERS + 1) + 0.5).astype(int) - 1
        first, last = series[ends[0] : ends[1] + 1], series[ends[3] : ends[4] + 1]
        return cls(
            float(series.mean()),
            float((series > _GOOD).mean()),
            float(first.mean() - last.mean()),
        )

    @classmethod
    def mean_of(cls, several: Sequence[Statistics]) -> Statistics:
        """Return the means over several objects."""
        table = np.array([(s.mean, s.recall, s.decay) for s in several])
        mean, recall, decay = table.mean(0).tolist()
        return cls(mean, recall, decay)
