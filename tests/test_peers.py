"""Other methods over the same frames: those that need nothing installed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from napari_frtm.io.labels import read_labels, write_labels

if TYPE_CHECKING:
    import pytest
    from conftest import Clip

SCRIPTS = Path(__file__).parents[1] / "scripts"


def test_what_is_there_runs_and_the_rest_is_said(
    clip: Clip,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """On a clip that drifts by two pixels a frame: flow follows it, a frozen mask does not."""
    monkeypatch.syspath_prepend(SCRIPTS)
    import peers

    for kind in ("JPEGImages", "Annotations"):
        (tmp_path / kind / "squares").mkdir(parents=True)
    for t in range(6):
        Image.fromarray(clip.frames[t]).save(tmp_path / f"JPEGImages/squares/{t:05d}.png")
        write_labels(tmp_path / f"Annotations/squares/{t:05d}.png", clip.truth[t])
    (tmp_path / "list.txt").write_text("squares\n")
    only = ["--only", "frozen mask", "DIS optical flow", "GrabCut"]
    arguments = [str(tmp_path), str(tmp_path / "list.txt"), "--out", str(tmp_path / "out"), *only]
    monkeypatch.setattr(sys, "argv", ["peers", *arguments])

    peers.main()

    said = capsys.readouterr()
    assert "Cutie is left out: the package 'cutie' is not installed." in said.err
    lines = (tmp_path / "out/peers.md").read_text().splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == [
        *("| frozen mask", "| DIS optical flow", "| GrabCut"),
    ]
    j = [float(line.split(" | ")[2]) for line in lines[2:]]
    assert 0.6 < j[0] < 0.85
    assert j[1] > j[0]
    assert set(read_labels(tmp_path / "out/grabcut/squares/00005.png").ravel()) <= {0, 1, 4}
