"""`open_video` on every kind of source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import dask
import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from napari_frtm.errors import VideoError
from napari_frtm.io.video.opening import open_video, supported
from napari_frtm.io.video.stacks.stack_frames import StackFrames

if TYPE_CHECKING:
    from pathlib import Path

STACK = np.random.default_rng(0).integers(100, 4000, (12, 20, 30)).astype(np.uint16)


def write_movie(path: Path, count: int = 12) -> Path:
    """Write a lossless movie whose i-th frame is of gray value 20 i."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264rgb", rate=24, options={"qp": "0", "g": "5"})
        stream.height, stream.width, stream.pix_fmt = 20, 30, "rgb24"
        for index in range(count):
            image = np.full((20, 30, 3), 20 * index, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


def write_source(path: Path) -> Path:
    """Write a video of the kind that the name of `path` says."""
    if path.suffix == ".tif":
        tifffile.imwrite(path, STACK, photometric="minisblack")
    elif path.suffix == ".npy":
        np.save(path, STACK)
    elif path.suffix == ".zarr":
        zarr.create_array(path, data=STACK)
    elif path.suffix == "":
        path.mkdir()
        for index, image in enumerate(STACK):
            Image.fromarray(image).save(path / f"{index:02d}.png")
    else:
        write_movie(path)
    return path


@pytest.mark.parametrize("name", ["a.mp4", "a.tif", "a.npy", "a.zarr", "a"])
@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_every_source_is_a_lazy_array_with_one_chunk_a_frame(
    tmp_path: Path, name: str, scheduler: str
) -> None:
    """Whole, by frames and by regions."""
    path = write_source(tmp_path / name)
    movie = name == "a.mp4"
    expected = np.repeat(np.arange(12, dtype=np.uint8) * 20, 1800).reshape(12, 20, 30, 3)

    video = open_video(path)

    assert supported(path)
    assert video.frames.shape == ((12, 20, 30, 3) if movie else (12, 20, 30))
    assert video.frames.chunks[:2] == ((1,) * 12, (20,))
    assert video.axes == (("t", "y", "x", "c") if movie else ("t", "y", "x"))
    assert video.fps == (24 if movie else None)
    assert len(video.names) == 12
    with dask.config.set(scheduler=scheduler):
        whole = video.frames.compute()
        assert whole.dtype == video.frames.dtype
        assert np.array_equal(whole, expected if movie else STACK)
        assert np.array_equal(np.asarray(video.frames[7]), whole[7])
        assert np.array_equal(video.frames[-3:, 4:9, ::3].compute(), whole[-3:, 4:9, ::3])
        assert np.array_equal(video.frames[[5, 1]].compute(), whole[[5, 1]])


def test_other_processes_read_the_same_frames(tmp_path: Path) -> None:
    """The sources open their files again there."""
    movie = open_video(write_source(tmp_path / "a.mp4")).frames
    stack = open_video(write_source(tmp_path / "a.tif")).frames

    with dask.config.set(scheduler="processes", num_workers=1):
        values, frames = dask.compute(movie[:, 0, 0, 0], stack)

    assert values.tolist() == list(range(0, 240, 20))
    assert np.array_equal(frames, STACK)


def test_opening_reads_no_more_than_the_contrast_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight frames of sixty."""
    path = tmp_path / "a.npy"
    np.save(path, np.tile(STACK, (5, 1, 1)))
    read = StackFrames.read
    indices = []
    monkeypatch.setattr(StackFrames, "read", lambda self, i: (indices.append(i), read(self, i))[1])

    open_video(path)

    assert sorted(set(indices)) == [0, 8, 16, 25, 33, 42, 50, 59]
    assert len(indices) == 8


def test_names_are_those_of_the_images(tmp_path: Path) -> None:
    """Outputs are named after them; other sources count from 0."""
    folder = write_source(tmp_path / "frames")

    assert open_video(folder).names[:2] == ("00", "01")
    assert open_video(folder / "%02d.png").names[-1] == "11"
    assert open_video(write_source(tmp_path / "a.npy")).names[:2] == ("00000", "00001")


def test_contrast_is_the_range_of_bytes_or_robust(tmp_path: Path) -> None:
    """A movie is shown as it is, a 12-bit stack by its percentiles."""
    assert open_video(write_source(tmp_path / "a.mp4")).contrast == (0, 255, 1)

    low, high, _ = open_video(write_source(tmp_path / "a.tif")).contrast

    assert 100 <= low < 130
    assert 3970 < high < 4000


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.mp4", "There is no file or folder"),
        ("missing", "There is no file or folder"),
        ("text.mp4", r"text\.mp4 cannot be read"),
        ("notes.txt", r"notes\.txt is not a video that can be opened"),
        ("image.png", "one image is not a video. Give the folder"),
        ("empty", "has no images"),
        ("one", "one has one frame; nothing to follow"),
        ("one/%04d.png", "one frame; nothing to follow"),
        ("one/x%04d.png", "has no images"),
        ("single.mp4", r"single\.mp4 has one frame; nothing to follow"),
    ],
)
def test_what_is_no_video_is_refused(tmp_path: Path, name: str, message: str) -> None:
    """With what it is, and what to do."""
    for text in ("text.mp4", "notes.txt"):
        (tmp_path / text).write_text("a text")
    for folder in ("empty", "one"):
        (tmp_path / folder).mkdir()
    Image.fromarray(STACK[0]).save(tmp_path / "image.png")
    Image.fromarray(STACK[0]).save(tmp_path / "one" / "0001.png")
    if name == "single.mp4":
        write_movie(tmp_path / name, count=1)

    with pytest.raises(VideoError, match=message):
        open_video(str(tmp_path / name))


def test_only_videos_are_supported(tmp_path: Path) -> None:
    """By names alone: files need not exist; single images are left to other readers."""
    folder = write_source(tmp_path / "frames")
    (tmp_path / "empty").mkdir()

    assert supported(str(folder))
    assert supported(folder / "%02d.png")
    assert supported("MOVIE.MP4")
    assert not any(
        supported(path)
        for path in (folder / "00.png", folder / "x%02d.png", tmp_path / "empty", "a.txt", "")
    )
