"""Frame accuracy of movies: every index against decoding from the start."""

from __future__ import annotations

import gc
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from av.video.stream import VideoStream
from barcodes import COUNT, number, write_movie

from napari_frtm.io.video.movies import movie as movie_module
from napari_frtm.io.video.movies.cursor import Cursor
from napari_frtm.io.video.movies.movie import Movie, open_movie
from napari_frtm.io.video.picture import display_matrix, picture

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

OPEN_GOP = {"x264-params": "open-gop=1:bframes=3:keyint=12:b-adapt=0"}
INTRA_REFRESH = {"x264-params": "intra-refresh=1:keyint=12"}
can_turn = pytest.mark.skipif(
    not hasattr(VideoStream, "set_display_rotation"), reason="this PyAV cannot write turns"
)
FAST_VP9 = {"g": "12", "deadline": "realtime", "cpu-used": "8"}


def decode_all(path: Path) -> list[NDArray[np.uint8]]:
    """Return all frames that decoding from the start gives."""
    images: list[NDArray[np.uint8]] = []
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "AUTO"
        for packet in container.demux(video=0):
            images += [frame.to_ndarray(format="rgb24") for frame in packet.decode()]
    return images


def check_all_orders(movie: Movie, expected: Sequence[NDArray[np.uint8]]) -> None:
    """Compare every frame read forward, backward and at random, with little help of the cache."""
    count = len(expected)
    shuffled = np.random.default_rng(0).integers(0, count, 2 * count).tolist()
    for order in (range(count), range(count)[::-1], shuffled):
        movie.close()
        for step, index in enumerate(order):
            if (step % 5 == 0 and order is not shuffled) or order is shuffled:
                movie._cache.clear()
            assert np.array_equal(movie.read(index), expected[index]), index


KINDS = [
    pytest.param("a.mp4", {}, id="h264-b-frames"),
    pytest.param("a.mp4", {"options": OPEN_GOP}, id="h264-open-gop"),
    pytest.param("a.ts", {"options": OPEN_GOP}, id="mpeg-ts-open-gop"),
    pytest.param("a.mkv", {"options": OPEN_GOP}, id="matroska-open-gop"),
    pytest.param("a.ts", {"options": INTRA_REFRESH}, id="intra-refresh"),
    pytest.param("a.avi", {}, id="avi-with-bogus-times"),
    pytest.param("a.h264", {}, id="no-times"),
    pytest.param("a.avi", {"codec": "mpeg4", "options": {"g": "12"}}, id="mpeg4-avi"),
    pytest.param("b.avi", {"codec": "mpeg4", "options": {"g": "12", "bf": "2"}}, id="mpeg4-b"),
    pytest.param("a.mpg", {"codec": "mpeg2video", "options": {"g": "9", "bf": "2"}}, id="mpeg2"),
    pytest.param("a.avi", {"codec": "mjpeg", "options": {}, "pixels": "yuvj420p"}, id="mjpeg"),
    pytest.param("a.webm", {"codec": "libvpx-vp9", "options": FAST_VP9}, id="vp9"),
    pytest.param("a.mkv", {"codec": "ffv1", "options": {"g": "9"}}, id="ffv1"),
    pytest.param("a.mov", {"codec": "prores_ks", "pixels": "yuv422p10le"}, id="prores-10-bit"),
    pytest.param(
        "a.mp4", {"times": np.cumsum(1 + np.arange(COUNT) * 7 % 5).tolist(), "rate": 100}, id="vfr"
    ),
    pytest.param("a.mkv", {"times": range(-10, COUNT - 10)}, id="negative-times"),
]


@pytest.mark.parametrize(("name", "settings"), KINDS)
def test_every_index_gives_its_frame_in_any_order(
    tmp_path: Path, name: str, settings: dict[str, object]
) -> None:
    """Against a sequential decode, and against the barcode."""
    codec = str(settings.get("codec", "libx264"))
    if codec not in av.codecs_available:
        pytest.skip(f"no encoder {codec}")
    path = write_movie(tmp_path / name, **settings)  # type: ignore[arg-type]
    expected = decode_all(path)

    movie = open_movie(path)

    assert movie.shape == (COUNT, 48, 96, 3)
    assert [number(movie.read(i)) for i in range(COUNT)] == list(range(COUNT))
    check_all_orders(movie, expected)


def test_frames_hidden_by_an_edit_list_do_not_count(tmp_path: Path) -> None:
    """Frames at negative times are in the file, but no player shows them."""
    path = write_movie(
        tmp_path / "a.mp4", times=range(-10, COUNT - 10), muxing={"avoid_negative_ts": "disabled"}
    )

    movie = open_movie(path)

    assert len(movie.names) == COUNT - 10
    assert number(movie.read(0)) == 10
    check_all_orders(movie, decode_all(path))


def test_a_broadcast_cut_out_in_the_middle_starts_at_its_first_picture(tmp_path: Path) -> None:
    """Packets before the first key picture give no frames."""
    whole = write_movie(tmp_path / "whole.ts", options=OPEN_GOP).read_bytes()
    path = tmp_path / "cut.ts"
    path.write_bytes(whole[188 * 30 :])
    expected = decode_all(path)

    movie = open_movie(path)

    assert 0 < len(movie.names) == len(expected) < COUNT
    check_all_orders(movie, expected)


