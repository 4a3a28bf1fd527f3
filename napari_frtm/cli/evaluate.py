"""Score masks on a benchmark in the layout of DAVIS or YouTube-VOS: J and F, time, pictures.

for example:
  napari-frtm evaluate DAVIS --split 2016/val --out scores
  napari-frtm evaluate DAVIS --split 2017/val --out scores --variant d-only
  napari-frtm evaluate DAVIS --split my_list.txt --out scores --results other_method/masks
  napari-frtm evaluate YTVOS/valid --out scores --submission submission.zip

Without --results the sequences are followed from their first label image, objects that come later
from theirs, and the masks are kept in OUT/masks; the scores then say how well the confidence in
each mask ranks them by J. OUT gets scores.csv and scores.md (mean, recall, decay), the tables of
the DAVIS toolkit (global_results.csv, per-sequence_results.csv), times.csv, jaccard.svg (J over
time), and worst.png and best.png to look at.

rules:
  davis2016    one object, whatever the ids; chosen if the split is named 2016/...
  davis2017    every object by itself, first and last frame left out; the default
  youtube-vos  objects come at any time; chosen if there is a meta.json. With --seen, the meta.json
               of the training split (or a list of its categories), G is computed. Where the truth
               is withheld there are no scores, but the --submission for the server.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from tqdm import tqdm

from napari_frtm.cli.method import add_method_arguments, load, method_settings
from napari_frtm.errors import FrtmError
from napari_frtm.evaluation.clock import Times, describe, timed, times_as_csv
from napari_frtm.evaluation.report import (
    as_csv,
    as_markdown,
    as_toolkit,
    curves,
    extreme_frames,
    rows,
)
from napari_frtm.evaluation.rules import Rules
from napari_frtm.evaluation.youtube_vos import (
    META,
    Meta,
    overall,
    read_categories,
    read_meta,
    write_submission,
)
from napari_frtm.io.atomic import replacing, reporting, write_bytes
from napari_frtm.io.labels import read_labels, write_labels

if TYPE_CHECKING:
    import argparse

    from napari_frtm.evaluation.davis import Sequence
    from napari_frtm.evaluation.metrics import ObjectScores
    from napari_frtm.evaluation.trust import Confidence


@dataclass
class _Followed:
    """What was noted while sequences were followed."""

    confidence: dict[str, Confidence] = field(default_factory=dict)
    times: dict[str, Times] = field(default_factory=dict)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    add = parser.add_argument
    add("root", type=Path, help="folder with JPEGImages and Annotations")
    add("--split", metavar="NAME", help="list of sequences: a file, or a name below ImageSets")
    add("--out", type=Path, required=True, metavar="DIR", help="folder for masks and scores")
    add("--results", type=Path, metavar="DIR", help="score the masks in DIR/SEQUENCE instead")
    add("--rules", choices=[*map(str, Rules)], help="of the benchmark (default: see below)")
    youtube = parser.add_argument_group("YouTube-VOS")
    add = youtube.add_argument
    add(
        "--all-frames", type=Path, metavar="DIR", help="frames to follow through, if there are more"
    )
    add("--seen", type=Path, metavar="FILE", help="categories that were trained on")
    add("--submission", type=Path, metavar="ZIP", help="write the masks that the server wants")
    add_method_arguments(parser)


def run(options: argparse.Namespace) -> None:
    """Run this command."""
    from napari_frtm.evaluation.davis import find_sequences, score

    rules = None if options.rules is None else Rules(options.rules)
    sequences = find_sequences(options.root, options.split, rules=rules, images=options.all_frames)
    meta = read_meta(options.root / META) if (options.root / META).is_file() else None
    seen = None if options.seen is None else read_categories(options.seen)
    if seen is not None and meta is None:
        raise FrtmError(f"--seen needs the categories of the objects, in {options.root / META}.")
    with reporting(options.out):
        options.out.mkdir(parents=True, exist_ok=True)
    masks, followed = options.results, None
    if masks is None:
        masks = options.out / "masks"
        followed = _follow(sequences, masks, options)
    if options.submission is not None:
        _submit(options.submission, masks, sequences, meta)
    known = [s for s in sequences if meta is None or _has_truth(s, meta)]
    if not known:
        print("The label images are those of first frames only, so there is nothing to score.")
        return
    scores = {s.name: score(s, masks / s.name) for s in tqdm(known, desc="scoring")}
    _report(options.out, known, scores, masks, followed)
    if meta is not None and seen is not None:
        table = overall(scores, meta, seen).as_markdown()
        write_bytes(options.out / "overall.md", table.encode())
        print(f"\n{table}", end="")


def _report(
    out: Path,
    sequences: list[Sequence],
    scores: dict[str, dict[int, ObjectScores]],
    masks: Path,
    followed: _Followed | None,
) -> None:
    """Write tables and pictures, and print the scores."""
    from napari_frtm.evaluation.trust import trust

    table = rows(scores)
    worth = None if followed is None else trust(sequences, scores, followed.confidence)
    text = as_markdown(table, worth)
    if followed is not None:
        text += f"\n{describe(followed.times)}\n"
        write_bytes(out / "times.csv", times_as_csv(followed.times).encode())
    write_bytes(out / "scores.csv", as_csv(table, worth).encode())
    write_bytes(out / "scores.md", text.encode())
    for name, lines in zip(("global", "per-sequence"), as_toolkit(scores), strict=True):
        write_bytes(out / f"{name}_results.csv", lines.encode())
    write_bytes(out / "jaccard.svg", curves(scores).encode())
    for name, best in (("worst.png", False), ("best.png", True)):
        with replacing(out / name) as path:
            Image.fromarray(extreme_frames(scores, sequences, masks, best=best)).save(path)
    print(text, end="")
    print(f"\nWritten to {out}: scores.csv, scores.md, jaccard.svg, worst.png, best.png and more")


def _follow(sequences: list[Sequence], masks: Path, options: argparse.Namespace) -> _Followed:
    """Segment every sequence and write its label images; return what is known of them."""
    from napari_frtm.evaluation.davis import follow
    from napari_frtm.evaluation.trust import by_object

    config, network = load(method_settings(options))
    print(f"{config.backbone}, variant {config.variant}, on {network.place}.")
    followed = _Followed()
    for sequence in tqdm(sequences, desc="sequences"):
        folder = masks / sequence.name
        with reporting(folder):
            folder.mkdir(parents=True, exist_ok=True)
        times = followed.times[sequence.name] = Times()
        try:
            sure = followed.confidence[sequence.name] = {}
            for name, prediction in timed(follow(sequence, network, config), times):
                write_labels(folder / f"{name}.png", prediction.labels)
                sure[name] = by_object(prediction)
        except (RuntimeError, MemoryError) as error:
            raise FrtmError(f"{sequence.name}: {error}") from error
    return followed


def _has_truth(sequence: Sequence, meta: Meta) -> bool:
    """Return whether there is a label image for every frame that counts."""
    return set(meta.wanted(sequence.name)) <= {path.stem for path in sequence.truth}


def _submit(path: Path, masks: Path, sequences: list[Sequence], meta: Meta | None) -> None:
    """Write a submission: the frames that ``meta.json`` names, or all that have masks."""
    wanted: dict[str, list[str]] = {}
    for sequence in sequences:
        there = sorted(p.stem for p in (masks / sequence.name).glob("*.png"))
        wanted[sequence.name] = (meta.wanted(sequence.name) if meta else []) or there
        for name in wanted[sequence.name]:
            mask = masks / sequence.name / f"{name}.png"
            if there and name < there[0]:  # nothing was known yet
                write_labels(mask, np.zeros_like(read_labels(sequence.truth[0])))
    count = write_submission(path, masks, wanted.items())
    print(f"{count} masks of {len(wanted)} videos are in {path}.")
