"""Write soft masks beside the true ones, which the outline network learns from.

    python scripts/outline_samples.py DATA SAMPLES [--minutes 35]

DATA holds davis/ (DAVIS 2016), static/ (images with masks) and cells/ (movies with labels; folders
with video.tif and labels.tif), where they are there. Objects are followed as they are without
outline network:

- in the training videos that are not in recipes/selection.txt: forward, backward, and from the
  middle without updates; and by the target model alone;
- from a distorted view of an image to two others, with other light, blur, grain and compression;
  not in every tenth image by name;
- in the first halves of movies of cells.

SAMPLES/KIND_NAME.npz has image0 (H, W, 3), mask0 and truth0 (H, W), image1, ... around the object.
"""

from __future__ import annotations

import argparse
import time
import zlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
import tifffile
import torch
from torch.nn.functional import interpolate

from napari_frtm.config import TARGET_STRIDE, Variant, preset
from napari_frtm.engine.extensions.location import bounding_box
from napari_frtm.engine.frames.images import Geometry, to_images
from napari_frtm.engine.tracking.tracker import Tracker
from napari_frtm.io.labels import read_labels
from napari_frtm.io.video.contrast import robust_contrast
from napari_frtm.io.weights.checkpoint import load_network
from napari_frtm.training.clips.photography import defocused, recorded
from napari_frtm.training.data.sources import VOID, read_image
from napari_frtm.types import BYTES, Box, Contrast

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_frtm.config import FrtmConfig
    from napari_frtm.engine.networks.network import FrtmNetwork

    Picture = tuple[NDArray[np.generic], NDArray[np.int32]]

_LISTS = Path(__file__).parents[1] / "recipes"
_SHARES = {  # of the images of each set
    "salient": 1.0,
    "human_seg_290": 1.0,
    "weizmann_horses": 1.0,
    "things": 1.0,
    "people": 0.8,
    "animals": 0.6,
    "clothing_ccp": 0.6,
    "voc2012_animals": 0.5,
    "coco_instances": 0.4,
}
_PASSES = (  # of a video: name, where it starts, frames to the next one, variant
    ("forward", 0.0, 2, Variant.FULL),
    ("backward", 1.0, -2, Variant.FULL),
    ("middle", 0.5, 3, Variant.FULL_NO_UPDATE),
    ("scores", 0.0, 4, Variant.D_ONLY),
)
_PASS = 9  # frames of a movie that was annotated, from every third of them on
_LIKELY = 25  # of 255
_SMALLEST, _LARGEST = 0.01, 0.7  # of an image


class Crop(NamedTuple):
    """An image around an object, its soft mask in 255ths, and the true one."""

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    truth: NDArray[np.bool_]


def followed(
    network: FrtmNetwork,
    config: FrtmConfig,
    pictures: Sequence[Picture],
    contrast: Contrast = BYTES,
    margin: int = 40,
) -> Iterator[Crop]:
    """Yield what is found of each object in all pictures but the first, which is drawn.

    Of every other one also what the target model has scored.
    """
    tracker = Tracker(network, config, contrast)
    tracker.annotate(0, *pictures[0])
    for index, (frame, labels) in enumerate(pictures[1:], 1):
        (found,) = tracker.segment([index], [frame])
        height, width = frame.shape[:2]
        geometry = Geometry.scaled((height, width), config.scale((height, width)))
        image = geometry.crop(to_images([frame], contrast, geometry, torch.device("cpu")))[0]
        shown = np.asarray((255 * image.permute(1, 2, 0).numpy()).round(), np.uint8)
        coarse = _upsampled(found.scores, geometry.working)
        each = zip(found.object_ids, np.asarray(found.probabilities), coarse, strict=True)
        for object_id, soft, scores in each:
            true = (labels == object_id).astype(np.float32)
            truth = cv2.resize(true, soft.shape[::-1], interpolation=cv2.INTER_LINEAR) > 0.5
            for mask in (soft, scores) if index % 2 else (soft,):
                crop = _around(Crop(shown, (255 * mask).round().astype(np.uint8), truth), margin)
                if crop is not None:
                    yield crop


