"""Movie files, frame accurate: frame i is the i-th picture of decoding from the start."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

import av
import numpy as np

from napari_frtm.errors import VideoError
from napari_frtm.io.movie_index import (
    Key,
    MovieIndex,
    decode,
    open_container,
    packets,
    picture,
    scan,
    video_stream,
)
from napari_frtm.io.reading import reading

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from numpy.typing import NDArray

_CACHE_BYTES = 128 * 2**20
_BACKWARD_BYTES = 512 * 2**20  # 41 pictures of 4K: each miss decodes a whole group up to it


def open_movie(path: Path) -> Movie:
    """Return the frames of a movie file, after one pass over its packets.

    Raises
    ------
    VideoError
        If this is no movie, or nothing in it can be decoded.
    """
    return Movie(path, scan(path))


class Movie:
    """Frames of a movie file, by index; safe to share between threads and to pickle.

    Reading forward never seeks. Decoded pictures are kept up to a bound, so that stepping
    backward decodes a group of pictures once and not once per step. The bound is higher once
    someone steps backward: whoever only reads forward needs little memory.
    """

    def __init__(self, path: Path, index: MovieIndex) -> None:
        self.path = path
        self.fps = index.fps
        self.shape = (len(index.times), *index.size, 3)
        self.dtype: np.dtype[np.generic] = np.dtype(np.uint8)
        self.names = tuple(f"{i:05d}" for i in range(len(index.times)))
        self._index = index
        self._lookup = {time: i for i, time in enumerate(index.times)}
        self._keys = {key.time: key.frame for key in index.keys}
        self._lock = Lock()
        self._container: InputContainer | None = None
        self._decoded: Iterator[tuple[int, VideoFrame]] = iter(())
        self._next = 0
        self._cache = _FrameCache(_CACHE_BYTES)

    def __reduce__(self) -> tuple[type[Movie], tuple[Path, MovieIndex]]:
        return Movie, (self.path, self._index)

    def __del__(self) -> None:
        if getattr(self, "_container", None) is not None:
            self.close()

    def close(self) -> None:
        """Close the file; the next `read` opens it again."""
        self._decoded = iter(())
        self._cache.clear()
        if self._container is not None:
            self._container.close()
        self._container = None

    def read(self, index: int) -> NDArray[np.uint8]:
        """Return frame `index` as an RGB image of shape (H, W, 3).

        Raises
        ------
        VideoError
            If this frame cannot be decoded.
        """
        with self._lock, reading(self.path):
            frame = self._cache.get(index)
            if frame is None:
                frame = self._find(index)
            return picture(frame, self._index.size)

    def _find(self, index: int) -> VideoFrame:
        if index < self._next:
            self._cache.limit = _BACKWARD_BYTES
        nearest = bisect_right(self._index.keys, index, key=lambda key: key.frame)
        keys = self._index.keys[max(0, nearest - 3) : nearest][::-1]
        if self._next <= index and (not keys or keys[0].frame <= self._next):
            frame = self._advance(index)
            if frame is not None:
                return frame
        # A seek may land too late, and decoders drop pictures until they have recovered: if
        # the nearest start does not give the frame, an earlier one does, or the very first.
        for start in (*keys, None):
            self._restart(start)
            frame = self._advance(index)
            if frame is not None:
                return frame
        raise VideoError(
            f"Frame {index} of {self.path.name} cannot be decoded: the file is damaged there. "
            "Use the frames before or after it, or convert the movie again from its source."
        )

    def _advance(self, index: int) -> VideoFrame | None:
        """Decode up to frame `index`; None if the decoder does not give it."""
        for i, frame in self._decoded:
            self._next = i + 1
            self._cache.put(i, frame)
            if i >= index:
                return frame if i == index else None
        self._next = len(self._index.times)
        return None

    def _restart(self, key: Key | None) -> None:
        """Go on at a key picture, or at the start of the file."""
        self._next = 0
        if key is None or self._container is None:
            if self._container is not None:
                self._container.close()
            last_resort = key is None and self._index.seekable
            self._container = open_container(self.path, self._index.damaged or last_resort)
        if key is not None:
            try:
                self._container.seek(key.seek, stream=video_stream(self._container))
            except av.FFmpegError:
                self._decoded = iter(())
                return
        self._decoded = self._frames(self._container, None if key is not None else 0)

    def _frames(
        self, container: InputContainer, first: int | None
    ) -> Iterator[tuple[int, VideoFrame]]:
        """Yield frames and their indices; after a seek (`first` is None) from a key picture on.

        Pictures shown before the key picture, but decoded after it, lack what they refer to.
        """
        count = 0
        for packet in packets(container):
            if first is None:
                if not packet.is_keyframe or packet.pts not in self._keys:
                    continue
                first = self._keys[packet.pts]
            for frame in decode(packet):
                i = self._index_of(frame, count)
                count += 1
                if i >= first:
                    yield i, frame

    def _index_of(self, frame: VideoFrame, count: int) -> int:
        """Return the index of the `count`-th decoded frame; -1 if it is not a shown one."""
        if not self._index.seekable:
            return count
        return -1 if frame.pts is None else self._lookup.get(frame.pts, -1)


class _FrameCache:
    """The decoded pictures used last, at most `limit` bytes of them."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._bytes = 0
        self._frames: OrderedDict[int, VideoFrame] = OrderedDict()

    def get(self, index: int) -> VideoFrame | None:
        if index in self._frames:
            self._frames.move_to_end(index)
        return self._frames.get(index)

    def put(self, index: int, frame: VideoFrame) -> None:
        if index in self._frames:
            self._bytes -= _size(self._frames.pop(index))
        self._frames[index] = frame
        self._bytes += _size(frame)
        while self._bytes > self.limit and len(self._frames) > 1:
            self._bytes -= _size(self._frames.popitem(last=False)[1])

    def clear(self) -> None:
        self._frames.clear()
        self._bytes = 0


def _size(frame: VideoFrame) -> int:
    return sum(plane.buffer_size for plane in frame.planes)
