"""What a movie file holds: the time of every frame, found without decoding where possible."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import av
from av.stream import Disposition

from napari_frtm.errors import VideoError
from napari_frtm.io.video.picture import display_matrix, picture
from napari_frtm.io.video.reading import reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from fractions import Fraction
    from pathlib import Path

    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from napari_frtm.io.video.picture import Matrix


# These demuxers seek by presentation times, the others by decoding times. With an edit list the
# first come out too early, except for the last time before the next key picture.
_SEEK_BY_PTS = ("mov", "matroska")


_RAW = ("h264", "hevc", "m4v", "mpegvideo", "mjpeg")  # no times: FFmpeg says 25 of them
_OTHER_RATE = 0.1
_PATCH_UP = ("mjpeg", "hevc")  # the decoders that do not mark pictures in which they met errors
_FORMATS = (
    *("mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "avi", "mpegts", "mpeg", "asf"),
    *("flv", "mxf", "ogg", "nut", "dv", "yuv4mpegpipe", "h264", "hevc", "m4v", "mpegvideo"),
    *("mjpeg", "gif", "ivf", "obu", "rm", "apng", "swf", "vc1", "gxf", "lxf", "r3d", "wtv"),
)
_OPTIONS = {"format_whitelist": ",".join(_FORMATS), "protocol_whitelist": "file"}
"""No text is a movie, and no play list leads to other files or into the network."""


class Key(NamedTuple):
    """A key picture: index of the first frame that it gives, its time, and where to seek to."""

    frame: int
    time: int
    seek: int


@dataclass(frozen=True, slots=True, eq=False)
class MovieIndex:
    """What must be known of a movie to find any of its frames.

    Attributes
    ----------
    size : tuple of int
        Height and width of the pictures as shown, pixels.
    fps : float or None
        Mean frames per second.
    pixel_aspect : float
        Width of a pixel over its height.
    times : tuple of int
        Presentation time of each frame, in the stream's time base; in order of presentation.
    keys : tuple of Key
        The pictures that decoding can start at, increasing.
    seekable : bool
        False where times mean nothing: frames are then counted from the start.
    damaged : bool
        Packets are cut short or missing, or something in them could not be decoded.
    matrix : tuple of int
        How pictures are turned to be shown, see `display_matrix`.
    """

    size: tuple[int, int]
    fps: float | None
    pixel_aspect: float
    times: tuple[int, ...]
    keys: tuple[Key, ...]
    seekable: bool
    damaged: bool
    matrix: Matrix


class _Entry(NamedTuple):
    """One packet: its times, whether it is a key picture and whether it is shown."""

    pts: int | None
    dts: int | None
    key: bool
    shown: bool


def scan(path: Path) -> MovieIndex:
    """Return the index of a movie.

    The packets tell the times of all frames. Where they do not (no times, times that repeat or
    run backward, AVI that numbers packets instead of pictures, damage), the whole movie is decoded.

    Raises
    ------
    VideoError
        If the file is no movie, or nothing in it can be decoded.
    """
    with reading(path):
        with open_container(path) as container:
            entries, damaged = _entries(container)
            trusted = not damaged and _reliable(entries, container)
            stream = video_stream(container)
            rates = stream.average_rate, stream.guessed_rate
            raw = container.format.name in _RAW
            base, aspect = stream.time_base, stream.sample_aspect_ratio
            by_pts = container.format.name.startswith(_SEEK_BY_PTS)
        with open_container(path, damaged) as container:
            first_key = next((e.pts for e in entries if e.key), None) if trusted else None
            size, matrix, times = _decoded_times(container, until=first_key)
    if not times:
        raise VideoError(f"No frame of {path.name} can be decoded. The file is damaged or empty.")
    last = times[-1]
    if first_key is not None and last is not None:
        rest = sorted(e.pts for e in entries if e.shown and e.pts is not None)
        times += [time for time in rest if time > last]
    known = [time for time in times if time is not None]
    seekable = len(known) == len(times) == len(set(known))
    span = (known[-1] - known[0]) * (base or 0) if seekable and known else 0
    return MovieIndex(
        size=size,
        fps=_frames_per_second(rates[::-1] if raw else rates, len(times) - 1, float(span)),
        pixel_aspect=float(aspect) if aspect else 1.0,
        times=tuple(known) if seekable else tuple(range(len(times))),
        keys=_keys(entries, known, trusted, by_pts) if seekable else (),
        seekable=seekable,
        damaged=damaged,
        matrix=matrix,
    )


def _frames_per_second(
    rates: Sequence[Fraction | None], steps: int, seconds: float
) -> float | None:
    """Return the first rate that is known, or the mean one, if it is clearly another."""
    rate = next((float(rate) for rate in rates if rate), None)
    mean = steps / seconds if seconds > 0 else None
    if rate is None or mean is None:
        return rate or mean
    return mean if abs(mean / rate - 1) > _OTHER_RATE else rate


def _entries(container: InputContainer) -> tuple[list[_Entry], bool]:
    """Return what the packets tell, and whether the file is damaged."""
    entries = []
    damaged = False
    vp8 = video_stream(container).codec_context.name == "vp8"
    try:
        for packet in packets(container):
            if not packet.size:
                continue
            damaged |= packet.is_corrupt
            hidden = vp8 and not memoryview(packet)[0] & 0x10  # RFC 6386, section 9.1: show_frame
            shown = not packet.is_discard and not hidden
            entries.append(_Entry(packet.pts, packet.dts, packet.is_keyframe, shown))
    except av.FFmpegError:
        damaged = True
    return entries, damaged


def _reliable(entries: Sequence[_Entry], container: InputContainer) -> bool:
    """Whether the packets' times are the times of the frames."""
    shown = [e.pts for e in entries if e.shown]
    times = [time for time in shown if time is not None]
    order = [e.dts for e in entries if e.dts is not None]
    if len(times) < len(shown) or len(set(times)) < len(times) or order != sorted(order):
        return False
    reorders = bool(video_stream(container).codec_context.has_b_frames)
    return not (container.format.name == "avi" and reorders and times == sorted(times))


