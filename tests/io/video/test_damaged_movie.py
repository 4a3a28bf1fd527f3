"""Movies with flipped bits and lost packets: the same pictures in any order, and a word."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_frtm.errors import VideoError
from napari_frtm.io.video.movies.index import packets
from napari_frtm.io.video.movies.movie import Movie, open_movie
from napari_frtm.io.video.opening import open_video

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

pytestmark = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed")

COUNT = 40
CODECS = {
    "mp4": ("libx264", "-bf", "2"),
    "mkv": ("libx264", "-bf", "2"),
    "ts": ("libx264", "-bf", "2"),
    "mpg": ("mpeg2video", "-bf", "2"),
    "avi": ("mpeg4", "-bf", "1"),
}


def write(path: Path, codec: tuple[str, ...] | None = None) -> bytes:
    """Write a movie in which much moves, a key picture every eight frames; return its bytes."""
    source = ["-f", "lavfi", "-i", f"mandelbrot=s=128x96:r=25,trim=end_frame={COUNT}"]
    codec = ("-pix_fmt", "yuv420p", "-g", "8", "-c:v", *(codec or CODECS[path.suffix[1:]]))
    subprocess.run(["ffmpeg", "-v", "error", *source, *codec, path], check=True)
    return path.read_bytes()


def read(movie: Movie, index: int) -> NDArray[np.uint8]:
    """Return a frame; nothing if it cannot be decoded."""
    try:
        return movie.read(index)
    except VideoError:
        return np.zeros((0, 0, 3), np.uint8)


@pytest.mark.parametrize("kind", CODECS)
@pytest.mark.parametrize("seed", range(3))
def test_made_up_pictures_do_not_depend_on_what_was_read_before(
    tmp_path: Path, kind: str, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A few bytes are flipped; forward, at random, and backward."""
    rng = np.random.default_rng(seed)
    path = tmp_path / f"a.{kind}"
    content = bytearray(write(path))
    for place in rng.integers(len(content) // 8, len(content) * 7 // 8, 4):
        content[place] ^= int(rng.integers(1, 256))
    path.write_bytes(content)
    movie = open_movie(path)
    count = movie.shape[0]

    forward = [read(movie, i) for i in range(count)]

    for order in (rng.permutation(count), range(count)[::-1]):
        other = open_movie(path)
        differ = [i for i in map(int, order) if not np.array_equal(read(other, i), forward[i])]
        assert not differ
    assert count >= COUNT - 4
    assert movie.remarks or "is damaged in places" in caplog.text or kind in ("ts", "mpg")


@pytest.mark.parametrize("codec", [("mjpeg",), ("libx265", "-x265-params", "log-level=none")])
def test_pictures_that_a_decoder_patches_up_are_said(
    tmp_path: Path, codec: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    """These decoders give such pictures as sound ones, and say it in their log alone."""
    rng = np.random.default_rng(0)
    path = tmp_path / "a.mkv"
    content = bytearray(write(path, codec))
    for place in rng.integers(len(content) // 8, len(content) * 7 // 8, 60):
        content[place] ^= int(rng.integers(1, 256))
    path.write_bytes(content)
    movie = open_movie(path)

    forward = [read(movie, i) for i in range(movie.shape[0])]

    assert movie.remarks or "is damaged in places" in caplog.text
    again = open_movie(path)
    assert all(np.array_equal(read(again, i), forward[i]) for i in range(len(forward))[::-1])


def test_lost_packets_of_a_broadcast_are_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Ten packets of a transport stream are missing."""
    content = write(tmp_path / "a.ts")
    middle = len(content) // 188 // 2 * 188
    (tmp_path / "a.ts").write_bytes(content[:middle] + content[middle + 10 * 188 :])

    with caplog.at_level(logging.WARNING):
        video = open_video(tmp_path / "a.ts")

    assert "a.ts is damaged in places" in video.remarks[0]
    assert "a.ts is damaged in places" in caplog.text


def test_nothing_is_said_of_sound_movies(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """In any order."""
    for kind in (*CODECS, "mjpeg", "libx265"):
        path = tmp_path / (f"a.{kind}" if kind in CODECS else f"{kind}.mkv")
        write(path, (kind,) if path.stem == kind else None)
        movie = open_movie(path)
        for index in (30, 3, 17, 39, 8):
            movie.read(index)
        assert not movie.remarks

    assert not caplog.text


_LOGGING = """
import sys
import av
from pathlib import Path
from napari_frtm.errors import VideoError
from napari_frtm.io.video.movies.movie import open_movie
for path in map(Path, sys.argv[1:]):
    for turn in range(6):
        av.logging.set_level(av.logging.ERROR)
        movie = open_movie(path)
        av.logging.set_level(av.logging.ERROR)
        for index in (0, 3, 20, 5):
            try:
                movie.read(index)
            except VideoError:
                pass
        movie.close()
print("closed")
"""


def test_messages_of_ffmpeg_do_not_wait_for_python(tmp_path: Path) -> None:
    """Though another package has asked for them; it stood still before, for ever."""
    content = write(tmp_path / "a.mp4")
    paths = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        broken = bytearray(content)
        for place in rng.integers(len(content) // 8, len(content) * 7 // 8, 40):
            broken[place] ^= int(rng.integers(1, 256))
        paths.append(tmp_path / f"{seed}.mp4")
        paths[-1].write_bytes(broken)

    done = subprocess.run(
        [sys.executable, "-c", _LOGGING, *paths],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.stdout == "closed\n", done.stderr[-2000:]


def test_streams_that_begin_on_the_way_are_no_trouble() -> None:
    """Damage may look like one; PyAV fails at the end of such a file, when all packets are read."""

    def demux(stream: SimpleNamespace) -> Iterator[str]:
        yield f"first of {stream.name}"
        yield f"last of {stream.name}"
        raise IndexError("list index out of range")

    stream = SimpleNamespace(name="pictures", disposition=0)
    container = SimpleNamespace(streams=SimpleNamespace(video=[stream]), demux=demux)

    assert [*packets(container)] == ["first of pictures", "last of pictures"]
