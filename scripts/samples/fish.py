"""The skin of a koi: colours, pattern, scales, fins, painted on a straight fish."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from samples.noise import curve, fractal, smoothstep

if TYPE_CHECKING:
    from samples.noise import Array

TEXELS = 300  # of the skin per body length
NOSE, TAIL, SIDE = -0.04, 1.42, 0.32  # limits of the skin, body lengths


@dataclass(frozen=True, slots=True, kw_only=True)
class Coat:
    """Colours (linear light) and pattern of one fish."""

    base: tuple[float, float, float]
    patch: tuple[float, float, float]
    spot: tuple[float, float, float]
    patch_level: float
    spot_level: float
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Skin:
    """Painted fish: maps over (across, along) and one fin, premultiplied linear light."""

    colour: Array  # (h, w, 4); alpha is opacity
    shape: Array  # (h, w, 3); coverage, slope across, gloss
    fin: Array  # (h, w, 4)
    fin_cover: Array  # (h, w)


def paint(coat: Coat) -> Skin:
    """Return the skin of a fish with this coat."""
    rng = np.random.default_rng(coat.seed)
    across, along = np.mgrid[-SIDE : SIDE : 1 / TEXELS, NOSE : TAIL : 1 / TEXELS]
    across, along = across.astype(np.float32), along.astype(np.float32)
    width = _half_width(along)
    v = across / np.maximum(width, 1e-4)
    body = smoothstep(0, 1.5, (width - np.abs(across)) * TEXELS) * (width > 1e-3)
    colour = _pattern(along, across, coat, rng)
    dome = np.sqrt(np.clip(1 - v * v, 0.02, 1))
    scales, relief = _scales(along, across, v)
    colour = colour * (0.55 + 0.45 * dome)[..., None] * (1 - 0.3 * scales)[..., None]
    colour = _face(colour, along, across)
    tail, tail_colour = _tail(along, across, coat, rng)
    body_alpha = body[..., None]
    tail_alpha = (tail * (0.94 - 0.3 * smoothstep(1.0, 1.35, along)))[..., None]
    flat = colour * body_alpha + tail_colour * tail_alpha * (1 - body_alpha)
    opacity = body_alpha + tail_alpha * (1 - body_alpha)
    slope = np.clip(v, -1, 1) * 0.85 * body + relief * body
    ridge = np.exp(-((across / 0.012) ** 2)) * smoothstep(0.3, 0.36, along)
    ridge *= smoothstep(0.76, 0.62, along)
    slope += 2.2 * ridge * across / 0.012 * 0.5
    shape = np.dstack([np.maximum(body, tail), slope, body * (0.4 + 0.6 * (1 - scales))])
    fin, cover = _fin(coat, rng)
    return Skin(
        colour=np.dstack([flat, opacity]).astype(np.float32),
        shape=shape.astype(np.float32),
        fin=fin,
        fin_cover=cover,
    )


def _half_width(along: Array) -> Array:
    knots = [
        (-0.2, 0), (-0.005, 0), (0.0, 0.028), (0.025, 0.062), (0.08, 0.094), (0.2, 0.128),
        (0.34, 0.138), (0.5, 0.125), (0.7, 0.082), (0.86, 0.046), (0.95, 0.036), (1.03, 0.042),
        (1.06, 0.02), (1.08, 0), (1.6, 0),
    ]  # fmt: skip
    s = np.arange(-0.1, 1.5, 0.002, dtype=np.float32)
    return np.interp(along, s, curve(knots, s, 0.012)[:, 0]).astype(np.float32)


def _pattern(along: Array, across: Array, coat: Coat, rng: np.random.Generator) -> Array:
    """Return the colours of shape (h, w, 3): patches and spots on the base."""
    patches = fractal(along.shape, 50, rng, 3) + 0.3 * np.cos(13 * along + coat.seed)
    spots = fractal(along.shape, 30, rng, 3)
    fine = fractal(along.shape, 5, rng, 2)
    patch = smoothstep(coat.patch_level, coat.patch_level + 0.16, patches + 0.06 * fine)
    spot = smoothstep(coat.spot_level, coat.spot_level + 0.16, spots + 0.06 * fine)
    spot = spot * smoothstep(0.02, 0.2, along)
    colour = np.ones((*along.shape, 3), np.float32) * coat.base
    colour += patch[..., None] * (np.float32(coat.patch) - colour)
    colour += 0.92 * spot[..., None] * (np.float32(coat.spot) - colour)
    return colour * (1 + 0.05 * fine + 0.08 * fractal(along.shape, 90, rng, 2))[..., None]


def _scales(along: Array, across: Array, v: Array) -> tuple[Array, Array]:
    """Return the dark rims in [0, 1] and the relief of overlapping scales."""
    pitch = 0.034
    row = np.arcsin(np.clip(v, -1, 1)) * 0.135 / pitch
    column = along / pitch
    shift = column + 0.5 * (np.floor(row) % 2)
    u, w = shift % 1 - 0.5, row % 1 - 0.5
    rim = smoothstep(0.36, 0.6, np.hypot(u * 0.85 - 0.12, w))
    present = smoothstep(0.2, 0.27, along) * smoothstep(1.0, 0.9, along)
    return rim * present, 0.22 * w * present * (1 - rim)


def _face(colour: Array, along: Array, across: Array) -> Array:
    """Add eyes, nostrils, gill covers and the lips."""
    side = np.abs(across)
    gill = np.exp(-(((along - 0.205 - 1.6 * (0.1 - side) ** 2) / 0.0055) ** 2))
    gill *= smoothstep(0.02, 0.06, side)
    lip = np.exp(-(((along - 0.022) / 0.006) ** 2)) * smoothstep(0.05, 0.02, side)
    colour = colour * (1 - 0.5 * gill - 0.35 * lip)[..., None]
    for s, d, radius, tone in (
        (0.098, 0.077, 0.0215, (0.35, 0.24, 0.08)),
        (0.098, 0.079, 0.0145, (0.004, 0.004, 0.005)),
        (0.045, 0.03, 0.006, (0.05, 0.03, 0.02)),
        (0.092, 0.084, 0.0042, (0.9, 0.9, 0.9)),
    ):
        disc = smoothstep(radius + 0.003, radius - 0.003, np.hypot(along - s, side - d))
        colour = colour + disc[..., None] * (np.float32(tone) - colour)
    return colour


def _tail(along: Array, across: Array, coat: Coat, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return coverage and colour of the forked tail, on the grid of the skin."""
    s = np.clip(along - 0.97, 0, None)
    theta = np.arctan2(across, along - 0.9)
    reach = 0.29 + 0.13 * smoothstep(0.05, 0.33, np.abs(theta))
    reach = reach + 0.012 * np.sin(theta * 60) + 0.008 * np.sin(theta * 23 + coat.seed)
    inside = (reach - np.hypot(across, s)) * TEXELS
    open_angle = (0.025 + s * 0.62 + 0.5 * s * s - np.abs(across)) * TEXELS
    cover = smoothstep(0, 2, inside) * smoothstep(0, 2, open_angle) * smoothstep(0.96, 0.99, along)
    rays = 0.5 + 0.5 * np.cos(theta * 62 + 0.6 * np.sin(s * 40))
    blend = smoothstep(-0.6, 0.9, fractal(along.shape, 60, rng, 2)) * smoothstep(0.45, 0.12, s)
    tone = np.float32(coat.base) * 0.85
    colour = tone + blend[..., None] * 0.85 * (np.float32(coat.patch) - tone)
    return cover, colour * (0.62 + 0.32 * rays)[..., None]


