"""The engine on a GPU that is not there: nothing left behind on the CPU, few waits."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from pretend import GPU, Gpu, pretended_gpu, to_gpu

from napari_frtm.config import LocalityConfig, Variant
from napari_frtm.engine.networks.network import FrtmNetwork
from napari_frtm.engine.networks.target_encoder import TargetEncoder
from napari_frtm.engine.tracking.propagate import Propagation, propagate

if TYPE_CHECKING:
    from conftest import Clip

    from napari_frtm.config import FrtmConfig
    from napari_frtm.types import Prediction

FRAMES = 7
MOST_WAITS = 8  # of the host, in a chunk of four frames: fetching masks, and two updates


@pytest.fixture(scope="module")
def whole_network(full_network: FrtmNetwork) -> FrtmNetwork:
    """Return the small network with a target encoder."""
    torch.manual_seed(1)
    encoder = TargetEncoder(full_network.backbone.channels[16], 6).requires_grad_(False)
    parts = (full_network.backbone, full_network.segmentation, encoder, full_network.outlines)
    return FrtmNetwork(*parts)


def _on_gpu(network: FrtmNetwork, monkeypatch: pytest.MonkeyPatch) -> FrtmNetwork:
    """Return a copy on the pretended GPU, whose memory holds several frames."""
    moved = deepcopy(network)
    to_gpu(moved)
    monkeypatch.setattr(FrtmNetwork, "frames_at_once", lambda *_: 4)
    return moved


def _run(network: FrtmNetwork, config: FrtmConfig, clip: Clip) -> list[Prediction]:
    drawn = {0: clip.truth[0], 5: clip.truth[5]}
    return list(propagate(network, config, clip.frames[:FRAMES], drawn))


@pytest.mark.parametrize(
    "changes",
    [
        {"variant": Variant.FULL},
        {"variant": Variant.FULL, "outlines": True},
        {"variant": Variant.D_ONLY},
        {"variant": Variant.D_ONLY, "locality": LocalityConfig(scale=1.0)},
        {"variant": Variant.BASE_NET},
    ],
    ids=["full", "outlines", "d-only", "local", "base-net"],
)
def test_a_run_is_the_same_as_on_the_cpu(
    whole_network: FrtmNetwork,
    full: FrtmConfig,
    clip: Clip,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, object],
) -> None:
    """First frame, chunks, updates, a correction; no operation on tensors of both devices.

    The CPU has kernels of its own for convolutions, which round differently.
    """
    # which looks at windows where a GPU takes whole frames
    fixed = {"short_side": 96, "enlarge": 1.0, "windows": False, "outlines": False}
    config = replace(full, **(fixed | changes))
    expected = _run(whole_network, config, clip)

    with pretended_gpu():
        network = _on_gpu(whole_network, monkeypatch)
        assert network.device == GPU
        found = _run(network, config, clip)

    least = 1e-3 if config.outlines else 0.0  # of pixels that just change sides, or do not
    for ours, theirs in zip(found, expected, strict=True):
        apart = np.abs(np.asarray(ours.probabilities) - np.asarray(theirs.probabilities))
        assert (apart > 5e-2).mean() <= least


def test_a_saved_run_goes_on_there(
    whole_network: FrtmNetwork, full: FrtmConfig, clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Begun on the CPU."""
    config = replace(full, short_side=96, enlarge=1.0)
    begun = Propagation(whole_network, config, clip.frames[:FRAMES], {0: clip.truth[0]})
    chunks = begun.chunks()
    next(chunks)

    with pretended_gpu():
        network = _on_gpu(whole_network, monkeypatch)
        resumed = Propagation(network, config, clip.frames[:FRAMES], {0: clip.truth[0]})
        with torch.inference_mode():
            resumed.load_state_dict(begun.state_dict())
        rest = [p for chunk in resumed.chunks() for p in chunk]

    assert [p.index for p in rest] == list(range(1, FRAMES))


def test_the_host_seldom_waits(
    whole_network: FrtmNetwork, full: FrtmConfig, clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a chunk: for the results of its frames, and little else."""
    config = replace(full, short_side=96, enlarge=1.0)

    with pretended_gpu() as gpu:
        network = _on_gpu(whole_network, monkeypatch)
        run = Propagation(network, config, clip.frames[:9], {0: clip.truth[0]}).chunks()
        next(run)
        gpu.waits.clear()
        chunk = next(run)

    assert len(chunk) == 4
    assert len(gpu.waits) <= MOST_WAITS, Counter(gpu.waits)


def test_the_pretended_gpu_finds_what_a_real_one_would() -> None:
    """Mixed devices, arrays without a copy, values that the host asks for."""
    with pretended_gpu() as gpu, torch.inference_mode():
        there = torch.ones(3).to(GPU)
        with pytest.raises(AssertionError, match="mixes tensors"):
            there + torch.ones(3)
        with pytest.raises((TypeError, RuntimeError)):
            there.numpy()
        assert gpu == Gpu(waits=[], uploads=1)
        assert float(there.sum()) == 3
        assert bool((there > 0).all())
        assert there.nonzero().shape == (3, 1)
        assert there[there > 0].cpu().tolist() == [1, 1, 1]
        assert torch.zeros(2, device=GPU).device == GPU

    assert len(gpu.waits) == 5
