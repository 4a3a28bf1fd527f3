"""What several tests share: the embedded network, and a small clip with its truth."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest

from napari_frtm.config import FrtmConfig, SegmentationConfig, preset

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_frtm.engine.networks.network import FrtmNetwork

# small tensors gain nothing from threads, and threads that wait for each other on a busy machine
# lose a lot; before torch is loaded
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# what is exact is exact with torch alone; tests of OpenVINO switch it on
os.environ["NAPARI_FRTM_OPENVINO"] = "0"
# weights that someone has imported on this machine would change what the presets run with
os.environ["NAPARI_FRTM_WEIGHTS"] = os.devnull


class Clip(NamedTuple):
    """A video of shape (T, H, W, 3) and its label images of shape (T, H, W)."""

    frames: NDArray[np.uint8]
    truth: NDArray[np.uint8]


@pytest.fixture(scope="session")
def clip() -> Clip:
    """Two textured squares, ids 1 and 4, that drift over a noisy background; 24 frames."""
    rng = np.random.default_rng(0)
    background = rng.integers(60, 130, (120, 190, 3), np.uint8)
    stripes = np.where(np.arange(36)[:, None, None] // 4 % 2, [230, 60, 30], [250, 220, 40])
    dots = np.where((np.indices((36, 36)) // 6).sum(0)[..., None] % 2, [20, 70, 230], [30, 230, 90])
    patches = {1: np.broadcast_to(stripes, (36, 36, 3)), 4: dots}
    frames, truth = [], []
    for t in range(24):
        frame, labels = background[:, t : t + 160].copy(), np.zeros((120, 160), np.uint8)
        for object_id, (y, x) in {1: (20 + t, 15 + 2 * t), 4: (70 - t, 110 - t)}.items():
            frame[y : y + 36, x : x + 36] = patches[object_id]
            labels[y : y + 36, x : x + 36] = object_id
        frames.append(frame)
        truth.append(labels)
    return Clip(np.stack(frames), np.stack(truth))


@pytest.fixture(scope="session")
def lite() -> FrtmConfig:
    """Return the embedded setting, target model alone."""
    return preset("lite", "d-only")


@pytest.fixture(scope="session")
def network(lite: FrtmConfig) -> FrtmNetwork:
    """Return the embedded network, on the CPU, in single precision on every machine."""
    from napari_frtm.io.weights.checkpoint import load_network

    network = load_network(lite, device="cpu")
    network.half_precision = False
    return network


@pytest.fixture(scope="session")
def full_network(lite: FrtmConfig) -> FrtmNetwork:
    """Return the embedded backbone with a small segmentation network of random weights."""
    import torch

    from napari_frtm.engine.networks.network import FrtmNetwork
    from napari_frtm.engine.networks.segmentation import SegmentationNetwork
    from napari_frtm.io.weights.checkpoint import load_network

    embedded = load_network(lite, device="cpu")
    backbone, outlines = embedded.backbone, embedded.outlines
    torch.manual_seed(0)
    config = SegmentationConfig(channels=(6, 8, 8, 10))
    segmentation = SegmentationNetwork(backbone.channels, config)
    network = FrtmNetwork(backbone, segmentation, outlines=outlines).for_inference()
    network.half_precision = False
    return network


@pytest.fixture(scope="session")
def full(lite: FrtmConfig) -> FrtmConfig:
    """Return the setting for `full_network`."""
    return replace(lite, variant=preset("lite").variant)
