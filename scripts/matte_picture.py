"""Make the picture of docs/export.md: an object over a checkerboard, before and after matting.

Usage: python scripts/matte_picture.py SESSION OUT.jpg --frame 12 [--box TOP,LEFT,SIDE]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image

from napari_frtm.io.export.job import Job
from napari_frtm.io.export.mattes.alpha import Mattes
from napari_frtm.io.export.movies.shown import checker, composed
from napari_frtm.io.export.opening import open_masks
from napari_frtm.io.export.overlay import contact_sheet
from napari_frtm.io.export.settings import EdgeSettings, ExportSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_frtm.io.export.source import MaskSource


def main() -> None:
    """Write the picture and print what matting took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("session", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--frame", type=int, required=True)
    parser.add_argument("--object", type=int, default=1)
    parser.add_argument("--box", default="", help="TOP,LEFT,SIDE in pixels (default: the object)")
    parser.add_argument("--band", type=float, default=EdgeSettings().band)
    options = parser.parse_args()
    source = open_masks(options.session)
    top, left, side = _box(source, options)
    images, captions = [], []
    frame = Mattes(_job(source, options, EdgeSettings())).image(options.frame)
    images.append(frame)
    captions.append("video")
    edges = {"hard mask": None, "soft mask": EdgeSettings()}
    edges["matting"] = EdgeSettings(matting=True, band=options.band)
    for caption, wanted in edges.items():
        images.append(_over_checker(source, options, wanted))
        captions.append(caption)
    cut = [image[top : top + side, left : left + side] for image in images]
    large = [cv2.resize(c, (480, 480), interpolation=cv2.INTER_CUBIC) for c in cut]
    sheet = contact_sheet(large, captions, columns=2, width=480)
    Image.fromarray(sheet).save(options.out, quality=90)


def _job(source: MaskSource, options: argparse.Namespace, edges: EdgeSettings) -> Job:
    settings = ExportSettings(format="checker", destination=options.out, edges=edges)
    span = range(options.frame, options.frame + 1)
    return Job(source=source, settings=settings, span=span, object_ids=(options.object,))


def _over_checker(
    source: MaskSource, options: argparse.Namespace, edges: EdgeSettings | None
) -> NDArray[np.uint8]:
    mattes = Mattes(_job(source, options, edges or EdgeSettings()))
    start = time.perf_counter()
    alpha = mattes.together(options.frame)
    if edges is None:
        alpha = (source.labels(options.frame) == options.object).astype(np.float32)
    colours = mattes.colours(options.frame, alpha)
    print(f"{edges}: {time.perf_counter() - start:.2f} s")
    return composed(colours, alpha, checker(source.size))


def _box(source: MaskSource, options: argparse.Namespace) -> tuple[int, int, int]:
    if options.box:
        top, left, side = (int(number) for number in options.box.split(","))
        return top, left, side
    mask = source.labels(options.frame) == options.object
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    side = min(max(width, height) + 24, *source.size)
    return (
        int(np.clip(y + height // 2 - side // 2, 0, source.size[0] - side)),
        int(np.clip(x + width // 2 - side // 2, 0, source.size[1] - side)),
        side,
    )


if __name__ == "__main__":
    main()
