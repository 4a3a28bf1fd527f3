"""The rotoscoping clip: a koi in a stream, with exact truth.

The koi (white with vermilion) turns a full circle, dives under lily pads until nothing of it is
seen, comes up again larger, and twice meets another koi (gold with black and white). The camera
pans, a shadow passes, the exposure drifts, and the surface refracts and gathers the light.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
from samples.fish import Coat, paint
from samples.noise import curve, fractal, sample, smoothstep
from samples.pond import Water, leaf_layer, river_bed
from samples.swim import Swimmer, draw

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from samples.noise import Array

SIZE = (360, 640)
FRAMES = 96
GRID = 3  # sub-frames per frame: GRID squared, each offset within the pixel as well as in time
SHUTTER = 0.5  # of the frame interval
ORIGIN = 50.0  # of the image in the textures
PARALLAX = 1.3  # of the surface against the bed
WATER = np.array([0.028, 0.062, 0.052], np.float32)

HERO = Coat(
    base=(0.74, 0.70, 0.62), patch=(0.66, 0.10, 0.018), spot=(0.016, 0.016, 0.02),
    patch_level=0.05, spot_level=1.45, seed=8,
)  # fmt: skip
OTHER = Coat(
    base=(0.52, 0.25, 0.035), patch=(0.030, 0.027, 0.026), spot=(0.62, 0.56, 0.44),
    patch_level=0.45, spot_level=0.75, seed=3,
)  # fmt: skip
# frame, x, y in the image, scale
HERO_PATH = [
    (-60, -340, 250, 1.0), (0, 165, 262, 1.0), (12, 265, 265, 1.1), (24, 392, 240, 1.15),
    (34, 468, 165, 1.05), (44, 400, 78, 0.9), (54, 285, 85, 0.72), (62, 200, 130, 0.62),
    (70, 172, 195, 0.66), (80, 240, 262, 1.05), (90, 355, 262, 1.45), (100, 465, 215, 1.6),
    (160, 1100, 60, 1.6),
]  # fmt: skip
OTHER_PATH = [
    (-60, 1150, 20, 0.9), (-10, 740, 120, 0.9), (8, 560, 205, 0.95), (22, 400, 290, 0.95),
    (36, 250, 292, 0.95), (48, 140, 262, 0.95), (60, 70, 200, 0.95), (70, 95, 120, 0.95),
    (82, 205, 120, 1.0), (96, 345, 160, 1.0), (160, 900, 300, 1.0),
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Everything that does not change from frame to frame."""

    bed: Array
    leaves: Array
    leaf_shadow: Array
    gloom: Array
    water: Water
    camera: Array  # (N, 2) at `clock`
    clock: Array
    hero: Swimmer
    other: Swimmer

    def look(self, time: float) -> Array:
        """Return the x, y position of the camera at a (fractional) frame."""
        return np.array([np.interp(time, self.clock, c) for c in self.camera.T], np.float32)


def build_scene() -> Scene:
    """Return the scene; the same on every call."""
    rng = np.random.default_rng(2024)
    clock = np.arange(-60, 170, 0.125, dtype=np.float32)
    camera = curve([(-60, -60, 0), (0, 0, 0), (40, 80, 16), (96, 215, 6), (170, 380, 0)], clock, 7)
    camera += 1.6 * np.stack([np.sin(clock / 5.1), np.cos(clock / 6.7)], 1).astype(np.float32)
    bed = river_bed(rng)
    leaves = leaf_layer(_leaf_places(), rng)
    shadow = cv2.GaussianBlur(leaves[..., 3:], (0, 0), 7.0)

    def swimmer(coat: Coat, path: list[tuple[float, ...]], beat: float) -> Swimmer:
        look = [[np.interp(knot[0], clock, c) for c in camera.T] for knot in path]
        moved = [(t, x + c[0], y + c[1], s) for (t, x, y, s), c in zip(path, look, strict=True)]
        return Swimmer(paint(coat), moved, beat)

    return Scene(
        bed=bed, leaves=leaves, leaf_shadow=shadow,
        gloom=fractal((SIZE[0], 2 * SIZE[1]), 70, rng, 3), water=Water(rng), camera=camera,
        clock=clock, hero=swimmer(HERO, HERO_PATH, 0.075), other=swimmer(OTHER, OTHER_PATH, 0.068),
    )  # fmt: skip


