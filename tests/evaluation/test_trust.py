"""What the confidence is worth, against numbers worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_frtm.evaluation.davis import Sequence
from napari_frtm.evaluation.metrics import ObjectScores
from napari_frtm.evaluation.report import Row, as_csv, as_markdown
from napari_frtm.evaluation.statistics import Statistics
from napari_frtm.evaluation.trust import Trust, spearman, trust


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        pytest.param([1, 2, 3], [10, 20, 90], 1, id="same order"),
        pytest.param([1, 2, 3], [9, 5, 1], -1, id="opposite order"),
        # rank differences 0, 1, 1, 0: 1 - 6 * 2 / (4 * 15)
        pytest.param([1, 2, 3, 4], [1, 3, 2, 4], 0.8, id="two swapped"),
        # ranks 0.5, 0.5, 2 and 0, 1, 2: 1.5 / sqrt(1.5 * 2)
        pytest.param([5, 5, 7], [1, 2, 3], 0.75**0.5, id="a tie"),
        pytest.param([5, 5, 5], [1, 2, 3], np.nan, id="constant"),
        pytest.param([], [], np.nan, id="nothing"),
    ],
)
def test_rank_correlation(one: list[float], other: list[float], expected: float) -> None:
    """Of Spearman, with ties."""
    found = spearman(np.array(one, float), np.array(other, float))

    assert found == pytest.approx(expected, nan_ok=True)


def test_confidence_meets_the_scored_frames() -> None:
    """From the second to the last but one; of an object that appears late, those since then."""
    names = ["a", "b", "c", "d", "e"]
    sequence = Sequence("s", Path(), tuple(Path(f"{name}.png") for name in names))
    scores = {1: ObjectScores((0.5, 0.9, 0.7), ()), 2: ObjectScores((0.1, 0.2), ())}
    confidence = {
        name: {1: sure, 2: late}
        for name, sure, late in zip(
            names, (1, 0.4, 0.8, 0.6, 0.0), (0, np.nan, 0.3, 0.2, 1), strict=True
        )
    }

    found = trust([sequence], {"s": scores}, {"s": confidence})

    # confidence 0.4 0.8 0.6 | 0.3 0.2, J 0.5 0.9 0.7 | 0.1 0.2: only the last two are swapped
    assert found.pooled == found.sequences["s"] == pytest.approx(0.9)


def test_the_mean_leaves_out_what_is_not_known() -> None:
    """Sequences on which nothing varies; in the tables, too."""
    worth = Trust({"a": 0.5, "b": np.nan, "c": 0.25}, 0.125)
    good, fair = Statistics(1, 1, 0), Statistics(0.5, 0.5, 0)
    table = [Row("a", 1, fair, fair), Row("b", 1, good, good), Row("mean", 2, good, good)]

    lines = as_csv(table, worth).splitlines()

    assert worth.mean == 0.375
    assert [line.split(",")[-1] for line in lines[1:]] == ["0.500000", "nan", "0.375000"]
    assert "0.125 pooled, 0.375 mean of sequences." in as_markdown(table, worth)
