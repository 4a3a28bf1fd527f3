"""How well cells are followed: J, and whether each keeps its identity, beside simple methods.

    python benchmarks/cells.py [CELLS] [--variant full] [--half second] [--frames N] [--jumps N]

Without CELLS it is the bundled clip, all of it. CELLS holds a folder for each movie, with
video.tif, labels.tif and, where not all frames are labelled, labelled_frames.txt. Up to ten cells
(``--most``) of the first labelled frame are followed, evenly spaced by their ids. Over all labelled
frames that show a followed cell, the table says

- J: mean over cells of their mean;
- kept: the share in which its mask overlaps it more than any other cell, with J over 0.3;
- frames/s, all steps.

``frozen`` leaves the first masks where they are. ``linked`` cuts each frame at Otsu's threshold
into connected parts, split by a watershed, and gives each cell the part that overlaps its last
mask most (the nearest one if none does).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.filters import gaussian, threshold_otsu
from skimage.segmentation import watershed

from napari_frtm import load_network, preset, propagate
from napari_frtm.config import FrtmConfig, LocalityConfig
from napari_frtm.evaluation.metrics import jaccard
from napari_frtm.io.video.contrast import robust_contrast

SAMPLES = Path(__file__).parents[1] / "sample_data"
_KEPT = 0.3

Masks = Iterator[NDArray[np.integer]]


@dataclass(frozen=True)
class Movie:
    """Frames (T, H, W), their labels where there are any, and the cells to follow, (H, W)."""

    name: str
    frames: NDArray[np.uint16]
    labels: dict[int, NDArray[np.uint16]]
    first: NDArray[np.uint16]

    @classmethod
    def read(
        cls, folder: Path, half: str, count: int | None, most: int, jumps: float = 0.0
    ) -> Movie:
        """Read a movie from its first labelled frame on, as a stage shows it that jumps."""
        video, labels = (tifffile.imread(folder / f"{name}.tif") for name in ("video", "labels"))
        middle = len(video) // 2
        span = {"first": range(middle), "second": range(middle, len(video))}.get(half)
        span = range(len(video)) if span is None else span
        file = folder / "labelled_frames.txt"
        known = [int(word) for word in file.read_text().split()] if file.exists() else span
        start = min(t for t in known if t in span)
        stop = span.stop if count is None else min(span.stop, start + count)
        truth = {t - start: labels[t] for t in known if start <= t < stop}
        video = video[start:stop]
        if jumps:
            video, truth = _jumping(video, truth, jumps)
        ids = np.unique(truth[0])[1:]
        ids = ids[:: max(1, len(ids) // most)][:most]
        first = np.where(np.isin(truth[0], ids), truth[0], 0)
        return cls(folder.name, video, truth, first)


def _jumping(
    video: NDArray[np.uint16], labels: dict[int, NDArray[np.uint16]], most: float
) -> tuple[NDArray[np.uint16], dict[int, NDArray[np.uint16]]]:
    """Return the middle of a movie, in every fourth frame another one."""
    margin = round(most)
    rng = np.random.default_rng(0)
    height, width = video.shape[1:]
    frames, shown = [], {}
    top, left = margin, margin
    for t, frame in enumerate(video):
        if t % 4 == 3:
            top, left = rng.integers(0, 2 * margin + 1, 2)
        window = np.s_[top : top + height - 2 * margin, left : left + width - 2 * margin]
        frames.append(frame[window])
        if t in labels:
            shown[t] = labels[t][window]
    return np.stack(frames), shown


def frozen(movie: Movie) -> Masks:
    """Leave every cell where it is."""
    for _ in movie.frames:
        yield movie.first


def linked(movie: Movie) -> Masks:
    """Follow each cell by the overlap of the parts of thresholded frames."""
    last = movie.first
    yield last
    ids = np.unique(last)[1:]
    area = np.mean([np.count_nonzero(last == i) for i in ids])
    for frame in movie.frames[1:]:
        parts = _parts(frame, float(area) ** 0.5)
        now = np.zeros_like(last)
        for i in ids:
            counts = np.bincount(parts[last == i], minlength=parts.max() + 1)
            counts[0] = 0
            if not counts.any() and parts.any() and (last == i).any():
                away = ndimage.distance_transform_edt(last != i)
                counts[
                    parts.ravel()[np.where(parts.ravel() > 0, away.ravel(), np.inf).argmin()]
                ] = 1
            if counts.any():
                now[parts == counts.argmax()] = i
        last = now
        yield last


def _parts(frame: NDArray[np.uint16], size: float) -> NDArray[np.int32]:
    smooth = gaussian(frame.astype(np.float32), 1)
    found = ndimage.binary_fill_holes(smooth > threshold_otsu(smooth))
    depth = gaussian(ndimage.distance_transform_edt(found), 1)
    peaks = peak_local_max(depth, min_distance=max(2, round(size / 3)), labels=found.astype(int))
    seeds = np.zeros(frame.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    return np.asarray(watershed(-depth, seeds, mask=found))


def followed(config: FrtmConfig, checkpoint: str | None) -> Callable[[Movie], Masks]:
    """Return the method that follows cells with these settings."""
    network = load_network(config, checkpoint=checkpoint)

    def method(movie: Movie) -> Masks:
        contrast = robust_contrast(movie.frames[:: max(1, len(movie.frames) // 8)])
        for prediction in propagate(
            network, config, movie.frames, {0: movie.first}, contrast=contrast
        ):
            yield prediction.labels

    return method


def measured(movie: Movie, method: Callable[[Movie], Masks]) -> tuple[float, float, float]:
    """Return mean J, the share of identities kept, and frames a second."""
    ids = np.unique(movie.first)[1:]
    scores: dict[int, list[float]] = {int(i): [] for i in ids}
    kept: list[bool] = []
    begun = time.perf_counter()
    masks = list(method(movie))
    seconds = time.perf_counter() - begun
    for index, truth in movie.labels.items():
        for i in scores if index else ():
            if not (truth == i).any():
                continue
            mask = masks[index] == i
            scores[i].append(jaccard(mask, truth == i))
            under = np.bincount(truth[mask], minlength=2)
            under[0] = 0
            kept.append(bool(under.argmax() == i and scores[i][-1] > _KEPT))
    means = [float(np.mean(each)) for each in scores.values() if each]
    return float(np.mean(means)), float(np.mean(kept)), len(movie.frames) / seconds


def _movies(options: argparse.Namespace) -> Iterator[Movie]:
    """Yield what the options name."""
    if options.cells is None:
        frames, truth, first = (
            tifffile.imread(SAMPLES / f"cells{part}.tif") for part in ("", "_truth", "_mask")
        )
        yield Movie("bundled", frames, dict(enumerate(truth)), first)
        return
    for folder in sorted(options.cells.iterdir()):
        yield Movie.read(folder, options.half, options.frames, options.most, options.jumps)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cells", type=Path, nargs="?")
    parser.add_argument("--variant", nargs="*", default=["d-only", "full"])
    parser.add_argument("--half", choices=("first", "second", "whole"), default="second")
    parser.add_argument("--frames", type=int, help="of each movie, from its first labelled one on")
    parser.add_argument("--most", type=int, default=10, help="cells of a movie that are followed")
    parser.add_argument("--jumps", type=float, default=0.0, help="of the stage, pixels at most")
    parser.add_argument("--preset", choices=("lite", "cells"), default="cells")
    parser.add_argument("--checkpoint", help="other weights")
    parser.add_argument("--local", action="store_true", help="near the last place alone: of lite")
    parser.add_argument("--no-simple", dest="simple", action="store_false", help="ours alone")
    options = parser.parse_args()
    methods = {"frozen": frozen, "linked": linked} if options.simple else {}
    for variant in options.variant:
        config = preset(options.preset, variant)
        if options.local:
            config = replace(config, locality=LocalityConfig())
        methods[variant] = followed(config, options.checkpoint)
    print(f"{'movie':22} {'method':8} cells     J  kept  frames/s")
    for movie in _movies(options):
        count = len(np.unique(movie.first)) - 1
        for name, method in methods.items():
            score, kept, speed = measured(movie, method)
            print(
                f"{movie.name:22} {name:8} {count:5} {score:.3f} {kept:5.2f} {speed:9.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
