"""What highlights cost: mean J on the bundled clips with lamps or debris added.

    python benchmarks/contrast.py [--frames N] [--picture FILE.jpg]

Each version is run with white at the percentile 99.9, where `robust_contrast` puts it, and with a
gamma of 1/2.2 as well. The koi runs in linear light (as EXR files hold it: the curve of sRGB
inverted), the cells with ``--local``.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from napari_frtm import load_network, open_video, preset, propagate, read_labels
from napari_frtm.config import FrtmConfig, LocalityConfig
from napari_frtm.evaluation.metrics import jaccard
from napari_frtm.io.export.overlay import contact_sheet, to_uint8
from napari_frtm.io.video.contrast import robust_contrast
from napari_frtm.types import Contrast

SAMPLES = Path(__file__).parents[1] / "sample_data"


@dataclass(frozen=True)
class Clip:
    """A bundled clip: frames that are not uint8, truth of every frame, and how to follow it."""

    frames: np.ndarray
    truth: np.ndarray
    config: FrtmConfig
    size: int  # of a highlight, pixels


def koi(count: int) -> Clip:
    """Return the koi in linear light."""
    frames = np.asarray(open_video(SAMPLES / "roto.mp4").frames[:count])
    shown = frames / 255
    linear = np.where(shown <= 0.04045, shown / 12.92, ((shown + 0.055) / 1.055) ** 2.4)
    return Clip(
        linear.astype(np.float32),
        tifffile.imread(SAMPLES / "roto_truth.tif")[:count],
        preset("lite"),
        4,
    )


def cells(count: int) -> Clip:
    """Return the cells as they are."""
    config = replace(preset("lite", "d-only"), locality=LocalityConfig())
    frames = tifffile.imread(SAMPLES / "cells.tif")[:count]
    return Clip(frames, tifffile.imread(SAMPLES / "cells_truth.tif")[:count], config, 1)


def lit(clip: Clip, share: float, value: float) -> np.ndarray:
    """Return the frames with spots of one brightness that cover a share of the picture."""
    rng = np.random.default_rng(0)
    height, width = clip.frames.shape[1:3]
    y, x = np.mgrid[:height, :width]
    spots = np.zeros((height, width), bool)
    while spots.mean() < share:
        centre = rng.integers(height), rng.integers(width)
        spots |= (y - centre[0]) ** 2 + (x - centre[1]) ** 2 <= clip.size**2
    frames = clip.frames.copy()
    frames[:, spots] = value
    return frames


def percentiles(frames: np.ndarray) -> Contrast:
    """Return what is black and white by the simplest rule."""
    low, high = np.percentile(frames[:: max(1, len(frames) // 8)], (0.1, 99.9))
    return Contrast(float(low), float(high))


def mean_j(clip: Clip, frames: np.ndarray, drawn: np.ndarray, contrast: Contrast) -> float:
    """Return the mean J of the objects drawn, over the frames that show them."""
    network = load_network(clip.config, device="cpu")
    ids = np.unique(drawn[drawn > 0])
    overlaps = [
        jaccard(p.labels == i, clip.truth[p.index] == i)
        for p in propagate(network, clip.config, frames, {0: drawn}, contrast=contrast)
        for i in ids
        if p.index and (clip.truth[p.index] == i).any()
    ]
    return float(np.mean(overlaps))


def picture(clip: Clip) -> np.ndarray:
    """Return how a frame with lamps is seen in three ways, side by side."""
    frames = lit(clip, 0.005, 60)
    robust = robust_contrast(frames)
    ways = {
        "percentile 99.9": percentiles(frames),
        "robust limits": robust,
        "and gamma 1/2.2": robust.but(gamma=1 / 2.2),
    }
    return contact_sheet([to_uint8(frames[0], way) for way in ways.values()], [*ways], 3)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--picture", type=Path, help="only draw how a frame is seen")
    options = parser.parse_args()
    count = options.frames
    if options.picture is not None:
        Image.fromarray(picture(koi(1))).save(options.picture, quality=82)
        return
    clips = {"koi": (koi(count), "roto_mask.png"), "cells": (cells(count), "cells_mask.tif")}
    spots = {
        "koi": [(0, 0), (0.005, 60), (0.02, 200)],
        "cells": [(0, 0), (0.0017, 2e4), (0.01, 6e4)],
    }
    print("| clip | spots | white, percentile | J | white, robust | J | J, gamma 1/2.2 |")
    print("|---|---|---|---|---|---|---|")
    for name, (clip, mask) in clips.items():
        drawn = read_labels(SAMPLES / mask)
        for share, value in spots[name]:
            frames = lit(clip, share, value) if share else clip.frames
            cells_of_row = [name, f"{100 * share:g} % at {value:g}" if share else "none"]
            robust = robust_contrast(frames)
            for contrast in (percentiles(frames), robust):
                j = mean_j(clip, frames, drawn, contrast)
                cells_of_row += [f"{contrast.high:.4g}", f"{j:.3f}"]
            bright = mean_j(clip, frames, drawn, robust.but(gamma=1 / 2.2))
            cells_of_row.append(f"{bright:.3f}")
            print(f"| {' | '.join(cells_of_row)} |", flush=True)


if __name__ == "__main__":
    main()
