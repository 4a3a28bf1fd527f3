"""The command ``evaluate``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image

from napari_frtm.cli import main
from napari_frtm.io.labels import read_labels, write_labels

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Clip


@pytest.fixture
def benchmark(tmp_path: Path, clip: Clip) -> Path:
    """Return a benchmark of one sequence of five frames."""
    for kind in ("JPEGImages", "Annotations"):
        (tmp_path / kind / "480p" / "squares").mkdir(parents=True)
    for t in range(5):
        Image.fromarray(clip.frames[t]).save(tmp_path / f"JPEGImages/480p/squares/{t:05d}.png")
        write_labels(tmp_path / f"Annotations/480p/squares/{t:05d}.png", clip.truth[t])
    return tmp_path


def test_a_benchmark_is_followed_and_scored(
    benchmark: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Masks, tables and pictures; the same scores again from the masks."""
    out = tmp_path / "out"

    assert main(["evaluate", str(benchmark), "--out", str(out), "--variant", "d-only"]) == 0
    first = capsys.readouterr().out
    again = ["evaluate", str(benchmark), "--out", str(tmp_path / "again")]
    assert main([*again, "--results", str(out / "masks")]) == 0

    assert "| squares | 2 |" in first
    assert read_labels(out / "masks" / "squares" / "00004.png").max() == 4
    lines = (out / "scores.csv").read_text().splitlines()
    assert lines[0].endswith(",rank correlation")
    scores = [line.rpartition(",")[0] for line in lines]
    assert scores == (tmp_path / "again" / "scores.csv").read_text().splitlines()
    assert (out / "scores.md").read_text() in first
    assert "Rank correlation of confidence with J (Spearman): " in first
    assert "confidence" not in (tmp_path / "again" / "scores.md").read_text()
    for name in ("worst.png", "best.png"):
        with Image.open(out / name) as sheet:
            assert sheet.size[0] > 300


def test_a_wrong_root_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a traceback."""
    assert main(["evaluate", str(tmp_path), "--out", str(tmp_path / "out")]) == 1

    assert "give the root of a benchmark" in capsys.readouterr().err
