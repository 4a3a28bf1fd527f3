"""`segment` from strokes, and from masks that are tidied."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from console import FAST, Outcome, Shot, contents

from napari_frtm.evaluation.metrics import jaccard
from napari_frtm.io.labels import read_labels, write_labels

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., Outcome]

SIZE = (96, 128)


def _strokes(path: Path, *lines: tuple[int, int, int, int]) -> Path:
    """Write strokes from columns to columns: row, first, last, label."""
    labels = np.zeros(SIZE, np.uint8)
    for row, first, last, label in lines:
        labels[row - 1 : row + 2, first:last] = label
    write_labels(path, labels)
    return path


def test_a_stroke_is_enough_to_begin(shot: Shot, command: Command, tmp_path: Path) -> None:
    """Its mask is the keyframe; the run goes on after a stop, with the same words."""
    strokes = _strokes(tmp_path / "s.png", (26, 14, 34, 1), (80, 20, 100, 255))
    words = ("segment", shot.movie, "--strokes", strokes, "--out", tmp_path / "out", *FAST)

    outcome = command(*words, "--range", ":4", "--short-side", "96")

    assert outcome.code == 0, outcome.err
    first = read_labels(tmp_path / "out" / "00000.png")
    assert jaccard(first == 1, shot.truth[0] == 1) > 0.5
    assert (first[25:28, 14:34] == 1).all()
    assert not first[80].any()
    before = contents(tmp_path / "out")
    again = command(*words, "--range", ":4", "--short-side", "96", "--resume")
    assert again.code == 0, again.err
    assert contents(tmp_path / "out") == before


def test_strokes_correct_a_session(shot: Shot, command: Command, tmp_path: Path) -> None:
    """On the frame that they are of; before it, nothing changes."""
    out = tmp_path / "out"
    command("segment", shot.movie, "--mask", shot.mask(0), "--out", out, *FAST, "--range", ":8")
    before = read_labels(out / "00005.png"), read_labels(out / "00004.png")
    strokes = _strokes(tmp_path / "s.png", (60, 60, 90, 255), (31, 24, 44, 1))

    outcome = command(
        *("segment", out / "shot.frtm", "--strokes", f"5:{strokes}", "--from-here", "5"),
    )

    assert outcome.code == 0, outcome.err
    after = read_labels(out / "00005.png")
    assert (after[30:33, 24:44] == 1).all()
    assert not after[60, 60:90].any()
    assert (before[1] == read_labels(out / "00004.png")).all()


def test_rough_masks_are_tidied(shot: Shot, command: Command, tmp_path: Path) -> None:
    """Only if wanted."""
    rough = cv2.dilate(shot.truth[0], np.ones((9, 9), np.uint8))
    write_labels(tmp_path / "rough.png", rough)
    words = ("segment", shot.movie, "--mask", tmp_path / "rough.png", *FAST, "--range", ":2")

    command(*words, "--out", tmp_path / "as_drawn")
    outcome = command(*words, "--out", tmp_path / "tidied", "--tidy")

    assert outcome.code == 0, outcome.err
    assert (read_labels(tmp_path / "as_drawn" / "00000.png") == rough).all()
    assert 0.5 < jaccard(read_labels(tmp_path / "tidied" / "00000.png") == 1, rough == 1) < 1


def test_strokes_on_nothing_are_refused(shot: Shot, command: Command, tmp_path: Path) -> None:
    """With what to draw."""
    strokes = _strokes(tmp_path / "s.png", (80, 20, 100, 255))

    outcome = command("segment", shot.movie, "--strokes", strokes, "--out", tmp_path / "o", *FAST)

    assert outcome.code != 0
    assert "strokes on frame 0 are on no object" in outcome.err
    assert not (tmp_path / "o").exists()
