"""Masks from a few corrections: mean J after each, how many it takes, beside GrabCut.

    python benchmarks/sketch.py curves DATA [--stills 60] [--points] [--out sketch.svg]
    python benchmarks/sketch.py random DATA
    python benchmarks/sketch.py cells DATA
    python benchmarks/sketch.py tidy DATA
    python benchmarks/sketch.py video DATA [--frames 40]
    python benchmarks/sketch.py latency

DATA holds davis/ (DAVIS 2016, with a split "dev"), static/ (images with masks: every tenth by name
is measured, which no training has seen) and cells/. Corrections are simulated: a short stroke (or
a point) in the middle of the largest wrong region, on the object or on what is not it.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import tifffile
from PIL import Image

import napari_frtm as frtm
from napari_frtm.engine.sketch.prompts import NOT_IT
from napari_frtm.evaluation.charts import Chart, Series, to_svg
from napari_frtm.evaluation.corrections import next_correction, random_strokes, rough_polygon
from napari_frtm.evaluation.metrics import jaccard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

MOST = 10
SHOWN = (1, 2, 3, 5, 10)
SETS = ("salient", "animals", "people", "coco_instances", "things", "voc2012_animals")
CELLS = ("Fluo-N2DH-SIM+_01", "Fluo-N2DL-HeLa_01", "Fluo-C2DL-MSC_01")


@dataclass
class Picture:
    """An image with the mask of an object, and its group for the table."""

    group: str
    name: str
    image: NDArray[np.generic]
    truth: NDArray[np.bool_]
    contrast: tuple[float, float] = (0.0, 255.0)


def dev(data: Path) -> Iterator[Picture]:
    """Yield the first frames of the sequences of the split."""
    for name in (data / "davis/ImageSets/2016/dev.txt").read_text().split():
        first = min((data / "davis/JPEGImages/480p" / name).glob("*.jpg"))
        labels = data / "davis/Annotations/480p" / name / f"{first.stem}.png"
        truth = np.asarray(Image.open(labels)) == 1
        yield Picture("dev first frames", name, np.asarray(Image.open(first)), truth)


def stills(data: Path, count: int) -> Iterator[Picture]:
    """Yield stills that are held out of training, the largest object of each."""
    for name in SETS:
        images = sorted((data / "static" / name / "images").iterdir())[9::10]
        for i in np.linspace(0, len(images) - 1, count // len(SETS)).astype(int):
            labels = np.asarray(
                Image.open(data / "static" / name / "masks" / f"{images[i].stem}.png")
            )
            counts = np.bincount(labels[labels != 255].ravel(), minlength=2)
            counts[0] = 0
            if counts.max() >= 0.01 * labels.size:
                image = np.asarray(Image.open(images[i]).convert("RGB"))
                yield Picture("stills", images[i].stem, image, labels == counts.argmax())


def cells(data: Path) -> Iterator[Picture]:
    """Yield some cells of the first complete frame of each movie."""
    for name in CELLS:
        folder = data / "cells" / name
        movie, labels = (tifffile.imread(folder / f"{part}.tif") for part in ("video", "labels"))
        first = next(t for t in range(len(labels)) if labels[t].any())
        low, high = np.percentile(movie[first], (0.5, 99.8))
        ids, counts = np.unique(labels[first], return_counts=True)
        whole = [i for i, n in zip(ids, counts, strict=True) if i and n >= 60]
        for i in whole[:: max(1, len(whole) // 4)][:4]:
            yield Picture(name, str(i), movie[first], labels[first] == i, (float(low), float(high)))


class Sketching:
    """Strokes to masks by this program."""

    def __init__(self, checkpoint: str | None = None) -> None:
        self.config = frtm.preset("lite")
        self.network = frtm.load_network(self.config, checkpoint=checkpoint)

    def begin(self, picture: Picture) -> Callable[[NDArray[np.int32]], NDArray[np.bool_]]:
        """Return what makes a mask of strokes on a picture."""
        sketch = frtm.Sketch(self.network, self.config, picture.image, picture.contrast)

        def mask(strokes: NDArray[np.int32]) -> NDArray[np.bool_]:
            return sketch.masks(frtm.Prompts(strokes=strokes)) == 1

        return mask


class GrabCut:
    """The same by OpenCV's GrabCut, five rounds; at most 480 pixels on the shorter side."""

    def begin(self, picture: Picture) -> Callable[[NDArray[np.int32]], NDArray[np.bool_]]:
        """Return what makes a mask of strokes on a picture."""
        low, high = picture.contrast
        image = np.clip((picture.image.astype(np.float32) - low) / (high - low) * 255, 0, 255)
        image = image.astype(np.uint8)
        image = image if image.ndim == 3 else np.repeat(image[..., None], 3, 2)
        size = image.shape[1::-1]
        factor = min(1.0, 480 / min(size))
        small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)

        def mask(strokes: NDArray[np.int32]) -> NDArray[np.bool_]:
            drawn = cv2.resize(
                strokes.astype(np.uint8), small.shape[1::-1], interpolation=cv2.INTER_NEAREST
            )
            labels = np.full(drawn.shape, cv2.GC_PR_BGD, np.uint8)
            labels[drawn == 1], labels[drawn == NOT_IT] = cv2.GC_FGD, cv2.GC_BGD
            if not (drawn == 1).any():
                return np.zeros(strokes.shape, bool)
            models = np.zeros((1, 65)), np.zeros((1, 65))
            try:
                cv2.grabCut(small, labels, None, *models, 5, cv2.GC_INIT_WITH_MASK)
            except cv2.error:  # too few samples of one of the two
                return strokes == 1
            found = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
            return cv2.resize(found, size, interpolation=cv2.INTER_NEAREST) > 0

        return mask


