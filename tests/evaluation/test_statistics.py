"""Mean, recall and decay."""

from __future__ import annotations

import pytest

from napari_frtm.evaluation.statistics import Statistics


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([0.7] * 9, (0.7, 1, 0), id="constant"),
        # quarters of nine frames share their ends: 0 1 2, 2 3 4, 4 5 6, 6 7 8
        pytest.param([1, 1, 1, 1, 0.5, 0.5, 0, 0, 0], (5 / 9, 4 / 9, 1), id="nine"),
        # of five frames, pairs: (0, 1) against (3, 4)
        pytest.param([0.2, 0.4, 0.6, 0.8, 1.0], (0.6, 0.6, -0.6), id="better-with-time"),
        pytest.param([0.3], (0.3, 0, 0), id="one-frame"),
    ],
)
def test_statistics(values: list[float], expected: tuple[float, float, float]) -> None:
    """Worked out by hand."""
    found = Statistics.of(values)

    assert (found.mean, found.recall, found.decay) == pytest.approx(expected)


def test_means_over_objects() -> None:
    """Each by itself: no object counts more for having more frames."""
    found = Statistics.mean_of([Statistics(1, 1, 0.5), Statistics(0, 0.5, -0.1)])

    assert (found.mean, found.recall, found.decay) == pytest.approx((0.5, 0.75, 0.2))
