"""``napari-frtm weights``: what is listed, verified, imported and exported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
import torchvision
from safetensors.torch import load_file
from weights import random_network

from napari_frtm.io.weights.checkpoint import save_checkpoint
from napari_frtm.io.weights.library import embedded, file_digest, imported

if TYPE_CHECKING:
    from collections.abc import Callable

    from console import Outcome, Shot

    Command = Callable[..., Outcome]

AUTHORS = Path(__file__).parents[1] / "parity" / "segnet_rn18.pth"
CARD = Path(__file__).parents[2] / "docs" / "model_card.md"
LITE = embedded("lite")


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Use empty folders for imported and downloaded weights; return the one of imported ones."""
    monkeypatch.setenv("NAPARI_FRTM_WEIGHTS", str(tmp_path / "kept"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "kept"


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Write a checkpoint of this program, with a small segmentation network for lite."""
    path = tmp_path / "small.safetensors"
    save_checkpoint(path, {}, random_network("mobilenet_v2").state_dict(), "mobilenet_v2")
    return path


def altered(source: Path, target: Path, place: float) -> Path:
    """Write a file with one bit changed, at a fraction of its length."""
    data = bytearray(source.read_bytes())
    data[int(place * len(data))] ^= 64
    target.write_bytes(data)
    return target


@pytest.mark.parametrize("action", ["list", "verify", "import", "export"])
def test_every_action_explains_itself(command: Command, action: str) -> None:
    """The command gives examples, and leads to each action."""
    outcome = command("weights", "--help")

    assert outcome.code == 0
    assert f"  napari-frtm weights {action}" in outcome.out
    assert command("weights", action, "--help").out.startswith(
        f"usage: napari-frtm weights {action}"
    )


def test_the_list_shows_networks_and_backbones(
    command: Command, kept: Path, tmp_path: Path
) -> None:
    """Which are embedded, downloaded, imported, and which preset uses them."""
    cached = tmp_path / "torch" / "hub" / "checkpoints" / "resnet101-63fe2227.pth"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"x" * 100_000)
    command("weights", "import", AUTHORS)

    lines = [line.split() for line in command("weights", "list").out.splitlines()]

    assert ["sha256", file_digest(LITE)] in lines
    assert ["used", "by", "preset", "fast"] in lines
    assert ["lite", "mobilenet_v2", "embedded"] in lines
    assert ["accurate", "resnet101", f"{cached},", "0.1", "MB"] in lines
    fast = next(line for line in lines if line[:1] == ["fast"])
    assert " ".join(fast) == "fast resnet18 not downloaded: 44.7 MB from download.pytorch.org"
    parameters = sum(
        tensor.numel()
        for name, tensor in torch.load(AUTHORS, weights_only=True)["model"].items()
        if name.endswith(("weight", "bias"))
    )
    assert f"S {parameters / 1e6:.1f} M parameters" in command("weights", "list").out
    assert lines[-1][-1] == str(kept)


def test_the_embedded_weights_are_as_published(command: Command) -> None:
    """The hash beside them and the one in the model card are theirs."""
    outcome = command("weights", "verify")

    assert outcome.code == 0
    assert f"sha256 {file_digest(LITE)}, as published" in outcome.out
    for name, what in (("outlines", "the outline network of"), ("lite-8-bits", "F and S of")):
        assert f"{name}.safetensors: complete, {what} preset" in outcome.out
    assert f"`{file_digest(LITE)}`" in CARD.read_text()


def test_altered_embedded_weights_are_told(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One bit of one value is enough."""
    altered(LITE, tmp_path / LITE.name, 0.9)
    pin = LITE.with_suffix(".sha256")
    (tmp_path / pin.name).write_bytes(pin.read_bytes())
    monkeypatch.setattr("napari_frtm.io.weights.library.embedded", lambda _: tmp_path / LITE.name)

    outcome = command("weights", "verify")

    assert outcome.code == 1
    assert "lite.safetensors is " in outcome.err
    assert "sha256" in outcome.err


def test_weights_are_verified_by_name(command: Command, kept: Path) -> None:
    """Embedded and imported ones."""
    command("weights", "import", AUTHORS, "--name", "first")

    outcome = command("weights", "verify", "lite", "first")

    assert outcome.code == 0, outcome.err
    assert "lite.safetensors: complete" in outcome.out
    assert "first.safetensors: complete" in outcome.out


def test_each_kind_of_file_is_recognised(command: Command, small: Path, tmp_path: Path) -> None:
    """Also ResNet-50, whose names are all found in ResNet-101, too."""
    for name in ("resnet50", "mobilenet_v2"):
        state = torchvision.models.get_model(name, weights=None).state_dict()
        torch.save(state, tmp_path / f"{name}.pth")

    outcome = command(
        "weights", "verify", small, AUTHORS, *(sorted(tmp_path.glob("*.pth"), reverse=True))
    )

    assert outcome.code == 0
    assert outcome.out.splitlines()[::2] == [
        "small.safetensors: complete, checkpoint of napari-frtm, S for mobilenet_v2 (preset lite)",
        "segnet_rn18.pth: complete, checkpoint of the authors' release, S for resnet18 "
        "(preset fast)",
        "resnet50.pth: complete, backbone weights, resnet50 (no preset)",
        "mobilenet_v2.pth: complete, backbone weights, mobilenet_v2 (preset lite)",
    ]


@pytest.mark.parametrize("place", [0.02, 0.5, 0.97])
def test_one_altered_bit_is_noticed(
    command: Command, small: Path, tmp_path: Path, place: float
) -> None:
    """In the names and in the values, of our files and of the authors'."""
    ours = altered(small, tmp_path / "ours.safetensors", place)
    theirs = altered(AUTHORS, tmp_path / "theirs.pth", place)

    outcome = command("weights", "verify", ours, theirs)

    assert outcome.code == 1
    assert outcome.out == ""
    assert "ours.safetensors" in outcome.err
    assert "theirs.pth" in outcome.err


def test_a_bad_file_is_not_imported(command: Command, kept: Path, tmp_path: Path) -> None:
    """Nothing is left behind."""
    altered(AUTHORS, tmp_path / "odd.pth", 0.5)

    outcome = command("weights", "import", tmp_path / "odd.pth")

    assert outcome.code == 1
    assert "odd.pth is damaged" in outcome.err
    assert not kept.exists()


def test_what_was_exported_comes_back_identical(command: Command, tmp_path: Path) -> None:
    """In the authors' names and in ours; the originals' values are not even rounded."""
    back = tmp_path / "back.pth"
    copy = tmp_path / "copy.safetensors"
    command("weights", "import", AUTHORS, "--name", "first")

    codes = [command("weights", "export", "first", path).code for path in (back, copy)]
    codes.append(command("weights", "import", back, "--name", "second").code)

    assert codes == [0, 0, 0]
    given = torch.load(AUTHORS, weights_only=True)["model"]
    found = torch.load(back, weights_only=True)["model"]
    assert given.keys() == found.keys()
    assert all(torch.equal(given[name], found[name]) for name in given)
    first, second = (load_file(path) for path in imported())
    assert all(torch.equal(first[name], second[name]) for name in first | second)
    assert copy.read_bytes() == imported()[0].read_bytes()


def test_refusals_say_what_to_do(command: Command, small: Path, tmp_path: Path) -> None:
    """About names, widths and files that are there."""
    torch.save(torchvision.models.resnet18().state_dict(), tmp_path / "resnet18.pth")
    narrow = tmp_path / "narrow.safetensors"
    save_checkpoint(narrow, {}, random_network("resnet18").state_dict(), "resnet18")
    command("weights", "import", AUTHORS, "--name", "taken")
    command("weights", "import", narrow, "--name", "narrow")
    there = tmp_path / "there.pth"
    there.touch()
    cases = {
        ("import", AUTHORS): "is imported already, as 'taken'",
        ("import", small, "--name", "taken"): "Choose another name with --name, or delete",
        ("import", small, "--name", "lite"): "which are embedded. Choose one with --name.",
        ("import", small, "--name", "../x"): "'../x' cannot be a name of weights",
        ("import", tmp_path / "resnet18.pth"): "give them with --backbone-weights FILE",
        (
            "export",
            "none",
            tmp_path / "a.pth",
        ): "There are: lite, cells, narrow, taken.",
        ("export", "narrow", tmp_path / "a.pth"): "its levels have 8, 8, 8, 8 channels",
        ("export", "taken", tmp_path / "a.txt"): "ending in .safetensors or .pth",
        ("export", "taken", there): "is there already. Replace it with --overwrite.",
    }
    for arguments, message in cases.items():
        outcome = command("weights", *arguments)

        assert outcome.code == 1
        assert message in outcome.err
    assert [path.stem for path in imported()] == ["narrow", "taken"]
    assert there.read_bytes() == b""
    assert command("weights", "export", "taken", there, "--overwrite").code == 0


def test_imported_weights_are_segmented_with_by_name(
    command: Command, shot: Shot, small: Path, tmp_path: Path
) -> None:
    """The run says which, and the session remembers it."""
    command("weights", "import", small, "--name", "koi")
    start = ("segment", shot.movie, "--mask", shot.mask(0), "--out", tmp_path / "masks")

    outcome = command(*start, "--range", "0:2", "--checkpoint", "koi", "--short-side", "48")

    assert outcome.code == 0, outcome.err
    assert "variant full with koi.safetensors" in outcome.out
    (session,) = (tmp_path / "masks").glob("*.frtm/session.json")
    (run,) = json.loads(session.read_text())["settings"]["runs"]
    assert run["checkpoint"] == str(imported()[0])
