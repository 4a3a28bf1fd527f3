"""Write videos of plain shapes that move over plain grounds, in the layout of DAVIS, to train on.

    python scripts/shape_movies.py OUT [--movies 60] [--first 0]

Discs, polygons and stars, evenly coloured, shaded, striped or noisy, over noise, slopes, stripes or
one colour: what photographs do not show, and people who try a program do. OUT/sheet.png shows
the first frames of some.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image

from napari_frtm.io.labels import write_labels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Picture = NDArray[np.float32]

SIZE, FRAMES, SHOWN = (384, 512), 6, 24


@dataclass(frozen=True)
class Shape:
    """A shape that moves: its outline around (0, 0), its texture, and where it is over time."""

    outline: NDArray[np.float64]
    texture: Picture
    start: NDArray[np.float64]
    speed: NDArray[np.float64]
    spin: float
    growth: float

    def mask(self, time: int) -> Picture:
        """Return how much of each pixel it covers, in [0, 1]."""
        angle, scale = self.spin * time, self.growth**time
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        points = self.outline @ turn.T + self.start + self.speed * time
        mask = np.zeros(SIZE, np.uint8)
        fixed = np.round(points[:, ::-1] * 16).astype(np.int32)
        cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, shift=4)
        return mask.astype(np.float32) / 255


def shape(rng: np.random.Generator) -> Shape:
    """Return a random shape."""
    size = float(np.exp(rng.uniform(np.log(14), np.log(90))))
    kind, corners = rng.integers(3), int(rng.integers(3, 8))
    angles = np.linspace(0, 2 * np.pi, 60 if kind == 0 else corners * 2, endpoint=False)
    radius = np.full(angles.shape, size)
    if kind == 1:
        radius *= rng.uniform(0.7, 1.2, radius.shape)
    elif kind == 2:
        radius[::2] *= rng.uniform(0.4, 0.8)
    stretch = np.array([1, rng.uniform(0.5, 1)])
    outline = np.stack([np.sin(angles), np.cos(angles)], 1) * radius[:, None] * stretch
    return Shape(
        outline=outline,
        texture=texture(rng),
        start=rng.uniform(0.15, 0.85, 2) * SIZE,
        speed=rng.normal(0, 0.12 * size, 2),
        spin=rng.normal(0, 0.15),
        growth=float(np.exp(rng.normal(0, 0.03))),
    )


def texture(rng: np.random.Generator) -> Picture:
    """Return an image of shape (H, W, 3) in [0, 255]: even, shaded, striped or noisy."""
    colour = rng.uniform(10, 245, 3)
    if rng.random() < 0.25:
        colour[:] = colour.mean()
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    angle, period = rng.uniform(0, np.pi), rng.uniform(8, 200)
    along = rows * np.sin(angle) + columns * np.cos(angle)
    kind, strength = rng.integers(4), rng.uniform(5, 60)
    if kind == 0:
        pattern = np.zeros(SIZE)
    elif kind == 1:
        pattern = np.sin(along / 150)
    elif kind == 2:
        pattern = np.sign(np.sin(2 * np.pi * along / period))
    else:
        noise = rng.normal(0, 1, (*SIZE, 3)).astype(np.float32)
        smooth = cv2.GaussianBlur(noise, (0, 0), float(rng.uniform(0.6, 8)))
        return np.asarray(colour + strength * smooth / smooth.std(), np.float32)
    return np.asarray(colour + strength * pattern[..., None], np.float32)


def movie(seed: int) -> tuple[list[NDArray[np.uint8]], list[NDArray[np.uint8]]]:
    """Return frames (H, W, 3) and their label images."""
    rng = np.random.default_rng(seed)
    ground, shapes = texture(rng), [shape(rng) for _ in range(rng.integers(1, 5))]
    blur, noise, edge = rng.uniform(0, 1.5), rng.uniform(0, 6), rng.uniform(0, 2)
    drift = rng.normal(0, 3, 2)
    frames, truth = [], []
    for time in range(FRAMES):
        move = np.array([[1, 0, drift[1] * time], [0, 1, drift[0] * time]])
        picture = cv2.warpAffine(ground, move, SIZE[::-1], borderMode=cv2.BORDER_REFLECT)
        labels = np.zeros(SIZE, np.uint8)
        for number, each in enumerate(shapes, 1):
            mask = each.mask(time)
            labels[mask > 0.5] = number
            soft = cv2.GaussianBlur(mask, (0, 0), edge) if edge > 0.3 else mask
            picture += soft[..., None] * (each.texture - picture)
        if blur > 0.3:
            picture = cv2.GaussianBlur(picture, (0, 0), blur)
        picture = picture + rng.normal(0, noise, picture.shape)
        frames.append(picture.clip(0, 255).astype(np.uint8))
        truth.append(labels)
    return frames, truth


def main() -> None:
    """Write what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--movies", type=int, default=60)
    parser.add_argument("--first", type=int, default=0, help="seed of the first one")
    options = parser.parse_args()
    shown = []
    for seed in range(options.first, options.first + options.movies):
        frames, truth = movie(seed)
        for part in ("JPEGImages", "Annotations"):
            (options.out / part / "480p" / f"{seed:04d}").mkdir(parents=True, exist_ok=True)
        for number, (frame, labels) in enumerate(zip(frames, truth, strict=True)):
            name = f"480p/{seed:04d}/{number:05d}"
            Image.fromarray(frame).save(options.out / "JPEGImages" / f"{name}.jpg", quality=92)
            write_labels(options.out / "Annotations" / f"{name}.png", labels)
        shown.append(cv2.resize(frames[0], (256, 192))[..., ::-1])
    rows = [np.hstack(shown[i : i + 6]) for i in range(0, min(len(shown), SHOWN) // 6 * 6, 6)]
    if rows:
        cv2.imwrite(str(options.out / "sheet.png"), np.vstack(rows))


if __name__ == "__main__":
    main()
