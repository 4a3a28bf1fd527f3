"""A fish in motion: its skin bent along a spine that follows the path of the fish."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from samples.fish import NOSE, SIDE, TAIL, TEXELS
from samples.noise import curve, sample

if TYPE_CHECKING:
    from samples.fish import Skin
    from samples.noise import Array

BODY_PIXELS = 150.0  # from the nose to the root of the tail at scale 1
PIVOT = 0.35  # the point of the spine, in body lengths, that moves along the path
LIGHT = (-0.5, -0.58, 0.64)
HALFWAY = (LIGHT[0] * 0.55, LIGHT[1] * 0.55, 0.9)
FINS = ((0.25, 0.085, 0.30, 1.0), (0.58, 0.07, 0.19, 0.75))  # along, across, length, angle


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """One fish at one instant, in pixels of the image."""

    spine: Array  # (N, 2): x, y from NOSE to TAIL
    heading: Array  # (N,) radians, towards the nose
    pixels: float  # body length
    flap: float  # [-1, 1], of the paired fins


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A fish drawn into the window `rows`, `columns` of an image."""

    rows: slice
    columns: slice
    colour: Array  # (h, w, 4), premultiplied linear light
    cover: Array  # (h, w), [0, 1]


class Swimmer:
    """A fish on a path of knots ``(frame, x, y, scale)``."""

    def __init__(self, skin: Skin, knots: list[tuple[float, ...]], beat: float) -> None:
        self.skin, self.beat = skin, beat
        self.times = np.arange(-60, 170, 0.125, dtype=np.float32)
        path = curve(knots, self.times, 4.0)
        self.position, self.scale = path[:, :2], path[:, 2]
        step = np.gradient(self.position, axis=0)
        self.arc = np.cumsum(np.hypot(*step.T))
        self.heading = np.unwrap(np.arctan2(step[:, 1], step[:, 0]))

    def pose(self, time: float, camera: Array) -> Pose:
        """Return the pose at a (fractional) frame, seen by a camera at `camera` (x, y)."""
        pixels = BODY_PIXELS * float(np.interp(time, self.times, self.scale))
        s = np.linspace(NOSE, TAIL, 96).astype(np.float32)
        arc = np.interp(time, self.times, self.arc)
        follow = np.interp(arc - (s - PIVOT) * pixels, self.arc, self.heading)
        ahead = np.interp(time, self.times, self.heading)
        swing = (0.05 + 0.5 * np.clip(s, 0, 1.4) ** 1.6) * np.sin(
            2 * np.pi * (self.beat * time - 0.85 * s)
        )
        heading = ahead + 0.62 * (follow - ahead) + 0.75 * swing
        forward = np.stack([np.cos(heading), np.sin(heading)], 1)
        back = -np.cumsum(forward, 0) * (s[1] - s[0]) * pixels
        origin = [
            np.interp(time, self.times, self.position[:, i]) - np.interp(PIVOT, s, back[:, i])
            for i in range(2)
        ]
        return Pose(
            spine=(back + origin - camera).astype(np.float32),
            heading=heading.astype(np.float32),
            pixels=pixels,
            flap=float(np.sin(2 * np.pi * self.beat * 0.5 * time)),
        )


def draw(skin: Skin, pose: Pose, x: Array, y: Array, light: Array) -> Picture | None:
    """Draw a fish as seen at positions `x`, `y`, lit by `light`, all of shape (H, W).

    Returns None where the fish is out of the image. Positions stay within 8 pixels of the grid.
    """
    margin = SIDE * pose.pixels + 8
    ends = np.stack([pose.spine.min(0) - margin, pose.spine.max(0) + margin]).astype(int)
    (left, top), (right, bottom) = np.clip(ends, 0, (x.shape[1], x.shape[0]))
    if right - left < 2 or bottom - top < 2:
        return None
    window = slice(top, bottom), slice(left, right)
    x, y, light = x[window], y[window], light[window][..., None]
    colour, cover = np.zeros((*x.shape, 4), np.float32), np.zeros(x.shape, np.float32)
    for fin in FINS:
        for side in (-1, 1):
            part, part_cover = _fin(skin, pose, fin, side, (x, y))
            colour = colour * (1 - part[..., 3:]) + part
            cover = np.maximum(cover, part_cover)
    body, body_cover = _body(skin, pose, x, y)
    colour = colour * (1 - body[..., 3:]) + body
    colour[..., :3] *= light
    return Picture(
        rows=window[0],
        columns=window[1],
        colour=colour,
        cover=np.maximum(cover, body_cover),
    )


def _body(skin: Skin, pose: Pose, x: Array, y: Array) -> tuple[Array, Array]:
    """Return body and tail, shaded: premultiplied colour (h, w, 4) and coverage (h, w)."""
    nearest = np.full(x.shape, 1e9, np.float32)
    index = np.zeros(x.shape, np.int32)
    for i, (sx, sy) in enumerate(pose.spine):
        distance = (x - sx) ** 2 + (y - sy) ** 2
        closer = distance < nearest
        nearest[closer] = distance[closer]
        index[closer] = i
    heading = pose.heading[index]
    cosine, sine = np.cos(heading), np.sin(heading)
    dx, dy = x - pose.spine[index, 0], y - pose.spine[index, 1]
    step = (TAIL - NOSE) / (len(pose.spine) - 1)
    along = index * step - (dx * cosine + dy * sine) / pose.pixels
    across = (dy * cosine - dx * sine) / pose.pixels + SIDE
    colour = sample(skin.colour, along * TEXELS, across * TEXELS)
    cover, slope, gloss = np.moveaxis(sample(skin.shape, along * TEXELS, across * TEXELS), 2, 0)
    tilt_x, tilt_y = -sine * slope, cosine * slope
    norm = np.sqrt(1 + slope * slope)
    diffuse = (LIGHT[0] * tilt_x + LIGHT[1] * tilt_y + LIGHT[2]) / norm
    half = (HALFWAY[0] * tilt_x + HALFWAY[1] * tilt_y + HALFWAY[2]) / norm
    shade = 0.32 + 1.0 * np.clip(diffuse, 0, None)
    colour[..., :3] *= shade[..., None]
    colour[..., :3] += (0.22 * gloss * np.clip(half, 0, 1) ** 26 * colour[..., 3])[..., None]
    return colour, cover


def _fin(
    skin: Skin,
    pose: Pose,
    fin: tuple[float, float, float, float],
    side: int,
    grid: tuple[Array, Array],
) -> tuple[Array, Array]:
    """Return one paired fin: premultiplied colour (h, w, 4) and coverage (h, w)."""
    along, across, length, spread = fin
    i = int((along - NOSE) / (TAIL - NOSE) * (len(pose.spine) - 1))
    forward = np.array([np.cos(pose.heading[i]), np.sin(pose.heading[i])])
    normal = np.array([-forward[1], forward[0]]) * side
    root = pose.spine[i] + normal * across * pose.pixels
    angle = spread * (0.95 + 0.3 * side * pose.flap)
    axis = normal * np.sin(angle) - forward * np.cos(angle)
    dx, dy = grid[0] - root[0], grid[1] - root[1]
    texel = length * pose.pixels / 114
    u = (dx * axis[0] + dy * axis[1]) / texel + 4
    v = (dy * axis[0] - dx * axis[1]) / texel * side + 64
    colour = sample(skin.fin, u, v)
    colour[..., :3] *= 0.85
    return colour, sample(skin.fin_cover, u, v)
