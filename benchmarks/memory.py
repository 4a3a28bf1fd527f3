"""Resident memory over a long video: it must not grow with the number of frames.

    python benchmarks/memory.py [--frames 3000] [--size 480x854]

Frames are drawn when they are asked for: a textured disc on a textured ground, both moving.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_frtm.config import preset
from napari_frtm.engine.tracking.propagate import propagate
from napari_frtm.io.weights.checkpoint import load_network

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Drawn:
    """A video that exists only frame by frame."""

    def __init__(self, count: int, size: tuple[int, int]) -> None:
        self.shape = (count, *size, 3)
        rng = np.random.default_rng(0)
        noise = [rng.integers(0, 255, (size[0] + 64, size[1] + 64, 3), np.uint8) for _ in range(2)]
        ground, disc = (
            cv2.GaussianBlur(n, (0, 0), sigma) for n, sigma in zip(noise, (6, 2), strict=True)
        )
        self._ground = ground
        self._disc = cv2.add(disc // 2, np.array([120.0, 0, 0, 0]))

    def mask(self, index: int) -> NDArray[np.uint8]:
        """Return the label image of a frame."""
        _, height, width, _ = self.shape
        angle = index / 40
        centre = (
            int(width * (0.5 + 0.3 * np.cos(angle))),
            int(height * (0.5 + 0.25 * np.sin(angle))),
        )
        return cv2.circle(np.zeros((height, width), np.uint8), centre, height // 6, 1, -1)

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        """Draw a frame."""
        _, height, width, _ = self.shape
        shift = index % 64
        ground = self._ground[shift : shift + height, shift : shift + width]
        disc = self._disc[:height, :width]
        return np.where(self.mask(index)[..., None] > 0, disc, ground)


def main() -> None:
    """Follow the disc and print the resident memory on the way."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=3000)
    parser.add_argument("--size", default="480x854", help="height x width, pixels")
    options = parser.parse_args()
    height, width = (int(side) for side in options.size.split("x"))
    config = preset("lite", "d-only")
    frames = Drawn(options.frames, (height, width))
    network = load_network(config, device="cpu")

    print("| frame | resident memory, MB | seconds |\n|---|---|---|")
    marks = {1, 50, 100, *range(250, options.frames, 250), options.frames - 1}
    overlap, start = [], time.perf_counter()
    for prediction in propagate(network, config, frames, {0: frames.mask(0)}):
        truth, found = frames.mask(prediction.index) > 0, prediction.labels > 0
        overlap.append((truth & found).sum() / (truth | found).sum())
        if prediction.index in marks:
            seconds = time.perf_counter() - start
            print(f"| {prediction.index} | {_resident():.0f} | {seconds:.0f} |", flush=True)
    print(f"\nMean J {np.mean(overlap):.3f}")


def _resident() -> float:
    """Return the resident memory of this process in MB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


if __name__ == "__main__":
    main()
