"""What only a real GPU can show; the rest is in `test_pretended_gpu`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from napari_frtm.config import FineTuningConfig, LocalityConfig, Variant, preset
from napari_frtm.engine.tracking.propagate import Propagation, propagate
from napari_frtm.evaluation.metrics import jaccard
from napari_frtm.io.weights.checkpoint import load_network

if TYPE_CHECKING:
    from conftest import Clip

    from napari_frtm.config import FrtmConfig
    from napari_frtm.types import Prediction

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
TUNING = FineTuningConfig(samples=4, iterations=20, batch=2)


def _run(config: FrtmConfig, clip: Clip, device: str) -> list[Prediction]:
    network = load_network(config, device=device)
    return list(propagate(network, config, clip.frames, {0: clip.truth[0]}))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"variant": Variant.D_ONLY, "locality": LocalityConfig(scale=1.0)},
        {"variant": Variant.FINE_TUNING, "fine_tuning": TUNING},
    ],
    ids=["full", "local", "fine-tuning"],
)
def test_the_masks_are_those_of_the_cpu(clip: Clip, changes: dict[str, Any]) -> None:
    """In half precision, J over 0.99 in the mean (F.-T., whose training drifts apart: 0.95)."""
    config = replace(preset("lite"), short_side=240, **changes)

    here, there = (_run(config, clip, device) for device in ("cpu", "cuda"))

    pairs = [
        (a.labels == i, b.labels == i) for a, b in zip(here, there, strict=True) for i in (1, 4)
    ]
    least = 0.95 if config.variant.is_baseline else 0.99
    assert np.mean([jaccard(theirs, ours) for ours, theirs in pairs]) > least


def test_a_run_begun_on_the_cpu_goes_on_there(clip: Clip) -> None:
    """With the memory that it has."""
    config = replace(preset("lite"), short_side=240)
    whole = _run(config, clip, "cpu")
    begun = Propagation(load_network(config, device="cpu"), config, clip.frames, {0: clip.truth[0]})
    chunks = begun.chunks()
    done = len([p for _ in range(3) for p in next(chunks)])

    network = load_network(config, device="cuda")
    resumed = Propagation(network, config, clip.frames, {0: clip.truth[0]})
    resumed.load_state_dict(begun.state_dict())
    rest = [p for chunk in resumed.chunks() for p in chunk]

    assert len(rest) == len(whole) - done
    assert jaccard(rest[-1].labels == 1, whole[-1].labels == 1) > 0.98
