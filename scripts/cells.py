"""Before and after: prepare a movie of cells for the example of fine-tuning, and score its masks.

    python scripts/cells.py split FOLDER OUT    # holds video.tif, labels.tif (0 where not labelled)
    python scripts/cells.py score OUT/test MASKS # mean J of the cells painted on the first frame

``split`` writes the first half of the frames to OUT/train/movie, for training, and the second to
OUT/test, with the cells of its first frame as a mask.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import tifffile

from napari_frtm.evaluation.metrics import jaccard
from napari_frtm.io.labels import read_labels

_MOST = 10  # cells that are followed, evenly spaced by their ids


def split(source: Path, out: Path) -> None:
    """Write both halves."""
    video, labels = tifffile.imread(source / "video.tif"), tifffile.imread(source / "labels.tif")
    half = len(video) // 2
    train, test = out / "train" / "movie", out / "test"
    for folder, part in ((train, slice(None, half)), (test, slice(half, None))):
        folder.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(folder / "video.tif", video[part])
        tifffile.imwrite(folder / "labels.tif", labels[part], compression="zlib")
    labelled = [t for t in range(half) if labels[t].any()]
    (train / "labelled_frames.txt").write_text("\n".join(map(str, labelled)))
    first = labels[half]
    ids = np.unique(first[first > 0])
    ids = ids[:: max(1, len(ids) // _MOST)][:_MOST]
    tifffile.imwrite(test / "first.tif", np.where(np.isin(first, ids), first, 0))
    print(f"{len(labelled)} labelled frames to train on; {len(ids)} cells to follow.")


def score(folder: Path, masks: Path) -> None:
    """Print J of each cell, the mean over the labelled frames that show it, and the mean of all."""
    labels = tifffile.imread(folder / "labels.tif")
    files = sorted(p for p in masks.iterdir() if p.suffix in (".png", ".tif"))
    ids = np.unique(tifffile.imread(folder / "first.tif"))[1:]
    found: dict[int, list[float]] = {int(i): [] for i in ids}
    for truth, file in zip(labels[1:], files[1:], strict=True):
        mask = read_labels(file)
        for i in found:
            if (truth == i).any():
                found[i].append(jaccard(mask == i, truth == i))
    means = {i: float(np.mean(values)) for i, values in found.items() if values}
    print(" ".join(f"{i}: {j:.2f}" for i, j in means.items()))
    print(f"Mean J {np.mean(list(means.values())):.3f} of {len(means)} cells.")


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("split", "score"))
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    options = parser.parse_args()
    {"split": split, "score": score}[options.what](options.source, options.target)


if __name__ == "__main__":
    main()
