"""The dock *Weights*."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from napari.components import ViewerModel
from qtpy.QtWidgets import QMessageBox
from weights import write_checkpoint

from napari_frtm.io.weights import library
from napari_frtm.plugin.docks.weights import Weights

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

OWN = ["lite", "cells"]
PATIENCE = 60_000  # milliseconds


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of imported weights, which is still empty."""
    monkeypatch.setenv(library.FOLDER, str(tmp_path / "weights"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "weights"


@pytest.fixture
def dock(folder: Path, qtbot: QtBot) -> Weights:
    """Return the dock."""
    dock = Weights(ViewerModel())
    qtbot.addWidget(dock)
    return dock


def _idle(dock: Weights, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: dock.import_button.isEnabled(), timeout=PATIENCE)


def test_it_says_what_each_preset_gives(dock: Weights) -> None:
    """Above all, which of them gives coarse masks only."""
    lite, cells, fast, accurate = dock.presets.text().split("<br>")

    for own in (lite, cells):
        assert "Refined masks, with weights that are in the package." in own
    assert fast.startswith("⚠ <b>fast</b>: Coarse masks only")
    assert "ResNet-101 is downloaded first (171 MB)" in accurate
    assert [row.name for row in dock.rows] == OWN


def test_imported_weights_are_listed_and_used(
    dock: Weights, folder: Path, qtbot: QtBot, tmp_path: Path
) -> None:
    """By the preset with their backbone, from then on."""
    write_checkpoint(tmp_path / "ytvos.safetensors", "resnet101")

    dock.import_file(tmp_path / "ytvos.safetensors")
    assert not dock.import_button.isEnabled()
    _idle(dock, qtbot)

    assert "is imported as 'ytvos'. The preset accurate uses it" in dock.status.text()
    assert [(row.name, row.preset, row.backbone) for row in dock.rows] == [
        ("lite", "lite", "MobileNetV2"),
        ("cells", "cells", "MobileNetV2"),
        ("ytvos", "accurate", "ResNet-101"),
    ]
    assert dock.table.item(2, 4).text() == "ytvos.safetensors"
    assert "Refined masks, with the weights 'ytvos'" in dock.presets.text()
    assert (folder / "ytvos.safetensors").is_file()


def test_what_is_no_network_is_refused(dock: Weights, qtbot: QtBot, tmp_path: Path) -> None:
    """With the reason; the dock can be used again."""
    (tmp_path / "notes.pth").write_text("no weights")

    dock.import_file(tmp_path / "notes.pth")
    _idle(dock, qtbot)

    assert dock.status.text().startswith("⚠ ")
    assert "notes.pth" in dock.status.text()
    assert len(dock.rows) == len(OWN)


def test_damaged_files_are_found(dock: Weights, folder: Path, qtbot: QtBot) -> None:
    """By verifying all, or by the table if not even the header can be read."""
    folder.mkdir()
    write_checkpoint(folder / "good.safetensors", "resnet18")
    write_checkpoint(folder / "torn.safetensors", "resnet18")
    whole = (folder / "torn.safetensors").read_bytes()
    (folder / "torn.safetensors").write_bytes(whole[:-40])
    dock.look()
    assert [row.backbone for row in dock.rows] == [
        "MobileNetV2",
        "MobileNetV2",
        "ResNet-18",
        "damaged",
    ]

    dock.verify()
    _idle(dock, qtbot)

    lite, cells, good, torn = dock.status.text().split("\n")
    assert lite.startswith("lite: complete")
    assert cells.startswith("cells: complete")
    assert good.startswith("good: complete")
    assert torn.startswith("⚠ ")


@pytest.mark.parametrize("sure", [True, False])
def test_weights_are_removed_if_the_user_is_sure(
    dock: Weights, folder: Path, monkeypatch: pytest.MonkeyPatch, sure: bool
) -> None:
    """Those of the package never are."""
    folder.mkdir()
    write_checkpoint(folder / "koi.safetensors", "mobilenet_v2")
    answer = QMessageBox.StandardButton.Yes if sure else QMessageBox.StandardButton.No
    monkeypatch.setattr(QMessageBox, "question", lambda *_: answer)
    dock.look()
    dock.table.selectRow(0)
    assert not dock.remove_button.isEnabled()
    dock.table.selectRow(2)

    dock.remove_button.click()

    assert (folder / "koi.safetensors").is_file() is not sure
    assert [row.name for row in dock.rows] == (OWN if sure else [*OWN, "koi"])
