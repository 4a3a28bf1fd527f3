"""How movies are coded, and what they take over from their source."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import av

from napari_frtm.errors import OutputError
from napari_frtm.io.export.settings import OddSides

if TYPE_CHECKING:
    from collections.abc import Mapping


DEFAULT_FPS = 25
FPS_RANGE = (1.0, 240.0)
BT709, LIMITED_RANGE, FULL_RANGE = 1, 1, 2
"""How movies code colours, in the numbers of ITU-T H.273; players assume the first two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """How the pictures of a movie are coded.

    Attributes
    ----------
    codecs : mapping of str to mapping
        Encoders in the order of preference, with their options.
    pixels : str
        The pixel format of the file, in FFmpeg's words.
    alpha : bool
        Whether pictures are RGBA, else RGB.
    tells_aspect : bool
        Whether the file says how wide pixels are, as PyAV writes it.
    metadata : mapping of str to str
        What the file says of its picture stream.
    """

    codecs: Mapping[str, Mapping[str, str]]
    pixels: str
    alpha: bool = False
    tells_aspect: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def even(self) -> bool:
        """Whether sides must be even, as colours are stored for squares of four pixels."""
        return "420" in self.pixels

    def codec(self) -> str:
        """Return the encoder to use.

        Raises
        ------
        OutputError
            If there is none.
        """
        for name in self.codecs:
            with suppress(av.codec.codec.UnknownCodecError):
                av.Codec(name, "w")  # of some names there are decoders alone
                return name
        names = " or ".join(self.codecs)
        raise OutputError(
            f"The FFmpeg in PyAV has no encoder {names} here. Reinstall PyAV from PyPI "
            "(pip install --force-reinstall av), or choose another format."
        )


def odd_sides(size: tuple[int, int]) -> str:
    """Return what is wrong with pictures of an odd size (H, W), and what to do, in words."""
    sides = f"{size[1]} x {size[0]}"
    which = " and the last ".join(
        word for word, side in zip(("column", "row"), size[::-1], strict=True) if side % 2
    )
    padded, cropped = (
        f"{odd.even(size[1])} x {odd.even(size[0])}" for odd in (OddSides.PAD, OddSides.CROP)
    )
    return (
        f"Pictures are {sides} pixels, and this format has even sides only. Repeat the last "
        f"{which} ({padded}) or leave out the last {which} ({cropped}): Odd sides, or --odd pad "
        "and --odd crop on the command line. Or choose ProRes, FFV1 or HuffYUV, which keep the "
        "size."
    )


H264 = Encoding(
    codecs={
        # to look ahead as far as the preset does takes half a gigabyte more at 4K
        "libx264": {"crf": "18", "preset": "fast", "rc-lookahead": "10"},
        "mpeg4": {"qmin": "2", "qmax": "4"},
    },
    pixels="yuv420p",
    tells_aspect=True,
)
PRORES_4444 = Encoding(
    codecs={"prores_ks": {"profile": "4444", "alpha_bits": "16", "vendor": "apl0"}},
    pixels="yuva444p10le",
    alpha=True,
    tells_aspect=True,
)
FFV1 = Encoding(
    codecs={"ffv1": {"level": "3", "slicecrc": "1", "slices": "4"}}, pixels="bgra", alpha=True
)
HUFFYUV = Encoding(codecs={"huffyuv": {}}, pixels="bgra", alpha=True)
VP9 = Encoding(
    codecs={"libvpx-vp9": {"crf": "18", "b": "0", "cpu-used": "4", "auto-alt-ref": "0"}},
    pixels="yuva420p",
    alpha=True,
    metadata={"alpha_mode": "1"},
)
