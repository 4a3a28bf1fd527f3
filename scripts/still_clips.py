"""Clips of the still images that no training sees, as a benchmark in the layout of DAVIS.

    python scripts/still_clips.py RECIPE DATA OUT
    napari-frtm evaluate OUT --out SCORES --variant full-no-update

Of each set of images of the recipe a few of those that are held out (every tenth by name): the
image and three more frames of it, with all that the recipe's clips have. Objects are far from
where they were in the frame before, so that these clips say what S makes of single frames.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from napari_frtm.io.labels import write_labels
from napari_frtm.training.clips.synthetic import open_images
from napari_frtm.training.data.sources import evenly, object_ids
from napari_frtm.training.recipe import read_recipe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_frtm.training.clips.synthetic import Images

CLIPS, FRAMES = 8, 3


def write_clips(images: Images, prefix: str, out: Path) -> None:
    """Write some clips, the same ones each time."""
    references = images.references()
    for index in evenly(len(references), CLIPS):
        reference = references[index]
        image, labels = images.reference(reference)
        if not (ids := object_ids(labels, images.config.smallest)):
            continue
        pictures = [(image, labels == ids[0])]
        pictures += images.others(reference, ids[0], FRAMES, np.random.default_rng(index))
        for number, (frame, mask) in enumerate(pictures):
            _write(out, f"{prefix}-{reference.video}", number, frame, mask)


def _write(
    out: Path, clip: str, number: int, image: NDArray[np.uint8], mask: NDArray[np.bool_]
) -> None:
    for part in ("JPEGImages", "Annotations"):
        (out / part / "480p" / clip).mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(
        out / "JPEGImages" / "480p" / clip / f"{number:05d}.jpg", quality=95
    )
    write_labels(out / "Annotations" / "480p" / clip / f"{number:05d}.png", mask.astype(np.uint8))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipe", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    recipe = read_recipe(options.recipe)
    for dataset in (d for d in recipe.datasets if d.kind == "images"):
        held_out = replace(dataset, part="held out", limit=0)
        prefix = Path(dataset.path).name + ("-small" if dataset.sizes else "")
        write_clips(open_images(options.data, held_out, recipe.clips), prefix, options.out)