def videos(data: Path) -> Iterator[tuple[str, list[Crop]]]:
    """Yield the samples of videos, pass by pass."""
    config = replace(preset("lite"), outlines=False)
    network = load_network(config, device="cpu")
    kept = (_LISTS / "selection.txt").read_text().split()
    names = (data / "davis/ImageSets/2016/train.txt").read_text().split()
    for name in (name for name in names if name not in kept):
        files = sorted((data / "davis/JPEGImages/480p" / name).glob("*.jpg"))
        marks = data / "davis/Annotations/480p" / name
        pictures: list[Picture] = [
            (read_image(file), (read_labels(marks / f"{file.stem}.png") > 0).astype(np.int32))
            for file in files
        ]
        for way, start, step, variant in _PASSES:
            first = round(start * (len(pictures) - 1))
            shown = pictures[first::step]
            if shown[0][1].any():
                its = replace(config, variant=variant)
                yield f"davis_{name}-{way}", list(followed(network, its, shown))


def stills(data: Path) -> Iterator[tuple[str, list[Crop]]]:
    """Yield the samples of images."""
    config = replace(preset("lite"), outlines=False, enlarge=1.0, leap=None)
    network = load_network(config, device="cpu")
    files = [
        file
        for name, share in _SHARES.items()
        for number, file in enumerate(sorted((data / "static" / name / "images").glob("*.avif")))
        if number % 10 and zlib.crc32(file.name.encode()) % 100 < 100 * share
    ]
    for file in sorted(files, key=lambda file: zlib.crc32(str(file.relative_to(data)).encode())):
        name = f"{file.parents[1].name}_{file.stem}"
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        labels = read_labels(file.parents[1] / "masks" / f"{file.stem}.png")
        chosen = _some_object(labels, rng)
        if chosen is None:
            continue
        side = int(rng.integers(400, 620))
        size = tuple(round(length * side / min(chosen.shape)) for length in chosen.shape[::-1])
        image = cv2.resize(read_image(file), size, interpolation=cv2.INTER_CUBIC)
        mask = cv2.resize(chosen.astype(np.float32), size, interpolation=cv2.INTER_CUBIC) > 0.5
        pictures = [_view(image, mask, rng) for _ in range(3)]
        if not all(seen.any() for _, seen in pictures):
            continue
        variant = Variant.FULL_NO_UPDATE if rng.random() < 0.85 else Variant.D_ONLY
        its = replace(config, short_side=side, variant=variant, seed=int(rng.integers(1e6)))
        yield name, list(followed(network, its, pictures))


