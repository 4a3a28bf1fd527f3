"""Benchmark folders: found, followed, scored, reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from napari_frtm.errors import FrtmError
from napari_frtm.evaluation.davis import find_sequences, follow, score
from napari_frtm.evaluation.report import as_csv, as_markdown, extreme_frames, rows
from napari_frtm.io.labels import write_labels

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Clip

    from napari_frtm.config import FrtmConfig
    from napari_frtm.engine.networks.network import FrtmNetwork


@pytest.fixture
def root(tmp_path: Path, clip: Clip) -> Path:
    """Return a benchmark of two sequences of six frames; in *late* object 4 starts at frame 2."""
    for name in ("plain", "late"):
        images = tmp_path / "JPEGImages" / "480p" / name
        annotations = tmp_path / "Annotations" / "480p" / name
        images.mkdir(parents=True)
        annotations.mkdir(parents=True)
        for t in range(6):
            Image.fromarray(clip.frames[t]).save(images / f"{t:05d}.png")
            labels = clip.truth[t].copy()
            if name == "late" and t < 2:
                labels[labels == 4] = 0
            write_labels(annotations / f"{t:05d}.png", labels)
    lists = tmp_path / "ImageSets" / "2016"
    lists.mkdir(parents=True)
    (lists / "val.txt").write_text("plain\n")
    return tmp_path


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        (None, ["late", "plain"]),
        ("2016/val", ["plain"]),
        ("val", ["plain"]),
        ("ImageSets/2016/val.txt", ["plain"]),
    ],
)
def test_sequences_are_found(root: Path, split: str | None, expected: list[str]) -> None:
    """All, by a name below ImageSets, or by a file."""
    sequences = find_sequences(root, split)

    assert [s.name for s in sequences] == expected
    assert len(sequences[0].truth) == 6


@pytest.mark.parametrize(
    ("split", "message"),
    [
        pytest.param("test", "no list of sequences 'test'", id="split"),
        pytest.param("wrong.txt", "'gone' has no images", id="sequence"),
    ],
)
def test_what_is_not_there_is_named(root: Path, split: str, message: str) -> None:
    """A split, a sequence of a split."""
    (root / "wrong.txt").write_text("gone")

    with pytest.raises(FrtmError, match=message):
        find_sequences(root, split)


def test_a_folder_that_is_no_benchmark(tmp_path: Path) -> None:
    """Says what is missing."""
    with pytest.raises(FrtmError, match="JPEGImages"):
        find_sequences(tmp_path)


def test_objects_start_where_they_first_appear(
    root: Path, network: FrtmNetwork, lite: FrtmConfig
) -> None:
    """From their own first label image, not before."""
    (late, _) = find_sequences(root)

    predictions = dict(follow(late, network, lite))

    assert list(predictions) == [f"{t:05d}" for t in range(6)]
    assert predictions["00001"].object_ids == (1,)
    assert predictions["00002"].object_ids == (1, 4)


def test_perfect_masks_score_one_and_frozen_ones_less(root: Path, clip: Clip) -> None:
    """In the table as well."""
    sequences = find_sequences(root, "val")
    frozen = root / "frozen" / "plain"
    frozen.mkdir(parents=True)
    for path in sequences[0].truth:
        write_labels(frozen / path.name, clip.truth[0])

    perfect = {"plain": score(sequences[0], root / "Annotations" / "480p" / "plain")}
    poor = {"plain": score(sequences[0], frozen)}

    assert [r.mean for r in rows(perfect)] == [1, 1]
    (row, mean) = rows(poor)
    overlaps = [
        np.mean([_overlap(clip.truth[0] == i, clip.truth[t] == i) for t in range(1, 5)])
        for i in (1, 4)
    ]
    assert row.jaccard == mean.jaccard == pytest.approx(np.mean(overlaps))
    assert as_markdown(rows(poor)).splitlines()[2].startswith(f"| plain | 2 | {row.mean:.3f} |")
    assert as_csv(rows(poor)).splitlines()[1].startswith(f"plain,2,{row.mean:.6f}")
    worst = extreme_frames(poor, sequences, root / "frozen", each=1)
    best = extreme_frames(poor, sequences, root / "frozen", best=True, each=1)
    assert worst.dtype == best.dtype == np.uint8
    assert worst.shape == best.shape
    assert not np.array_equal(worst, best)


def test_a_missing_mask_is_named(root: Path) -> None:
    """Not a traceback."""
    (sequence,) = find_sequences(root, "val")

    with pytest.raises(FrtmError, match=r"no mask .*00000\.png"):
        score(sequence, root / "nothing")


def _overlap(predicted: np.ndarray, truth: np.ndarray) -> float:
    return float((predicted & truth).sum() / (predicted | truth).sum())


def test_a_label_image_without_its_frame_is_named(root: Path) -> None:
    """Instead of a KeyError."""
    truth = root / "Annotations" / "480p" / "plain" / "00000.png"
    truth.rename(truth.with_name("first.png"))

    with pytest.raises(FrtmError, match=r"first\.png is not named like any frame"):
        find_sequences(root, "val")


def test_sequences_may_begin_without_an_object(
    root: Path, network: FrtmNetwork, lite: FrtmConfig, clip: Clip
) -> None:
    """They are followed and scored from the first label image that shows one."""
    (sequence,) = find_sequences(root, "val")
    write_labels(sequence.truth[0], np.zeros_like(clip.truth[0]))
    out = root / "masks"
    out.mkdir()

    for name, prediction in follow(sequence, network, lite):
        write_labels(out / f"{name}.png", prediction.labels)

    assert not (out / "00000.png").exists()
    assert len(score(sequence, out)[1].jaccard) == 3


def test_an_empty_list_is_refused(root: Path) -> None:
    """It does not mean all."""
    (root / "none.txt").write_text("\n")

    with pytest.raises(FrtmError, match="is empty"):
        find_sequences(root, "none.txt")


def test_label_images_are_read_before_the_first_frame(
    root: Path, network: FrtmNetwork, lite: FrtmConfig
) -> None:
    """So that the time of the first frame is that of the method."""
    (sequence,) = find_sequences(root, "val")

    frames = follow(sequence, network, lite)
    for path in sequence.truth:
        path.unlink()

    assert len(list(frames)) == 6
