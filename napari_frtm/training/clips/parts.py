"""Thin parts, holes, and lines before an object: what makes outlines hard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_frtm.training.clips.motion import pasted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_frtm.training.clips.motion import Layer

_FINE = 4
"""Bits of a pixel's fraction in which cv2 draws."""


def with_thin_parts(layer: Layer, rng: np.random.Generator) -> Layer:
    """Return an object with rods, or wheels with spokes, that stick out of it.

    Parameters
    ----------
    layer : tuple of arrays
        The object.
    rng : numpy.random.Generator
        Source of all choices: how many, how thick, of which colour.
    """
    image, mask = layer
    inside = np.argwhere(mask > 0.5)
    if not len(inside):
        return layer
    extent = float(np.sqrt(len(inside)))
    drawn = np.zeros(mask.shape, np.uint8)
    draw = _wheel if rng.random() < 0.4 else _rod
    for _ in range(rng.integers(1, 4)):
        draw(drawn, inside, extent, rng)
    parts = drawn.astype(np.float32) / 255
    colour = image[tuple(inside[rng.integers(len(inside))])] * rng.uniform(0.3, 1.5)
    if rng.random() < 0.5:
        colour = rng.uniform(0, 255, 3) * 0.3 + rng.uniform(0, 180)
    paint = np.broadcast_to(np.clip(colour, 0, 255).astype(np.uint8), image.shape)
    outside = np.where(mask < 0.5, parts, 0).astype(np.float32)
    return pasted(image, paint, outside), np.maximum(mask, parts)


def with_holes(mask: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the mask of an object with a few ellipses, round or narrow, cut out."""
    inside = np.argwhere(mask > 0.5)
    if not len(inside):
        return mask
    extent = float(np.sqrt(len(inside)))
    drawn = np.zeros(mask.shape, np.uint8)
    for _ in range(rng.integers(1, 5)):
        y, x = inside[rng.integers(len(inside))]
        axes = extent * rng.uniform(0.03, 0.16, 2)
        angle = rng.uniform(0, 180)
        cv2.ellipse(drawn, ((float(x), float(y)), tuple(2 * axes), angle), 255, -1, cv2.LINE_AA)
    return np.asarray(mask * (1 - drawn.astype(np.float32) / 255))


def lines(size: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the mask, in [0, 1], of lines across an image: bars, a net, or branches."""
    height, width = size
    drawn = np.zeros((height, width), np.uint8)
    thickness = int(rng.integers(1, 6))
    count = int(rng.integers(2, 9))
    spread = rng.choice([0.05, 0.4])  # alike, or every one its own way
    angle = rng.uniform(0, np.pi)
    for _ in range(count):
        way = angle + rng.normal(0, spread) + (np.pi / 2 if rng.random() < 0.3 else 0)
        across = np.array([np.cos(way), np.sin(way)]) * (height + width)
        middle = rng.uniform(0, 1, 2) * (width, height)
        _line(drawn, np.array([middle - across, middle + across]), thickness)
    return np.asarray(drawn.astype(np.float32) / 255)


def _rod(
    drawn: NDArray[np.uint8], inside: NDArray[np.intp], extent: float, rng: np.random.Generator
) -> None:
    """Draw a bent line from a pixel of the object."""
    start = inside[rng.integers(len(inside))][::-1].astype(np.float64)
    angle = rng.uniform(0, 2 * np.pi)
    way = np.array([np.cos(angle), np.sin(angle)]) * extent * rng.uniform(0.4, 1.2)
    aside = np.array([-way[1], way[0]]) * rng.uniform(-0.3, 0.3)
    t = np.linspace(0, 1, 12)[:, None]
    points = start + t * way + t * (1 - t) * aside
    _line(drawn, points, max(1, round(extent * rng.uniform(0.005, 0.04))))


def _wheel(
    drawn: NDArray[np.uint8], inside: NDArray[np.intp], extent: float, rng: np.random.Generator
) -> None:
    """Draw a ring around a pixel of the object, maybe with spokes."""
    centre = inside[rng.integers(len(inside))][::-1].astype(np.float64)
    centre += rng.uniform(-0.4, 0.4, 2) * extent
    axes = extent * rng.uniform(0.12, 0.4) * np.array([rng.uniform(0.4, 1), 1])
    turns = np.linspace(0, 2 * np.pi, 40)[:, None]
    rim = centre + axes * np.concatenate([np.cos(turns), np.sin(turns)], 1)
    _line(drawn, rim, max(1, round(axes[1] * rng.uniform(0.06, 0.25))))
    for turn in np.linspace(0, np.pi, int(rng.integers(0, 7)), endpoint=False):
        way = axes * (np.cos(turn), np.sin(turn))
        _line(drawn, np.array([centre - way, centre + way]), 1)


def _line(drawn: NDArray[np.uint8], points: NDArray[np.float64], thickness: int) -> None:
    fixed = np.round(points * 2**_FINE).astype(np.int32)
    cv2.polylines(drawn, [fixed], False, 255, thickness, cv2.LINE_AA, _FINE)
