"""What the numbers of a TIFF page look like: inks, palettes, white as zero, planes, orientation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_frtm.errors import VideoError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from tifffile import TiffPage

    from napari_frtm.io.video.stacks.stored import Array

TIFF = (".tif", ".tiff", ".btf", ".tf2", ".tf8", ".lsm", ".stk")
RGB = 2  # values of the tag PhotometricInterpretation
_WHITE_IS_ZERO, _GRAY, _PALETTE, _INKS, _YCBCR = 0, 1, 3, 5, 6
_NAMES = {8: "CIE L*a*b*", 9: "ICC L*a*b*", 10: "ITU L*a*b*", 32844: "LogL", 32845: "LogLuv"}
_JPEG = (6, 7, 33007, 34892)  # compressions that tifffile decodes from YCbCr to RGB
_TURNS = {2: "x", 3: "xy", 4: "y", 5: "t", 6: "tx", 7: "txy", 8: "ty"}


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """How pages become gray or RGB pictures.

    Attributes
    ----------
    photometric : int
        The TIFF tag: how numbers mean colours.
    samples : int
        Numbers per pixel; an axis of its own if more than one.
    planar : bool
        Whether that axis stands before height and width, not behind them.
    keep : int
        How many of them are shown: 3 of a colour, 1 for gray; 0 if they are channels.
    top : int
        What stands for white in integers.
    palette : uint8 array of shape (N,) or (N, 3), optional
        Grays or colours of the numbers.
    turn : str
        How to turn the picture: ``t`` transpose, then mirror ``x``, ``y``.
    """

    photometric: int
    samples: int
    planar: bool
    keep: int
    top: int
    palette: NDArray[np.uint8] | None
    turn: str

    @classmethod
    def of(cls, page: TiffPage, name: str) -> Look:
        """Return how a page looks.

        Raises
        ------
        VideoError
            If its kind of colour is not known.
        """
        samples = int(page.samplesperpixel)
        tag = page.tags.get("PhotometricInterpretation")
        kind = int(tag.value) if tag is not None else RGB if samples >= 3 else _GRAY
        if kind in _NAMES:
            raise VideoError(f"{name} is in the colours of {_NAMES[kind]}. Save it as RGB.")
        if kind == _YCBCR and int(page.compression) not in _JPEG:
            raise VideoError(f"{name} is in YCbCr without JPEG. Save it as RGB.")
        turn = page.tags.get("Orientation")
        return cls(
            photometric=kind,
            samples=samples,
            planar=samples > 1 and int(page.planarconfig) == 2,
            keep=_shown(kind, samples, [int(extra) for extra in page.extrasamples]),
            top=2 ** int(page.bitspersample) - 1,
            palette=_palette(page.colormap) if kind == _PALETTE and samples == 1 else None,
            turn="" if turn is None else _TURNS.get(int(turn.value), ""),
        )

    @property
    def plain(self) -> bool:
        """Whether the stored numbers are what is shown."""
        if not self.keep:
            return True
        same = self.keep == self.samples and not self.planar and not self.turn
        return same and self.photometric not in (_WHITE_IS_ZERO, _INKS) and self.palette is None

    @property
    def colour(self) -> bool:
        """Whether pictures are in RGB."""
        return self.keep == 3 or (self.palette is not None and self.palette.ndim == 2)

    def apply(self, planes: NDArray[Any]) -> NDArray[Any]:
        """Return planes (..., H, W), (..., H, W, S) or (..., S, H, W) as pictures."""
        if self.planar:
            planes = np.moveaxis(planes, -3, -1)
        if self.palette is not None:
            planes = self.palette[np.minimum(planes, len(self.palette) - 1)]
        elif self.photometric == _WHITE_IS_ZERO:
            planes = _inverted(planes, self.top)
        elif self.photometric == _INKS:
            planes = _from_inks(planes[..., :4], self.top)
        if self.samples > 1:
            planes = planes[..., : self.keep] if self.keep > 1 else planes[..., 0]
        y, x = (-3, -2) if self.colour else (-2, -1)
        if "t" in self.turn:
            planes = np.swapaxes(planes, y, x)
        mirrored = tuple(axis for letter, axis in (("x", x), ("y", y)) if letter in self.turn)
        return np.flip(planes, mirrored) if mirrored else planes


class Pictures:
    """Pages as they look: an array like the stored one, of gray or RGB pictures."""

    def __init__(self, stored: Array, look: Look) -> None:
        self._stored, self._look = stored, look
        self._plane = 3 if look.samples > 1 else 2
        self._leading = len(stored.shape) - self._plane
        plane = stored.shape[self._leading :]
        if look.samples > 1:
            plane = plane[1:] if look.planar else plane[:-1]
        plane = plane[::-1] if "t" in look.turn else plane
        plane = (*plane, 3) if look.colour else plane
        self.shape = (*stored.shape[: self._leading], *plane)
        self.dtype = stored.dtype if look.palette is None else np.dtype(np.uint8)
        self.chunks = (*(1 for _ in range(self._leading)), *plane)

    def __getitem__(self, key: tuple[int | slice, ...]) -> NDArray[Any]:
        whole = [slice(None)] * self._plane
        planes = np.asarray(self._stored[(*key[: self._leading], *whole)])
        kept = [slice(None) for part in key[: self._leading] if isinstance(part, slice)]
        return self._look.apply(planes)[(*kept, *key[self._leading :])]


def _shown(kind: int, samples: int, extras: Sequence[int]) -> int:
    """Return how many samples are shown; 0 if they are not of one colour."""
    if kind in (RGB, _YCBCR):
        return 3 if samples >= 3 else 0
    if kind == _INKS:
        return 3 if samples >= 4 else 0
    transparent = samples == 2 and len(extras) == 1 and extras[0] in (1, 2)
    return 1 if samples == 1 or transparent else 0


def _palette(colours: NDArray[np.uint16] | None) -> NDArray[np.uint8] | None:
    """Return a colour map of shape (3, N) in 8 bits, of shape (N,) if it has only grays."""
    if colours is None:
        return None
    table = np.asarray(colours)
    eight = (table >> 8 if table.max() > 255 else table).astype(np.uint8).T
    return eight[:, 0].copy() if (eight == eight[:, :1]).all() else eight


def _inverted(values: NDArray[Any], top: int) -> NDArray[Any]:
    """Return values of which 0 was white; floats have no white and stay."""
    if values.dtype.kind == "f":
        return values
    inverted = ~values if values.dtype == bool else values.dtype.type(top) - values
    return np.asarray(inverted)


def _from_inks(inks: NDArray[Any], top: int) -> NDArray[Any]:
    """Return RGB from cyan, magenta, yellow and black, without a colour profile."""
    if inks.dtype.kind not in "ui":
        return np.asarray(1 - np.minimum(1, inks[..., :3] + inks[..., 3:]))
    light = 1 - inks.astype(np.float32) / top
    rgb: NDArray[Any] = (light[..., :3] * light[..., 3:] * top + 0.5).astype(inks.dtype)
    return rgb
