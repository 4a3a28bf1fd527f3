"""Movie files, written frame by frame: with alpha for compositing, or to look at."""

from __future__ import annotations

import logging
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Self

import av
import numpy as np

from napari_frtm.errors import OutputError
from napari_frtm.io.atomic import replacing, reporting

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray

    from napari_frtm.io.export.sound import Sound

logger = logging.getLogger(__name__)

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
    metadata : mapping of str to str
        What the file says of its picture stream.
    """

    codecs: Mapping[str, Mapping[str, str]]
    pixels: str
    alpha: bool = False
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
            if name in av.codecs_available:
                return name
        names = " or ".join(self.codecs)
        raise OutputError(
            f"The FFmpeg in PyAV has no encoder {names} here. Reinstall PyAV from PyPI "
            "(pip install --force-reinstall av), or choose another format."
        )


H264 = Encoding(
    codecs={"libx264": {"crf": "18", "preset": "fast"}, "mpeg4": {"qmin": "2", "qmax": "4"}},
    pixels="yuv420p",
)
PRORES_4444 = Encoding(
    codecs={"prores_ks": {"profile": "4444", "alpha_bits": "16", "vendor": "apl0"}},
    pixels="yuva444p10le",
    alpha=True,
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MovieTraits:
    """What a movie takes over from the one that it is made from.

    Attributes
    ----------
    fps : float or None
        Frames per second, brought into [1, 240]; 25 if unknown.
    full_range : bool
        Whether black and white are 0 and 255 in the file, not 16 and 235.
    timecode : str or None
        Of the first frame, as ``01:00:00:00``.
    sound : Sound or None
        To be copied.
    note : str
        A comment in the file.
    """

    fps: float | None = None
    full_range: bool = False
    timecode: str | None = None
    sound: Sound | None = None
    note: str = ""

    @property
    def rate(self) -> Fraction:
        """Frames per second as movies have it, such as 24000/1001."""
        rate = min(max(self.fps or DEFAULT_FPS, FPS_RANGE[0]), FPS_RANGE[1])
        return Fraction(rate).limit_denominator(1001)


class Movie:
    """A movie to write frame by frame.

    The file appears when the ``with`` block ends well; after an error nothing is left of it.
    Entering and leaving raise `OutputError` if the movie cannot be written, or has no frame.

    Parameters
    ----------
    path : Path
        Where to write; the suffix tells the container.
    encoding : Encoding
        How pictures are coded.
    size : tuple of int
        (H, W) of the images. Where the encoding wants even sides, odd ones grow by one pixel that
        repeats the last.
    traits : MovieTraits
        Rate and more.
    """

    def __init__(
        self, path: Path, encoding: Encoding, size: tuple[int, int], traits: MovieTraits
    ) -> None:
        self._path = path
        self._encoding = encoding
        self._size = size
        self._traits = traits
        self._written = 0
        self._odd = [(0, side % 2 if encoding.even else 0) for side in size]

    def __enter__(self) -> Self:
        self._file = replacing(self._path)
        temporary = self._file.__enter__()
        try:
            with _encoding(self._path):
                self._container = av.open(str(temporary), "w")
                self._describe()
                self._stream = self._open_stream()
                if self._traits.sound is not None:
                    self._traits.sound.open_in(self._container)
                self._container.start_encoding()  # now rather than after the first result
        except BaseException:
            self._drop()
            raise
        if any(more for _, more in self._odd):
            height, width = self._size
            logger.warning(
                "%s: %d x %d pixels is an odd size, which this format has not; the last row or "
                "column is repeated.",
                *(self._path.name, width, height),
            )
        return self

    def write(self, image: NDArray[np.uint8]) -> None:
        """Append a uint8 image of shape (H, W, 3), RGB, or (H, W, 4), RGBA.

        Raises
        ------
        OutputError
            If the movie cannot be written.
        """
        if image.shape != (*self._size, 4 if self._encoding.alpha else 3):
            raise ValueError(f"The movie has frames of size {self._size}, got {image.shape}.")
        padded = np.pad(image, (*self._odd, (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(padded, format="rgba" if image.shape[2] == 4 else "rgb24")
        if "yuv" in self._encoding.pixels:
            frame = frame.reformat(
                format=self._encoding.pixels,
                dst_colorspace=BT709,
                dst_color_range=self._range,
            )
        else:
            frame = frame.reformat(format=self._encoding.pixels)
        frame.pts = self._written
        frame.time_base = 1 / self._traits.rate
        with _encoding(self._path):
            if self._traits.sound is not None:
                for packet in self._traits.sound.until(float(self._written / self._traits.rate)):
                    self._container.mux(packet)
            self._container.mux(self._stream.encode(frame))
        self._written += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._drop()
            return
        try:
            if not self._written:
                raise OutputError(f"There is no frame to write to {self._path}.")
            with _encoding(self._path):
                if self._traits.sound is not None:
                    for packet in self._traits.sound.until(self._written / self._traits.rate):
                        self._container.mux(packet)
                self._container.mux(self._stream.encode())
                self._close()
        except BaseException:
            self._drop()
            raise
        self._file.__exit__(None, None, None)

    @property
    def _range(self) -> int:
        return FULL_RANGE if self._traits.full_range else LIMITED_RANGE

    def _describe(self) -> None:
        if self._traits.timecode:
            self._container.metadata["timecode"] = self._traits.timecode
        if self._traits.note:
            self._container.metadata["comment"] = self._traits.note

    def _open_stream(self) -> av.VideoStream:
        codec = self._encoding.codec()
        options = dict(self._encoding.codecs[codec])
        stream = self._container.add_stream(codec, rate=self._traits.rate, options=options)
        if not isinstance(stream, av.VideoStream):
            raise TypeError(f"{codec} is no video codec.")
        stream.height, stream.width = (
            side + more for side, (_, more) in zip(self._size, self._odd, strict=True)
        )
        stream.pix_fmt = self._encoding.pixels
        stream.metadata.update(self._encoding.metadata)
        if "yuv" in self._encoding.pixels:
            context = stream.codec_context
            context.colorspace = context.color_primaries = context.color_trc = BT709
            context.color_range = self._range
        return stream

    def _close(self) -> None:
        self._container.close()
        if self._traits.sound is not None:
            self._traits.sound.close()

    def _drop(self) -> None:
        """Leave nothing behind; the error on its way out is not ours to rename."""
        with suppress(OSError, av.FFmpegError, AttributeError, ValueError):
            self._close()
        self._file.__exit__(GeneratorExit, GeneratorExit(), None)


@contextmanager
def _encoding(path: Path) -> Iterator[None]:
    """Turn errors of FFmpeg and of the system into an `OutputError` about `path`."""
    with reporting(path):
        try:
            yield
        except (av.FFmpegError, ValueError) as error:
            if isinstance(error, OSError):
                raise
            raise OutputError(f"Cannot write {path}: {error}.") from error
