"""The still parts of the roto clip: pebbled bed, floating leaves, and the light in the water."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from samples.noise import fractal, smoothstep, worley

if TYPE_CHECKING:
    from samples.noise import Array

BED = (540, 1120)  # bed texture, pixels of the clip
STONES = np.array(  # linear light
    [
        (0.17, 0.15, 0.12), (0.11, 0.12, 0.11), (0.26, 0.22, 0.16), (0.08, 0.09, 0.09),
        (0.20, 0.17, 0.13), (0.14, 0.16, 0.15), (0.30, 0.27, 0.22), (0.16, 0.11, 0.08),
    ],
    np.float32,
)  # fmt: skip


def river_bed(rng: np.random.Generator) -> Array:
    """Return the bed of shape (540, 1120, 3), linear light: gravel under pebbles under stones."""
    y, x = np.mgrid[: BED[0], : BED[1]].astype(np.float32)
    colour = np.full((*BED, 3), (0.13, 0.115, 0.085), np.float32)
    for size, share in ((8.0, 1.0), (21.0, 0.75), (44.0, 0.6), (82.0, 0.34)):
        colour = _stone_layer(colour, (x, y), size, share, rng)
    moss = smoothstep(0.2, 1.6, fractal(BED, 150, rng))[..., None] * 0.45
    return colour * (1 - moss) + colour.mean(2, keepdims=True) * (0.75, 1.0, 0.5) * moss


def _stone_layer(
    below: Array, grid: tuple[Array, Array], size: float, share: float, rng: np.random.Generator
) -> Array:
    """Lay a layer of rounded stones of `size` pixels over `below`, with their cast shadows."""
    warp = 0.13 * size
    x = (grid[0] + warp * fractal(BED, 1.6 * size, rng, 2)) / size
    y = (grid[1] + warp * fractal(BED, 1.6 * size, rng, 2)) / size
    crack, identity = worley(x, y * 1.25, int(rng.integers(1 << 30)))
    present = identity < share
    alpha = smoothstep(0.06, 0.06 + 2.2 / size, crack) * present
    height = np.sqrt(np.clip(crack * present - 0.05, 0, 0.6) / 0.6)
    height = cv2.GaussianBlur(height, (0, 0), 0.05 * size + 0.4)
    grain = fractal(BED, 0.35 * size + 2, rng)
    slope_y, slope_x = np.gradient(height * size * 0.42 + 0.12 * grain)
    light = (0.72 - 0.55 * slope_x - 0.66 * slope_y) / np.sqrt(1 + slope_x**2 + slope_y**2)
    tone = STONES[(identity * 977).astype(int) % len(STONES)]
    tone = tone * (0.7 + 0.6 * ((identity * 3571) % 1))[..., None]
    speckle = (1 + 0.13 * grain + 0.1 * fractal(BED, 3, rng, 2))[..., None]
    lit = tone * np.clip(speckle, 0.4, 1.7) * np.clip(light * 1.35, 0.1, 2.2)[..., None]
    shift = np.float32([[1, 0, 0.07 * size], [0, 1, 0.09 * size]])
    cast = cv2.warpAffine(alpha, shift, BED[::-1])
    shadow = cv2.GaussianBlur(cast, (0, 0), 0.07 * size + 0.6)[..., None]
    return below * (1 - 0.72 * shadow) * (1 - alpha[..., None]) + lit * alpha[..., None]


def leaf_layer(leaves: list[tuple[float, float, float, float]], rng: np.random.Generator) -> Array:
    """Return floating leaves of shape (540, 1120, 4), premultiplied linear light.

    `leaves` are ``(x, y, radius, notch angle)``, the later ones on top.
    """
    layer = np.zeros((*BED, 4), np.float32)
    for x, y, radius, angle in leaves:
        leaf = _leaf(radius, angle, rng)
        half = leaf.shape[0] // 2
        left, top = int(x) - half, int(y) - half
        rows, columns = slice(max(top, 0), top + 2 * half), slice(max(left, 0), left + 2 * half)
        target = layer[rows, columns]
        leaf = leaf[max(-top, 0) :, max(-left, 0) :][: target.shape[0], : target.shape[1]]
        cast = np.roll(leaf[..., 3:], (6, 5), (0, 1))
        cast = cv2.GaussianBlur(cast, (0, 0), 4.0)[..., None]
        target[..., :3] *= 1 - 0.75 * cast
        target *= 1 - leaf[..., 3:]
        target += leaf
    return layer


def _leaf(radius: float, angle: float, rng: np.random.Generator) -> Array:
    """Return one lily pad, premultiplied, of shape (2 h, 2 h, 4) with h a little over `radius`."""
    half = int(radius * 1.2) + 8
    y, x = (np.mgrid[-half:half, -half:half] + 0.5).astype(np.float32)
    theta = (np.arctan2(y, x) - angle + np.pi) % (2 * np.pi) - np.pi
    distance = np.hypot(x, y) / radius
    wave = 0.025 * np.sin(5 * theta + angle) + 0.012 * np.sin(13 * theta - 3 * angle)
    edge = 1 + wave + 0.004 * fractal(x.shape, 20, rng)
    notch = np.abs(theta) - 0.22 * (1 - 0.55 * distance)
    alpha = smoothstep(0, 1.6, (edge - distance) * radius)
    alpha *= smoothstep(0, 1.6, notch * distance * radius)
    spoke = np.abs((theta / (2 * np.pi) * 19 + 0.5 + 0.12 * np.sin(distance * 5)) % 1 - 0.5)
    vein = np.exp(-((spoke * distance * radius / 2.6) ** 2)) * smoothstep(1.02, 0.4, distance)
    bulge = 0.5 + 0.5 * np.cos(2 * np.pi * spoke * 2) * smoothstep(0.1, 0.6, distance)
    rim = smoothstep(0.82, 1.0, distance / edge)
    mottle = fractal(x.shape, 26, rng)
    hue = rng.uniform(-1, 1)
    green = np.array([0.058 + 0.03 * hue, 0.15 + 0.025 * hue, 0.02], np.float32)
    light = 0.9 - 0.22 * (x + 1.2 * y) / radius + 0.3 * (bulge - 0.5) + 0.08 * mottle
    light = light * smoothstep(-0.35, 0.4, distance)
    colour = green * light[..., None] + vein[..., None] * (0.055, 0.075, 0.02)
    colour += rim[..., None] * (0.085, -0.04, 0.006) + (0.008, 0.012, 0.012)
    sheen = np.exp(-(((x + 0.3 * radius) ** 2 + (y + 0.4 * radius) ** 2) / (0.5 * radius) ** 2))
    colour += (sheen * (0.7 + 0.3 * mottle))[..., None] * (0.07, 0.09, 0.08)
    return np.dstack([np.clip(colour, 0.004, 1) * alpha[..., None], alpha]).astype(np.float32)


class Water:
    """The moving surface: a sum of plane waves, which bends rays and gathers light."""

    def __init__(self, rng: np.random.Generator, count: int = 18) -> None:
        length = rng.uniform(26, 120, count)
        heading = rng.uniform(0, 2 * np.pi, count)
        self.k = 2 * np.pi / length * np.stack([np.cos(heading), np.sin(heading)])
        self.speed = 0.9 * np.sqrt(60 / length) * 0.16
        self.phase = rng.uniform(0, 2 * np.pi, count)
        self.height = 0.014 * length**1.15 / np.sqrt(count)

    def surface(self, x: Array, y: Array, time: float) -> tuple[Array, Array, Array]:
        """Return the slopes along x and y, and the caustic light, at points of shape (H, W).

        The light is the inverse Jacobian of refraction onto the bed: 1 under a flat surface.
        """
        sx, sy, xx, yy, xy = (np.zeros(x.shape, np.float32) for _ in range(5))
        for (kx, ky), speed, phase, height in zip(
            self.k.T, self.speed, self.phase, self.height, strict=True
        ):
            angle = (kx * x + ky * y + (phase + speed * time)).astype(np.float32)
            cosine, sine = height * np.cos(angle), height * np.sin(angle)
            sx += kx * cosine
            sy += ky * cosine
            xx -= kx * kx * sine
            yy -= ky * ky * sine
            xy -= kx * ky * sine
        depth = 55.0
        jacobian = np.abs((1 + depth * xx) * (1 + depth * yy) - (depth * xy) ** 2)
        return sx, sy, np.minimum(1 / (jacobian + 0.16), 4.5)