def cells(data: Path) -> Iterator[tuple[str, list[Crop]]]:
    """Yield the samples of cells, of up to ten of the first frame of each pass.

    Movies that were annotated are few, so they are followed from several frames.
    """
    config = replace(preset("cells"), outlines=False)
    network = load_network(config, device="cpu")
    for folder in sorted(path.parent for path in (data / "cells").glob("*/video.tif")):
        video, labels = (tifffile.imread(folder / f"{name}.tif") for name in ("video", "labels"))
        known = folder / "labelled_frames.txt"
        shown = [int(word) for word in known.read_text().split()] if known.exists() else None
        half = len(video) // 2 if shown else len(video)
        labelled = [t for t in (shown or range(half)) if t < half]
        contrast = Contrast.of(robust_contrast(video[:: max(1, len(video) // 8)]))
        passes = [labelled[n:][:_PASS] for n in range(0, len(labelled) - 1, _PASS // 3)]
        for number, frames in enumerate(passes if shown else [labelled]):
            ids = np.unique(labels[frames[0]])[1:]
            ids = ids[:: max(1, len(ids) // 10)][:10]
            pictures: list[Picture] = [
                (video[t], np.where(np.isin(labels[t], ids), labels[t], 0).astype(np.int32))
                for t in frames
            ]
            for variant in (Variant.FULL, Variant.D_ONLY):
                its = replace(config, variant=variant)
                found = list(followed(network, its, pictures, contrast, margin=24))
                name = f"cells_{folder.name}-{number}-{variant.value}"
                yield name, [c for c in found if _overlaps(c)]


def main() -> None:
    """Write what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("samples", type=Path)
    parser.add_argument("--minutes", type=float, default=35.0, help="for images, at most")
    options = parser.parse_args()
    options.samples.mkdir(parents=True, exist_ok=True)
    for kind, made in (("davis", videos), ("cells", cells), ("static", stills)):
        end = time.monotonic() + 60 * options.minutes
        for name, crops in made(options.data) if (options.data / kind).is_dir() else ():
            if crops:
                parts = [
                    {f"{part}{n}": each for part, each in crop._asdict().items()}
                    for n, crop in enumerate(crops)
                ]
                np.savez(
                    options.samples / f"{name}.npz", **{k: v for p in parts for k, v in p.items()}
                )
                print(f"{name}: {len(crops)}", flush=True)
            if kind == "static" and time.monotonic() > end:
                break


def _upsampled(scores: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Return scores (N, h, w) as soft masks (N, H, W), as they are without S."""
    coarse = torch.from_numpy(scores)[None]
    fine = interpolate(coarse, scale_factor=TARGET_STRIDE, mode="bilinear", align_corners=False)
    return np.asarray(fine[0, :, : size[0], : size[1]].clamp(0, 1).numpy())


def _around(whole: Crop, margin: int) -> Crop | None:
    near = (whole.mask > _LIKELY) | whole.truth
    if not near.any():
        return None
    box = bounding_box(near, margin).intersection(Box(0, 0, *near.shape))
    return Crop(*(each[box.slices] for each in whole))


def _overlaps(crop: Crop) -> bool:
    """Whether it is about the right cell."""
    mask = crop.mask > 127
    return bool((mask & crop.truth).sum() >= 0.3 * (mask | crop.truth).sum() > 0)


def _some_object(labels: NDArray[np.int32], rng: np.random.Generator) -> NDArray[np.bool_] | None:
    ids, counts = np.unique(labels[(labels > 0) & (labels != VOID)], return_counts=True)
    fitting = ids[(counts > _SMALLEST * labels.size) & (counts < _LARGEST * labels.size)]
    return labels == rng.choice(fitting) if len(fitting) else None


def _view(image: NDArray[np.uint8], mask: NDArray[np.bool_], rng: np.random.Generator) -> Picture:
    """Return an image and a mask as another camera sees them, from elsewhere, in other light."""
    height, width = mask.shape
    turn, scale = rng.uniform(-25, 25), np.exp(rng.uniform(-0.25, 0.25))
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn, scale)
    matrix[:, :2] += rng.uniform(-0.08, 0.08, (2, 2))
    matrix[:, 2] += rng.uniform(-0.08, 0.08, 2) * (width, height)
    if rng.random() < 0.5:
        matrix = matrix @ np.array([[-1.0, 0, width - 1], [0, 1, 0], [0, 0, 1]])
    seen, marked = (
        cv2.warpAffine(each, matrix, (width, height), flags=how, borderMode=cv2.BORDER_REFLECT_101)
        for each, how in ((image, cv2.INTER_CUBIC), (mask.astype(np.float32), cv2.INTER_LINEAR))
    )
    light = (seen.astype(np.float32) / 255) ** np.exp(rng.uniform(-0.4, 0.4))
    light = light * rng.uniform(0.7, 1.25, 3 if rng.random() < 0.5 else 1)
    light = light * rng.uniform(0.75, 1.2) + rng.uniform(-0.08, 0.08)
    picture = np.asarray(255 * light.clip(0, 1), np.uint8)
    if rng.random() < 0.55:
        picture = defocused(picture, rng)
    if rng.random() < 0.7:
        picture = recorded(picture, rng)
    return picture, (marked > 0.5).astype(np.int32)


if __name__ == "__main__":
    main()
