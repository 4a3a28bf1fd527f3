"""What a run will give, before it is started."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from weights import write_checkpoint

from napari_frtm.config import PRESETS, preset
from napari_frtm.io.weights import library
from napari_frtm.plugin.delivery import DOWNLOADS, NAMES, delivery, fitting, imported, of_presets

if TYPE_CHECKING:
    from napari_frtm.config import FrtmConfig


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of imported weights; torch's cache is empty."""
    monkeypatch.setenv(library.FOLDER, str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path


def test_lite_refines_out_of_the_box(folder: Path) -> None:
    """And downloads nothing."""
    assert delivery(preset("lite")) == (
        True,
        "Refined masks, with weights that are in the package.",
    )


def test_accurate_without_a_network_is_coarser_than_lite(folder: Path) -> None:
    """Which was not said before."""
    given = delivery(preset("accurate"))

    assert not given.is_as_asked
    assert "Coarse masks only, coarser than those of lite" in given.text
    assert "ResNet-101 is downloaded first (171 MB)." in given.text


def test_imported_networks_refine(folder: Path) -> None:
    """The newest for the backbone, unless the user names one."""
    write_checkpoint(folder / "ytvos.safetensors", "resnet101")

    assert delivery(preset("accurate")).text.startswith("Refined masks, with the weights 'ytvos'.")
    assert not of_presets()["fast"].is_as_asked
    named = delivery(preset("lite"), folder / "mine.safetensors")
    assert named == (True, "Refined masks, with the weights 'mine'.")


def test_coarse_masks_may_be_wanted(folder: Path) -> None:
    """That is no warning."""
    assert delivery(preset("lite", "d-only")) == (True, "Coarse masks, as chosen.")


def test_the_foreseen_variant_is_the_one_that_runs(folder: Path) -> None:
    """What is said without torch is what happens with it."""
    from napari_frtm.io.weights.checkpoint import available_variant

    write_checkpoint(folder / "ytvos.safetensors", "resnet101")

    def refines(config: FrtmConfig) -> bool:
        return available_variant(config, None).variant.refines

    found = {name: refines(preset(name)) for name in PRESETS}
    assert found == {name: given.is_as_asked for name, given in of_presets().items()}
    assert found == {"lite": True, "cells": True, "fast": False, "accurate": True}


def test_damaged_weights_are_not_offered(folder: Path) -> None:
    """They are told elsewhere."""
    write_checkpoint(folder / "good.safetensors", "resnet18")
    (folder / "bad.safetensors").write_bytes(b"nothing")

    listed = imported()

    assert fitting("resnet18", listed) == ["good"]
    assert fitting("mobilenet_v2", listed) == []


@pytest.mark.parametrize("backbone", DOWNLOADS)
def test_downloads_are_those_of_torchvision(
    backbone: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Size and place, which torch is not asked for."""
    import torch

    from napari_frtm.io.weights.foreign import imagenet

    source = imagenet(backbone)
    assert round(source.size / 1e6) == DOWNLOADS[backbone]
    assert source.cached == Path(torch.hub.get_dir()) / "checkpoints" / source.cached.name
    assert library.cached_backbone(backbone) is None

    source.cached.parent.mkdir(parents=True)
    source.cached.touch()

    assert library.cached_backbone(backbone) == source.cached
    assert backbone in NAMES
