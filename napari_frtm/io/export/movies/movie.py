"""Movie files, written frame by frame: with alpha for compositing, or to look at."""

from __future__ import annotations

import logging
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Self

import av
import numpy as np

from napari_frtm.errors import OutputError
from napari_frtm.io.atomic import replacing, reporting
from napari_frtm.io.export.movies.encodings import BT709, FULL_RANGE, LIMITED_RANGE, odd_sides
from napari_frtm.io.export.settings import OddSides

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray

    from napari_frtm.io.export.movies.encodings import Encoding
    from napari_frtm.io.export.movies.sound import MovieTraits

logger = logging.getLogger(__name__)


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
        (H, W) of the images.
    traits : MovieTraits
        Rate and more.
    odd : OddSides
        What becomes of odd sides, where the encoding wants even ones.
    """

    def __init__(
        self,
        path: Path,
        encoding: Encoding,
        size: tuple[int, int],
        traits: MovieTraits,
        odd: OddSides = OddSides.REFUSE,
    ) -> None:
        self._path = path
        self._encoding = encoding
        self._size = size
        self._traits = traits
        self._written = 0
        self._odd = odd
        self._coded = (odd.even(size[0]), odd.even(size[1])) if encoding.even else size

    def __enter__(self) -> Self:
        if self._odd is OddSides.REFUSE and self._coded != self._size:
            raise OutputError(f"{self._path.name}: {odd_sides(self._size)}")
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
        self._warn()
        return self

    def _warn(self) -> None:
        """Say where the movie is not as its source."""
        aspect = float(self._traits.pixel_aspect)
        if aspect != 1 and not self._encoding.tells_aspect:
            logger.warning(
                "%s: pixels of the source are %.4g times as wide as high, which this format does "
                "not tell. Choose ProRes or H.264, or say it where the movie is used.",
                *(self._path.name, aspect),
            )

    def write(self, image: NDArray[np.uint8]) -> None:
        """Append a uint8 image of shape (H, W, 3), RGB, or (H, W, 4), RGBA.

        Raises
        ------
        OutputError
            If the movie cannot be written.
        """
        if image.shape != (*self._size, 4 if self._encoding.alpha else 3):
            raise ValueError(f"The movie has frames of size {self._size}, got {image.shape}.")
        frame = av.VideoFrame.from_ndarray(
            self._sized(image), format="rgba" if image.shape[2] == 4 else "rgb24"
        )
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

    def _sized(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return an image of the size that is coded: without its last lines, or with them twice."""
        height, width = self._coded
        more = [(0, max(0, new - old)) for new, old in zip(self._coded, self._size, strict=True)]
        return np.ascontiguousarray(np.pad(image[:height, :width], (*more, (0, 0)), mode="edge"))

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
        stream.height, stream.width = self._coded
        stream.pix_fmt = self._encoding.pixels
        stream.codec_context.sample_aspect_ratio = self._traits.pixel_aspect
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
