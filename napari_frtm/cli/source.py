"""Options that say what of a file the video is, how it is seen, and what its masks are."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING

from napari_frtm.errors import FrtmError
from napari_frtm.io.video.stacks.stack_frames import PROJECTIONS, Section

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_frtm.types import Contrast

_ALL = " or ".join(PROJECTIONS)


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    group = parser.add_argument_group("stacks of more axes")
    add = group.add_argument
    add("--channel", type=_number, metavar="N", help="which channel to follow, from 0")
    add(
        "--plane",
        type=_plane,
        metavar=f"N|{'|'.join(PROJECTIONS)}",
        help=f"which plane along z, from 0; or the {_ALL} of all planes",
    )
    add(
        "--axes",
        metavar="LETTERS",
        help="what the axes are, such as TZCYX, where the file does not say",
    )


def add_contrast_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how intensities are seen."""
    group = parser.add_argument_group("intensities")
    add = group.add_argument
    add(
        "--contrast",
        type=_contrast,
        metavar="LOW:HIGH",
        help="intensities seen as black and white (default: 0:255 for 8 bits, else percentiles); "
        "if LOW is negative, write --contrast=LOW:HIGH",
    )
    add(
        "--gamma",
        type=_gamma,
        metavar="G",
        help="how those between are seen, as napari's gamma: below 1, what is dark becomes "
        "brighter (default: 1; of OpenEXR, which holds linear light, 1/2.2)",
    )


def chosen_contrast(options: argparse.Namespace, known: Contrast) -> Contrast:
    """Return what the options choose, and the rest as known."""
    return known.but(options.contrast, options.gamma)


def chosen_section(options: argparse.Namespace) -> Section | None:
    """Return what the options choose; None for nothing."""
    section = Section(axes=options.axes, channel=options.channel, plane=options.plane)
    return section or None


def check_section(options: argparse.Namespace, kept: Section | None) -> None:
    """Check that options do not ask for another part of a stack than a session is about.

    Raises
    ------
    FrtmError
        If they do.
    """
    asked = chosen_section(options)
    if asked is not None and asked != kept:
        raise FrtmError(
            f"The session is about {_told(kept)}, not {_told(asked)}. Leave out --axes, --channel "
            "and --plane, or begin another session."
        )


def threshold(text: str) -> float:
    """Return the part of full strength from which on a pixel of a soft mask counts."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no number above 0, up to 1")
    return value


def _told(section: Section | None) -> str:
    parts: Mapping[str, object] = (
        {"channel": section.channel, "plane": section.plane, "axes": section.axes}
        if section
        else {}
    )
    said = [f"{name} {value}" for name, value in parts.items() if value is not None]
    return ", ".join(said) or "all of its video"


def _number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is no number, counted from 0")
    return int(text)


def _plane(text: str) -> int | str:
    if text in PROJECTIONS:
        return text
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is no number, counted from 0, and not {_ALL}")
    return int(text)


def _contrast(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(":"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not of the form LOW:HIGH") from None
    if not -math.inf < low < high < math.inf:
        raise argparse.ArgumentTypeError(f"LOW must be below HIGH, both finite, got '{text}'")
    return low, high


def _gamma(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"'{text}' is no number above 0")
    return value
