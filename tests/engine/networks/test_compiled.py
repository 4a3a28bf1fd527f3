"""F and S computed by OpenVINO, against torch."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn
from weights import random_network

from napari_frtm.engine.networks import compiled
from napari_frtm.engine.networks.backbone import CHANNELS, STRIDES, Backbone
from napari_frtm.engine.networks.compiled import CompiledNetworks
from napari_frtm.engine.networks.network import FrtmNetwork

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from napari_frtm.engine.networks.backbone import Features


OPENVINO = "napari_frtm.engine.networks.untold"
"""What imports it without its telemetry."""


@pytest.fixture(autouse=True)
def _installed() -> None:
    pytest.importorskip(OPENVINO, reason="openvino is not installed")


TOLD = """
import sys
from napari_frtm.engine.networks import graphs
sys.exit("openvino" not in sys.modules or "openvino_telemetry" in sys.modules)
"""


def test_nobody_is_told(tmp_path: Path) -> None:
    """OpenVINO tells its makers of each import, and keeps a number in the home folder for it."""
    home = {name: str(tmp_path) for name in ("HOME", "USERPROFILE")}

    done = subprocess.run([sys.executable, "-c", TOLD], env=os.environ | home, check=False)

    assert done.returncode == 0
    assert list(tmp_path.iterdir()) == []


def read_graph(description: bytes, constants: bytes) -> object:
    """Return what is in files; imported here, since openvino may not be there."""
    from napari_frtm.engine.networks import graphs

    return graphs.read_graph(description, constants)


def _network(backbone: str = "mobilenet_v2") -> FrtmNetwork:
    """Return a network of random weights, in single precision, that OpenVINO computes."""
    torch.manual_seed(0)
    network = FrtmNetwork(Backbone(backbone), random_network(backbone)).for_inference()
    network.half_precision = False
    network.compiled = CompiledNetworks(network.backbone, network.segmentation)
    return network


def _by_torch(network: FrtmNetwork) -> FrtmNetwork:
    plain = FrtmNetwork(network.backbone, network.segmentation)
    plain.half_precision = False
    return plain


def _given(frames: int, objects: int, h: int, w: int) -> tuple[Tensor, Features]:
    """Return scores and features of images of (16 h, 16 w) pixels."""
    torch.manual_seed(1)
    channels = zip(STRIDES, CHANNELS["mobilenet_v2"], strict=True)
    features = {s: torch.randn(frames, c, 16 * h // s, 16 * w // s) for s, c in channels}
    return torch.randn(frames, objects, h, w), features


@pytest.mark.parametrize("backbone", ["mobilenet_v2", "resnet18", "resnet50"])
def test_features_are_those_of_torch(backbone: str) -> None:
    """Of one network for all sizes and numbers of images, and as they lie in memory."""
    network = _network(backbone)
    plain = _by_torch(network)

    with torch.inference_mode():
        for size in ((1, 64, 96), (3, 32, 64), (1, 64, 96)):
            images = torch.rand(size[0], 3, *size[1:])
            for refine in (True, False):
                expected = plain.features(images, refine=refine)
                found = network.features(images, refine=refine)
                assert list(found) == list(expected)
                for stride, level in expected.items():
                    torch.testing.assert_close(found[stride], level, rtol=1e-3, atol=1e-3)
                    assert found[stride].is_contiguous(memory_format=torch.channels_last)
    assert network.place == "cpu (OpenVINO)"


@pytest.mark.parametrize(
    ("frames", "objects", "h", "w"),
    [
        pytest.param(1, 1, 2, 4, id="a window"),
        pytest.param(3, 1, 4, 4, id="windows"),
        pytest.param(1, 10, 4, 2, id="more objects than go together"),
        pytest.param(2, 3, 4, 2, id="objects of several frames"),
    ],
)
def test_logits_are_those_of_torch(frames: int, objects: int, h: int, w: int) -> None:
    """Up to their borders, where what doubles the size has filters of its own."""
    network = _network()
    scores, features = _given(frames, objects, h, w)

    with torch.inference_mode():
        found = network.refine(scores, features)

        expected = _by_torch(network).refine(scores, features)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert network.place == "cpu (OpenVINO)"


def test_without_segmentation_only_what_the_target_model_needs() -> None:
    """The features of the other strides come from torch, if someone asks for them."""
    network = FrtmNetwork(Backbone("mobilenet_v2")).for_inference()
    network.half_precision = False
    network.compiled = CompiledNetworks(network.backbone)
    images = torch.rand(1, 3, 64, 64)

    with torch.inference_mode():
        found = network.features(images, refine=False)

        everything = network.features(images, refine=True)
    torch.testing.assert_close(found[16], everything[16], rtol=1e-4, atol=1e-4)
    assert list(everything) == [4, 8, 16, 32]
    assert network.place == "cpu (OpenVINO)"


def test_results_are_not_written_to_again() -> None:
    """Features of a frame are kept while those of the next are computed."""
    network = _network()
    first, second = torch.rand(2, 1, 3, 64, 64)

    with torch.inference_mode():
        kept = network.features(first, refine=True)
        copies = {stride: level.clone() for stride, level in kept.items()}
        network.features(second, refine=True)

    assert all(torch.equal(kept[stride], copies[stride]) for stride in kept)


def test_threads_may_share_a_network() -> None:
    """Each gets its own result."""
    network = _network()
    images = torch.rand(6, 1, 3, 64, 64)

    def features(image: Tensor) -> Tensor:
        with torch.inference_mode():
            return network.features(image, refine=True)[32]

    alone = [features(image) for image in images]
    with ThreadPoolExecutor(3) as threads:
        together = list(threads.map(features, images))

    assert all(map(torch.equal, alone, together))


def test_what_fails_is_left_to_torch(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With one warning, however often it is asked for."""

    def fail(*_: object) -> None:
        raise RuntimeError("no kernel")

    monkeypatch.setattr(compiled.CompiledGraph, "__init__", fail)
    network = _network()
    images = torch.rand(1, 3, 64, 64)

    with torch.inference_mode():
        found = [network.features(images, refine=True) for _ in range(2)]

        expected = _by_torch(network).features(images, refine=True)
    assert all(torch.equal(one[32], expected[32]) for one in found)
    assert [record.getMessage() for record in caplog.records] == [
        "OpenVINO fails, so torch computes F instead: no kernel"
    ]