def _leaf_places() -> list[tuple[float, float, float, float]]:
    """Return x, y, radius and notch angle: small leaves anywhere, a raft over the path."""
    raft = [
        (430, 232, 66), (372, 168, 60), (505, 160, 62), (430, 128, 55), (470, 205, 58),
        (388, 232, 40), (514, 116, 37), (455, 165, 70), (330, 215, 30), (560, 205, 26),
    ]  # fmt: skip
    alone = [(690, 420, 58), (760, 395, 40), (905, 130, 62), (850, 90, 36), (60, 90, 48)]
    alone += [(120, 60, 26), (640, 60, 22), (230, 430, 30)]
    rng = np.random.default_rng(5)  # no notch of the raft shows the hidden koi
    return [(x, y, radius, float(rng.uniform(0, 6.28))) for x, y, radius in alone + raft]


def render_frame(scene: Scene, index: int) -> tuple[Array, NDArray[np.uint8]]:
    """Return a frame of shape (H, W, 3), linear light, and its truth of shape (H, W)."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float32)
    middle = scene.look(index)
    coarse = scene.water.surface(x[::2, ::2] + middle[0], y[::2, ::2] + middle[1], index)
    slope_x, slope_y, caustic = (cv2.resize(c, SIZE[::-1], interpolation=1) for c in coarse)
    caustic = cv2.GaussianBlur(caustic, (0, 0), 0.8)
    light = _daylight(scene, x, y, index)
    lit = light * (0.32 + 0.72 * caustic), _fish_shadow(scene, index)
    moments = np.random.default_rng(index).permutation(GRID * GRID)
    picture, cover = np.zeros((*SIZE, 3), np.float32), np.zeros(SIZE, np.float32)
    for order, moment in enumerate(moments):
        time = index + SHUTTER * ((moment + 0.5) / GRID**2 - 0.5)
        jitter = (np.array(divmod(order, GRID)) + 0.5) / GRID - 0.5
        grid = x + jitter[1], y + jitter[0]
        sub, sub_cover = _sub_frame(scene, time, grid, (slope_x * 7, slope_y * 7), lit)
        picture += sub / GRID**2
        cover += sub_cover / GRID**2
    glint = np.exp(-((slope_x - 0.1) ** 2 + (slope_y - 0.1) ** 2) / 0.0011)
    above = PARALLAX * middle + ORIGIN
    open_water = 1 - sample(scene.leaves, x + above[0], y + above[1])[..., 3]
    return picture + (0.16 * glint * light * open_water)[..., None], (cover >= 0.5).astype(np.uint8)


def _sub_frame(
    scene: Scene,
    time: float,
    grid: tuple[Array, Array],
    bend: tuple[Array, Array],
    lit: tuple[Array, Array],
) -> tuple[Array, Array]:
    """Return one instant: linear light (H, W, 3) and the visible coverage of the hero (H, W)."""
    look = scene.look(time)
    x, y = grid[0] + bend[0], grid[1] + bend[1]
    picture = sample(scene.bed, x + look[0] + ORIGIN, y + look[1] + ORIGIN)
    above = PARALLAX * look + ORIGIN
    shade = 1 - 0.62 * sample(scene.leaf_shadow, x + above[0] - 20, y + above[1] - 24)
    light = lit[0] * shade
    picture *= (light * (1 - 0.6 * lit[1]))[..., None]
    picture += 0.2 * (WATER * light[..., None] - picture)
    cover = np.zeros(SIZE, np.float32)
    fish = [(s, s.pose(time, look)) for s in (scene.hero, scene.other)]
    for swimmer, pose in sorted(fish, key=lambda item: item[1].pixels):
        near = grid[0] + 0.4 * bend[0], grid[1] + 0.4 * bend[1]
        drawn = draw(swimmer.skin, pose, *near, light)
        if drawn is None:
            continue
        deep = np.clip(0.30 - 0.2 * (pose.pixels / 150 - 0.6), 0.05, 0.3)
        alpha = drawn.colour[..., 3:]
        colour = drawn.colour[..., :3] * (1 - deep)
        colour = colour + deep * WATER * 1.6 * light[drawn.rows, drawn.columns, None] * alpha
        target = picture[drawn.rows, drawn.columns]
        target += colour - alpha * target
        visible = cover[drawn.rows, drawn.columns]
        visible *= 1 - drawn.cover
        visible += drawn.cover * (swimmer is scene.hero)
    leaf = sample(scene.leaves, grid[0] + above[0], grid[1] + above[1])
    picture = picture * (1 - leaf[..., 3:]) + leaf[..., :3] * lit[0].mean() * 1.15
    return picture, cover * (1 - leaf[..., 3])


def _fish_shadow(scene: Scene, index: int) -> Array:
    """Return how much of the light the fish keep from the bed, of shape (H, W), [0, 1]."""
    y, x = np.mgrid[: SIZE[0] : 4, : SIZE[1] : 4].astype(np.float32)
    look, shadow = scene.look(index), np.zeros(x.shape, np.float32)
    for swimmer in (scene.hero, scene.other):
        pose = swimmer.pose(index, look)
        small = replace(pose, spine=pose.spine / 4, pixels=pose.pixels / 4)
        drawn = draw(swimmer.skin, small, x / 4, y / 4, np.ones_like(x))
        if drawn is None:
            continue
        one = np.zeros_like(shadow)
        one[drawn.rows, drawn.columns] = drawn.cover
        lift = 0.035 * pose.pixels
        move = np.float32([[1, 0, lift * 0.9], [0, 1, lift]])
        one = cv2.warpAffine(one, move, one.shape[::-1])
        shadow = np.maximum(shadow, cv2.GaussianBlur(one, (0, 0), 0.5 + 0.3 * lift))
    return cv2.resize(shadow, SIZE[::-1], interpolation=cv2.INTER_LINEAR)


def _daylight(scene: Scene, x: Array, y: Array, index: int) -> Array:
    """Return the sunlight of shape (H, W): a shadow sweeps over, the exposure drifts."""
    front = x + 0.5 * y - (index - 22) * 17 + 34 * scene.gloom[:, : SIZE[1]]
    cloud = smoothstep(140, -60, front) * smoothstep(-620, -380, front)
    exposure = 1.0 + 0.2 * np.cos(2 * np.pi * index / 80) - 0.1 * index / FRAMES
    away = ((x / SIZE[1] - 0.5) ** 2 + (y / SIZE[0] - 0.5) ** 2) * 0.5
    return (exposure * (1 - 0.62 * cloud) * (1 - away)).astype(np.float32)


def develop(linear: Array, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the camera's 8-bit picture of linear light: sensor noise, shoulder, gamma."""
    linear = linear * 2.15
    noise = rng.standard_normal(linear.shape).astype(np.float32)
    noisy = linear + noise * (0.0025 + 0.012 * np.sqrt(np.clip(linear, 0, None)))
    noisy = np.clip(noisy, 0, None)
    curved = noisy * (1 + noisy / 5) / (1 + noisy)
    grey = curved.mean(2, keepdims=True)
    curved = (grey + 1.18 * (curved - grey)).clip(0) * (0.72 + 0.42 * grey)
    return np.clip(255 * curved ** (1 / 2.2) + 0.5, 0, 255).astype(np.uint8)


def render() -> tuple[list[NDArray[np.uint8]], NDArray[np.uint8]]:
    """Return the frames, each of shape (H, W, 3), and the truth of shape (T, H, W)."""
    scene, rng = build_scene(), np.random.default_rng(7)
    pairs = [render_frame(scene, index) for index in range(FRAMES)]
    return [develop(picture, rng) for picture, _ in pairs], np.stack([mask for _, mask in pairs])
