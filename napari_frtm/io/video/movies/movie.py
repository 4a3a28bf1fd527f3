"""Movie files, frame accurate: frame i is the i-th picture of decoding from the start."""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections import OrderedDict
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from napari_frtm.errors import VideoError
from napari_frtm.io.video.movies.cursor import Cursor
from napari_frtm.io.video.movies.index_cache import cached_index
from napari_frtm.io.video.picture import picture
from napari_frtm.io.video.reading import Unchanged, reading

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from av.video.frame import VideoFrame
    from numpy.typing import NDArray

    from napari_frtm.io.video.movies.index import Key, MovieIndex

logger = logging.getLogger(__name__)

_DAMAGED = "%s is damaged in places. The pictures there are what the decoder makes up of the rest."
_CACHE_BYTES = 128 * 2**20
_CURSORS = 2
_BACKWARD_BYTES = 512 * 2**20  # 41 pictures of 4K: each miss decodes a whole group up to it


def open_movie(path: Path) -> Movie:
    """Return the frames of a movie file, after one pass over its packets, if it is new.

    Raises
    ------
    VideoError
        If this is no movie, or nothing in it can be decoded.
    """
    return Movie(path, cached_index(path))


class Movie:
    """Frames of a movie file, by index; safe to share between threads and to pickle.

    Reading forward never seeks, also if two read at once in different places, as a run and the
    viewer do. Decoded pictures are kept up to a bound, so that stepping
    backward decodes a group of pictures once and not once per step. The bound is higher once
    someone steps backward: whoever only reads forward needs little memory.
    """

    def __init__(self, path: Path, index: MovieIndex) -> None:
        self.path = path
        self.fps = index.fps
        upright = index.matrix[0] or index.matrix[3]
        self.pixel_aspect = index.pixel_aspect if upright else 1 / index.pixel_aspect
        self.shape = (len(index.times), *index.size, 3)
        self.dtype: np.dtype[np.generic] = np.dtype(np.uint8)
        self.names = tuple(f"{i:05d}" for i in range(len(index.times)))
        self.remarks = (_DAMAGED % path.name,) if index.damaged else ()
        self._index = index
        self._file = Unchanged(path)
        self._lock = Lock()
        self._cursors: list[Cursor] = []
        self._cache = _FrameCache(_CACHE_BYTES)
        self._sound: dict[int, bool] = {}

    def __reduce__(self) -> tuple[type[Movie], tuple[Path, MovieIndex]]:
        return Movie, (self.path, self._index)

    def __del__(self) -> None:
        if getattr(self, "_cursors", None):
            self.close()

    def close(self) -> None:
        """Close the file; the next `read` opens it again."""
        for cursor in self._cursors:
            cursor.close()
        self._cursors.clear()
        self._cache.clear()

    def read(self, index: int) -> NDArray[np.uint8]:
        """Return frame `index` as an RGB image of shape (H, W, 3).

        Raises
        ------
        VideoError
            If this frame cannot be decoded.
        """
        with self._lock, reading(self.path):
            self._file.check()
            frame = self._cache.get(index)
            if frame is None:
                frame = self._find(index)
            return picture(frame, self._index.matrix, self._index.size)

    def _find(self, index: int) -> VideoFrame:
        """Decode a frame.

        A seek may land too late, and decoders drop pictures until they have recovered: if the
        nearest start does not give the frame, an earlier one does, or the very first.
        """
        nearest = bisect_right(self._index.keys, index, key=lambda key: key.frame)
        keys = self._index.keys[max(0, nearest - 3) : nearest][::-1]
        frame = None
        if not self._index.damaged:
            frame = self._decode(keys, index)
        if self._index.damaged:
            frame = self._decode_alone(keys, index)
        if frame is None:
            raise VideoError(
                f"Frame {index} of {self.path.name} cannot be decoded: the file is damaged there. "
                "Use the frames before or after it, or convert the movie again from its source."
            )
        return frame

    def _decode(self, keys: Sequence[Key], index: int) -> VideoFrame | None:
        """Decode with whatever is nearest; give up as soon as damage is seen."""
        group = keys[0].frame if keys else 0
        running = [cursor for cursor in self._cursors if group <= cursor.next <= index]
        if running:
            cursor = max(running, key=lambda cursor: cursor.next)
            starts: tuple[Key | None, ...] = (cursor.origin, *keys, None)
        else:
            cursor, starts = self._spare(index), (*keys, None)
        for start in starts:
            if not running:
                cursor.restart(start)
            running = []
            frame = self._advance(cursor, index)
            if cursor.damaged:
                self._index = replace(self._index, damaged=True)
                logger.warning(_DAMAGED, self.path.name)
                self.close()
                return None
            if frame is not None:
                return frame
        return None

    def _decode_alone(self, keys: Sequence[Key], index: int) -> VideoFrame | None:
        """Decode from the nearest start that is sound, and from no other.

        Decoders make up what is missing from the pictures before. So that it does not depend on
        what was read before, every group of pictures is decoded by itself.
        """
        for start in (*keys, None):
            if start is not None and not self._is_sound(start):
                continue
            cursor = next((c for c in self._cursors if c.at(start) and c.next <= index), None)
            if cursor is None:
                cursor = self._spare(index)
                cursor.restart(start)
            frame = self._advance(cursor, index, cached=start is not None or not keys)
            if frame is not None:
                return frame
        return None

    def _is_sound(self, key: Key) -> bool:
        """Whether a start gives the picture that it is a start of, undamaged."""
        if key.frame not in self._sound:
            cursor = self._spare(key.frame)
            cursor.restart(key)
            frame = self._advance(cursor, key.frame, cached=False)
            self._sound[key.frame] = frame is not None and not cursor.damaged
        return self._sound[key.frame]

    def _spare(self, index: int) -> Cursor:
        """Return a cursor to start elsewhere: a new one, or the one used longest ago."""
        if any(cursor.next > index for cursor in self._cursors):
            self._cache.limit = _BACKWARD_BYTES
        if len(self._cursors) < _CURSORS:
            self._cursors.append(Cursor(self.path, self._index))
            return self._cursors[-1]
        return self._cursors[0]

    def _advance(self, cursor: Cursor, index: int, cached: bool = True) -> VideoFrame | None:
        """Decode up to frame `index`; None if the decoder does not give it."""
        self._cursors.sort(key=lambda other: other is cursor)  # the one used last to the end
        found = None
        for i, frame in cursor.until(index):
            if cached:
                self._cache.put(i, frame)
            found = frame if i == index else None
        return found


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
