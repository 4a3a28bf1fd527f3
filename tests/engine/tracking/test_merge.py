"""Soft aggregation by hand."""

from __future__ import annotations

import pytest
import torch

from napari_frtm.engine.tracking.merge import merge


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        pytest.param([0.5], [0.5, 0.5], id="undecided"),
        pytest.param([0.75], [0.1, 0.9], id="odds 3 against 1/3"),
        pytest.param([0.5, 0.5], [1 / 7, 3 / 7, 3 / 7], id="background 1/4 has odds 1/3"),
        pytest.param([1.0, 0.0], [0.0, 1.0, 0.0], id="certain"),
        pytest.param([0.0, 0.0], [1.0, 0.0, 0.0], id="nothing there"),
    ],
)
def test_merge(probabilities: list[float], expected: list[float]) -> None:
    """Odds p / (1 - p) of the objects and of the background, normalised."""
    merged = merge(torch.tensor(probabilities).view(-1, 1, 1))

    assert merged.flatten().tolist() == pytest.approx(expected, abs=1e-5)


def test_merged_probabilities_sum_to_one() -> None:
    """In batches too."""
    merged = merge(torch.rand(2, 3, 5, 7))

    assert merged.shape == (2, 4, 5, 7)
    assert torch.allclose(merged.sum(1), torch.ones(2, 5, 7))
