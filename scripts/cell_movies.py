"""Write movies of simulated cells of many looks, to train on: see recipes/cells-preset.toml.

    python scripts/cell_movies.py OUT [--movies 80] [--first 0]

OUT/NAME/video.tif and labels.tif for each; OUT/sheet.png shows the first frames of some.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import tifffile
from samples.culture import movie

_SHOWN = 24


def main() -> None:
    """Write what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--movies", type=int, default=80)
    parser.add_argument("--first", type=int, default=0, help="seed of the first one")
    options = parser.parse_args()
    shown = []
    for seed in range(options.first, options.first + options.movies):
        frames, truth, _, look = movie(seed)
        folder = options.out / f"{seed:04d}-{look.mode.replace(' ', '-')}"
        folder.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(folder / "video.tif", frames, compression="zlib")
        tifffile.imwrite(folder / "labels.tif", truth, compression="zlib")
        shown.append(_sheet(frames[0], truth[0]))
    rows = [np.hstack(shown[i : i + 6]) for i in range(0, min(len(shown), _SHOWN) // 6 * 6, 6)]
    if rows:
        cv2.imwrite(str(options.out / "sheet.png"), np.vstack(rows))


def _sheet(frame: np.ndarray, truth: np.ndarray) -> np.ndarray:
    low, high = np.percentile(frame, (0.5, 99.8))
    gray = np.clip((frame - low) / max(high - low, 1) * 255, 0, 255).astype(np.uint8)
    picture = cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR)
    outline = cv2.morphologyEx(truth, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    outline[:, : frame.shape[1] // 2] = False
    picture[outline] = (0, 200, 255)
    return picture


if __name__ == "__main__":
    main()
