"""Score masks on a benchmark in the layout of DAVIS: J and F per sequence and in the mean.

for example:
  napari-frtm evaluate DAVIS --split 2016/val --out scores
  napari-frtm evaluate DAVIS --split 2016/val --out scores --variant d-only
  napari-frtm evaluate DAVIS --split my_list.txt --out scores --results other_method/masks

Without --results the sequences are followed from their first label image, and the masks are kept
in OUT/masks; the scores then say how well the confidence in each mask ranks them by J.
OUT gets scores.csv, scores.md, and worst.png and best.png to look at.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from tqdm import tqdm

from napari_frtm.cli.method import add_method_arguments, method
from napari_frtm.errors import FrtmError
from napari_frtm.evaluation.report import as_csv, as_markdown, extreme_frames, rows
from napari_frtm.io.atomic import replacing, reporting, write_bytes
from napari_frtm.io.labels import write_labels

if TYPE_CHECKING:
    import argparse

    from napari_frtm.evaluation.davis import Sequence
    from napari_frtm.evaluation.trust import Confidence


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
    from napari_frtm.evaluation.trust import trust

    sequences = find_sequences(options.root, options.split)
    with reporting(options.out):
        options.out.mkdir(parents=True, exist_ok=True)
    masks, confidence = options.results, None
    if masks is None:
        masks = options.out / "masks"
        confidence = _follow(sequences, masks, options)
    scores = {s.name: score(s, masks / s.name) for s in tqdm(sequences, desc="scoring")}
    table = rows(scores)
    worth = None if confidence is None else trust(sequences, scores, confidence)
    write_bytes(options.out / "scores.csv", as_csv(table, worth).encode())
    write_bytes(options.out / "scores.md", as_markdown(table, worth).encode())
    for name, best in (("worst.png", False), ("best.png", True)):
        with replacing(options.out / name) as path:
            Image.fromarray(extreme_frames(scores, sequences, masks, best=best)).save(path)
    print(as_markdown(table, worth), end="")
    print(f"\nWritten to {options.out}: scores.csv, scores.md, worst.png, best.png")


def _follow(
    sequences: list[Sequence], masks: Path, options: argparse.Namespace
) -> dict[str, Confidence]:
    """Segment every sequence and write its label images; return the confidence in them."""
    from napari_frtm.evaluation.davis import follow
    from napari_frtm.evaluation.trust import by_object

    config, network = method(options).load()
    print(f"{config.backbone}, variant {config.variant}, on {network.device}.")
    confidence: dict[str, Confidence] = {}
    for sequence in tqdm(sequences, desc="sequences"):
        folder = masks / sequence.name
        with reporting(folder):
            folder.mkdir(parents=True, exist_ok=True)
        try:
            sure = confidence[sequence.name] = {}
            for name, prediction in follow(sequence, network, config):
                write_labels(folder / f"{name}.png", prediction.labels)
                sure[name] = by_object(prediction)
        except (RuntimeError, MemoryError) as error:
            raise FrtmError(f"{sequence.name}: {error}") from error
    return confidence
