"""The command ``evaluate``."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING

import numpy as np
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
    assert "frames a second; the first frame takes" in first
    assert (out / "times.csv").read_text().splitlines()[1].startswith("squares,5,")
    assert (out / "per-sequence_results.csv").read_text().splitlines()[2].startswith("squares_4,")
    assert "squares: J " in (out / "jaccard.svg").read_text()
    assert "Rank correlation of confidence with J (Spearman): " in first
    assert "confidence" not in (tmp_path / "again" / "scores.md").read_text()
    for name in ("worst.png", "best.png"):
        with Image.open(out / name) as sheet:
            assert sheet.size[0] > 300


def test_a_wrong_root_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a traceback."""
    assert main(["evaluate", str(tmp_path), "--out", str(tmp_path / "out")]) == 1

    assert "give the root of a benchmark" in capsys.readouterr().err


@pytest.fixture
def withheld(tmp_path: Path, clip: Clip) -> Path:
    """Return a benchmark like the validation set of YouTube-VOS: five frames, every second counts.

    Object 4 comes with frame 2; there are no label images but the first ones of each object.
    """
    root = tmp_path / "valid"
    for folder in ("JPEGImages/v", "Annotations/v", "all/v"):
        (root / folder).mkdir(parents=True)
    for t in range(5):
        Image.fromarray(clip.frames[t]).save(root / f"all/v/{t:05d}.png")
        if t % 2 == 0:
            Image.fromarray(clip.frames[t]).save(root / f"JPEGImages/v/{t:05d}.png")
    for t, i in ((0, 1), (2, 4)):
        write_labels(root / f"Annotations/v/{t:05d}.png", (clip.truth[t] == i) * i)
    frames = ["00000", "00002", "00004"]
    objects = {
        "1": {"category": "ape", "frames": frames},
        "4": {"category": "snail", "frames": frames[1:]},
    }
    (root / "meta.json").write_text(json.dumps({"videos": {"v": {"objects": objects}}}))
    return root


@pytest.mark.parametrize("more", [[], ["--all-frames", "all"]], ids=["given", "all-frames"])
def test_withheld_truth_makes_a_submission(
    withheld: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str]
) -> None:
    """Of the frames that count, with the late object from its first frame on."""
    more = [str(withheld / part) if part == "all" else part for part in more]
    target = tmp_path / "submission.zip"
    arguments = ["evaluate", str(withheld), "--out", str(tmp_path / "out"), *more]

    assert main([*arguments, "--submission", str(target), "--variant", "d-only"]) == 0

    assert "3 masks of 1 videos are in" in capsys.readouterr().out
    followed = len(list((tmp_path / "out/masks/v").glob("*.png")))
    assert followed == (5 if more else 3)
    with zipfile.ZipFile(target) as archive:
        assert archive.namelist() == [f"Annotations/v/0000{t}.png" for t in (0, 2, 4)]
        archive.extractall(tmp_path / "zip")
    ids = [set(np.unique(read_labels(tmp_path / f"zip/Annotations/v/0000{t}.png"))) for t in (0, 4)]
    assert ids == [{0, 1}, {0, 1, 4}]


def test_known_truth_gives_the_overall_score(
    withheld: Path, tmp_path: Path, clip: Clip, capsys: pytest.CaptureFixture[str]
) -> None:
    """By seen and unseen categories; here of masks without any fault."""
    for t in (0, 2, 4):
        labels = clip.truth[t] * ((clip.truth[t] != 4) | (t > 0))
        write_labels(withheld / f"Annotations/v/{t:05d}.png", labels)
    (tmp_path / "seen.txt").write_text("ape\n")
    masks = str(withheld / "Annotations")
    arguments = ["evaluate", str(withheld), "--out", str(tmp_path / "out"), "--results", masks]

    assert main([*arguments, "--seen", str(tmp_path / "seen.txt")]) == 0

    assert "| 100.0 | 100.0 | 100.0 | 100.0 | 100.0 |" in capsys.readouterr().out
