"""The graphs in 8 bits: how near they come, and that they serve the weights they were made of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

import napari_frtm
from napari_frtm.config import preset
from napari_frtm.engine.networks.compiled import CompiledNetworks
from napari_frtm.io.labels import read_labels
from napari_frtm.io.video.opening import open_video
from napari_frtm.io.weights.acceleration import _bytes_add_up
from napari_frtm.io.weights.checkpoint import read_network
from napari_frtm.io.weights.eight_bits import FILE, read_graphs, write_graphs
from napari_frtm.io.weights.sealed import read_sealed

if TYPE_CHECKING:
    from torch import Tensor

    from napari_frtm.engine.networks.network import FrtmNetwork

OPENVINO = "napari_frtm.engine.networks.untold"
SAMPLES = Path(napari_frtm.__file__).parent / "sample_data"
ALL = {"shallow", "deep", "S"}


def _pictures() -> tuple[Tensor, Tensor]:
    """Return a part of the bundled clip, and scores like those of its mask."""
    frame = np.asarray(open_video(SAMPLES / "roto.mp4").frames[0])
    mask = torch.from_numpy(read_labels(SAMPLES / "roto_mask.png") > 0).float()
    rows, columns = (int(n.float().mean()) for n in torch.where(mask > 0))
    top = min(max(rows - 128, 0), frame.shape[0] - 256)
    left = min(max(columns - 128, 0), frame.shape[1] - 256)
    part = (slice(top, top + 256), slice(left, left + 256))
    image = torch.from_numpy(frame[part].copy()).permute(2, 0, 1)[None] / 255
    scores = torch.nn.functional.avg_pool2d(mask[part][None, None], 16)
    return image, scores


def test_they_come_near() -> None:
    """On a picture: features to a tenth, masks to two pixels in a hundred of the object."""
    pytest.importorskip(OPENVINO, reason="openvino is not installed")
    if not _bytes_add_up():
        pytest.skip("sums of products of bytes overflow on this processor")
    graphs = read_graphs(read_network(preset("lite")))
    network = read_network(preset("lite")).for_inference()
    network.half_precision = False
    image, scores = _pictures()

    with torch.inference_mode():
        expected = network.features(image, refine=True)
        logits = network.refine(scores, expected)
        network.compiled = CompiledNetworks(
            network.backbone, network.segmentation, in_8_bits=graphs
        )
        found = network.features(image, refine=True)
        refined = network.refine(scores, found)

    for stride, level in expected.items():
        assert (found[stride] - level).abs().mean() < 0.12 * level.abs().mean()
    assert network.compiled.in_8_bits == {"F", "S"}
    assert ((refined > 0) != (logits > 0)).sum() < 0.02 * (logits > 0).sum()


def test_they_are_of_the_embedded_weights() -> None:
    """Whatever replaces those has to bring its own: ``scripts/quantise.py``."""
    assert set(read_graphs(read_network(preset("lite")))) == ALL


def test_they_were_not_made_from_what_is_measured() -> None:
    """Which videos they were made from is said in the file, and in the recipes."""
    recipes = Path(__file__).parents[3] / "recipes"
    _, facts = read_sealed(FILE)

    names = facts["made from"].split()

    assert names == (recipes / "calibration.txt").read_text().split()
    assert not {*names} & {*(recipes / "selection.txt").read_text().split()}


@pytest.mark.parametrize(
    ("part", "fitting"), [("backbone", {"S"}), ("segmentation", {"shallow", "deep"})]
)
def test_other_weights_have_none(part: str, fitting: set[str]) -> None:
    """One number that was learned is enough; what is left as it was keeps its own."""
    network = read_network(preset("lite"))
    weight = next(network.get_submodule(part).parameters())

    with torch.no_grad():
        weight.flatten()[3] += 1e-3

    assert set(read_graphs(network)) == fitting


@pytest.mark.parametrize(
    "network",
    [
        pytest.param(lambda: read_network(preset("lite", "d-only")), id="no S"),
        pytest.param(lambda: read_network(preset("lite")).for_inference(), id="folded"),
    ],
)
def test_other_networks_have_none(network: object) -> None:
    """Nor is a word lost about it."""
    assert callable(network)
    assert read_graphs(network()) == {}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """By the network it was written for."""
    network: FrtmNetwork = read_network(preset("lite"))
    graphs = dict.fromkeys(ALL, (b"<net/>", b"\x00"))

    write_graphs(tmp_path / "graphs.safetensors", graphs, network, {"made with": "hands"})

    assert set(read_graphs(network, tmp_path / "graphs.safetensors")) == ALL


def test_the_package_stays_small() -> None:
    """All weights together."""
    assert sum(path.stat().st_size for path in FILE.parent.iterdir()) < 12e6
