"""Other methods over the same frames: those that need nothing installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from napari_frtm.io.labels import read_labels, write_labels

if TYPE_CHECKING:
    from conftest import Clip

SCRIPT = Path(__file__).parents[1] / "scripts" / "peers.py"


def test_what_is_there_runs_and_the_rest_is_said(clip: Clip, tmp_path: Path) -> None:
    """On a clip that drifts by two pixels a frame: flow follows it, a frozen mask does not."""
    for kind in ("JPEGImages", "Annotations"):
        (tmp_path / kind / "squares").mkdir(parents=True)
    for t in range(6):
        Image.fromarray(clip.frames[t]).save(tmp_path / f"JPEGImages/squares/{t:05d}.png")
        write_labels(tmp_path / f"Annotations/squares/{t:05d}.png", clip.truth[t])
    (tmp_path / "list.txt").write_text("squares\n")
    only = ["--only", "frozen mask", "DIS optical flow", "GrabCut"]
    arguments = [str(tmp_path), str(tmp_path / "list.txt"), "--out", str(tmp_path / "out"), *only]

    done = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, check=True
    )

    assert "Cutie is left out: the package 'cutie' is not installed." in done.stderr
    lines = (tmp_path / "out/peers.md").read_text().splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == [
        *("| frozen mask", "| DIS optical flow", "| GrabCut"),
    ]
    j = [float(line.split(" | ")[2]) for line in lines[2:]]
    assert 0.6 < j[0] < 0.85
    assert j[1] > j[0]
    assert set(read_labels(tmp_path / "out/grabcut/squares/00005.png").ravel()) <= {0, 1, 4}