def test_a_layer_without_a_graph_is_left_to_torch(caplog: pytest.LogCaptureFixture) -> None:
    """For backbones that come later."""
    network = _network()
    network.backbone.stages[0] = nn.Sequential(network.backbone.stages[0], nn.Softplus())

    with torch.inference_mode():
        network.features(torch.rand(1, 3, 32, 32), refine=True)

    assert "Softplus has no graph" in caplog.text


def test_8_bits_that_cannot_be_read_are_done_without(caplog: pytest.LogCaptureFixture) -> None:
    """By an OpenVINO of another age, for instance: single precision then, with one warning."""
    network = _network()
    graphs = dict.fromkeys(("shallow", "deep", "S"), lambda: read_graph(b"<net/>", b""))
    network.compiled = CompiledNetworks(network.backbone, network.segmentation, in_8_bits=graphs)
    images = torch.rand(1, 3, 64, 64)
    assert network.place == "cpu (OpenVINO, 8 bits)"

    with torch.inference_mode():
        found = network.features(images, refine=True)

        expected = _by_torch(network).features(images, refine=True)
    torch.testing.assert_close(found[32], expected[32], rtol=1e-3, atol=1e-3)
    assert network.place == "cpu (OpenVINO)"
    (record,) = caplog.records
    assert record.getMessage().startswith("OpenVINO does without 8 bits: ")


def test_what_is_learned_goes_through_torch() -> None:
    """Gradients arrive; and a copy of a network, which may learn, has nothing compiled."""
    network = _network()
    scores, features = _given(1, 1, 2, 2)
    scores.requires_grad_(True)

    network.refine(scores, features).sum().backward()

    assert scores.grad is not None
    assert deepcopy(network).compiled is None
