"""Weights: embedded, saved and loaded again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import save_file
from weights import logits, random_network

from napari_frtm.cli import main
from napari_frtm.config import preset
from napari_frtm.errors import CheckpointError, OutputError
from napari_frtm.io.labels import write_labels
from napari_frtm.io.weights import library
from napari_frtm.io.weights.checkpoint import available_variant, load_network, save_checkpoint
from napari_frtm.io.weights.library import find_checkpoint
from napari_frtm.io.weights.sealed import read_sealed
from napari_frtm.io.weights.transfer import export_network, import_network

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Clip
    from torch import Tensor

LITE = preset("lite")
FAST = preset("fast")
AUTHORS = Path(__file__).parents[2] / "parity" / "segnet_rn18.pth"


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Use an empty folder for imported weights."""
    monkeypatch.setenv("NAPARI_FRTM_WEIGHTS", str(tmp_path / "kept"))
    return tmp_path / "kept"


def test_the_embedded_weights_need_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lite preset loads offline."""

    def unreachable(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", unreachable)

    network = load_network(available_variant(LITE, None), device="cpu")

    features = network.features(torch.rand(1, 3, 64, 64), refine=True)
    assert {s: f.shape[1] for s, f in features.items()} == {4: 24, 8: 32, 16: 576, 32: 320}
    assert network.segmentation is not None


def test_weights_survive_saving(tmp_path: Path) -> None:
    """In half precision, whatever their layout in memory; anyone may read the file."""
    network = random_network("mobilenet_v2")
    path = tmp_path / "full.safetensors"
    state = network.to(memory_format=torch.channels_last).state_dict()

    save_checkpoint(path, {}, state, "mobilenet_v2")
    loaded = load_network(LITE, device="cpu", checkpoint=path)

    assert loaded.segmentation is not None
    expected = logits(network, "mobilenet_v2")
    found = logits(loaded.segmentation, "mobilenet_v2")
    assert torch.allclose(found, expected, atol=0.01 * float(expected.abs().max()))
    other = tmp_path / "other"
    other.touch()
    assert path.stat().st_mode == other.stat().st_mode


def test_saving_into_nowhere_is_told(tmp_path: Path) -> None:
    """With the name of the file."""
    with pytest.raises(OutputError, match=r"full\.safetensors"):
        save_checkpoint(tmp_path / "none" / "full.safetensors", {}, {}, "mobilenet_v2")


def test_a_saved_network_runs_from_the_command_line(tmp_path: Path, clip: Clip) -> None:
    """The full variant, chosen because the checkpoint allows it."""
    state = random_network("mobilenet_v2").state_dict()
    save_checkpoint(tmp_path / "full.safetensors", {}, state, "mobilenet_v2")
    np.save(tmp_path / "clip.npy", clip.frames[:3])
    write_labels(tmp_path / "mask.png", clip.truth[0])

    code = main(
        [
            *("segment", str(tmp_path / "clip.npy"), "--mask", str(tmp_path / "mask.png")),
            *("--out", str(tmp_path / "masks"), "--device", "cpu"),
            *("--checkpoint", str(tmp_path / "full.safetensors")),
        ]
    )

    assert code == 0
    assert len(list(tmp_path.glob("masks/*.png"))) == 3
    (session,) = tmp_path.rglob("session.json")
    assert '"variant": "full"' in session.read_text()


def without(entries: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """Return the entries but one."""
    return {key: tensor for key, tensor in entries.items() if key != name}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(
            lambda e: without(e, "levels.8.block2.project.bias"),
            "'levels.8.block2.project.bias' is missing",
            id="missing",
        ),
        pytest.param(
            lambda e: without(e, "levels.16.encoder.reduce.0.weight"),
            "'levels.16.encoder.reduce.0.weight' is missing",
            id="first-missing",
        ),
        pytest.param(
            lambda e: e | {"levels.8.block3.bias": torch.zeros(1)},
            "'levels.8.block3.bias' is not a part of it",
            id="extra",
        ),
        pytest.param(
            lambda e: e | {"head.1.bias": torch.zeros(4)},
            r"'head.1.bias' has shape \(4,\), expected \(1,\)",
            id="shape",
        ),
        pytest.param(lambda e: {}, "no weights of the segmentation network", id="empty"),
    ],
)
def test_entries_that_do_not_fit_are_named(
    tmp_path: Path, change: Callable[[dict[str, Tensor]], dict[str, Tensor]], message: str
) -> None:
    """One of them, and the file."""
    state = change(random_network("mobilenet_v2").state_dict())
    save_checkpoint(tmp_path / "odd.safetensors", {}, state, "mobilenet_v2")

    with pytest.raises(CheckpointError, match=message) as caught:
        load_network(LITE, device="cpu", checkpoint=tmp_path / "odd.safetensors")

    assert "odd.safetensors" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_counters_of_batch_norms_may_be_missing(tmp_path: Path) -> None:
    """Inference does not use them."""
    state = random_network("mobilenet_v2").state_dict()
    kept = {name: tensor for name, tensor in state.items() if "num_batches" not in name}
    save_checkpoint(tmp_path / "full.safetensors", {}, kept, "mobilenet_v2")

    assert load_network(LITE, device="cpu", checkpoint=tmp_path / "full.safetensors").segmentation


def test_a_checkpoint_knows_its_backbone(tmp_path: Path) -> None:
    """ResNet-50 and ResNet-101 have features of the same shape, but not the same features."""
    save_checkpoint(tmp_path / "rn50.safetensors", {}, {"a": torch.zeros(1)}, "resnet50")

    with pytest.raises(CheckpointError, match="made for resnet50, not for resnet101"):
        load_network(preset("accurate"), device="cpu", checkpoint=tmp_path / "rn50.safetensors")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("full", "d-only"),
        ("full-no-update", "d-only-no-update"),
        ("d-only", "d-only"),
        ("d-only-no-update", "d-only-no-update"),
    ],
)
def test_the_available_variant_follows_from_the_weights(asked: str, expected: str) -> None:
    """Without a checkpoint ResNets have no segmentation network; with one the choice is kept."""
    config = preset("fast", asked)

    assert available_variant(config, None).variant == expected
    assert available_variant(config, "given.pth") is config
    assert available_variant(preset("lite", asked), None).variant == asked


def test_imported_weights_are_used_by_the_preset_of_their_backbone(tmp_path: Path) -> None:
    """As if given as a checkpoint; the values are the authors', unrounded."""
    resnet = tmp_path / "resnet18.pth"
    torch.save(torchvision.models.resnet18().state_dict(), resnet)
    import_network(AUTHORS)

    config = available_variant(FAST, None)
    found = load_network(config, device="cpu", backbone_weights=resnet)

    given = load_network(FAST, device="cpu", backbone_weights=resnet, checkpoint=AUTHORS)
    assert config is FAST
    assert found.segmentation is not None
    assert given.segmentation is not None
    expected = given.segmentation.state_dict()
    assert all(torch.equal(t, expected[k]) for k, t in found.segmentation.state_dict().items())
    assert available_variant(preset("accurate"), None).variant == "d-only"


