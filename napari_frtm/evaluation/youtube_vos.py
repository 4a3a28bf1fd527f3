"""What YouTube-VOS adds to the layout of DAVIS: objects by category, and submissions."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_frtm.errors import FrtmError
from napari_frtm.io.atomic import replacing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from napari_frtm.evaluation.metrics import ObjectScores

META = "meta.json"


@dataclass(frozen=True, slots=True)
class Meta:
    """The objects of a split, by video and id.

    Attributes
    ----------
    categories : dict
        What each object is.
    frames : dict
        Names of the frames that each object counts on, in order; the first one shows it first.
    """

    categories: Mapping[str, Mapping[int, str]]
    frames: Mapping[str, Mapping[int, tuple[str, ...]]]

    def wanted(self, video: str) -> list[str]:
        """Return the frames of a video that a submission needs, in order."""
        of_objects = self.frames.get(video, {}).values()
        return sorted({name for names in of_objects for name in names})


def read_meta(path: Path) -> Meta:
    """Return what a ``meta.json`` says.

    Raises
    ------
    FrtmError
        If it cannot be read, or is another file.
    """
    try:
        videos = json.loads(path.read_text(encoding="utf-8"))["videos"]
        categories = {
            video: {int(i): str(known["category"]) for i, known in entry["objects"].items()}
            for video, entry in videos.items()
        }
        frames = {
            video: {int(i): tuple(known["frames"]) for i, known in entry["objects"].items()}
            for video, entry in videos.items()
        }
    except OSError as error:
        raise FrtmError(f"Cannot read {path}: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FrtmError(f"{path} is not a {META} of YouTube-VOS ({error!r}).") from error
    return Meta(categories, frames)


def read_categories(path: Path) -> frozenset[str]:
    """Return the categories in a ``meta.json``, or in a text file with one a line.

    Raises
    ------
    FrtmError
        If it cannot be read.
    """
    if path.suffix == ".json":
        of_videos = read_meta(path).categories.values()
        return frozenset(name for objects in of_videos for name in objects.values())
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise FrtmError(f"Cannot read {path}: {error.strerror}.") from error
    return frozenset(line.strip() for line in lines if line.strip())


@dataclass(frozen=True, slots=True)
class Overall:
    """Means over the objects of seen and of unseen categories, in [0, 1]; NaN if there are none."""

    j_seen: float
    j_unseen: float
    f_seen: float
    f_unseen: float

    @property
    def g(self) -> float:
        """The score of the benchmark: the mean of all four."""
        return float(np.mean([self.j_seen, self.j_unseen, self.f_seen, self.f_unseen]))

    def as_markdown(self) -> str:
        """Return a table in per cent, as the benchmark gives it."""
        values = (self.g, self.j_seen, self.j_unseen, self.f_seen, self.f_unseen)
        cells = " | ".join(f"{100 * value:.1f}" for value in values)
        heads = "| G overall | J seen | J unseen | F seen | F unseen |"
        return f"{heads}\n|---|---|---|---|---|\n| {cells} |\n"


def overall(
    scores: Mapping[str, Mapping[int, ObjectScores]], meta: Meta, seen: frozenset[str]
) -> Overall:
    """Return the scores by whether the category of an object was seen in training.

    Raises
    ------
    FrtmError
        If an object has no category.
    """
    values: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    for video, objects in scores.items():
        for i, its in objects.items():
            category = meta.categories.get(video, {}).get(i)
            if category is None:
                raise FrtmError(f"{META} does not know object {i} of the video '{video}'.")
            pair = float(np.mean(its.jaccard)), float(np.mean(its.boundary_f))
            values[category in seen].append(pair)
    (j_seen, f_seen), (j_unseen, f_unseen) = (
        np.mean(values[known], axis=0).tolist() if values[known] else (np.nan, np.nan)
        for known in (True, False)
    )
    return Overall(j_seen, j_unseen, f_seen, f_unseen)


def write_submission(path: Path, masks: Path, frames: Iterable[tuple[str, Sequence[str]]]) -> int:
    """Write a zip file as the server of the benchmark takes it; return how many masks are in it.

    Parameters
    ----------
    path : Path
        The zip file.
    masks : Path
        Folder with a folder of label images for each video.
    frames : iterable of (str, sequence of str)
        Videos, and the names of the frames that are wanted of each.

    Raises
    ------
    FrtmError
        If a mask is missing.
    """
    count = 0
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for video, names in frames:
            for name in names:
                source = masks / video / f"{name}.png"
                if not source.is_file():
                    raise FrtmError(f"There is no mask {source} for the submission.")
                archive.write(source, f"Annotations/{video}/{name}.png")
                count += 1
    return count
