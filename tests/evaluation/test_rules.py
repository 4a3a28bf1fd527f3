"""Which benchmark it is, and what that means for a label image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_frtm.evaluation.clock import Times, timed, times_as_csv
from napari_frtm.evaluation.davis import Sequence, score
from napari_frtm.evaluation.rules import Rules, guess_rules
from napari_frtm.io.labels import write_labels

if TYPE_CHECKING:
    from pathlib import Path


def test_the_benchmark_is_known_by_its_folder(tmp_path: Path) -> None:
    """By the name of the split, or by a file of YouTube-VOS."""
    assert guess_rules(tmp_path, None) is Rules.DAVIS_2017
    assert guess_rules(tmp_path, "2017/val") is Rules.DAVIS_2017
    assert guess_rules(tmp_path, "2016/val") is Rules.DAVIS_2016
    (tmp_path / "meta.json").write_text("{}")
    assert guess_rules(tmp_path, None) is Rules.YOUTUBE_VOS


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        # two objects of one area whose ids were swapped on the third of five frames
        (Rules.DAVIS_2016, {1: [1, 1, 1]}),
        (Rules.DAVIS_2017, {1: [1, 0, 1], 2: [1, 0, 1]}),
        (Rules.YOUTUBE_VOS, {1: [1, 0, 1, 1], 2: [1, 0, 1, 1]}),
    ],
)
def test_the_same_masks_by_each_of_the_rules(
    tmp_path: Path, rules: Rules, expected: dict[int, list[float]]
) -> None:
    """What counts as an object, and which frames do."""
    labels = np.zeros((20, 40), np.uint8)
    labels[5:15, 5:15], labels[5:15, 25:35] = 1, 2
    (tmp_path / "truth").mkdir()
    (tmp_path / "masks").mkdir()
    for t in range(5):
        write_labels(tmp_path / "truth" / f"{t}.png", labels)
        write_labels(tmp_path / "masks" / f"{t}.png", labels if t != 2 else labels[:, ::-1])
    truth = tuple(sorted((tmp_path / "truth").glob("*.png")))
    sequence = Sequence("squares", tmp_path, truth, rules)

    scores = score(sequence, tmp_path / "masks")

    assert {i: list(its.jaccard) for i, its in scores.items()} == expected
    assert len(sequence.counted) == (5 if rules is Rules.YOUTUBE_VOS else 4)


def test_time_is_that_of_all_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done with a frame between two of them does not count."""
    ticks = iter([0, 3, 10, 11, 20, 22, 30, 30])
    monkeypatch.setattr("napari_frtm.evaluation.clock.time.perf_counter", lambda: next(ticks))
    times = Times()

    assert list(timed("abc", times)) == ["a", "b", "c"]

    assert times.seconds == [3, 1, 2]
    assert (times.first, times.later, times.per_frame) == (3, 1.5, 2)
    assert times_as_csv({"one": times}).splitlines()[1:] == [
        "one,3,3.0000,1500.0000,2000.0000",
        "mean,3.0000,3.0000,1500.0000,2000.0000",
    ]