def _fin(coat: Coat, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return one paired fin (root at the left edge, pointing along x) and its coverage."""
    y, x = np.mgrid[-64:64, -4:124].astype(np.float32)
    theta = np.arctan2(y - 6, x)
    distance = np.hypot(x, y - 6)
    reach = 92 + 22 * np.cos(2.2 * (theta + 0.25)) + 2.5 * np.sin(34 * theta)
    spread = np.where(theta < 0, 0.52, 0.62) * (1 + 0.12 * np.sin(distance / 28))
    cover = smoothstep(0, 2.5, reach - distance)
    cover *= smoothstep(0, 2.5, (spread - np.abs(theta)) * np.maximum(distance, 6))
    rays = 0.5 + 0.5 * np.cos(theta * 44)
    root = smoothstep(62, 8, distance + 12 * fractal(x.shape, 22, rng, 2))
    tone = np.float32(coat.base) * 0.85
    colour = tone + root[..., None] * 0.8 * (np.float32(coat.patch) - tone)
    colour = colour * (0.6 + 0.34 * rays)[..., None]
    alpha = cover * (0.92 - 0.34 * smoothstep(20, 100, distance))
    fin = np.dstack([colour * alpha[..., None], alpha]).astype(np.float32)
    return fin, cover.astype(np.float32)
