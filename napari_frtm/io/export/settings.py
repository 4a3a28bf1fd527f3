"""What an export is asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

_NUMBER = re.compile(r"%(0\d+)?d")
_SMOOTH = range(4)


class OddSides(StrEnum):
    """What becomes of an odd row or column where pictures must have even sides."""

    REFUSE = "refuse"
    PAD = "pad"
    CROP = "crop"

    def even(self, side: int) -> int:
        """Return the length in pixels that a side of a picture gets."""
        return side - side % 2 if self is OddSides.CROP else side + side % 2


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeSettings:
    """What is done to the edges of mattes, in this order."""

    matting: bool = field(
        default=False,
        metadata={
            "label": "Hair and motion blur",
            "tooltip": "Estimate the alpha near the outline from the colours of the video.",
        },
    )
    band: float = field(
        default=6.0,
        metadata={
            "label": "Band",
            "min": 1.0,
            "max": 200.0,
            "tooltip": "Distance from the outline within which the alpha is estimated, pixels.",
        },
    )
    smooth: int = field(
        default=0,
        metadata={
            "label": "Calm over time",
            "min": 0,
            "max": 3,
            "tooltip": "Frames before and after that take part in the median against chatter.",
        },
    )
    grow: float = field(
        default=0.0,
        metadata={
            "label": "Grow",
            "min": -100.0,
            "max": 100.0,
            "tooltip": "Move the edge outward, or inward if negative (choke), pixels.",
        },
    )
    feather: float = field(
        default=0.0,
        metadata={
            "label": "Feather",
            "min": 0.0,
            "max": 200.0,
            "tooltip": "Width over which the edge is made softer, pixels.",
        },
    )

    def __post_init__(self) -> None:
        if not 1 <= self.band <= 200:
            raise ValueError(f"band must be in [1, 200] pixels, got {self.band}.")
        if self.smooth not in _SMOOTH:
            raise ValueError(f"smooth must be from 0 to 3 frames, got {self.smooth}.")
        if not -100 <= self.grow <= 100:
            raise ValueError(f"grow must be in [-100, 100] pixels, got {self.grow}.")
        if not 0 <= self.feather <= 200:
            raise ValueError(f"feather must be in [0, 200] pixels, got {self.feather}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSettings:
    """One export.

    Attributes
    ----------
    format : str
        A key of `formats.FORMATS`.
    destination : Path
        The file or, for formats of many files, the folder to write.
    span : range or None
        Frames to write; all if None.
    objects : tuple of int or None
        Objects to write; all if None.
    names : str
        What files are called, with the frame's number, for example ``shot_%04d``.
    start : int or None
        Number of the first frame written; None to count as the video does, from 0.
    overwrite : bool
        Whether files that are there may be replaced.
    depth : int
        Bits of a channel in mattes and TIFF stacks: 8 or 16; 16 or 32 in EXR. 0 for what fits.
    premultiplied : bool
        Whether the colours of cut-outs are multiplied by alpha.
    audio : bool
        Whether movies take over the sound of the source.
    odd : OddSides
        For movies that must have even sides: whether a picture with an odd one is refused, its last
        row or column is repeated, or left out.
    edges : EdgeSettings
        For mattes, cut-outs and movies.
    """

    format: str
    destination: Path
    span: range | None = None
    objects: tuple[int, ...] | None = None
    names: str = "%05d"
    start: int | None = None
    overwrite: bool = False
    depth: int = 0
    premultiplied: bool = False
    audio: bool = False
    odd: OddSides = OddSides.REFUSE
    edges: EdgeSettings = field(default_factory=EdgeSettings)

    def __post_init__(self) -> None:
        if len(_NUMBER.findall(self.names)) != 1 or "%" in _NUMBER.sub("", self.names):
            raise ValueError(f"names must have one number such as %04d, got '{self.names}'.")
        if "/" in self.names or "\\" in self.names:
            raise ValueError(f"names must not have a folder in it, got '{self.names}'.")
        if self.start is not None and self.start < 0:
            raise ValueError(f"start must not be negative, got {self.start}.")
        if self.depth not in (0, 8, 16, 32):
            raise ValueError(f"depth must be 8, 16 or 32 bits, got {self.depth}.")


class Progress(NamedTuple):
    """How far an export is.

    Attributes
    ----------
    step : str
        What is being done, in words.
    done, total : int
        Frames.
    """

    step: str
    done: int
    total: int