def test_times_that_start_again_are_not_trusted(tmp_path: Path) -> None:
    """Two broadcasts joined by copying bytes."""
    whole = write_movie(tmp_path / "whole.ts").read_bytes()
    path = tmp_path / "joined.ts"
    path.write_bytes(whole + whole)
    expected = decode_all(path)

    movie = open_movie(path)

    assert len(movie.names) == len(expected) >= 2 * COUNT - 1
    check_all_orders(movie, expected)


def test_reading_forward_never_seeks_and_stepping_back_decodes_a_group_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted in restarts of the decoder: one per key picture."""
    movie = open_movie(write_movie(tmp_path / "a.mp4"))
    restarts = []
    restart = Cursor.restart
    monkeypatch.setattr(Cursor, "restart", lambda self, key: restarts.append(restart(self, key)))

    for index in range(COUNT):
        movie.read(index)
    forward = len(restarts)
    movie._cache.clear()
    for index in reversed(range(COUNT)):
        movie.read(index)

    assert forward == 1
    assert len(restarts) - forward == len(movie._index.keys) >= 4


def test_two_may_read_forward_at_once_in_one_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run in its middle, and a viewer at its start: neither decodes a frame twice."""
    monkeypatch.setattr(movie_module, "_CACHE_BYTES", 20_000)
    monkeypatch.setattr(movie_module, "_BACKWARD_BYTES", 20_000)
    path = write_movie(tmp_path / "a.mp4", options={"g": str(COUNT)})
    expected = decode_all(path)
    movie = open_movie(path)
    decoded = []
    put = movie._cache.put
    monkeypatch.setattr(movie._cache, "put", lambda i, frame: decoded.append(put(i, frame)))

    for index in range(15):
        for place in (20 + index, index):
            np.testing.assert_array_equal(movie.read(place), expected[place])

    assert len(decoded) <= 35 + 15


def test_the_cache_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small bound slows stepping back and changes no frame."""
    monkeypatch.setattr(movie_module, "_CACHE_BYTES", 20_000)
    monkeypatch.setattr(movie_module, "_BACKWARD_BYTES", 50_000)
    path = write_movie(tmp_path / "a.mp4")
    movie = open_movie(path)

    forward = [len(movie._cache._frames) for i in range(COUNT) if movie.read(i) is not None]
    check_all_orders(movie, decode_all(path))

    assert 1 < max(forward) < len(movie._cache._frames) < 12


def test_no_frame_waits_for_the_garbage_collector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frames of 4K are 12 MB each, and Python knows nothing of that."""
    monkeypatch.setattr(movie_module, "_CACHE_BYTES", 20_000)
    movie = open_movie(write_movie(tmp_path / "a.mp4"))

    def alive() -> int:
        return sum(type(thing) is av.VideoFrame for thing in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before = alive()
        for index in range(COUNT):
            movie.read(index)
        more = alive() - before
    finally:
        gc.enable()

    assert len(movie._cache._frames) <= more < COUNT // 2


@can_turn
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_frames_are_turned_as_the_file_says(tmp_path: Path, name: str, rotation: int) -> None:
    """The display matrix turns counterclockwise, as `numpy.rot90` does."""
    path = write_movie(tmp_path / name, rotation=rotation)
    expected = [np.rot90(image, rotation // 90) for image in decode_all(path)]

    movie = open_movie(path)

    assert movie.shape[1:] == expected[0].shape
    check_all_orders(movie, expected)


@can_turn
@pytest.mark.parametrize(("horizontal", "vertical"), [(True, False), (False, True)])
def test_mirrored_movies_are_mirrored_back(
    tmp_path: Path, horizontal: bool, vertical: bool
) -> None:
    """As front cameras write them."""
    image = np.random.default_rng(0).integers(0, 255, (48, 64, 3)).astype(np.uint8)
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        stream.set_display_rotation(0, hflip=horizontal, vflip=vertical)
        for _ in range(2):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image)))
        container.mux(stream.encode())
    stored = decode_all(path)[0]
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        shown = picture(frame, display_matrix(frame))

    expected = stored[:: -1 if vertical else 1, :: -1 if horizontal else 1]

    assert np.array_equal(shown, expected)


def test_threads_may_share_a_movie(tmp_path: Path) -> None:
    """Eight threads, all frames, several times."""
    path = write_movie(tmp_path / "a.mp4")
    movie = open_movie(path)
    order = np.random.default_rng(0).integers(0, COUNT, 200).tolist()

    with ThreadPoolExecutor(8) as pool:
        images = list(pool.map(movie.read, order))

    assert [number(image) for image in images] == order


def test_a_pickled_movie_opens_its_file_again(tmp_path: Path) -> None:
    """Also after reading, when a decoder is running."""
    movie = open_movie(write_movie(tmp_path / "a.mp4"))
    movie.read(3)

    copy = pickle.loads(pickle.dumps(movie))

    assert number(copy.read(17)) == 17
