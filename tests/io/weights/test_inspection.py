"""Files of weights that are not whole; whole ones are inspected by ``napari-frtm weights``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
import torchvision
from weights import random_network

from napari_frtm.errors import CheckpointError
from napari_frtm.io.weights.checkpoint import save_checkpoint
from napari_frtm.io.weights.inspection import inspect

if TYPE_CHECKING:
    from collections.abc import Callable

AUTHORS = Path(__file__).parents[2] / "parity" / "segnet_rn18.pth"


def cut(folder: Path) -> Path:
    """Write half a checkpoint."""
    data = AUTHORS.read_bytes()
    (folder / "odd.pth").write_bytes(data[: len(data) // 2])
    return folder / "odd.pth"


def not_finite(folder: Path) -> Path:
    """Write a checkpoint with one value that is no number."""
    state = random_network("mobilenet_v2").state_dict()
    state["levels.8.block1.project.bias"][3] = torch.nan
    save_checkpoint(folder / "odd.safetensors", {}, state, "mobilenet_v2")
    return folder / "odd.safetensors"


def wrong_names(folder: Path) -> Path:
    """Write an authors' checkpoint that lacks an entry."""
    content = torch.load(AUTHORS, weights_only=True)
    del content["model"]["refiner.project.conv2.bias"]
    torch.save(content, folder / "odd.pth")
    return folder / "odd.pth"


def part_of_a_backbone(folder: Path) -> Path:
    """Write ResNet-18 without one of its entries."""
    state = torchvision.models.resnet18().state_dict()
    del state["layer4.1.conv2.weight"]
    torch.save(state, folder / "odd.pth")
    return folder / "odd.pth"


def another_download(folder: Path) -> Path:
    """Write other values under the name that torchvision gives to its ResNet-18."""
    torch.save(torchvision.models.resnet18().state_dict(), folder / "resnet18-f37072fd.pth")
    return folder / "resnet18-f37072fd.pth"


def other_tensors(folder: Path) -> Path:
    """Write tensors of something else."""
    torch.save({"a": torch.zeros(3)}, folder / "odd.pth")
    return folder / "odd.pth"


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (cut, "odd.pth cannot be read. Is it complete?"),
        (not_finite, "'segmentation.levels.8.block1.project.bias' has values that are not finite"),
        (wrong_names, "does not fit the segmentation network: 'head.1.bias' is missing"),
        (part_of_a_backbone, "does not fit resnet18: 'layer4.1.conv2.weight' is missing"),
        (another_download, "not with f37072fd as its name says"),
        (other_tensors, "is neither a checkpoint of napari-frtm, nor"),
        (lambda folder: folder / "none.pth", "There is no file"),
    ],
)
def test_no_bad_file_passes(tmp_path: Path, write: Callable[[Path], Path], message: str) -> None:
    """The message names the file and what is wrong with it."""
    path = write(tmp_path)

    with pytest.raises(CheckpointError, match=re.escape(message)) as caught:
        inspect(path)

    assert path.name in str(caught.value)
