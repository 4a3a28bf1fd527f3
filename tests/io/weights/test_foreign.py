"""Weights of torchvision and of the authors."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
import torchvision
from weights import logits, random_network

from napari_frtm.config import Variant, preset
from napari_frtm.engine.networks.backbone import STRIDES, Backbone
from napari_frtm.errors import CheckpointError
from napari_frtm.io.weights.checkpoint import load_network
from napari_frtm.io.weights.foreign import unpickle

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

FAST, LITE = preset("fast"), preset("lite")
LEVELS = {4: 2, 8: 3, 16: 4, 32: 5}
PARTS = {
    "encoder.reduce": "TSE.layer{}.reduce",
    "encoder.transform": "TSE.layer{}.transform",
    "block1.project": "RRB1.layer{}.conv1x1",
    "block1.residual": "RRB1.layer{}.bblock",
    "attention.attend": "CAB.layer{}.convreluconv",
    "block2.project": "RRB2.layer{}.conv1x1",
    "block2.residual": "RRB2.layer{}.bblock",
}


def authors_name(ours: str) -> str:
    """Return the authors' name of one of our entries."""
    if ours.startswith("head."):
        _, number, kind = ours.split(".")
        return f"refiner.project.conv{int(number) + 1}.{kind}"
    _, stride, rest = ours.split(".", 2)
    for part, theirs in PARTS.items():
        if rest.startswith(part):
            return "refiner." + theirs.format(LEVELS[int(stride)]) + rest[len(part) :]
    raise AssertionError(ours)


@pytest.fixture(scope="module")
def resnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a random ResNet-18 as torchvision does."""
    path = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    torch.manual_seed(1)
    torch.save(torchvision.models.resnet18().state_dict(), path)
    return path


@pytest.fixture
def save_authors(tmp_path: Path) -> Callable[[dict[str, Tensor]], Path]:
    """Save entries of a segmentation network in the layout of the authors' release."""

    def save(entries: dict[str, Tensor]) -> Path:
        model = {authors_name(name): tensor for name, tensor in entries.items()}
        torch.save({"model": model, "name": "rn18", "epoch": 260}, tmp_path / "rn18.pth")
        return tmp_path / "rn18.pth"

    return save


def test_the_authors_checkpoints_load(
    resnet: Path, save_authors: Callable[[dict[str, Tensor]], Path]
) -> None:
    """Same logits as the network whose weights they are."""
    network = random_network("resnet18")
    path = save_authors(network.state_dict())

    loaded = load_network(FAST, device="cpu", checkpoint=path, backbone_weights=resnet)

    assert loaded.segmentation is not None
    expected = logits(network, "resnet18")
    assert torch.allclose(logits(loaded.segmentation, "resnet18"), expected, atol=1e-4)


def test_weights_of_torchvision_load(resnet: Path) -> None:
    """Same features as the network whose weights they are."""
    config = replace(FAST, variant=Variant.D_ONLY)
    images = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))

    network = load_network(config, device="cpu", backbone_weights=resnet)
    network.half_precision = False
    found = network.features(images, refine=True)

    expected = Backbone("resnet18", torch.load(resnet, weights_only=True))(images)
    for stride in STRIDES:
        scale = float(expected[stride].abs().max())
        assert torch.allclose(found[stride], expected[stride], atol=1e-4 * scale)


def test_the_authors_checkpoint_of_another_backbone_is_refused(
    save_authors: Callable[[dict[str, Tensor]], Path],
) -> None:
    """By the channels of its first layer."""
    path = save_authors(random_network("resnet101").state_dict())

    with pytest.raises(CheckpointError, match="made for resnet50 or resnet101, not for mobilenet"):
        load_network(LITE, device="cpu", checkpoint=path)


@pytest.mark.parametrize("content", [[1, 2], {"weight": 3}, {"model": {"refiner.a": 5}}])
def test_other_content_is_refused(tmp_path: Path, content: object) -> None:
    """Lists and numbers are no weights."""
    path = tmp_path / "odd.pth"
    torch.save(content, path)

    with pytest.raises(CheckpointError, match=r"odd\.pth"):
        load_network(LITE, device="cpu", checkpoint=path)
    with pytest.raises(CheckpointError, match=r"odd\.pth"):
        load_network(LITE, device="cpu", backbone_weights=path)


def test_refining_without_weights_is_refused(resnet: Path) -> None:
    """With the two ways out."""
    with pytest.raises(CheckpointError, match=r"network for resnet18 .*--checkpoint .*d-only"):
        load_network(FAST, device="cpu", backbone_weights=resnet)


def test_an_archive_with_a_damaged_name_is_refused(tmp_path: Path) -> None:
    """Python cannot decode it, and says so in its own way."""
    path = tmp_path / "theirs.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data-\u00e4.pkl", b"")
    path.write_bytes(path.read_bytes().replace(b"\xc3\xa4", b"\xff\xa4"))

    with pytest.raises(CheckpointError, match=r"theirs\.pth is damaged"):
        unpickle(path)
