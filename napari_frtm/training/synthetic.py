"""Clips from single images: object and background move, the light changes, others come by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np

from napari_frtm.training.sources import (
    DataError,
    Picture,
    Reference,
    evenly,
    object_ids,
    read_ids,
    read_image,
    resized,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_frtm.training.config import DatasetConfig

Layer: TypeAlias = "tuple[NDArray[np.uint8], NDArray[np.float32]]"
"""An image of shape (H, W, 3) and the mask of shape (H, W), in [0, 1], of what to cut out."""

_LEAST_VISIBLE = 0.4
_COARSE = 4
"""The background is inpainted at a fraction of the resolution; the object hides most of it."""


@dataclass(frozen=True, slots=True)
class Motion:
    """How far things move from one frame of a clip to any other.

    Attributes
    ----------
    turn : float
        Largest rotation, degrees.
    size : float
        Largest factor by which the size changes, either way.
    shift : float
        Largest displacement, as a fraction of the image.
    bend : float
        Largest displacement of the smooth warp, as a fraction of the object.
    """

    turn: float
    size: float
    shift: float
    bend: float


_OBJECT = Motion(turn=25, size=1.4, shift=0.2, bend=0.08)
_BACKGROUND = Motion(turn=6, size=1.15, shift=0.06, bend=0.02)
_INTRUDER = Motion(turn=30, size=1.5, shift=0.35, bend=0.05)
_P_IN_FRONT, _P_ELSEWHERE, _P_BLUR = 0.4, 0.2, 0.3


class Images:
    """A folder with ``images`` and ``masks``, made into clips.

    The reference frame is the image itself; the others show its object cut out, warped and pasted
    over the moved, inpainted background or, more rarely, over another image; now and then with an
    object of another image behind it (a look-alike, since data sets are of one kind) or in front
    of it (an occluder).
    """

    def __init__(
        self, name: str, files: dict[str, tuple[Path, Path]], config: DatasetConfig
    ) -> None:
        self.name = name
        self.files = files
        self.config = config
        self._names = list(files)

    def references(self) -> list[Reference]:
        """Return every image."""
        return [Reference(name, 0) for name in self._names]

    def reference(self, reference: Reference) -> Picture:
        """Return the image itself."""
        image, labels = self.files[reference.video]
        return resized((read_image(image), read_ids(labels)), self.config.short_side)

    def others(
        self, reference: Reference, object_id: int, count: int, rng: np.random.Generator
    ) -> list[tuple[NDArray[np.uint8], NDArray[np.bool_]]]:
        """Return altered images with the object's mask."""
        image, labels = self.reference(reference)
        mask = (labels == object_id).astype(np.float32)
        elsewhere = rng.random() < _P_ELSEWHERE
        background = self._intruder(rng, mask.shape)[0] if elsewhere else without(image, mask)
        alone = rng.random() >= self.config.intruders
        intruder = None if alone else self._intruder(rng, mask.shape)
        return [alter(image, mask, background, intruder, rng) for _ in range(count)]

    def _intruder(self, rng: np.random.Generator, size: tuple[int, ...]) -> Layer:
        """Return another image at this size, and the mask of its largest object."""
        image, labels = self.reference(Reference(self._names[rng.integers(len(self._names))], 0))
        ids = object_ids(labels, 0) or [1]
        largest = max(ids, key=lambda i: int((labels == i).sum()))
        shape = (size[1], size[0])
        mask = cv2.resize((labels == largest).astype(np.float32), shape)
        return np.asarray(cv2.resize(image, shape)), np.asarray(mask)


def open_images(root: Path, config: DatasetConfig) -> Images:
    """Return a folder of images with masks.

    Raises
    ------
    DataError
        If there is no image with a mask of the same name.
    """
    folder = root / config.path
    masks = {p.stem: p for p in sorted((folder / "masks").glob("*.png"))}
    images = sorted(p for p in (folder / "images").glob("*") if p.stem in masks)
    if not images:
        raise DataError(f"{folder} has no images/NAME.jpg with masks/NAME.png.")
    kept = [images[i] for i in evenly(len(images), config.limit or len(images))]
    return Images(config.path, {p.stem: (p, masks[p.stem]) for p in kept}, config)


