"""Movies of cells of many looks, with exact truth: what a network of cells is trained on.

A culture is some cells that wander, push each other and divide; a look is how a microscope shows
them. Both are drawn at random.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING

import cv2
import numpy as np
from samples.noise import fractal, sample, smoothstep

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from samples.noise import Array

MODES = ("nuclei", "body", "membrane", "organelles", "phase", "relief", "bright field")
FIELD, FRAMES = 256, 10
_TEXTURE = 192  # pixels; the middle third spans one cell


@dataclass(frozen=True, slots=True, kw_only=True)
class Culture:
    """How cells look like and move; lengths in pixels, rates a frame."""

    radius: float
    spread: float  # of radii, relative
    cells: int
    stretch: float  # length over width of a typical cell
    ragged: float  # how uneven outlines are
    speed: float
    restless: float  # how much of the outline is another one in the next frame
    dividing: float  # chance
    drift: tuple[float, float]  # of the stage, x and y
    trembling: float  # of the stage

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Culture:
        """Return any culture."""
        radius = float(np.exp(rng.uniform(np.log(8), np.log(26))))
        room = (FIELD / radius) ** 2 / 7
        return cls(
            radius=radius,
            spread=rng.uniform(0.05, 0.3),
            cells=int(np.clip(room * rng.uniform(0.25, 1.1), 4, 60)),
            stretch=1 + float(rng.random() < 0.5) * rng.uniform(0, 2.5),
            ragged=rng.uniform(0.2, 1.3),
            speed=radius * rng.uniform(0, 0.35),
            restless=rng.uniform(0.05, 0.9),
            dividing=rng.choice((0, 0.03)),
            drift=tuple(rng.normal(0, 0.08 * radius, 2)),
            trembling=rng.choice((0, 0.05)) * radius,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How cells are shown: light in units of a bright cell."""

    mode: str
    blur: float  # pixels
    haze: float  # out of focus, share of the light
    background: float
    uneven: float  # of the background, share
    contrast: float  # spread of the brightness of cells
    photons: float  # of a bright cell
    reading: float  # noise, electrons
    bleaching: float  # a frame
    debris: int
    vignette: float

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Look:
        """Return any look."""
        return cls(
            mode=str(rng.choice(MODES, p=(0.26, 0.18, 0.1, 0.1, 0.14, 0.12, 0.1))),
            blur=rng.uniform(0.6, 2.2),
            haze=rng.uniform(0, 0.35),
            background=float(np.exp(rng.uniform(np.log(0.02), np.log(0.4)))),
            uneven=rng.uniform(0, 0.6),
            contrast=rng.uniform(0.1, 0.6),
            photons=float(np.exp(rng.uniform(np.log(20), np.log(1500)))),
            reading=rng.uniform(0.5, 4),
            bleaching=rng.choice((0, 0.03)),
            debris=int(rng.choice((0, 0, 6, 25))),
            vignette=rng.uniform(0, 0.5),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cell:
    id: int
    place: NDArray[np.float64]
    heading: float
    radius: float
    stretch: float
    brightness: float
    round: float = 0.0  # 1 when it divides
    age: int = 99


def movie(seed: int) -> tuple[NDArray[np.uint16], NDArray[np.uint16], Culture, Look]:
    """Return frames and truth (T, H, W), and what they show.

    Parameters
    ----------
    seed : int
        Of all that is drawn.
    """
    rng = np.random.default_rng(seed)
    culture, look = Culture.drawn(rng), Look.drawn(rng)
    scene = _Scene(look, rng)
    frames, truth = [], []
    for time, cells in enumerate(_simulated(culture, rng)):
        labels, frame = scene.shown(cells, culture, time)
        frames.append(frame)
        truth.append(labels)
    return np.stack(frames), np.stack(truth), culture, look


def _simulated(culture: Culture, rng: np.random.Generator) -> Iterator[list[_Cell]]:
    """Yield the cells of each frame."""
    numbers = count(1)

    def new() -> _Cell:
        return _Cell(
            id=next(numbers),
            place=rng.uniform(-8, FIELD + 8, 2),
            heading=rng.uniform(-np.pi, np.pi),
            radius=culture.radius * float(np.exp(rng.normal(0, culture.spread))),
            stretch=max(1.0, culture.stretch * float(np.exp(rng.normal(0, 0.25)))),
            brightness=1.0,
        )

    cells = [new() for _ in range(culture.cells)]
    for _ in range(25):  # until they do not lie upon each other
        cells = [_pushed(cell, cells) for cell in cells]
    for _ in range(FRAMES):
        yield cells
        shift = np.array(culture.drift) + rng.normal(0, culture.trembling + 1e-9, 2)
        cells = [part for cell in cells for part in _divided(cell, culture, numbers, rng)]
        cells = [_pushed(_moved(cell, culture, shift, rng), cells) for cell in cells]


def _moved(
    cell: _Cell, culture: Culture, shift: NDArray[np.float64], rng: np.random.Generator
) -> _Cell:
    heading = cell.heading + rng.normal(0, 0.3)
    step = culture.speed * (1 - 0.9 * cell.round) * rng.uniform(0.3, 1)
    along = step * np.array([np.cos(heading), np.sin(heading)])
    rounding = cell.round if cell.age < 3 else max(0.0, cell.round - 0.3)
    return replace(
        cell, place=cell.place + along + shift, heading=heading, round=rounding, age=cell.age + 1
    )


def _divided(
    cell: _Cell, culture: Culture, numbers: Iterator[int], rng: np.random.Generator
) -> list[_Cell]:
    if cell.age < 8 or rng.random() >= culture.dividing:
        return [cell]
    axis = np.array([-np.sin(cell.heading), np.cos(cell.heading)])
    small = replace(cell, radius=0.75 * cell.radius, round=0.9, age=0)
    away = 0.6 * cell.radius * axis
    return [replace(small, id=next(numbers), place=cell.place + s * away) for s in (1, -1)]


def _pushed(cell: _Cell, cells: list[_Cell]) -> _Cell:
    push = np.zeros(2)
    for other in cells:
        gap = cell.place - other.place
        distance = float(np.hypot(*gap))
        contact = 0.95 * (cell.radius + other.radius)
        if other.id != cell.id and distance < contact:
            push += 0.3 * (contact - distance) * gap / max(distance, 1e-6)
    return replace(cell, place=cell.place + push)


class _Scene:
    """Renders cells as one look; what belongs to a cell stays with it."""

    def __init__(self, look: Look, rng: np.random.Generator) -> None:
        self.look, self.rng = look, rng
        self.bed = fractal((FIELD, FIELD), rng.uniform(20, 120), rng)
        y, x = np.mgrid[:FIELD, :FIELD].astype(np.float32) / FIELD - rng.uniform(0.3, 0.7)
        self.lamp = 1 - look.vignette * np.clip(2 * (x**2 + y**2), 0, 1)
        self.specks = np.zeros((FIELD, FIELD), np.float32)
        for _ in range(look.debris):
            centre = [int(v) for v in rng.integers(0, FIELD, 2)]
            bright = float(rng.uniform(0.2, 1.5))
            cv2.circle(self.specks, centre, int(rng.integers(1, 4)), bright, -1)
        self.azimuth = rng.uniform(0, 2 * np.pi)
        self.sign = rng.choice((-1, 1))
        self.textures: dict[int, Array] = {}
        self.gain: dict[int, float] = {}

    def shown(
        self, cells: list[_Cell], culture: Culture, time: int
    ) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
        """Return the labels (H, W) and the frame (H, W) of some cells."""
        labels = np.zeros((FIELD, FIELD), np.uint16)
        level = np.zeros((FIELD, FIELD), np.float32)
        second = level.copy()
        places = []
        for cell in cells:
            if (patch := self._patch(cell, culture, time)) is None:
                continue
            where, u, v, height = patch
            best, runner = level[where], second[where]
            runner[...] = np.maximum(runner, np.minimum(best, height))
            labels[where][height > best] = cell.id
            best[...] = np.maximum(best, height)
            places.append((cell, where, u, v))
        ahead = np.clip(level - second, 0, 1)
        light = np.zeros((FIELD, FIELD), np.float32)
        for cell, where, u, v in places:
            own = labels[where] == cell.id
            light[where] += np.where(own, self._body(cell, ahead[where], u, v), 0)
        return labels, self._exposed(light, ahead, labels > 0, time)

    def _patch(
        self, cell: _Cell, culture: Culture, time: int
    ) -> tuple[tuple[slice, slice], Array, Array, Array] | None:
        """Return where a cell is, its own axes, and 1 in its middle to 0 on its outline."""
        stretch = 1 + (cell.stretch - 1) * (1 - cell.round)
        reach = int(1.6 * cell.radius * stretch) + 2
        left, top = (cell.place - reach).astype(int)
        rows = slice(max(top, 0), min(top + 2 * reach, FIELD))
        columns = slice(max(left, 0), min(left + 2 * reach, FIELD))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return None
        y, x = np.mgrid[rows, columns].astype(np.float32)
        dx, dy = (x - cell.place[0]) / cell.radius, (y - cell.place[1]) / cell.radius
        cosine, sine = np.cos(cell.heading), np.sin(cell.heading)
        u, v = (dx * cosine + dy * sine) / stretch**0.6, (dy * cosine - dx * sine) * stretch**0.5
        v += 0.12 * (stretch - 1) * u**2  # long cells are bent
        theta, outline = np.arctan2(v, u), np.ones(u.shape, np.float32)
        uneven = np.random.default_rng(cell.id)
        for k, size in ((1, 0.05), (2, 0.14), (3, 0.12), (4, 0.08), (5, 0.05), (7, 0.03)):
            phase, rate = uneven.uniform(0, 6.28), uneven.choice((-1, 1)) * uneven.random()
            turn = culture.restless * rate * time
            outline += culture.ragged * size * (1 - cell.round) * np.cos(k * theta + phase + turn)
        height = 1 - np.hypot(u, v) / np.maximum(outline, 0.3)
        return (rows, columns), u, v, height.astype(np.float32)

    def _body(self, cell: _Cell, ahead: Array, u: Array, v: Array) -> Array:
        """Return the light of a cell (h, w), where all in it is its own."""
        if cell.id not in self.textures:
            own = np.random.default_rng((cell.id, int(self.azimuth * 1e6)))
            kinds = [fractal((_TEXTURE, _TEXTURE), size, own, 3) for size in (16, 6, 3.5)]
            self.textures[cell.id] = np.dstack(kinds)
            self.gain[cell.id] = float(np.exp(own.normal(0, self.look.contrast)))
        places = (u + 3) * _TEXTURE / 6, (v + 3) * _TEXTURE / 6
        coarse, fine, spots = np.moveaxis(sample(self.textures[cell.id], *places), 2, 0)
        depth = np.sqrt(np.clip(ahead, 0, 1))
        nucleus = smoothstep(0.55, 0.42, np.hypot(u, v))
        edge = np.exp(-(((depth - 0.22) / 0.12) ** 2))
        mode = self.look.mode
        if mode == "nuclei":
            light = smoothstep(0, 0.45, depth) * (1 + 0.12 * coarse + 0.1 * fine)
        elif mode == "membrane":
            light = 0.9 * edge + 0.08 * (1 + 0.3 * fine)
        elif mode == "organelles":
            grains = smoothstep(0.8, 1.8, spots) * (1 - nucleus)
            light = 0.12 + 0.9 * grains * smoothstep(0, 0.3, depth) + 0.15 * depth
        else:
            dark = 0.5 * nucleus * (self.sign > 0)
            light = (0.2 + 0.7 * depth) * (1 + 0.15 * coarse + 0.12 * fine) * (1 - dark)
        bright = self.gain[cell.id] * (1 + 0.5 * cell.round)
        return np.asarray(bright * np.clip(light, 0, None), np.float32)

    def _exposed(
        self, light: Array, ahead: Array, inside: NDArray[np.bool_], time: int
    ) -> NDArray[np.uint16]:
        """Return what a camera reads of the light, (H, W)."""
        look, sharp = self.look, cv2.GaussianBlur(light, (0, 0), self.look.blur)
        if look.mode in ("phase", "relief", "bright field"):
            picture = self._transmitted(sharp, ahead, inside)
        else:
            haze = cv2.GaussianBlur(light + self.specks, (0, 0), 10)
            bed = look.background * (1 + look.uneven * self.bed)
            specks = cv2.GaussianBlur(self.specks, (0, 0), look.blur)
            picture = (1 - look.haze) * sharp + look.haze * haze + specks + np.clip(bed, 0, None)
        picture = picture * self.lamp * np.exp(-look.bleaching * time)
        electrons = self.rng.poisson(np.clip(picture, 0, None) * look.photons)
        electrons = electrons + self.rng.normal(0, look.reading, picture.shape)
        return np.clip(np.rint(100 + 8 * electrons), 0, 65535).astype(np.uint16)

    def _transmitted(
        self, sharp: Array, ahead: Array, inside: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Return light that comes through the cells, around 1 (H, W)."""
        thick = cv2.GaussianBlur(np.sqrt(ahead), (0, 0), self.look.blur)
        grain = sharp - cv2.GaussianBlur(sharp, (0, 0), 4)
        bed = 1 + 0.15 * self.look.uneven * self.bed - 0.5 * np.clip(self.specks, 0, 1)
        if self.look.mode == "relief":
            slope_y, slope_x = np.gradient(thick + 0.3 * grain)
            slope = slope_x * np.cos(self.azimuth) + slope_y * np.sin(self.azimuth)
            return np.asarray(bed + 4 * slope, np.float32)
        if self.look.mode == "phase":
            around = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 4)
            halo = np.where(inside, 0, around)
            return np.asarray(bed + 0.9 * halo - 0.45 * thick + 0.8 * grain, np.float32)
        ring = np.exp(-(((np.sqrt(ahead) - 0.15) / 0.12) ** 2)) * inside
        ring = cv2.GaussianBlur(ring.astype(np.float32), (0, 0), self.look.blur)
        return np.asarray(bed - self.sign * 0.3 * ring + 0.4 * grain, np.float32)
