"""Make the sample clips in sample_data: ``python scripts/make_samples.py [--check]``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import tifffile
from samples import baselines, cells, files, roto

if TYPE_CHECKING:
    from numpy.typing import NDArray

FOLDER = Path(__file__).parent.parent / "sample_data"


def main() -> None:
    """Make all sample files, print their sizes, and how hard they are if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder to write to")
    parser.add_argument("--check", action="store_true", help="print the J of two baselines")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    make_roto(options.out)
    make_cells(options.out)
    for path in sorted(options.out.iterdir()):
        print(f"{path.stat().st_size / 1024:8.1f} KiB  {path.name}")
    if options.check:
        check(options.out)


def make_roto(folder: Path) -> None:
    """Write roto.mp4, roto_truth.tif and roto_mask.png."""
    frames, truth = roto.render()
    files.write_movie(folder / "roto.mp4", frames, fps=24, crf=20)
    files.write_stack(folder / "roto_truth.tif", truth)
    files.write_mask(folder / "roto_mask.png", truth[0])


def make_cells(folder: Path) -> None:
    """Write cells.tif, cells_truth.tif and cells_mask.tif."""
    frames, truth = cells.render()
    files.write_microscopy(folder / "cells.tif", frames, interval=cells.INTERVAL)
    files.write_stack(folder / "cells_truth.tif", truth)
    tifffile.imwrite(folder / "cells_mask.tif", truth[0].astype(np.uint16), compression="zlib")


def check(folder: Path) -> None:
    """Print the J of the frozen first labels and of optical flow, for both clips."""
    movie = files.read_movie(folder / "roto.mp4")
    grey = np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in movie])
    _report("roto", grey, tifffile.imread(folder / "roto_truth.tif"))
    cells_16 = tifffile.imread(folder / "cells.tif").astype(np.float32)
    low, high = np.percentile(cells_16, (1, 99.8))
    grey = (255 * ((cells_16 - low) / (high - low)).clip(0, 1)).astype(np.uint8)
    _report("cells", grey, tifffile.imread(folder / "cells_truth.tif"))


def _report(name: str, grey: NDArray[np.uint8], truth: NDArray[np.uint8]) -> None:
    guesses = {
        "frozen first labels": baselines.frozen(truth),
        "optical flow": baselines.optical_flow(grey, truth),
    }
    for method, guess in guesses.items():
        scores = baselines.jaccard(guess, truth)
        means = {label: float(np.nanmean(j)) for label, j in scores.items()}
        print(f"{name}, {method}: mean J {np.mean(list(means.values())):.3f}")
        print("  objects:", " ".join(f"{label}: {mean:.2f}" for label, mean in means.items()))
        if len(scores) == 1:
            (j,) = scores.values()
            print("  every 8th frame:", " ".join(f"{value:.2f}" for value in j[::8]))


if __name__ == "__main__":
    main()
