"""Benchmark folders in the layout of DAVIS or YouTube-VOS: find them, follow, score."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_frtm.engine.tracking.propagate import propagate
from napari_frtm.errors import FrtmError
from napari_frtm.evaluation.metrics import (
    VOID,
    ObjectScores,
    score_late_objects,
    score_video,
)
from napari_frtm.evaluation.rules import Rules, guess_rules
from napari_frtm.io.video.images.numbering import find_images
from napari_frtm.io.video.opening import open_video

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari_frtm.config import FrtmConfig
    from napari_frtm.engine.networks.network import FrtmNetwork
    from napari_frtm.types import Labels, Prediction


@dataclass(frozen=True, slots=True)
class Sequence:
    """One video with its truth.

    Attributes
    ----------
    name : str
        As in the split.
    images : Path
        Folder of its frames.
    truth : tuple of Path
        Label images of the annotated frames, in order; named like their frames.
    rules : Rules
        How the label images are to be read, and what counts.
    """

    name: str
    images: Path
    truth: tuple[Path, ...]
    rules: Rules = Rules.DAVIS_2017

    @property
    def counted(self) -> tuple[Path, ...]:
        """The label images up to the last one that counts."""
        return self.truth if self.rules is Rules.YOUTUBE_VOS else self.truth[:-1]


def find_sequences(
    root: Path,
    split: str | None = None,
    *,
    rules: Rules | None = None,
    images: Path | None = None,
) -> list[Sequence]:
    """Return the sequences of a benchmark.

    Parameters
    ----------
    root : Path
        Holds ``JPEGImages`` and ``Annotations``, with the sequences directly below or in one
        folder for the resolution, such as ``480p``.
    split : str, optional
        A text file with one name a line, or such a file below ``ImageSets`` without its suffix,
        for example ``2016/val``. All annotated sequences by default.
    rules : Rules, optional
        Of the benchmark; by default what `guess_rules` says.
    images : Path, optional
        Folder with the frames of each sequence, in place of ``JPEGImages``; there may be more of
        them than the benchmark has.

    Raises
    ------
    FrtmError
        If there is no such folder, split or sequence.
    """
    images, annotations = _level(images or root / "JPEGImages"), _level(root / "Annotations")
    rules = rules or guess_rules(root, split)
    names = _names(root, split) or sorted(p.name for p in annotations.iterdir() if p.is_dir())
    sequences = []
    for name in names:
        truth = tuple(sorted((annotations / name).glob("*.png")))
        frames = {p.stem for p in find_images(images / name)} if (images / name).is_dir() else set()
        if not truth or not frames:
            raise FrtmError(
                f"The sequence '{name}' has no images in {images} or no label images in "
                f"{annotations}."
            )
        if strange := [p for p in truth if p.stem not in frames]:
            raise FrtmError(f"{strange[0]} is not named like any frame in {images / name}.")
        sequences.append(Sequence(name, images / name, truth, rules))
    return sequences


def follow(
    sequence: Sequence, network: FrtmNetwork, config: FrtmConfig
) -> Generator[tuple[str, Prediction], None, None]:
    """Yield name and prediction of each frame, from the first label image of each object.

    An object that appears in a later label image starts there, as in YouTube-VOS. The label images
    are read at once, before the first frame is asked for: that is not a part of the method.
    """
    video = open_video(sequence.images)
    index = {name: t for t, name in enumerate(video.names)}
    known: set[int] = set()
    annotations: dict[int, Labels] = {}
    for path in sequence.truth:
        labels = sequence.rules.read(path)
        new = [i for i in np.unique(labels).tolist() if i not in (0, VOID, *known)]
        if new:
            known.update(new)
            annotations[index[path.stem]] = np.where(np.isin(labels, new), labels, 0)
    if not annotations:
        raise FrtmError(f"The label images of the sequence '{sequence.name}' show no object.")
    run = propagate(network, config, video.frames, annotations, contrast=video.contrast)
    return _named(run, video.names)


def _named(
    predictions: Generator[Prediction, None, None], names: tuple[str, ...]
) -> Generator[tuple[str, Prediction], None, None]:
    with closing(predictions):
        for prediction in predictions:
            yield names[prediction.index], prediction


def score(sequence: Sequence, masks: Path) -> dict[int, ObjectScores]:
    """Score the label images in a folder, named like the frames, against the truth.

    The frames before the one that shows the first object do not count.

    Raises
    ------
    FrtmError
        If the label image of an annotated frame is missing or of another size.
    """
    read = sequence.rules.read
    start = next((n for n, path in enumerate(sequence.truth) if read(path).any()), 0)
    scored = sequence.truth[start:]
    for path in scored:
        if not (masks / path.name).is_file():
            raise FrtmError(f"There is no mask {masks / path.name}.")
    found, truth = (read(masks / path.name) for path in scored), (read(path) for path in scored)
    try:
        if sequence.rules is Rules.YOUTUBE_VOS:
            return score_late_objects(found, truth)
        return score_video(found, truth)
    except ValueError as error:
        raise FrtmError(f"{sequence.name} cannot be scored: {error}") from error


def _level(folder: Path) -> Path:
    """Go down to the folder of the resolution, if there is a single one."""
    if not folder.is_dir():
        raise FrtmError(f"There is no folder {folder}; give the root of a benchmark like DAVIS.")
    inner = [p for p in sorted(folder.iterdir()) if p.is_dir()]
    if (folder / "480p").is_dir():
        return folder / "480p"
    holds_files = any(p.is_file() for p in inner[0].iterdir()) if inner else True
    return folder if len(inner) != 1 or holds_files else inner[0]


def _names(root: Path, split: str | None) -> list[str]:
    if split is None:
        return []
    file = root / "ImageSets" / f"{split}.txt"
    below = sorted((root / "ImageSets").rglob(f"{split}.txt")) if "/" not in split else []
    candidates = [p for p in (Path(split), root / split, file) if p.is_file()]
    if not candidates and len(below) == 1:
        candidates = below
    if not candidates:
        raise FrtmError(f"There is no list of sequences '{split}', neither a file nor {file}.")
    if not (names := candidates[0].read_text().split()):
        raise FrtmError(f"The list of sequences {candidates[0]} is empty.")
    return names
