"""The check of a GPU, on a machine that may have none."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from napari_frtm.config import preset

if TYPE_CHECKING:
    from types import ModuleType

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.fixture
def gpu_check(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the script as a module."""
    monkeypatch.syspath_prepend(SCRIPTS)
    import gpu_check

    return gpu_check


def test_without_a_gpu_it_says_so(
    gpu_check: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And ends well, without a report."""
    monkeypatch.setattr(gpu_check, "gpu", lambda: None)
    monkeypatch.setattr(sys, "argv", ["gpu_check", "--out", str(tmp_path / "report")])

    assert gpu_check.main() == 0
    assert "There is no GPU that torch" in capsys.readouterr().out
    assert not (tmp_path / "report").exists()


def test_its_checks_work_on_the_cpu(gpu_check: ModuleType, tmp_path: Path) -> None:
    """Masks agree with themselves, the loss falls; the report has all of it."""
    config = replace(preset("lite", "d-only-no-update"), short_side=160)

    found = [
        gpu_check.agreement("roto, d-only", config, "cpu", frames=2),
        gpu_check.training("cpu", steps=5),
        gpu_check.tests("--co", "-m", "gpu", "tests/engine/tracking"),
        gpu_check.Check("made up", False, "it broke"),
    ]
    gpu_check.write_report(tmp_path, "cpu", found)

    assert [check.passed for check in found] == [True, True, True, False]
    assert found[0].result == "J of CPU and cpu: mean 1.0000, least 1.0000"
    text = (tmp_path / "report.md").read_text()
    assert "| made up | FAILED | it broke |" in text
    assert text.startswith("# cpu on ")
