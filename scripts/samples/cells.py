"""The microscopy clip: crawling, touching, dividing cells, with exact truth.

Ten fluorescent cells, ids 1 to 10. Cell 3 divides into 11 and 12 before frame 12, cell 8 into
13 and 14 before frame 20; a divided cell is gone from then on. Cell 5 leaves the field.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
from samples.noise import fractal, sample, smoothstep

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from samples.noise import Array

FIELD = 192  # pixels, each side
FRAMES = 40
INTERVAL = 240.0  # seconds
DIVISIONS = {3: (12, 11, 12), 8: (20, 13, 14)}  # mother: first frame of the daughters, their ids
LEAVER = 5
BLEACHING = 36.0  # frames, until the light has fallen to 1 / e
OFFSET, ELECTRONS, READ_NOISE = 100.0, 1.3, 2.2  # camera: counts, electrons per count, electrons
TEXTURE = 192  # pixels; the middle third spans one cell
STARTS = [  # x, y, radius, brightness
    (37, 35, 19, 0.9), (96, 28, 16, 0.42), (81, 85, 20, 0.8), (157, 42, 17, 0.3),
    (166, 92, 18, 0.7), (35, 96, 17, 0.5), (126, 114, 19, 1.0), (59, 148, 20, 0.62),
    (111, 162, 16, 0.34), (162, 159, 18, 0.78),
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell at one frame; lengths in pixels, angles in radians."""

    id: int
    position: NDArray[np.float64]  # x, y
    heading: float
    radius: float
    brightness: float
    roundness: float = 0.0  # 1: rounded up to divide
    born: int = -99

    @property
    def velocity(self) -> NDArray[np.float64]:
        """Step of one frame, x and y."""
        speed = 3.4 if self.id == LEAVER else 6.0 * (1 - 0.9 * self.roundness)
        return speed * np.array([np.cos(self.heading), np.sin(self.heading)])


def simulate(rng: np.random.Generator) -> list[list[Cell]]:
    """Return the cells of every frame."""
    cells = [
        Cell(
            id=i + 1, position=np.array([x, y], float), heading=float(rng.uniform(-3, 3)),
            radius=radius, brightness=brightness,
        )
        for i, (x, y, radius, brightness) in enumerate(STARTS)
    ]  # fmt: skip
    cells = [replace(cell, heading=-0.3) if cell.id == LEAVER else cell for cell in cells]
    frames = [cells]
    for time in range(1, FRAMES):
        cells = [part for cell in cells for part in _divide(cell, time)]
        cells = [_step(cell, cells, time, rng) for cell in cells]
        frames.append(cells)
    return frames


def _divide(cell: Cell, time: int) -> list[Cell]:
    if cell.id not in DIVISIONS or DIVISIONS[cell.id][0] != time:
        return [cell]
    axis = cell.heading + np.pi / 2
    away = 0.42 * cell.radius * np.array([np.cos(axis), np.sin(axis)])
    return [
        replace(
            cell, id=new, position=cell.position + sign * away, radius=0.74 * cell.radius,
            heading=axis if sign > 0 else axis + np.pi, born=time,
        )
        for sign, new in zip((1, -1), DIVISIONS[cell.id][1:], strict=True)
    ]  # fmt: skip


def _step(cell: Cell, cells: list[Cell], time: int, rng: np.random.Generator) -> Cell:
    """Let a cell crawl on: it wanders, turns from walls, and is pushed by its neighbours."""
    turn = float(rng.normal(0, 0.5))
    heading = cell.heading if cell.id == LEAVER else cell.heading + turn
    push = np.zeros(2)
    for other in cells:
        gap = cell.position - other.position
        distance = float(np.hypot(*gap))
        contact = 0.88 * (cell.radius + other.radius)
        if other.id != cell.id and distance < contact:
            push += 0.42 * (contact - distance) * gap / max(distance, 1e-6)
    if cell.id != LEAVER:
        inside = np.clip(cell.position, 26, FIELD - 26) - cell.position
        push += 0.35 * inside
        wish = np.array([np.cos(heading), np.sin(heading)]) + 0.25 * (push + inside)
        heading = float(np.arctan2(wish[1], wish[0]))
    until = DIVISIONS[cell.id][0] - time if cell.id in DIVISIONS else 99
    roundness = max(smoothstep(6, 1, until).item(), smoothstep(6, 0, time - cell.born).item())
    moved = replace(cell, heading=heading, roundness=roundness)
    return replace(moved, position=cell.position + moved.velocity + push)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """The window of the field around one cell."""

    cell: Cell
    window: tuple[slice, slice]
    u: Array  # (h, w), along the heading, 1 at the mean radius
    v: Array  # (h, w), across
    level: Array  # (h, w), 1 in the centre, 0 on the outline


