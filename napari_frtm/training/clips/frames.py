"""Frames of a clip made of an image: what is composed, moved, lit and recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_frtm.training.clips.motion import Motion, Moved, moved, pasted, streaked
from napari_frtm.training.clips.photography import defocused, recorded, unevenly_lit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_frtm.training.clips.motion import Layer
    from napari_frtm.training.mixture import ClipConfig

_OBJECT = Motion(turn=25, size=1.4, shift=0.2, bend=0.08)
_BACKGROUND = Motion(turn=6, size=1.15, shift=0.06, bend=0.02)
_INTRUDER = Motion(turn=30, size=1.5, shift=0.35, bend=0.05)
_P_IN_FRONT, _P_DEFOCUS = 0.4, 0.3
_LEAST_VISIBLE = 0.4
_COARSE = 4
"""The background is inpainted at a fraction of the resolution; the object hides most of it."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What the frames of a clip show.

    Attributes
    ----------
    target : Layer
        The object.
    background : uint8 array of shape (H, W, 3)
        What is behind it.
    intruder : Layer or None
        What comes by, behind the object or in front of it.
    crossing : Layer or None
        Lines in front of everything.
    """

    target: Layer
    background: NDArray[np.uint8]
    intruder: Layer | None = None
    crossing: Layer | None = None


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
    scene: Scene, clips: ClipConfig, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return one more frame of a clip, and the object's visible mask.

    Parameters
    ----------
    scene : Scene
        What there is to see.
    clips : ClipConfig
        How often light, streaks and the traces of a recording are seen.
    rng : numpy.random.Generator
        Source of all choices.
    """
    whole = np.ones_like(scene.target[1])
    camera = moved((scene.background, whole), _BACKGROUND, rng, cv2.BORDER_REFLECT_101)
    canvas = streaked(camera, rng).image if rng.random() < clips.streaks / 2 else camera.image
    intruder = None if scene.intruder is None else moved(scene.intruder, _INTRUDER, rng)
    in_front = rng.random() < _P_IN_FRONT
    if intruder is not None and not in_front:
        canvas = pasted(canvas, intruder.image, intruder.alpha)
    target = moved(scene.target, _OBJECT, rng)
    if rng.random() < clips.streaks:
        target = streaked(target, rng)
    canvas = pasted(canvas, target.image, target.alpha)
    visible = target.alpha > 0.5
    if intruder is not None and in_front:
        canvas, visible = _covered(canvas, visible, intruder)
    if scene.crossing is not None:
        canvas, visible = _covered(canvas, visible, moved(scene.crossing, _INTRUDER, rng))
    return _photographed(canvas, clips, rng), visible


def _covered(
    canvas: NDArray[np.uint8], visible: NDArray[np.bool_], cover: Moved
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Put something in front, unless it hides too much."""
    left = visible & (cover.alpha < 0.5)
    if left.sum() <= _LEAST_VISIBLE * visible.sum():
        return canvas, visible
    return pasted(canvas, cover.image, cover.alpha), left


def _photographed(
    image: NDArray[np.uint8], clips: ClipConfig, rng: np.random.Generator
) -> NDArray[np.uint8]:
    if rng.random() < clips.light:
        image = unevenly_lit(image, rng)
    if rng.random() < _P_DEFOCUS:
        image = defocused(image, rng)
    return recorded(image, rng) if rng.random() < clips.recorded else image
