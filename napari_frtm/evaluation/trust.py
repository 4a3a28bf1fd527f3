"""What the engine's confidence is worth: how far it ranks frames as the true overlap does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_frtm.evaluation.davis import Sequence
    from napari_frtm.evaluation.metrics import ObjectScores
    from napari_frtm.types import Prediction

Confidence: TypeAlias = dict[str, dict[int, float]]
"""Of one sequence, by name of the frame and by object."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Rank correlation (Spearman) of confidence with J, in [-1, 1].

    Attributes
    ----------
    sequences : dict of str to float
        By sequence; NaN where J or confidence is the same on all frames.
    pooled : float
        Over the frames and objects of all sequences.
    """

    sequences: dict[str, float]
    pooled: float

    @property
    def mean(self) -> float:
        """Mean of the sequences for which there is one."""
        known = [value for value in self.sequences.values() if np.isfinite(value)]
        return float(np.mean(known)) if known else np.nan


def by_object(prediction: Prediction) -> dict[int, float]:
    """Return the confidence in each object of one frame."""
    return dict(zip(prediction.object_ids, prediction.confidence.tolist(), strict=True))


def trust(
    sequences: list[Sequence],
    scores: Mapping[str, Mapping[int, ObjectScores]],
    confidence: Mapping[str, Confidence],
) -> Trust:
    """Compare confidence and J on the scored frames of some sequences.

    Parameters
    ----------
    sequences : list of Sequence
        As followed.
    scores, confidence : mapping
        By sequence.
    """
    pairs = {s.name: _pairs(s, scores[s.name], confidence[s.name]) for s in sequences}
    every = np.concatenate(list(pairs.values()))
    return Trust({name: spearman(*p.T) for name, p in pairs.items()}, spearman(*every.T))


def spearman(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return the rank correlation of two series of length N; NaN if one is constant.

    Equal values share the mean of their ranks.
    """
    a, b = (_ranks(series) - (len(series) - 1) / 2 for series in (one, other))
    scale = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / scale) if scale > 0 else np.nan


def _ranks(series: NDArray[np.float64]) -> NDArray[np.float64]:
    _, group, counts = np.unique(series, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: NDArray[np.float64] = (ends - (counts + 1) / 2)[group]
    return ranks


def _pairs(
    sequence: Sequence, scores: Mapping[int, ObjectScores], confidence: Confidence
) -> NDArray[np.float64]:
    """Return confidence and J of shape (N, 2), for all objects and scored frames."""
    scored = [path.stem for path in sequence.counted]
    pairs = [
        (confidence[name].get(object_id, np.nan), j)
        for object_id, its in scores.items()
        for name, j in zip(scored[-len(its.jaccard) :], its.jaccard, strict=True)
    ]
    known = np.array(pairs, np.float64).reshape(-1, 2)
    return known[np.isfinite(known).all(1)]
