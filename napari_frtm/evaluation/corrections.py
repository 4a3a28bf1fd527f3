"""Simulated users of interactive segmentation: each correction where the error is largest."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

_WIDTH = 0.01
"""Radius of a stroke, as a part of the shorter side of the frame."""

_LENGTH = 1.2
"""How far a stroke goes both ways, in standard deviations of the region along its main axis."""

_SHAKING = 0.04
"""How wrong the corners of a polygon are, in sizes of the object."""


class Correction(NamedTuple):
    """Where a user corrects a mask.

    Attributes
    ----------
    drawn : bool array of shape (H, W)
        The pixels.
    on_object : bool
        Whether they belong to the object.
    """

    drawn: Mask
    on_object: bool


def next_correction(found: Mask, truth: Mask, *, point: bool = False) -> Correction | None:
    """Return the next correction of a mask: in the deepest of its largest wrong regions.

    Parameters
    ----------
    found, truth : bool arrays of shape (H, W)
        The mask and what it should be.
    point : bool
        A small disc, in place of a short stroke along the region.

    Returns
    -------
    Correction or None
        None if the mask is right.
    """
    missing, surplus = _Region.largest(truth & ~found), _Region.largest(found & ~truth)
    regions = [region for region in (missing, surplus) if region is not None]
    if not regions:
        return None
    worst = max(regions, key=lambda region: region.depth)
    radius = max(1, round(_WIDTH * min(truth.shape)))
    drawn = worst.disc(radius) if point else worst.stroke(radius)
    return Correction(drawn, worst is missing)


def random_strokes(
    truth: Mask, count: tuple[int, int], rng: np.random.Generator
) -> tuple[Mask, Mask]:
    """Return straight strokes at random places on an object, and on what is around it.

    Parameters
    ----------
    truth : bool array of shape (H, W)
        The object.
    count : tuple of int
        Of strokes on it, and beside it.
    rng : numpy.random.Generator
        Source of all choices.
    """
    drawn = [np.zeros_like(truth), np.zeros_like(truth)]
    radius = max(1, round(_WIDTH * min(truth.shape)))
    for region, number, into in zip((truth, ~truth), count, drawn, strict=True):
        depth = _depth(region)
        rows, columns = np.nonzero(depth > min(radius, depth.max() / 2))
        for _ in range(number if len(rows) else 0):
            at = int(rng.integers(len(rows)))
            length = rng.uniform(0.05, 0.2) * min(truth.shape)
            angle = rng.uniform(0, np.pi)
            y, x = int(rows[at]), int(columns[at])
            end = int(x + length * np.cos(angle)), int(y + length * np.sin(angle))
            line = np.zeros(truth.shape, np.uint8)
            cv2.line(line, (x, y), end, 1, 2 * radius - 1)
            parts = cv2.connectedComponents((line > 0).astype(np.uint8) * region)[1]
            np.logical_or(into, parts == parts[y, x], out=into)
    return drawn[0], drawn[1]


def rough_polygon(
    truth: Mask, corners: int, rng: np.random.Generator, dilation: float = 0.0
) -> Mask:
    """Return an object as a hand in a hurry outlines it: few corners, none quite right.

    Parameters
    ----------
    truth : bool array of shape (H, W)
        The object; pieces smaller than a tenth of the largest are not drawn.
    corners : int
        Of each piece.
    rng : numpy.random.Generator
        Source of all choices.
    dilation : float
        How far outside of the object the outline is drawn, in sizes of the object (square root
        of the area).
    """
    size = float(np.count_nonzero(truth)) ** 0.5
    drawn = truth.astype(np.uint8)
    if dilation:
        drawn = (cv2.distanceTransform(1 - drawn, cv2.DIST_L2, 5) <= dilation * size).view(np.uint8)
    outlines, _ = cv2.findContours(drawn, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    areas = [cv2.contourArea(outline) for outline in outlines]
    polygons = []
    for outline, area in zip(outlines, areas, strict=True):
        if area >= 0.1 * max(areas):
            at = outline[np.linspace(0, len(outline), corners, endpoint=False).astype(int), 0]
            polygons.append(np.rint(at + rng.normal(0, _SHAKING * size, at.shape)))
    filled = np.zeros(truth.shape, np.uint8)
    for polygon in polygons:
        cv2.fillPoly(filled, [polygon.astype(np.int32)], 1)
    return filled > 0


class _Region(NamedTuple):
    """A piece of what is wrong, how deep each pixel is in it, and the deepest one."""

    piece: Mask
    depths: NDArray[np.float32]
    centre: tuple[int, int]

    @classmethod
    def largest(cls, wrong: Mask) -> _Region | None:
        """Return the largest piece; None if nothing is wrong."""
        _, pieces, sizes, _ = cv2.connectedComponentsWithStats(wrong.astype(np.uint8))
        if len(sizes) < 2:
            return None
        piece = pieces == 1 + int(np.argmax(sizes[1:, cv2.CC_STAT_AREA]))
        depths = _depth(piece)
        row, column = np.unravel_index(int(depths.argmax()), depths.shape)
        return cls(piece, depths, (int(row), int(column)))

    @property
    def depth(self) -> float:
        """How far its deepest pixel is from its edge, pixels."""
        return float(self.depths[self.centre])

    def disc(self, radius: int) -> Mask:
        """Return a disc in its centre, without what would lie outside."""
        drawn = np.zeros(self.piece.shape, np.uint8)
        cv2.circle(drawn, self.centre[::-1], radius, 1, cv2.FILLED)
        return (drawn > 0) & self.piece

    def stroke(self, radius: int) -> Mask:
        """Return a stroke through its centre, along its main axis, that stays inside."""
        points = np.stack(np.nonzero(self.piece)).astype(np.float64)
        spread, axes = np.linalg.eigh(np.cov(points) if points.shape[1] > 2 else np.eye(2))
        radius = max(1, min(radius, int(self.depth)))
        reach = _LENGTH * float(max(spread[1], 1.0)) ** 0.5
        ends = [self._end(sign * axes[:, 1], reach, radius) for sign in (-1, 1)]
        drawn = np.zeros(self.piece.shape, np.uint8)
        cv2.line(drawn, ends[0][::-1], ends[1][::-1], 1, 2 * radius - 1)
        return (drawn > 0) & self.piece

    def _end(self, direction: NDArray[np.float64], reach: float, radius: int) -> tuple[int, int]:
        """Return how far one can go from the centre without coming near the edge."""
        last = self.centre
        for distance in np.arange(0, reach, 2.0):
            row, column = (
                round(c + distance * d) for c, d in zip(self.centre, direction, strict=True)
            )
            height, width = self.piece.shape
            if not (0 <= row < height and 0 <= column < width):
                break
            if self.depths[row, column] < radius:
                break
            last = row, column
        return last


def _depth(region: Mask) -> NDArray[np.float32]:
    """Return how far each pixel is from the edge of a region; the frame's edge is one."""
    padded = np.pad(region, 1).astype(np.uint8)
    return np.asarray(cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1], np.float32)
