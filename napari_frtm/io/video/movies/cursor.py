"""A running decoder of a movie, somewhere between its frames."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import av

from napari_frtm.io.video.movies.index import (
    decode,
    open_container,
    packets,
    silence,
    video_stream,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from av.container import InputContainer
    from av.video.frame import VideoFrame

    from napari_frtm.io.video.movies.index import Key, MovieIndex


class Cursor:
    """Decodes a movie from a key picture on.

    Attributes
    ----------
    next : int
        Index of the frame that `until` gives next; the number of frames if there is none.
    origin : Key or None
        Where it was started last; None is the start of the file.
    damaged : bool
        Whether anything since then could not be decoded as it should be.
    """

    def __init__(self, path: Path, index: MovieIndex) -> None:
        self.next = len(index.times)
        self.origin: Key | None = None
        self.damaged = False
        self._path = path
        self._index = index
        self._lookup = {time: i for i, time in enumerate(index.times)}
        self._keys = {key.time: key.frame for key in index.keys}
        self._container: InputContainer | None = None
        self._decoded: Iterator[tuple[int, VideoFrame]] = iter(())

    def close(self) -> None:
        """Close the file."""
        silence()
        self._decoded = iter(())
        if self._container is not None:
            self._container.close()
        self._container = None

    def at(self, key: Key | None) -> bool:
        """Whether it runs since a start at `key`."""
        return self._container is not None and self.origin == key

    def until(self, index: int) -> Iterator[tuple[int, VideoFrame]]:
        """Yield frames from `next` up to `index`, as far as the decoder gives them."""
        for i, frame in self._decoded:
            self.next = i + 1
            yield i, frame
            if i >= index:
                return
        self.next = len(self._index.times)

    def restart(self, key: Key | None) -> None:
        """Go on at a key picture, or at the start of the file."""
        self.next = 0
        self.origin, self.damaged = key, False
        # a decoder makes up pictures of what it saw before a seek, too: so a new one, if damaged
        if key is None or self._container is None or self._index.damaged:
            if self._container is not None:
                self._container.close()
            last_resort = key is None and self._index.seekable
            damaged = self._index.damaged or last_resort
            self._container = open_container(self._path, damaged, strict=not damaged)
        if key is not None:
            try:
                self._container.seek(key.seek, stream=video_stream(self._container))
            except av.FFmpegError:
                self._decoded = iter(())
                return
        self._decoded = self._ahead(self._container, None if key is not None else 0)

    def _ahead(
        self, container: InputContainer, first: int | None
    ) -> Iterator[tuple[int, VideoFrame]]:
        """Yield frames a little later than decoded.

        Pictures that refer to one shown after them come first: its damage is theirs.
        """
        waiting: deque[tuple[int, VideoFrame]] = deque()
        context = video_stream(container).codec_context
        for i, frame in self._frames(container, first):
            self.damaged |= frame.is_corrupt
            waiting.append((i, frame))
            while len(waiting) > 2 * context.has_b_frames:
                yield waiting.popleft()
        yield from waiting

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
            frames = decode(packet)
            self.damaged |= frames is None
            for frame in frames or ():
                i = self._index_of(frame, count)
                count += 1
                if i >= first:
                    yield i, frame

    def _index_of(self, frame: VideoFrame, count: int) -> int:
        """Return the index of the `count`-th decoded frame; -1 if it is not a shown one."""
        if not self._index.seekable:
            return count
        return -1 if frame.pts is None else self._lookup.get(frame.pts, -1)