def _decoded_times(
    container: InputContainer, until: int | None
) -> tuple[tuple[int, int], Matrix, list[int | None]]:
    """Decode from the start; return size, display matrix and times of the pictures.

    Stops at the first picture at or after the time `until`: what is decoded before the first key
    picture of a file that was cut out of a longer one cannot be told from the packets.
    """
    size, matrix = (0, 0), (1, 0, 0, 1)
    times: list[int | None] = []
    for packet in packets(container):
        for frame in decode(packet) or ():
            if not times:
                matrix = display_matrix(frame)
                height, width, _ = picture(frame, matrix).shape
                size = (height, width)
            times.append(frame.pts)
            if until is not None and frame.pts is not None and frame.pts >= until:
                return size, matrix, times
    return size, matrix, times


def _keys(
    entries: Sequence[_Entry], times: Sequence[int], ordered: bool, by_pts: bool
) -> tuple[Key, ...]:
    """Return the key pictures; one that is not shown counts as the next frame."""
    shown = {time: i for i, time in enumerate(times)}
    keys = []
    for entry in entries:
        if entry.key and entry.pts is not None:
            after = bisect_left(times, entry.pts) if ordered else len(times)
            seek = entry.pts if entry.dts is None else entry.dts
            keys.append(Key(shown.get(entry.pts, after), entry.pts, seek))
    keys = sorted(key for key in keys if key.frame < len(times))
    if by_pts:
        ends = [*(key.frame for key in keys[1:]), len(times)]
        keys = [
            Key(k.frame, k.time, max(k.time, times[end - 1]))
            for k, end in zip(keys, ends, strict=True)
        ]
    return tuple(keys)


def is_movie(path: Path) -> bool:
    """Whether a file holds pictures of a movie, judged by what is in it."""
    try:
        with av.open(f"file:{path.absolute()}", container_options=_OPTIONS) as container:
            return bool(container.streams.video)
    except (av.FFmpegError, OSError):
        return False


def open_container(path: Path, damaged: bool = False, strict: bool = False) -> InputContainer:
    """Open a movie and set it up for decoding on all cores.

    If it is damaged, on one: several lose good frames next to bad ones, and what they make up of
    the bad ones is chance. If `strict`, decoders that patch pictures up without a word give none
    instead.
    """
    silence()
    # a plain path would be taken for a URL if it has a colon
    container = av.open(f"file:{path.absolute()}", container_options=_OPTIONS)
    if not container.streams.video:
        container.close()
        raise VideoError(f"{path.name} has no pictures, only sound or data. Choose a movie.")
    stream = video_stream(container)
    stream.thread_type = "SLICE" if damaged else "AUTO"
    stream.codec_context.thread_count = 1 if damaged else 0
    if strict and stream.codec_context.name in _PATCH_UP:
        stream.codec_context.options = {"err_detect": "crccheck+bitstream+buffer+explode"}
    return container


def silence() -> None:
    """Let FFmpeg's messages go nowhere, before its decoders are used and before they are closed.

    PyAV passes them on to Python, if a program has asked for it, as torchvision up to 0.22 does
    when it is imported. Then a decoder's thread with a message waits for Python's lock, which PyAV
    holds while it waits for that thread to end: napari would stand still for ever.
    """
    av.logging.set_level(None)


def video_stream(container: InputContainer) -> VideoStream:
    """Return the movie's main picture stream, not its cover picture."""
    return next(
        (s for s in container.streams.video if not s.disposition & Disposition.attached_pic),
        container.streams.video[0],
    )


def packets(container: InputContainer) -> Iterator[Packet[VideoStream]]:
    """Yield the packets of the movie's main picture stream, and the last, empty one."""
    try:
        yield from container.demux(video_stream(container))
    except IndexError:
        return  # at its end, PyAV looks for streams that have begun on the way


def decode(packet: Packet[VideoStream]) -> Sequence[VideoFrame] | None:
    """Return the frames that `packet` completes; None if it is damaged."""
    if not packet.size and packet.pts is not None:  # Theora: the picture before once more
        return ()
    # What a decoder makes of half a packet is chance. MPEG streams only say that a bit was lost.
    streamed = packet.stream.container.format.name.startswith("mpeg")
    try:
        return packet.decode() if streamed or not packet.is_corrupt else None
    except av.error.InvalidDataError:
        return None