def _patch(cell: Cell, time: int, textures: dict[int, Array]) -> Patch | None:
    reach = int(1.7 * cell.radius)
    left, top = (cell.position - reach).astype(int)
    columns = slice(max(left, 0), min(left + 2 * reach, FIELD))
    rows = slice(max(top, 0), min(top + 2 * reach, FIELD))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return None
    y, x = np.mgrid[rows, columns].astype(np.float32)
    dx, dy = (x - cell.position[0]) / cell.radius, (y - cell.position[1]) / cell.radius
    cosine, sine = np.cos(cell.heading), np.sin(cell.heading)
    u, v = dx * cosine + dy * sine, dy * cosine - dx * sine
    theta, outline = np.arctan2(v, u), np.ones(u.shape, np.float32)
    soft = 1 - 0.9 * cell.roundness
    rng = np.random.default_rng(cell.id)
    for k, size in ((1, 0.06), (2, 0.2), (3, 0.13), (4, 0.07), (5, 0.045), (6, 0.025)):
        phase, rate = rng.uniform(0, 6.28), rng.choice((-1, 1)) * rng.uniform(0.25, 0.8)
        outline += soft * size * np.cos(k * theta + phase + rate * time)
    ragged = sample(textures[cell.id], *_texture_place(u, v))[..., 1]
    level = 1 - np.hypot(u, v) / (outline * (1 - 0.12 * cell.roundness)) + 0.014 * ragged * soft
    return Patch(cell=cell, window=(rows, columns), u=u, v=v, level=level.astype(np.float32))


def _texture_place(u: Array, v: Array) -> tuple[Array, Array]:
    return (u + 3) * TEXTURE / 6, (v + 3) * TEXTURE / 6


def _label(patches: list[Patch]) -> tuple[NDArray[np.uint8], Array]:
    """Return the labels of shape (H, W), and how far the winner is ahead of its neighbours."""
    best = np.zeros((FIELD, FIELD), np.float32)
    second, labels = best.copy(), np.zeros((FIELD, FIELD), np.uint8)
    for patch in patches:
        top, runner = best[patch.window], second[patch.window]
        runner[...] = np.maximum(runner, np.minimum(top, patch.level))
        labels[patch.window][patch.level > top] = patch.cell.id
        top[...] = np.maximum(top, patch.level)
    return labels, best - second


def _glow(patch: Patch, own: Array, ahead: Array, texture: Array) -> Array:
    """Return the fluorescence of one cell, of shape (h, w): cytoplasm, nucleus, rim, granules."""
    cell, calm = patch.cell, patch.cell.roundness
    grain, fine, spots = np.moveaxis(sample(texture, *_texture_place(patch.u, patch.v)), 2, 0)
    depth = np.sqrt(np.clip(np.minimum(patch.level, ahead), 0, 1))
    body = (0.16 + 0.44 * depth) * (1 + 0.2 * grain + 0.13 * fine)
    rim = 0.22 * np.exp(-(((depth - 0.2) / 0.1) ** 2)) * (1 - calm) * smoothstep(-0.6, 0.6, patch.u)
    nu, nv = patch.u + 0.16 * (1 - calm), patch.v
    stretch = 1 + 0.9 * calm
    nucleus = smoothstep(0.47, 0.39, np.hypot(nu * stretch * 0.88, nv / (1 + 0.12 * calm)))
    chromatin = 0.95 + 0.1 * grain + 0.13 * fine - 0.6 * smoothstep(0.9, 1.4, grain) * (1 - calm)
    granules = 0.5 * smoothstep(1.6, 2.4, spots) * (1 - nucleus)
    light = body * (1 - 0.25 * nucleus) + rim + granules + nucleus * chromatin * (0.9 + 0.4 * calm)
    return own * cell.brightness * (1 + 0.35 * calm) * np.clip(light, 0, None)


def render() -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    """Return the frames and the truth, both of shape (T, H, W)."""
    rng = np.random.default_rng(31)
    frames = simulate(rng)
    lamp, debris = _lamp(), _debris(rng)
    textures = {cell.id: _texture(cell.id) for cells in frames for cell in cells}
    images, truth = [], []
    for time, cells in enumerate(frames):
        patches = [p for c in cells if (p := _patch(c, time, textures)) is not None]
        labels, ahead = _label(patches)
        light = debris.copy()
        for patch in patches:
            own = labels[patch.window] == patch.cell.id
            glow = _glow(patch, own, ahead[patch.window], textures[patch.cell.id])
            light[patch.window] += glow
        sharp, haze = cv2.GaussianBlur(light, (0, 0), 0.95), cv2.GaussianBlur(light, (0, 0), 14)
        counts = (0.9 * sharp + 0.16 * haze) * 1400 * np.exp(-time / BLEACHING) + 26
        images.append(_expose(counts * lamp, rng))
        truth.append(labels)
    return np.stack(images), np.stack(truth)


def _texture(identity: int) -> Array:
    """Return three kinds of noise of shape (TEXTURE, TEXTURE, 3), fixed to one cell."""
    rng = np.random.default_rng(1000 + identity)
    return np.dstack([fractal((TEXTURE, TEXTURE), cell, rng, 3) for cell in (13, 5, 3.5)])


def _lamp() -> Array:
    y, x = np.mgrid[:FIELD, :FIELD].astype(np.float32) / FIELD
    return 0.42 + 0.62 * np.exp(-((x - 0.42) ** 2 + (y - 0.55) ** 2) / 0.3)


def _debris(rng: np.random.Generator) -> Array:
    """Return bright specks that belong to no cell."""
    light = np.zeros((FIELD, FIELD), np.float32)
    for x, y in rng.integers(6, FIELD - 6, (16, 2)):
        cv2.circle(light, (int(x), int(y)), 1, float(rng.uniform(0.1, 0.7)), -1)
    return light


def _expose(counts: Array, rng: np.random.Generator) -> NDArray[np.uint16]:
    """Return what a 12-bit camera reads: photon noise, read noise, offset."""
    electrons = rng.poisson(counts * ELECTRONS) + rng.normal(0, READ_NOISE, counts.shape)
    return np.clip(np.rint(OFFSET + electrons / ELECTRONS), 0, 4095).astype(np.uint16)