def without(image: NDArray[np.uint8], mask: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the image with the object filled in from its surroundings, coarsely."""
    height, width = mask.shape
    small = (max(1, width // _COARSE), max(1, height // _COARSE))
    hole = cv2.dilate((mask > 0.5).astype(np.uint8), np.ones((9, 9), np.uint8))
    coarse_hole = cv2.dilate(cv2.resize(hole, small), np.ones((3, 3), np.uint8))
    if coarse_hole.all():
        return image
    coarse = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    filled = cv2.inpaint(coarse, coarse_hole, 3, cv2.INPAINT_TELEA)
    up = cv2.resize(filled, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.where(hole[..., None] > 0, up, image).astype(np.uint8)


def alter(
    image: NDArray[np.uint8],
    mask: NDArray[np.float32],
    background: NDArray[np.uint8],
    intruder: Layer | None,
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return one more frame of the clip, and the object's visible mask."""
    canvas, _ = _moved(background, np.ones_like(mask), _BACKGROUND, rng, cv2.BORDER_REFLECT_101)
    in_front = rng.random() < _P_IN_FRONT
    if intruder is not None and not in_front:
        canvas = _pasted(canvas, *_moved(*intruder, _INTRUDER, rng))
    moved, alpha = _moved(image, mask, _OBJECT, rng)
    canvas = _pasted(canvas, moved, alpha)
    visible = alpha > 0.5
    if intruder is not None and in_front:
        other, cover = _moved(*intruder, _INTRUDER, rng)
        if (visible & (cover < 0.5)).sum() > _LEAST_VISIBLE * visible.sum():
            canvas = _pasted(canvas, other, cover)
            visible &= cover < 0.5
    return _blurred(canvas, rng).clip(0, 255).astype(np.uint8), visible


def _pasted(
    canvas: NDArray[np.float32], image: NDArray[np.float32], alpha: NDArray[np.float32]
) -> NDArray[np.float32]:
    soft = cv2.GaussianBlur(alpha, (3, 3), 0)[..., None]
    return np.asarray(image * soft + canvas * (1 - soft), np.float32)


def _moved(
    image: NDArray[np.uint8],
    mask: NDArray[np.float32],
    motion: Motion,
    rng: np.random.Generator,
    border: int = cv2.BORDER_REPLICATE,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return image and mask under one random affine motion and smooth warp."""
    height, width = mask.shape
    rows, columns = np.nonzero(mask > 0.5)
    if not rows.size:
        return image.astype(np.float32), mask
    centre = np.array([columns.mean(), rows.mean()], np.float32)
    extent = float(np.sqrt(rows.size))
    angle = np.deg2rad(rng.uniform(-motion.turn, motion.turn))
    scale = motion.size ** rng.uniform(-1, 1)
    shear = np.array([[1, rng.uniform(-0.1, 0.1)], [0, 1]])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = np.linalg.inv(scale * turn @ shear).astype(np.float32)
    shift = (rng.uniform(-motion.shift, motion.shift, 2) * (width, height)).astype(np.float32)
    knots = rng.uniform(-1, 1, (5, 5, 2)).astype(np.float32) * motion.bend * extent
    bend = cv2.resize(knots, (width, height), interpolation=cv2.INTER_CUBIC)
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).astype(np.float32)
    where = (grid - centre - shift) @ linear.T + centre + bend
    moved = cv2.remap(image, where, None, cv2.INTER_LINEAR, borderMode=border)
    moved_mask = cv2.remap(mask, where, None, cv2.INTER_LINEAR)
    return moved.astype(np.float32), np.asarray(moved_mask)


def _blurred(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Now and then, blur as a lens or a moving camera does."""
    kind = rng.random()
    if kind < _P_BLUR / 2:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 1.5)))
    if kind < _P_BLUR:
        length = int(rng.integers(3, 9))
        streak = np.zeros((length, length), np.float32)
        ends = rng.integers(0, length, 2)
        cv2.line(streak, (0, int(ends[0])), (length - 1, int(ends[1])), 1.0)
        return np.asarray(cv2.filter2D(image, -1, streak / streak.sum()))
    return image