def test_the_newest_of_the_imported_weights_is_used(tmp_path: Path, kept: Path) -> None:
    """Whatever the names and dates of the files; one that cannot be read is left out."""
    for width, name in ((8, "b"), (16, "a"), (4, "c")):
        state = random_network("resnet18", width).state_dict()
        save_checkpoint(tmp_path / "fast.safetensors", {}, state, "resnet18")
        import_network(tmp_path / "fast.safetensors", name)
    (kept / "c.safetensors").write_bytes(b"half")

    assert find_checkpoint(FAST) == kept / "a.safetensors"
    assert find_checkpoint(FAST, "b") == kept / "b.safetensors"
    assert find_checkpoint(preset("fast", "d-only")) is None


def test_lite_keeps_to_its_own_weights_unless_told_otherwise(tmp_path: Path) -> None:
    """The name of an imported network tells it."""
    state = random_network("mobilenet_v2").state_dict()
    save_checkpoint(tmp_path / "koi.safetensors", {}, state, "mobilenet_v2")
    import_network(tmp_path / "koi.safetensors")

    own = load_network(LITE, device="cpu").segmentation
    named = load_network(LITE, device="cpu", checkpoint="koi").segmentation

    assert own is not None
    assert named is not None
    assert find_checkpoint(LITE) is None
    embedded, _ = read_sealed(library.embedded("lite"))
    width = len(embedded["segmentation.head.0.weight"])
    assert [len(named.head[0].weight), len(own.head[0].weight)] == [4, width]


