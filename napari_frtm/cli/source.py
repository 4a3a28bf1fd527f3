"""Which video: the options that say what of a file is looked at, and how bright."""

from __future__ import annotations

import argparse
import math
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_frtm.io.video.opening import open_video
from napari_frtm.io.video.stack_frames import PROJECTIONS, Section

if TYPE_CHECKING:
    from pathlib import Path

    from napari_frtm.io.video.opening import Video


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what of a file the video is."""
    source = parser.add_argument_group("video")
    add = source.add_argument
    add("--channel", type=_number, metavar="N", help="channel of a stack, counted from 0")
    add(
        "--plane",
        type=_plane,
        metavar=f"N|{'|'.join(PROJECTIONS)}",
        help="plane of a stack along z, counted from 0, or a projection along z",
    )
    add(
        "--axes",
        type=_axes,
        metavar="TCYX",
        help="axes of a stack, a letter each, where the file does not say: T time, Z planes, "
        "C channels, Y height, X width",
    )
    add(
        "--contrast",
        type=contrast,
        metavar="LOW:HIGH",
        help="intensities seen as black and white (default: 0:255 for 8 bits, else what most of "
        "the picture needs); if LOW is negative, write --contrast=LOW:HIGH",
    )
    add(
        "--mask-threshold",
        type=_part,
        metavar="S",
        help="of soft masks (antialiased, feathered): from which part of full strength on a pixel "
        "belongs to the object, for example 0.5; without it they are refused",
    )


def open_source(path: Path, options: argparse.Namespace) -> Video:
    """Return the video that a path and the options of `add_source_arguments` describe.

    Raises
    ------
    VideoError
        If it cannot be opened.
    """
    section = Section(axes=options.axes, channel=options.channel, plane=options.plane)
    video = open_video(path, section)
    return video if options.contrast is None else replace(video, contrast=options.contrast)


def contrast(text: str) -> tuple[float, float]:
    """Parse ``LOW:HIGH``."""
    try:
        low, high = (float(part) for part in text.split(":"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not of the form LOW:HIGH") from None
    if not -math.inf < low < high < math.inf:
        raise argparse.ArgumentTypeError(f"LOW must be below HIGH, both finite, got '{text}'")
    return low, high


def _part(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not above 0 and at most 1")
    return value


def _number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is not a number from 0 on")
    return int(text)


def _plane(text: str) -> int | str:
    return text if text in PROJECTIONS else _number(text)


def _axes(text: str) -> str:
    if not {"Y", "X"} <= set(text.upper()) <= set("TZCYXS"):
        raise argparse.ArgumentTypeError(f"'{text}' is not made of T, Z, C, Y and X")
    return text.upper()
