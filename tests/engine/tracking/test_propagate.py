"""The video loop: objects followed, the same however the frames are batched."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from masks import overlap

from napari_frtm.config import FrtmConfig, TargetConfig, Variant, preset
from napari_frtm.engine.networks.network import FrtmNetwork
from napari_frtm.engine.tracking.propagate import propagate
from napari_frtm.engine.tracking.tracker import Tracker

if TYPE_CHECKING:
    from conftest import Clip


@pytest.mark.parametrize("variant", [Variant.D_ONLY, Variant.D_ONLY_NO_UPDATE])
def test_two_objects_are_followed_to_the_end(
    clip: Clip, network: FrtmNetwork, lite: FrtmConfig, variant: Variant
) -> None:
    """With their ids, at J that a frozen mask does not reach."""
    config = replace(lite, variant=variant)

    predictions = list(propagate(network, config, clip.frames, {0: clip.truth[0]}))

    assert [p.index for p in predictions] == list(range(24))
    assert np.array_equal(predictions[0].labels, clip.truth[0])
    for object_id in (1, 4):
        overlaps = [overlap(p, clip.truth[p.index], object_id) for p in predictions[1:]]
        frozen = [overlap(predictions[0], t, object_id) for t in clip.truth[1:]]
        assert np.mean(overlaps) > 0.7
        assert np.mean(overlaps) > np.mean(frozen) + 0.2
    last = predictions[-1]
    assert last.object_ids == (1, 4)
    assert last.probabilities.shape == (2, 150, 200)  # a quarter larger
    assert last.scores.shape == (2, 10, 13)
    assert last.labels.dtype == np.uint8


_TRACKED = [v for v in Variant if v not in (Variant.BASE_NET, Variant.FINE_TUNING)]


@pytest.mark.parametrize("variant", _TRACKED)
def test_chunks_equal_frame_by_frame(
    clip: Clip, full_network: FrtmNetwork, lite: FrtmConfig, variant: Variant
) -> None:
    """All variants with a target model: frames between updates at once, or one at a time."""
    config = replace(lite, variant=variant, update_interval=5)
    chunked = list(propagate(full_network, config, clip.frames[:14], {0: clip.truth[0]}))

    tracker = Tracker(full_network, config)
    single = [tracker.annotate(0, clip.frames[0], clip.truth[0])]
    for t in range(1, 14):
        single += tracker.segment([t], [clip.frames[t]])

    for one, other in zip(chunked, single, strict=True):
        assert np.array_equal(one.labels, other.labels)
        assert np.allclose(one.scores, other.scores, atol=1e-5)


@pytest.mark.parametrize("variant", [Variant.D_ONLY, Variant.FULL_NO_UPDATE, Variant.FULL])
def test_frames_in_a_batch_equal_one_by_one(
    clip: Clip, full_network: FrtmNetwork, monkeypatch: pytest.MonkeyPatch, variant: Variant
) -> None:
    """As on a GPU, where several frames go through the networks together.

    Convolutions round otherwise in a batch; a strong regularisation keeps the updates from
    magnifying that, which the paper's would do.
    """
    target = TargetConfig(channels=32, regularisation=(0.3, 1.0), update_cg_steps=4)
    config = replace(preset("lite", variant), target=target)
    alone = list(propagate(full_network, config, clip.frames, {0: clip.truth[0]}))

    monkeypatch.setattr(FrtmNetwork, "frames_at_once", lambda *_: 3)
    together = list(propagate(full_network, config, clip.frames, {0: clip.truth[0]}))

    for one, other in zip(alone, together, strict=True):
        assert np.allclose(one.scores, other.scores, atol=1e-3)
        assert (one.labels != other.labels).mean() < 1e-3


def test_runs_are_deterministic_and_the_seed_matters(
    clip: Clip, network: FrtmNetwork, lite: FrtmConfig
) -> None:
    """Bit by bit."""
    first, again, other = (
        list(propagate(network, replace(lite, seed=seed), clip.frames[:6], {0: clip.truth[0]}))
        for seed in (0, 0, 1)
    )

    assert all(np.array_equal(a.scores, b.scores) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a.scores, b.scores) for a, b in zip(first, other, strict=True))


def test_half_precision_gives_nearly_the_same_masks(
    clip: Clip, full_network: FrtmNetwork, lite: FrtmConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In bfloat16, which every CPU can compute and some compute faster."""
    annotations, frames = {0: clip.truth[0]}, clip.frames[:10]
    single = list(propagate(full_network, lite, frames, annotations))

    monkeypatch.setattr(full_network, "half_precision", True)
    half = list(propagate(full_network, lite, frames, annotations))

    assert (
        np.mean([(a.labels != b.labels).mean() for a, b in zip(single, half, strict=True)]) < 0.02
    )
    refined = replace(lite, variant=Variant.FULL)
    last = list(propagate(full_network, refined, clip.frames[:3], annotations))[-1]
    assert last.probabilities.dtype == np.float32
    assert np.isfinite(last.probabilities).all()


@pytest.mark.gpu
def test_cuda_gives_the_masks_of_the_cpu(clip: Clip, lite: FrtmConfig) -> None:
    """In half precision, but for a few pixels."""
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    from napari_frtm.io.weights.checkpoint import load_network

    one, other = (
        list(propagate(load_network(lite, device=d), lite, clip.frames, {0: clip.truth[0]}))
        for d in ("cpu", "cuda")
    )

    assert np.mean([(a.labels != b.labels).mean() for a, b in zip(one, other, strict=True)]) < 0.01