def curve(method: Sketching | GrabCut, picture: Picture, *, point: bool) -> list[float]:
    """Return J after each of the corrections."""
    segment = method.begin(picture)
    strokes = np.zeros(picture.truth.shape, np.int32)
    mask, found = np.zeros(picture.truth.shape, bool), []
    for _ in range(MOST):
        correction = next_correction(mask, picture.truth, point=point)
        if correction is not None:
            strokes[correction.drawn] = 1 if correction.on_object else NOT_IT
            mask = segment(strokes)
        found.append(jaccard(mask, picture.truth))
    return found


def clicks(curves: NDArray[np.float64], wanted: float) -> float:
    """Return how many corrections it takes on average; the most where it is never reached."""
    reached = curves >= wanted
    return float(np.where(reached.any(1), reached.argmax(1) + 1, curves.shape[1]).mean())


def report(name: str, curves: NDArray[np.float64]) -> None:
    """Print one row of the table."""
    values = " | ".join(f"{curves[:, k - 1].mean():.3f}" for k in SHOWN)
    print(
        f"| {name} ({len(curves)}) | {values} | {clicks(curves, 0.85):.1f} | "
        f"{clicks(curves, 0.9):.1f} |",
        flush=True,
    )


def measure_curves(pictures: list[Picture], options: argparse.Namespace) -> None:
    """Print the tables, and draw the curves."""
    methods = {"Sketch": Sketching(options.checkpoint)}
    if not options.alone:
        methods["GrabCut"] = GrabCut()
    groups = list(dict.fromkeys(picture.group for picture in pictures))
    charts: dict[str, list[Series]] = {group: [] for group in groups}
    print("| J after | " + " | ".join(map(str, SHOWN)) + " | to 0.85 | to 0.90 |")
    print("|---|" + "---|" * (len(SHOWN) + 2))
    for name, method in methods.items():
        for group in groups:
            inside = [p for p in pictures if p.group == group]
            curves = np.array([curve(method, p, point=options.points) for p in inside])
            report(f"{name}, {group}", curves)
            charts[group].append(Series(name, range(1, MOST + 1), curves.mean(0)))
    if options.out:
        what = "points" if options.points else "strokes"
        drawn = [
            Chart(title=group, x_label=what, y_label="mean J", series=lines, limits=(0.0, 1.0))
            for group, lines in charts.items()
        ]
        options.out.write_text(to_svg(drawn))


def measure_random(pictures: list[Picture], options: argparse.Namespace) -> None:
    """Print mean J with strokes at random places."""
    for name, method in (("Sketch", Sketching(options.checkpoint)), ("GrabCut", GrabCut())):
        for count in ((2, 4), (4, 8)):
            found = []
            for number, picture in enumerate(pictures):
                segment = method.begin(picture)
                for seed in range(2):
                    rng = np.random.default_rng((seed, number))
                    inside, outside = random_strokes(picture.truth, count, rng)
                    strokes = np.where(inside, 1, np.where(outside, NOT_IT, 0))
                    found.append(jaccard(segment(strokes), picture.truth))
            print(f"{name}, {count[0]} + {count[1]} random strokes: J {np.mean(found):.3f}")