def test_cells_have_a_network_of_their_own() -> None:
    """With the backbone of lite; a name chooses it for lite, too."""
    cells = load_network(preset("cells"), device="cpu")
    lite = load_network(LITE, device="cpu")
    named = load_network(LITE, device="cpu", checkpoint="cells")
    heads = [network.segmentation.head[0].weight for network in (cells, lite, named)]  # type: ignore[union-attr]
    assert torch.equal(heads[0], heads[2])
    assert not torch.equal(heads[0], heads[1])
    first = [next(iter(network.backbone.parameters())) for network in (cells, lite)]
    assert torch.equal(*first)
    assert find_checkpoint(preset("cells")) is None


def test_a_damaged_checkpoint_is_not_used(tmp_path: Path) -> None:
    """A changed value would give masks that are a little wrong."""
    path = tmp_path / "full.safetensors"
    save_checkpoint(path, {}, random_network("mobilenet_v2").state_dict(), "mobilenet_v2")
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)

    with pytest.raises(CheckpointError, match=r"full\.safetensors is damaged"):
        load_network(LITE, device="cpu", checkpoint=path)


def test_weights_that_are_not_finite_are_not_used(tmp_path: Path) -> None:
    """They would give empty masks without a word."""
    path = tmp_path / "diverged.safetensors"
    state = random_network("mobilenet_v2").state_dict()
    state["head.0.weight"][0] = torch.nan
    save_checkpoint(path, {}, state, "mobilenet_v2")
    backbone = torchvision.models.mobilenet_v2().state_dict()
    backbone["features.0.0.weight"][0] = torch.inf
    torch.save(backbone, tmp_path / "backbone.pth")

    with pytest.raises(
        CheckpointError, match=r"diverged\.safetensors .*'head\.0\.weight'.* finite"
    ):
        load_network(LITE, device="cpu", checkpoint=path)
    with pytest.raises(CheckpointError, match=r"backbone\.pth .* finite"):
        load_network(LITE, device="cpu", backbone_weights=tmp_path / "backbone.pth")


@pytest.mark.parametrize("name", ["lite.safetensors", "authors.pth"])
def test_one_flipped_bit_of_an_exported_file_is_noticed(tmp_path: Path, name: str) -> None:
    """Wherever it is in the values."""
    path = tmp_path / name
    if path.suffix == ".pth":
        path.write_bytes(AUTHORS.read_bytes())
        config = FAST
    else:
        export_network("lite", path)
        config = LITE
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)

    with pytest.raises(CheckpointError, match=f"{path.stem}.* is damaged"):
        load_network(config, device="cpu", checkpoint=path)


@pytest.mark.parametrize("name", ["lite", "cells"])
def test_altered_embedded_weights_are_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Their hash is in the package."""
    source = library.embedded("lite").parent
    (tmp_path / "weights").mkdir()
    for file in (*source.glob("*.safetensors"), *source.glob("*.sha256")):
        (tmp_path / "weights" / file.name).write_bytes(file.read_bytes())
    path = tmp_path / "weights" / f"{name}.safetensors"
    data = bytearray(path.read_bytes())
    data[-7] ^= 1
    path.write_bytes(data)
    monkeypatch.setattr(library, "files", lambda package: tmp_path)

    with pytest.raises(CheckpointError, match="Install napari-frtm again"):
        load_network(preset(name), device="cpu")


def test_a_newer_format_says_to_update(tmp_path: Path) -> None:
    """It is told from a file that is no checkpoint at all."""
    path = tmp_path / "later.safetensors"
    save_file({"weight": torch.zeros(1)}, path, {"format": "99", "backbone": "mobilenet_v2"})

    with pytest.raises(CheckpointError, match=r"format 99.*newer napari-frtm.*Update napari-frtm"):
        read_sealed(path)
