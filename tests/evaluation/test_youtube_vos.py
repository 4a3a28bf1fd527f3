"""YouTube-VOS: objects that come late, categories, submissions."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_frtm.errors import FrtmError
from napari_frtm.evaluation.metrics import ObjectScores, score_late_objects
from napari_frtm.evaluation.youtube_vos import (
    overall,
    read_categories,
    read_meta,
    write_submission,
)
from napari_frtm.io.labels import write_labels

if TYPE_CHECKING:
    from pathlib import Path


def _frame(*ids: int) -> np.ndarray:
    labels = np.zeros((20, 30), np.uint8)
    for n, i in enumerate(ids):
        labels[:, 10 * n : 10 * n + 10] = i
    return labels


def test_objects_count_from_the_frame_after_their_first() -> None:
    """The last frame counts; where truth and mask are both empty, an object is right."""
    truth = [_frame(1), _frame(1, 5), _frame(0, 5), _frame(1, 5)]
    found = [_frame(1, 5), _frame(1), _frame(0, 5), _frame(5, 1)]

    scores = score_late_objects(found, truth)

    assert scores[1].jaccard == (1, 1, 0)
    assert scores[5].jaccard == (1, 0)


def test_an_object_of_the_last_frame_alone_does_not_count() -> None:
    """And if there is no other, that is said."""
    assert set(score_late_objects([_frame(1)] * 2, [_frame(1), _frame(1, 2)])) == {1}
    with pytest.raises(ValueError, match="No object is shown on two frames"):
        score_late_objects([_frame(1)], [_frame(1)])


@pytest.fixture
def meta_file(tmp_path: Path) -> Path:
    """Return a meta.json of two videos."""
    objects = {
        "1": {"category": "ape", "frames": ["00000", "00005", "00010"]},
        "2": {"category": "snail", "frames": ["00005", "00010"]},
    }
    videos = {"one": {"objects": objects}, "two": {"objects": {"3": objects["2"]}}}
    path = tmp_path / "meta.json"
    path.write_text(json.dumps({"videos": videos}))
    return path


def test_g_is_the_mean_of_four(meta_file: Path, tmp_path: Path) -> None:
    """Over the objects of seen and of unseen categories; 'snail' is unseen."""
    seen = tmp_path / "seen.txt"
    seen.write_text("ape\nfish\n")
    scores = {
        "one": {1: ObjectScores((0.8, 0.6), (0.5, 0.5)), 2: ObjectScores((0.4,), (0.2,))},
        "two": {3: ObjectScores((0.2,), (0.4,))},
    }

    found = overall(scores, read_meta(meta_file), read_categories(seen))

    assert (found.j_seen, found.j_unseen) == pytest.approx((0.7, 0.3))
    assert (found.f_seen, found.f_unseen) == pytest.approx((0.5, 0.3))
    assert found.g == pytest.approx((0.7 + 0.3 + 0.5 + 0.3) / 4)
    assert "| 45.0 | 70.0 | 30.0 | 50.0 | 30.0 |" in found.as_markdown()
    assert read_categories(meta_file) == {"ape", "snail"}


def test_an_object_without_a_category_is_refused(meta_file: Path) -> None:
    """By name and number."""
    scores = {"two": {7: ObjectScores((1,), (1,))}}

    with pytest.raises(FrtmError, match="does not know object 7 of the video 'two'"):
        overall(scores, read_meta(meta_file), frozenset())


def test_a_submission_has_what_is_wanted(meta_file: Path, tmp_path: Path) -> None:
    """Every frame on which an object counts, and no other; a missing one is told."""
    meta = read_meta(meta_file)
    for name in ("00000", "00003", "00005", "00010"):
        (tmp_path / "masks" / "one").mkdir(parents=True, exist_ok=True)
        write_labels(tmp_path / "masks" / "one" / f"{name}.png", _frame(1))
    target = tmp_path / "all.zip"

    count = write_submission(target, tmp_path / "masks", [("one", meta.wanted("one"))])

    assert count == 3
    with zipfile.ZipFile(target) as archive:
        assert archive.namelist() == [f"Annotations/one/{n}.png" for n in meta.wanted("one")]
    with pytest.raises(FrtmError, match="There is no mask"):
        write_submission(tmp_path / "b.zip", tmp_path / "masks", [("two", meta.wanted("two"))])
    assert not (tmp_path / "b.zip").exists()


@pytest.mark.parametrize("text", ["[]", "{", '{"videos": {"a": {"objects": {"1": {}}}}}'])
def test_another_file_is_no_meta(tmp_path: Path, text: str) -> None:
    """Said without a traceback."""
    path = tmp_path / "meta.json"
    path.write_text(text)

    with pytest.raises(FrtmError, match=r"is not a meta\.json of YouTube-VOS"):
        read_meta(path)
