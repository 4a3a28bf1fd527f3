"""Clips from single images: object and background move, the light changes, others come by."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_frtm.training.clips.frames import Scene, alter, without
from napari_frtm.training.clips.motion import pasted
from napari_frtm.training.clips.parts import lines, with_holes, with_thin_parts
from napari_frtm.training.clips.photography import recoloured
from napari_frtm.training.data.sources import (
    DataError,
    Picture,
    Reference,
    evenly,
    object_ids,
    read_ids,
    read_image,
    resized,
)
from napari_frtm.training.mixture import ClipConfig

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_frtm.training.clips.motion import Layer
    from napari_frtm.training.mixture import DatasetConfig

_HELD_OUT = 10
"""One of so many images, by name, is kept to measure on."""
_P_ELSEWHERE = 0.2


class Images:
    """A folder with ``images`` and ``masks``, made into clips.

    The reference frame is the image itself, or its largest object small before the background of
    another one; the others show the object cut out, warped and pasted over the moved, filled-in
    background or, more rarely, over another image; now and then with another object behind it (a
    look-alike, since data sets are of one kind) or in front of it (an occluder).

    Parameters
    ----------
    name : str
        Of the data set.
    files : dict of str to pair of Path
        Image and label image by name.
    config : DatasetConfig
        Sizes of images and objects.
    clips : ClipConfig
        What happens how often.
    """

    def __init__(
        self,
        name: str,
        files: dict[str, tuple[Path, Path]],
        config: DatasetConfig,
        clips: ClipConfig,
    ) -> None:
        self.name = name
        self.files = files
        self.config = config
        self.clips = clips
        self._names = list(files)

    def references(self) -> list[Reference]:
        """Return every image, or as many as the limit says."""
        limit = self.config.limit or len(self._names)
        return [Reference(self._names[i], 0) for i in evenly(len(self._names), limit)]

    def reference(self, reference: Reference) -> Picture:
        """Return the image itself, or a picture with its largest object small."""
        picture = self._read(reference.video)
        return self._shrunk(reference, picture)[0] if self.config.sizes else picture

    def others(
        self, reference: Reference, object_id: int, count: int, rng: np.random.Generator
    ) -> list[tuple[NDArray[np.uint8], NDArray[np.bool_]]]:
        """Return altered images with the object's mask."""
        (image, labels), background = self._read(reference.video), None
        if self.config.sizes:
            (image, labels), background = self._shrunk(reference, (image, labels))
        scene = self._scene((image, labels), object_id, background, rng)
        return [alter(scene, self.clips, rng) for _ in range(count)]

    def _scene(
        self,
        picture: Picture,
        object_id: int,
        background: NDArray[np.uint8] | None,
        rng: np.random.Generator,
    ) -> Scene:
        """Choose what all frames of a clip have in common."""
        image, labels = picture
        mask = (labels == object_id).astype(np.float32)
        perforated = rng.random() < self.clips.holes
        if background is None and (perforated or rng.random() < _P_ELSEWHERE):
            background = self._stranger(rng, mask.shape)[0]
        elif background is None:
            background = without(image, mask)
        intruder = None
        if rng.random() < self.config.intruders:
            alike = rng.random() < self.clips.alike
            intruder = (
                _double(picture, object_id, rng) if alike else self._stranger(rng, mask.shape)
            )
        crossing = None
        if rng.random() < self.clips.lines:
            crossing = self._stranger(rng, mask.shape)[0], lines(mask.shape, rng)
        target = image, with_holes(mask, rng) if perforated else mask
        if rng.random() < self.clips.thin:
            target = with_thin_parts(target, rng)
        return Scene(target, background, intruder, crossing)

    def _read(self, name: str) -> Picture:
        image, labels = self.files[name]
        return resized((read_image(image), read_ids(labels)), self.config.short_side)

    def _stranger(self, rng: np.random.Generator, size: tuple[int, ...]) -> Layer:
        """Return another image at this size, and the mask of its largest object."""
        image, labels = self._read(self._names[rng.integers(len(self._names))])
        shape = (size[1], size[0])
        mask = cv2.resize((labels == _largest(labels)).astype(np.float32), shape)
        return np.asarray(cv2.resize(image, shape)), np.asarray(mask)

    def _shrunk(self, reference: Reference, picture: Picture) -> tuple[Picture, NDArray[np.uint8]]:
        """Return a picture with the largest object small, as object 1, and what is behind it.

        Always the same for an image: target models are fitted on it.
        """
        rng = np.random.default_rng(zlib.crc32(reference.video.encode()))
        image, labels = picture
        mask = (labels == _largest(labels)).astype(np.float32)
        size = max(np.sqrt(mask.sum()) / min(mask.shape), 0.01)
        factor = min(np.exp(rng.uniform(*np.log(self.config.sizes))) / size, 1)
        corner = rng.uniform(0, 1 - factor, 2) * mask.shape[::-1]
        matrix = np.column_stack([np.eye(2) * factor, corner])
        cutout = [
            cv2.warpAffine(p, matrix, mask.shape[::-1]) for p in _smoothed(image, mask, factor)
        ]
        background = self._stranger(rng, mask.shape)[0]
        together = pasted(background, np.asarray(cutout[0]), np.asarray(cutout[1]))
        return (together, (cutout[1] > 0.5).astype(np.int32)), background


def open_images(root: Path, config: DatasetConfig, clips: ClipConfig | None = None) -> Images:
    """Return a folder of images with masks.

    Raises
    ------
    DataError
        If there is no image with a mask of the same name.
    """
    folder = root / config.path
    masks = {p.stem: p for p in sorted((folder / "masks").glob("*.png"))}
    images = sorted(p for p in (folder / "images").glob("*") if p.stem in masks)
    if config.part != "all":
        held_out = images[_HELD_OUT - 1 :: _HELD_OUT]
        images = held_out if config.part == "held out" else sorted({*images} - {*held_out})
    if not images:
        raise DataError(f"{folder} has no images/NAME.jpg with masks/NAME.png.")
    files = {p.stem: (p, masks[p.stem]) for p in images}
    return Images(config.path, files, config, clips or ClipConfig())


def _largest(labels: NDArray[np.int32]) -> int:
    """Return the id of the largest object; 1 if there is none."""
    return max(object_ids(labels, 0) or [1], key=lambda i: int((labels == i).sum()))


def _double(picture: Picture, object_id: int, rng: np.random.Generator) -> Layer:
    """Return another object of a picture or, where there is none, this one in other colours."""
    image, labels = picture
    others = [i for i in object_ids(labels, 0.002) if i != object_id]
    if others:
        return image, (labels == rng.choice(others)).astype(np.float32)
    return recoloured(image, rng), (labels == object_id).astype(np.float32)


def _smoothed(image: NDArray[np.uint8], mask: NDArray[np.float32], factor: float) -> Layer:
    """Return a layer without what would alias when it is shrunk."""
    sigma = 0.4 / factor
    return (
        np.asarray(cv2.GaussianBlur(image, (0, 0), sigma)),
        np.asarray(cv2.GaussianBlur(mask, (0, 0), sigma)),
    )
