"""The weights of the outline network."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
import torch

from napari_frtm.engine.extensions.colours import FULL, HALF
from napari_frtm.engine.networks.outline import OutlineNetwork
from napari_frtm.errors import CheckpointError
from napari_frtm.io.weights.library import OUTLINES, embedded, file_digest, pinned
from napari_frtm.io.weights.outlines import read_outlines, save_outlines

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_saved_is_read(tmp_path: Path) -> None:
    """To the last bit."""
    torch.manual_seed(0)
    network = OutlineNetwork(FULL, HALF)
    torch.nn.init.normal_(network.leave.weight)
    save_outlines(tmp_path / "own.safetensors", network)
    found = read_outlines(tmp_path / "own.safetensors").state_dict()
    assert found.keys() == network.state_dict().keys()
    assert all(torch.equal(found[name], each) for name, each in network.state_dict().items())


def test_the_embedded_ones_are_as_published() -> None:
    """And have learned something."""
    path = embedded(OUTLINES)
    assert file_digest(path) == pinned(path)
    assert path.stat().st_size < 200_000
    assert read_outlines().leave.weight.abs().max() > 0.01


def test_other_weights_are_refused(tmp_path: Path) -> None:
    """Those of F and S."""
    other = shutil.copy(embedded("cells"), tmp_path / "cells.safetensors")
    with pytest.raises(CheckpointError, match="does not hold weights of the outline network"):
        read_outlines(other)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    """The message says what to do."""
    content = bytearray(embedded(OUTLINES).read_bytes())
    content[-8] ^= 0x40
    broken = tmp_path / "outlines.safetensors"
    broken.write_bytes(content)
    with pytest.raises(CheckpointError, match="is damaged"):
        read_outlines(broken)
