"""Score masks on a benchmark in the layout of DAVIS: J and F per sequence and in the mean.

for example:
  napari-frtm evaluate DAVIS --split 2016/val --out scores
  napari-frtm evaluate DAVIS --split 2016/val --out scores --variant d-only
  napari-frtm evaluate DAVIS --split my_list.txt --out scores --results other_method/masks

Without --results the sequences are followed from their first label image, and the masks are kept
in OUT/masks. OUT gets scores.csv, scores.md and worst.png.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from tqdm import tqdm

from napari_frtm.cli.method import add_method_arguments, method
from napari_frtm.errors import FrtmError
from napari_frtm.evaluation.report import as_csv, as_markdown, rows, worst_frames
from napari_frtm.io.atomic import replacing, reporting, write_bytes
from napari_frtm.io.labels import write_labels

if TYPE_CHECKING:
    import argparse

    from napari_frtm.evaluation.davis import Sequence


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    add = parser.add_argument
    add("root", type=Path, help="folder with JPEGImages and Annotations")
    add("--split", metavar="NAME", help="list of sequences: a file, or a name below ImageSets")
    add("--out", type=Path, required=True, metavar="DIR", help="folder for masks and scores")
    add("--results", type=Path, metavar="DIR", help="score the masks in DIR/SEQUENCE instead")
    add_method_arguments(parser)


def run(options: argparse.Namespace) -> None:
    """Run this command."""
    from napari_frtm.evaluation.davis import find_sequences, score

    sequences = find_sequences(options.root, options.split)
    with reporting(options.out):
        options.out.mkdir(parents=True, exist_ok=True)
    masks = options.results
    if masks is None:
        masks = options.out / "masks"
        _follow(sequences, masks, options)
    scores = {s.name: score(s, masks / s.name) for s in tqdm(sequences, desc="scoring")}
    table = rows(scores)
    write_bytes(options.out / "scores.csv", as_csv(table).encode())
    write_bytes(options.out / "scores.md", as_markdown(table).encode())
    with replacing(options.out / "worst.png") as path:
        Image.fromarray(worst_frames(scores, sequences, masks)).save(path)
    print(as_markdown(table), end="")
    print(f"\nWritten to {options.out}: scores.csv, scores.md, worst.png")


def _follow(sequences: list[Sequence], masks: Path, options: argparse.Namespace) -> None:
    """Segment every sequence and write its label images."""
    from napari_frtm.evaluation.davis import follow

    config, network = method(options).load()
    print(f"{config.backbone}, variant {config.variant}, on {network.device}.")
    for sequence in tqdm(sequences, desc="sequences"):
        folder = masks / sequence.name
        with reporting(folder):
            folder.mkdir(parents=True, exist_ok=True)
        try:
            for name, prediction in follow(sequence, network, config):
                write_labels(folder / f"{name}.png", prediction.labels)
        except (RuntimeError, MemoryError) as error:
            raise FrtmError(f"{sequence.name}: {error}") from error
