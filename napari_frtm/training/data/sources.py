"""Data sets: where the frames and labels of training samples come from.

A `Source` names its reference frames and gives, for each of them, frames of the same video. Videos
on disk have them; single images become clips in `napari_frtm.training.clips.synthetic`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

import cv2
import numpy as np
from PIL import Image

from napari_frtm.errors import FrtmError
from napari_frtm.io.labels import read_labels

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_frtm.training.mixture import DatasetConfig

Picture: TypeAlias = "tuple[NDArray[np.uint8], NDArray[np.int32]]"
"""An image of shape (H, W, 3) and its labels of shape (H, W); void pixels are background."""

VOID = 255
_IMAGES = (".jpg", ".jpeg", ".png", ".tif", ".tiff")


class DataError(FrtmError):
    """A data set is missing, empty, or not in the layout that the recipe says."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A frame on which target models are fitted."""

    video: str
    index: int


class Source(Protocol):
    """A data set.

    Attributes
    ----------
    name : str
        Unique among those of a recipe.
    """

    name: str

    def references(self) -> list[Reference]:
        """Return the frames on which target models are fitted, always in the same order."""

    def reference(self, reference: Reference) -> Picture:
        """Return a reference frame."""

    def others(
        self, reference: Reference, object_id: int, count: int, rng: np.random.Generator
    ) -> list[tuple[NDArray[np.uint8], NDArray[np.bool_]]]:
        """Return random frames of the same video, with the mask of an object."""


class Videos:
    """Videos on disk: label images for some or all of the frames.

    Parameters
    ----------
    name : str
        Of the data set.
    frames : mapping of str to sequence of pairs of Path
        By video: images and label images of the annotated frames, in order.
    config : DatasetConfig
        How many references, and at which size.
    """

    def __init__(
        self, name: str, frames: dict[str, list[tuple[Path, Path]]], config: DatasetConfig
    ) -> None:
        self.name = name
        self.frames = frames
        self.config = config

    def references(self) -> list[Reference]:
        """Return evenly spaced frames of each video, the first one included."""
        return [
            Reference(video, index)
            for video, frames in self.frames.items()
            for index in evenly(len(frames), self.config.references)
        ]

    def reference(self, reference: Reference) -> Picture:
        """Return a reference frame."""
        return self.read(reference.video, reference.index)

    def read(self, video: str, index: int) -> Picture:
        """Return an annotated frame by its place in the video."""
        image, labels = self.frames[video][index]
        return resized((read_image(image), read_ids(labels)), self.config.short_side)

    def others(
        self, reference: Reference, object_id: int, count: int, rng: np.random.Generator
    ) -> list[tuple[NDArray[np.uint8], NDArray[np.bool_]]]:
        """Return random frames of the same video, with the mask of an object."""
        chosen = rng.integers(len(self.frames[reference.video]), size=count)
        pictures = [self.read(reference.video, int(index)) for index in chosen]
        return [(image, labels == object_id) for image, labels in pictures]


def open_videos(root: Path, config: DatasetConfig) -> Videos:
    """Return a folder in the layout of DAVIS or YouTube-VOS.

    ``JPEGImages`` and ``Annotations`` hold the videos, possibly inside one folder for the
    resolution (``480p``); label images have the names of their frames.

    Raises
    ------
    DataError
        If it is not in that layout, or has no annotated frame.
    """
    folder = root / config.path
    images, labels = (_resolution(folder / part) for part in ("JPEGImages", "Annotations"))
    names = chosen(folder, config, [p.name for p in sorted(labels.iterdir()) if p.is_dir()])
    frames = {}
    for name in names:
        masks = {p.stem: p for p in sorted((labels / name).glob("*.png"))}
        found = [p for p in sorted((images / name).glob("*")) if p.suffix.lower() in _IMAGES]
        frames[name] = [(p, masks[p.stem]) for p in found if p.stem in masks]
        if not frames[name]:
            raise DataError(f"Video '{name}' in {folder} has no frame with a label image.")
    return Videos(config.path, frames, config)


def chosen(folder: Path, config: DatasetConfig, present: Sequence[str]) -> list[str]:
    """Return the names of the videos that the recipe wants."""
    names = list(config.names) or list(present)
    if config.split:
        path = folder / "ImageSets" / f"{config.split}.txt"
        if not path.is_file():
            raise DataError(f"There is no list of videos {path} for the split '{config.split}'.")
        names = path.read_text().split()
    if missing := [name for name in names if name not in present]:
        raise DataError(f"{folder} has no video '{missing[0]}'.")
    if not names:
        raise DataError(f"{folder} has no videos.")
    return names


def evenly(count: int, wanted: int) -> list[int]:
    """Return at most `wanted` of `count` places: the first, and others evenly behind it."""
    return sorted({i * count // wanted for i in range(wanted)}) if count else []


def read_image(path: Path) -> NDArray[np.uint8]:
    """Return a picture as RGB of shape (H, W, 3)."""
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error}.") from error


def read_ids(path: Path) -> NDArray[np.int32]:
    """Return a label image; void pixels become background."""
    labels = read_labels(path)
    return np.where(labels == VOID, 0, labels)


def resized(picture: Picture, short_side: int) -> Picture:
    """Return image and labels scaled so that the shorter side is as long; 0 for no change."""
    image, labels = picture
    height, width = labels.shape
    factor = short_side / min(height, width)
    if short_side == 0 or factor == 1:
        return picture
    size = (round(width * factor), round(height * factor))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    smaller = cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(cv2.resize(image, size, interpolation=how)), np.asarray(smaller)


def object_ids(labels: NDArray[np.int32], smallest: float) -> list[int]:
    """Return the objects that cover at least this fraction of the frame."""
    ids, counts = np.unique(labels, return_counts=True)
    return [int(i) for i, n in zip(ids, counts, strict=True) if i and n >= smallest * labels.size]


def _resolution(folder: Path) -> Path:
    """Return the folder that holds the videos: this one, or the one for the resolution."""
    if not folder.is_dir():
        raise DataError(
            f"There is no folder {folder}. The recipe's data sets are looked for below --data."
        )
    inner = sorted(p for p in folder.iterdir() if p.is_dir())
    if len(inner) == 1 and any(p.is_dir() for p in inner[0].iterdir()):
        return inner[0]
    return next((p for p in inner if p.name in ("480p", "Full-Resolution")), folder)
