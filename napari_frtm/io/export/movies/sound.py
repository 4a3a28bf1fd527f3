"""What exported movies take from their source beside the pictures: sound, time code, range."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av

from napari_frtm.errors import OutputError
from napari_frtm.io.export.movies.encodings import DEFAULT_FPS, FPS_RANGE, FULL_RANGE
from napari_frtm.io.video.movies.index import video_stream
from napari_frtm.io.video.opening import MOVIES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from av.container import OutputContainer
    from av.packet import Packet

    from napari_frtm.io.export.job import Job

_TIMECODE = re.compile(r"(\d\d):(\d\d):(\d\d)([:;.])(\d\d)")


class Sound:
    """The sound of a movie, copied as it is coded.

    Parameters
    ----------
    path : Path
        The movie.
    start : float
        Seconds into it at which the copy starts.
    """

    def __init__(self, path: Path, start: float) -> None:
        self._path = path
        self._start = start

    def open_in(self, container: OutputContainer) -> None:
        """Add the sound to a movie that is about to be written.

        Raises
        ------
        OutputError
            If there is none, or the kind of movie has no room for its kind.
        """
        self._source = av.open(str(self._path))
        if not self._source.streams.audio:
            raise OutputError(f"{self._path.name} has no sound. Leave out the sound.")
        stream = self._source.streams.audio[0]
        codec = stream.codec_context.name
        try:
            self._stream = container.add_stream_from_template(stream)
        except ValueError as error:
            raise OutputError(
                f"The sound of {self._path.name} is {codec}, which {container.format.name} movies "
                "have no room for. Choose another format, or leave out the sound."
            ) from error
        base = stream.time_base
        assert base is not None
        self._offset = int(self._start / base) + (stream.start_time or 0)
        self._source.seek(self._offset, stream=stream)
        self._packets = self._source.demux(stream)
        self._next: Packet[Any] | None = None

    def until(self, seconds: float | Fraction) -> Iterator[Packet[Any]]:
        """Yield the packets, in order, up to a time of the new movie."""
        while True:
            packet = self._next or next(self._packets, None)
            self._next = None
            if packet is None:
                return
            if packet.pts is None or packet.pts < self._offset:
                continue
            if (packet.pts - self._offset) * packet.time_base >= seconds:
                self._next = packet
                return
            packet.pts -= self._offset
            packet.dts = packet.pts
            packet.stream = self._stream
            yield packet

    def close(self) -> None:
        """Close the movie that it is from."""
        self._source.close()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MovieTraits:
    """What a movie takes over from the one that it is made from.

    Attributes
    ----------
    fps : float or None
        Frames per second, brought into [1, 240]; 25 if unknown.
    pixel_aspect : Fraction
        Width of a pixel over its height, to be shown with.
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
    pixel_aspect: Fraction = Fraction(1)
    full_range: bool = False
    timecode: str | None = None
    sound: Sound | None = None
    note: str = ""

    @property
    def rate(self) -> Fraction:
        """Frames per second as movies have it, such as 24000/1001."""
        rate = min(max(self.fps or DEFAULT_FPS, FPS_RANGE[0]), FPS_RANGE[1])
        return Fraction(rate).limit_denominator(1001)


def traits(job: Job, note: str) -> MovieTraits:
    """Return what a movie of a job takes over from its source.

    Raises
    ------
    OutputError
        If sound is asked for, and the source is no movie.
    """
    path, fps = job.source.video_path, job.source.fps
    if path is None or path.suffix.lower() not in MOVIES or not path.is_file():
        if job.settings.audio:
            raise OutputError(
                "The masks are not of a movie file, so there is no sound to take over."
            )
        return MovieTraits(fps=fps, pixel_aspect=_pixel_aspect(job), note=note)
    with av.open(str(path)) as container:
        stream = video_stream(container)
        full = int(stream.codec_context.color_range) == FULL_RANGE
        words = [stream.metadata.get("timecode"), container.metadata.get("timecode")]
        words += [data.metadata.get("timecode") for data in container.streams.data]
    rated = MovieTraits(fps=fps).rate
    code = next((word for word in words if word), None)
    start = job.span.start
    return MovieTraits(
        fps=fps,
        pixel_aspect=_pixel_aspect(job),
        full_range=full,
        timecode=None if code is None else moved(code, start, round(rated)),
        sound=Sound(path, float(start / rated)) if job.settings.audio else None,
        note=note,
    )


def _pixel_aspect(job: Job) -> Fraction:
    known = 1.0 if job.source.video is None else job.source.video.pixel_aspect
    return Fraction(known).limit_denominator(1001)


def moved(timecode: str, frames: int, rate: int) -> str | None:
    """Return a time code some frames later; None if it cannot be understood.

    Drop-frame codes (with a semicolon) leave out two numbers a minute at 30 frames per second,
    four at 60, except in every tenth minute.
    """
    match = _TIMECODE.fullmatch(timecode)
    if match is None:
        return None
    hours, minutes, seconds, here = (int(match[i]) for i in (1, 2, 3, 5))
    dropped = round(rate / 15) if match[4] in ";." else 0
    number = (hours * 3600 + minutes * 60 + seconds) * rate + here
    total = hours * 60 + minutes
    count = number - dropped * (total - total // 10) + frames
    if dropped:
        tens, rest = divmod(count, rate * 600 - 9 * dropped)
        count += 9 * dropped * tens
        count += dropped * max(0, (rest - dropped) // (rate * 60 - dropped))
    seconds, here = divmod(count, rate)
    hours, seconds = divmod(seconds, 3600)
    clock = f"{hours % 24:02}:{seconds // 60:02}:{seconds % 60:02}"
    return f"{clock}{match[4]}{here:02}"