def measure_tidy(pictures: list[Picture], options: argparse.Namespace) -> None:
    """Print mean J of polygons of ten corners before and after."""
    method, before, after = Sketching(options.checkpoint), [], []
    for number, picture in enumerate(pictures):
        drawn = rough_polygon(picture.truth, 10, np.random.default_rng(number)).astype(np.int32)
        sketch = frtm.Sketch(method.network, method.config, picture.image)
        before.append(jaccard(drawn == 1, picture.truth))
        after.append(jaccard(sketch.tidied(drawn) == 1, picture.truth))
    better = np.mean(np.array(after) > np.array(before))
    print(
        f"Polygons of ten corners ({len(before)}): J {np.mean(before):.3f}, tidied "
        f"{np.mean(after):.3f}; better in {100 * better:.0f} %."
    )


def measure_video(data: Path, options: argparse.Namespace) -> None:
    """Print mean J of videos that start from a sketched mask, and from the true one."""
    method = Sketching(options.checkpoint)
    for picture in dev(data):
        if options.sequences and picture.name not in options.sequences:
            continue
        frames = sorted((data / "davis/JPEGImages/480p" / picture.name).glob("*.jpg"))
        frames = frames[: options.frames]
        video = [np.asarray(Image.open(path)) for path in frames]
        labels = data / "davis/Annotations/480p" / picture.name
        truth = [np.asarray(Image.open(labels / f"{path.stem}.png")) == 1 for path in frames]
        segment, strokes = method.begin(picture), np.zeros(picture.truth.shape, np.int32)
        mask, used = np.zeros(picture.truth.shape, bool), 0
        while jaccard(mask, picture.truth) < 0.9 and used < MOST:
            correction = next_correction(mask, picture.truth)
            assert correction is not None
            strokes[correction.drawn] = 1 if correction.on_object else NOT_IT
            mask, used = segment(strokes), used + 1
        scores = []
        for first in (picture.truth, mask):
            found = frtm.propagate(
                method.network, method.config, video, {0: first.astype(np.uint8)}
            )
            each = {p.index: jaccard(p.labels == 1, truth[p.index]) for p in found}
            scores.append(np.mean([each[t] for t in range(1, len(frames) - 1)]))
        print(
            f"| {picture.name} | {used} | {jaccard(mask, picture.truth):.3f} | {scores[0]:.3f} | "
            f"{scores[1]:.3f} |",
            flush=True,
        )


def measure_latency(options: argparse.Namespace) -> None:
    """Print how long answers take at 1080p, the first one with the features."""
    method, rng = Sketching(options.checkpoint), np.random.default_rng(0)
    yy, xx = np.mgrid[:1080, :1920]
    texture = cv2.resize(rng.integers(0, 255, (68, 120, 3), np.uint8), (1920, 1080))
    truth = ((yy - 540) / 300) ** 2 + ((xx - 900) / 400) ** 2 < 1
    image = np.where(truth[..., None], texture // 2 + 120, texture // 2).astype(np.uint8)
    picture = Picture("", "", image, truth)
    times, firsts = [], []
    for _ in range(options.repeats):
        start = time.perf_counter()
        segment = method.begin(picture)
        began = time.perf_counter() - start
        strokes = np.zeros(truth.shape, np.int32)
        for k in range(10):
            inside, outside = random_strokes(truth, (1, 0) if k % 2 == 0 else (0, 1), rng)
            strokes[inside], strokes[outside] = 1, NOT_IT
            start = time.perf_counter()
            segment(strokes)
            times.append(time.perf_counter() - start)
            if k == 0:
                firsts.append(began + times[-1])
    spread = np.percentile(times, (50, 95))
    print(f"{len(times)} strokes at 1080p: median {spread[0]:.3f} s, 95 % under {spread[1]:.3f} s;")
    print(f"the first one, with the features: median {np.median(firsts):.3f} s.")


def main() -> None:
    """Measure one thing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = ("curves", "random", "cells", "tidy", "video", "latency")
    parser.add_argument("what", choices=what)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--stills", type=int, default=60)
    parser.add_argument("--points", action="store_true", help="points in place of strokes")
    parser.add_argument("--alone", action="store_true", help="without GrabCut")
    parser.add_argument("--out", type=Path, help="SVG file for the curves")
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--sequences", nargs="*")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--checkpoint")
    options = parser.parse_args()
    if options.what == "latency":
        measure_latency(options)
    elif options.what == "video":
        measure_video(options.data, options)
    elif options.what == "random":
        measure_random(list(dev(options.data)), options)
    elif options.what == "cells":
        measure_curves(list(cells(options.data)), options)
    else:
        pictures = [*dev(options.data), *stills(options.data, options.stills)]
        (measure_curves if options.what == "curves" else measure_tidy)(pictures, options)


if __name__ == "__main__":
    main()
