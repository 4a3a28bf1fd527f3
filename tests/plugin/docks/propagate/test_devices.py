"""The GPUs that nvidia-smi lists."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from napari_frtm.plugin.docks.propagate.devices import Gpu, find_gpus, may_have_gpus, parse
from napari_frtm.plugin.docks.propagate.run_panel import name_of

if TYPE_CHECKING:
    from pathlib import Path

ANSWER = """\
GPU-1f3a, NVIDIA GeForce RTX 3060, 11264, 12288
GPU-9c2b, NVIDIA H100 80GB HBM3, 40960, 81920
"""
SMALL = Gpu("cuda:0", "NVIDIA GeForce RTX 3060", 11, 12)


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        pytest.param(None, [("cuda:0", 12), ("cuda:1", 80)], id="all"),
        pytest.param("1", [("cuda:0", 80)], id="one, which torch counts from 0"),
        pytest.param("1,0", [("cuda:0", 80), ("cuda:1", 12)], id="turned round"),
        pytest.param("GPU-9c", [("cuda:0", 80)], id="by its uuid"),
        pytest.param("0,7,1", [("cuda:0", 12)], id="up to one that is none"),
        pytest.param("", [], id="none"),
        pytest.param("-1", [], id="none, as some write it"),
    ],
)
def test_numbers_are_those_of_torch(visible: str | None, expected: list[tuple[str, int]]) -> None:
    """Which sees what the environment lets it see."""
    assert [(gpu.device, gpu.total) for gpu in parse(ANSWER, visible)] == expected


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ("cpu", "CPU"),
        ("cpu (OpenVINO)", "CPU (OpenVINO)"),
        ("cpu (OpenVINO, 8 bits)", "CPU (OpenVINO, 8 bits)"),
        ("cuda:1", "NVIDIA GPU"),
        ("xpu", "xpu"),
    ],
)
def test_devices_have_names_of_their_own(device: str, expected: str) -> None:
    """And what computes there beside torch is said."""
    assert name_of(device) == expected


def test_a_gpu_is_called_by_its_name() -> None:
    """With what is free."""
    assert parse(ANSWER)[0] == SMALL
    assert str(SMALL) == "NVIDIA GeForce RTX 3060 (11 of 12 GB free)"


@pytest.mark.parametrize("answer", ["", "No devices were found\n", "GPU-1, Old, [N/A], 1024\n"])
def test_other_answers_are_no_gpus(answer: str) -> None:
    """A driver without a card, and a card without numbers."""
    assert parse(answer) == []


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a shell script")
def test_the_tool_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If there is one; without it, or if it fails, there are none."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    assert not may_have_gpus()
    assert list(find_gpus()) == [[]]
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\nprintf '%s' '{ANSWER}'\n")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    assert may_have_gpus()

    ((first, second),) = find_gpus()

    assert (first, second.device) == (SMALL, "cuda:1")
