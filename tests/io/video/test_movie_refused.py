"""Movies that are cut, damaged, changed, or none at all: what is said of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from barcodes import COUNT, number, write_movie

from napari_frtm.errors import VideoError
from napari_frtm.io.video.movies.movie import open_movie

if TYPE_CHECKING:
    from pathlib import Path


def test_a_movie_without_its_end_gives_the_frames_it_has(tmp_path: Path) -> None:
    """The index stands in front, the pictures are cut short."""
    whole = write_movie(tmp_path / "whole.mp4", muxing={"movflags": "faststart"}).read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(whole[: len(whole) * 9 // 10])

    movie = open_movie(path)

    assert 10 < len(movie.names) < COUNT
    assert [number(movie.read(i)) for i in range(10)] == list(range(10))
    assert all(movie.read(i).any() for i in range(10, len(movie.names)))


def test_a_damaged_frame_is_named_and_the_others_can_be_read(tmp_path: Path) -> None:
    """One packet in the middle is overwritten."""
    path = write_movie(tmp_path / "a.avi", codec="mjpeg", options={}, pixels="yuvj420p")
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0)]
    path.write_bytes(path.read_bytes().replace(packets[20], bytes(len(packets[20]))))

    movie = open_movie(path)

    with pytest.raises(VideoError, match=r"Frame 20 of a\.avi cannot be decoded"):
        movie.read(20)
    assert [number(movie.read(i)) for i in (19, 21, 39, 0)] == [19, 21, 39, 0]


@pytest.mark.parametrize(
    "content", [b"", b"a text\n" * 100, bytes(1000)], ids=["empty", "text", "zeros"]
)
def test_a_file_that_is_no_movie_is_refused(tmp_path: Path, content: bytes) -> None:
    """With its name, and no traceback of FFmpeg."""
    path = tmp_path / "fake.mp4"
    path.write_bytes(content)

    with pytest.raises(VideoError, match=r"fake\.mp4 cannot be read"):
        open_movie(path)


def test_a_movie_without_its_index_is_refused(tmp_path: Path) -> None:
    """As a camera leaves it whose battery went flat: no moov atom."""
    whole = write_movie(tmp_path / "whole.mp4").read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(whole[: whole.index(b"moov") - 4])

    with pytest.raises(VideoError, match=r"cut\.mp4 cannot be read .* complete"):
        open_movie(path)


def test_a_movie_that_is_deleted_meanwhile_is_named(tmp_path: Path) -> None:
    """Reading opens the file again after `close`."""
    path = write_movie(tmp_path / "a.mp4")
    movie = open_movie(path)
    movie.close()
    path.unlink()

    with pytest.raises(VideoError, match=r"a\.mp4 is not there"):
        movie.read(0)


def test_sound_alone_is_no_movie(tmp_path: Path) -> None:
    """A file with an audio stream only."""
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())

    with pytest.raises(VideoError, match=r"sound\.mp4 has no pictures"):
        open_movie(path)


def test_a_movie_that_is_changed_in_mid_run_is_told(tmp_path: Path) -> None:
    """A decoder that starts again would give pictures of the new one by the times of the old."""
    path = write_movie(tmp_path / "movie.mp4")
    movie = open_movie(path)
    first = number(movie.read(0))
    write_movie(path, times=range(0, 3 * COUNT, 3))

    with pytest.raises(VideoError, match=r"movie\.mp4 has been changed since it was opened"):
        movie.read(0)
    path.unlink()
    with pytest.raises(VideoError, match=r"movie\.mp4 is not there"):
        movie.read(1)

    assert first == 0
