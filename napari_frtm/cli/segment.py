"""Follow the objects of a mask through a video and write a mask per frame.

for example:
  napari-frtm segment clip.mp4 --mask first.png --out masks
  napari-frtm segment frames/ --mask 0:a.png --mask 40:b.png --out masks --direction both
  napari-frtm segment cells.tif --mask first.tif --out masks --range 10:60 --scores
  napari-frtm segment clip.mp4 --mask first.png --out masks --overlay masks/overlay.mp4
  napari-frtm segment clip.mp4 --mask first.png --out masks --resume
"""

from __future__ import annotations

import argparse
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_frtm.cli.job import Job, follow
from napari_frtm.cli.method import add_method_arguments, method
from napari_frtm.config import Direction
from napari_frtm.errors import FrtmError
from napari_frtm.io.labels import LIMITS, check_labels, read_labels
from napari_frtm.io.results import Outputs
from napari_frtm.io.video.opening import Video, open_video

if TYPE_CHECKING:
    from napari_frtm.types import Labels

LARGEST_ID = max(LIMITS.values())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    add = parser.add_argument
    add("video", type=Path, help="movie, folder or pattern of images, TIFF, zarr or npy stack")
    add(
        "--mask",
        action="append",
        required=True,
        metavar="[T:]FILE",
        type=_mask,
        help="label image of frame T (counted from 0); without T the first frame of the range, "
        "or the last one going backward; repeat for more frames",
    )
    add("--out", type=Path, required=True, metavar="DIR", help="folder for the masks")
    add(
        "--range",
        type=_span,
        metavar="A:B",
        dest="span",
        help="frames A to B, B not included; either may be left out (default: all)",
    )
    add(
        "--direction",
        choices=[*map(str, Direction)],
        default=str(Direction.FORWARD),
        metavar="|".join(Direction),
        help="which way to go from the masks (default: forward)",
    )
    add(
        "--contrast",
        type=_contrast,
        metavar="LOW:HIGH",
        help="intensities seen as black and white (default: 0:255 for 8 bits, else percentiles); "
        "if LOW is negative, write --contrast=LOW:HIGH",
    )
    _add_outputs(parser)
    add_method_arguments(parser)


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what is written."""
    add = parser.add_argument
    add("--scores", action="store_true", help="write coarse scores to DIR/scores")
    add("--probabilities", action="store_true", help="write soft masks to DIR/probabilities")
    movie = "write a movie of the masks over the video"
    add("--overlay", type=Path, metavar="FILE.mp4", help=movie)
    again = parser.add_mutually_exclusive_group()
    again.add_argument(
        "--resume",
        action="store_true",
        help="continue a run that was stopped: target models and memory are restored as saved "
        "after its last finished chunk",
    )
    again.add_argument(
        "--overwrite", action="store_true", help="replace the results of another run in DIR"
    )


def run(options: argparse.Namespace) -> None:
    """Run this command."""
    video = open_video(options.video)
    length = video.frames.shape[0]
    span = _absolute(options.span, length)
    direction = Direction(options.direction)
    follow(
        Job(
            source=options.video,
            video=replace(video, contrast=options.contrast or video.contrast),
            annotations=_annotations(options.mask, video, span, direction),
            mask_files=tuple(path for _, path in options.mask),
            method=method(options),
            span=span,
            direction=direction,
            out=options.out,
            outputs=Outputs(scores=options.scores, probabilities=options.probabilities),
            overlay=options.overlay,
            resume=options.resume,
            overwrite=options.overwrite,
        )
    )


def _annotations(
    masks: list[tuple[int | None, Path]], video: Video, span: range, direction: Direction
) -> dict[int, Labels]:
    """Read the label images; refuse those that do not fit."""
    default = span.stop - 1 if direction == Direction.BACKWARD else span.start
    size = video.frames.shape[1:3]
    annotations: dict[int, Labels] = {}
    for index, path in masks:
        labels = read_labels(path)
        check_labels(labels, size, path.name)
        if labels.max() > LARGEST_ID:
            raise FrtmError(
                f"{path.name} has the object id {labels.max()}; masks have room for ids up to "
                f"{LARGEST_ID}. Renumber the objects."
            )
        frame = default if index is None else index
        if frame in annotations:
            raise FrtmError(f"Two masks are given for frame {frame}; the second is {path.name}.")
        annotations[frame] = labels
    return annotations


def _mask(text: str) -> tuple[int | None, Path]:
    match = re.match(r"(\d+):(.+)", text)
    return (int(match[1]), Path(match[2])) if match else (None, Path(text))


def _span(text: str) -> tuple[int | None, int | None]:
    match = re.fullmatch(r"(\d*):(\d*)", text)
    if not match:
        raise argparse.ArgumentTypeError(f"'{text}' is not of the form A:B, for example 10:60")
    start, stop = (int(part) if part else None for part in match.groups())
    if stop is not None and (start or 0) >= stop:
        raise argparse.ArgumentTypeError(f"A must be below B, got '{text}'")
    return start, stop


def _contrast(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(":"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not of the form LOW:HIGH") from None
    if not -math.inf < low < high < math.inf:
        raise argparse.ArgumentTypeError(f"LOW must be below HIGH, both finite, got '{text}'")
    return low, high


def _absolute(span: tuple[int | None, int | None] | None, length: int) -> range:
    start, stop = span or (None, None)
    if (start or 0) >= length or (stop or 0) > length:
        raise FrtmError(
            f"The range {'' if start is None else start}:{'' if stop is None else stop} is not "
            f"within the video's {length} frames, 0:{length}. Choose a range inside it."
        )
    return range(start or 0, length if stop is None else stop)
