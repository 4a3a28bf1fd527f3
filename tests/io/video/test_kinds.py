"""Kinds of files that other programs write: ffmpeg, ImageMagick, OpenEXR."""

from __future__ import annotations

import shutil
import subprocess
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from napari_frtm.errors import VideoError
from napari_frtm.io.video.images import exr
from napari_frtm.io.video.images.image import IMAGES, read_image
from napari_frtm.io.video.opening import MOVIES, open_video, supported

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = ("-f", "lavfi", "-i", "testsrc=s=64x48:r=25:d=0.4")
needs_ffmpeg = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed")
MOVIE_KINDS = [
    pytest.param("a.y4m", ("-pix_fmt", "yuv420p"), id="y4m"),
    pytest.param("a.nut", ("-c:v", "ffv1"), id="nut"),
    pytest.param("a.asf", ("-c:v", "wmv2"), id="asf"),
    pytest.param("a.ogg", ("-c:v", "libtheora"), id="ogg"),
    pytest.param("a.264", ("-f", "h264", "-c:v", "libx264"), id="264"),
    pytest.param("a.265", ("-f", "hevc", "-c:v", "libx265"), id="265"),
    pytest.param("a.mjpeg", ("-f", "mjpeg", "-pix_fmt", "yuvj420p"), id="mjpeg"),
    pytest.param("a.dv", ("-s", "720x576", "-pix_fmt", "yuv420p", "-target", "pal-dv"), id="dv"),
    pytest.param("a.ivf", ("-c:v", "libvpx"), id="ivf"),
    pytest.param("no suffix", ("-f", "mp4", "-c:v", "libx264"), id="none"),
    pytest.param("clip.backup", ("-f", "matroska", "-c:v", "libx264"), id="other"),
    pytest.param("2024-01-01T10:30:12.mp4", ("-c:v", "libx264"), id="colon"),
]


def ffmpeg(*arguments: str | Path) -> None:
    """Run ffmpeg; the last argument is the file to write."""
    *options, path = map(str, arguments)
    command = ["ffmpeg", "-v", "error", *options, f"file:{path}"]
    subprocess.run(command, check=True, capture_output=True)


@needs_ffmpeg
@pytest.mark.parametrize(("name", "options"), MOVIE_KINDS)
def test_movies_of_ffmpeg(tmp_path: Path, name: str, options: tuple[str, ...]) -> None:
    """Ten frames, whose picture is that of ffmpeg itself but for rounding."""
    ffmpeg(*SOURCE, *options, tmp_path / name)
    ffmpeg("-i", f"file:{tmp_path / name}", "-fps_mode", "passthrough", tmp_path / "%d.png")

    video = open_video(tmp_path / name)

    assert video.frames.shape[0] == 10
    expected = read_image(tmp_path / "7.png").astype(int)
    assert np.abs(np.asarray(video.frames[6]) - expected).mean() < 2


@needs_ffmpeg
@pytest.mark.parametrize("rate", ["24000/1001", "25", "30"])
@pytest.mark.parametrize("name", ["a.ogv", "a.264", "a.mpg", "a.mkv", "a.mp4"])
def test_frames_per_second(tmp_path: Path, name: str, rate: str) -> None:
    """Also where the container has no times, or Theora leaves out what repeats."""
    codec = {".ogv": "libtheora", ".mpg": "mpeg2video"}.get(name[-4:], "libx264")
    source = ("-f", "lavfi", "-i", f"mandelbrot=s=160x120:r={rate},trim=end_frame=30")
    ffmpeg(*source, "-c:v", codec, *(("-f", "h264") if name == "a.264" else ()), tmp_path / name)

    video = open_video(tmp_path / name)

    assert video.fps == pytest.approx(float(Fraction(rate)), rel=0.001)
    assert 28 <= video.frames.shape[0] <= 30
    np.asarray(video.frames[-1])


@needs_ffmpeg
def test_pixels_may_not_be_square(tmp_path: Path) -> None:
    """Frames are as stored; how wide a pixel is shown is said."""
    ffmpeg(*SOURCE, "-vf", "setsar=16/11", "-c:v", "libx264", tmp_path / "a.mp4")
    ffmpeg(*SOURCE, "-c:v", "libx264", tmp_path / "b.mp4")

    wide, square = open_video(tmp_path / "a.mp4"), open_video(tmp_path / "b.mp4")

    assert wide.pixel_aspect == pytest.approx(16 / 11)
    assert wide.frames.shape == square.frames.shape
    assert square.pixel_aspect == 1


def test_suffixes_of_movies_are_known() -> None:
    """To the file dialogue, which knows names alone."""
    named = [kind.values[0] for kind in MOVIE_KINDS[:9]]

    assert all(supported(str(name)) for name in named)
    assert len(set(MOVIES)) == len(MOVIES)


@needs_ffmpeg
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\na.ts\n#EXT-X-ENDLIST\n"),
        ("a.mp4", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\na.ts\n#EXT-X-ENDLIST\n"),
        ("a.mkv", "ffconcat version 1.0\nfile a.ts\n"),
        ("notes.txt", "a text\n" * 100),
    ],
)
def test_a_text_leads_to_no_other_file(tmp_path: Path, name: str, text: str) -> None:
    """Play lists could read files that nobody meant to open."""
    ffmpeg(*SOURCE, "-c:v", "libx264", tmp_path / "a.ts")
    (tmp_path / name).write_text(text)

    with pytest.raises(VideoError, match=r"cannot be read|not a video"):
        open_video(tmp_path / name)


PICTURES = [
    pytest.param("dpx", "rgb24", id="dpx"),
    pytest.param("dpx", "gbrp10be", id="dpx-10"),
    pytest.param("dpx", "rgb48be", id="dpx-16"),
    pytest.param("dpx", "gray", id="dpx-gray"),
    pytest.param("webp", "bgra", id="webp"),
    pytest.param("tga", "bgr24", id="tga"),
    pytest.param("jp2", "rgb24", id="jp2"),
    pytest.param("jp2", "rgb48le", id="jp2-16"),
    pytest.param("ppm", "rgb24", id="ppm"),
    pytest.param("ppm", "rgb48be", id="ppm-16"),
    pytest.param("pgm", "gray", id="pgm"),
    pytest.param("bmp", "bgr24", id="bmp"),
]


@needs_ffmpeg
@pytest.mark.parametrize(("kind", "pixels"), PICTURES)
def test_pictures_of_ffmpeg(tmp_path: Path, kind: str, pixels: str) -> None:
    """In their depth; the same picture as PNG but for rounding."""
    lossless = ("-lossless", "1") if kind == "webp" else ()
    ffmpeg(*SOURCE, "-frames:v", "1", "-pix_fmt", pixels, *lossless, tmp_path / f"a.{kind}")
    ffmpeg("-i", tmp_path / f"a.{kind}", "-pix_fmt", "rgb24", tmp_path / "a.png")

    image = read_image(tmp_path / f"a.{kind}")

    deep = any(depth in pixels for depth in ("10", "48"))
    assert image.dtype == (np.uint16 if deep else np.uint8)
    assert image.ndim == (2 if "gray" in pixels else 3)
    eight = image / 257 if deep else image.astype(float)
    expected = read_image(tmp_path / "a.png")
    expected = expected[..., 0] if image.ndim == 2 else expected
    assert np.abs(eight - expected).mean() < 1.5
    assert f".{kind}" in IMAGES


def test_avif(tmp_path: Path) -> None:
    """Through Pillow."""
    pytest.importorskip("PIL.AvifImagePlugin", reason="this Pillow has no AVIF")
    from PIL import Image

    smooth = np.tile(np.arange(0, 240, 4, dtype=np.uint8)[:, None], (40, 1, 3)).reshape(40, 60, 3)
    Image.fromarray(smooth).save(tmp_path / "a.avif", quality=95)

    assert np.abs(read_image(tmp_path / "a.avif").astype(int) - smooth).mean() < 3


RANDOM = np.random.default_rng(0)
COLOUR = RANDOM.random((20, 30, 3)).astype(np.float32)
DEPTH = RANDOM.random((20, 30)).astype(np.float32)


def write_exr(path: Path, *parts: dict[str, np.ndarray], **header: object) -> None:
    """Write an EXR file with OpenEXR."""
    library = pytest.importorskip("OpenEXR", reason="OpenEXR is not installed")
    path.parent.mkdir(exist_ok=True)
    head = {"compression": library.ZIP_COMPRESSION, "type": library.scanlineimage, **header}
    if len(parts) == 1:
        library.File(head, parts[0]).write(str(path))
    else:
        named = [library.Part(dict(head), part, f"part{i}") for i, part in enumerate(parts)]
        library.File(named).write(str(path))


def test_layers_parts_and_depth_of_exr(tmp_path: Path) -> None:
    """Colours first: the unnamed ones, a layer's, those of a later part; else depth, or ids."""
    ids = np.arange(600, dtype=np.uint32).reshape(20, 30)
    write_exr(tmp_path / "layers.exr", {"Z": DEPTH, "RGB": COLOUR, "beauty": COLOUR / 2})
    write_exr(tmp_path / "named.exr", {"Z": DEPTH, "beauty": COLOUR})
    write_exr(tmp_path / "parts.exr", {"Z": DEPTH}, {"RGB": COLOUR})
    write_exr(tmp_path / "depth.exr", {"Z": DEPTH})
    write_exr(tmp_path / "ids.exr", {"id": ids})
    write_exr(tmp_path / "half.exr", {"RGBA": np.dstack([COLOUR, DEPTH]).astype(np.float16)})

    for name in ("layers", "named", "parts"):
        assert np.array_equal(read_image(tmp_path / f"{name}.exr"), COLOUR)
    assert np.array_equal(read_image(tmp_path / "depth.exr"), DEPTH)
    assert read_image(tmp_path / "ids.exr").dtype == np.uint32
    assert np.array_equal(read_image(tmp_path / "ids.exr"), ids)
    assert np.array_equal(read_image(tmp_path / "half.exr"), COLOUR.astype(np.float16))
    assert read_image(tmp_path / "half.exr").dtype == np.float32


def test_linear_light_is_seen_as_on_a_screen(tmp_path: Path) -> None:
    """Floats of EXR are, with a gamma; whole numbers in EXR, and floats of TIFF, are not."""
    for t in range(3):
        write_exr(tmp_path / "light" / f"{t}.exr", {"RGB": COLOUR * (t + 1)})
        write_exr(tmp_path / "ids" / f"{t}.exr", {"id": (DEPTH * 9).astype(np.uint32)})
    tifffile.imwrite(tmp_path / "a.tif", np.stack([DEPTH] * 3), photometric="minisblack")

    assert open_video(tmp_path / "light").contrast.gamma == pytest.approx(1 / 2.2)
    assert open_video(tmp_path / "ids").contrast.gamma == 1
    assert open_video(tmp_path / "a.tif").contrast.gamma == 1


def test_the_picture_of_exr_fills_the_display_window(tmp_path: Path) -> None:
    """Renderers store what is not black, and what is beyond the edge."""
    window = (np.array([-5, 4], np.int32), np.array([24, 23], np.int32))
    shown = (np.array([0, 0], np.int32), np.array([39, 31], np.int32))
    write_exr(tmp_path / "a.exr", {"RGB": COLOUR}, dataWindow=window, displayWindow=shown)

    image = read_image(tmp_path / "a.exr")

    expected = np.zeros((32, 40, 3), np.float32)
    expected[4:24, :25] = COLOUR[:, 5:]
    assert np.array_equal(image, expected)


def test_without_openexr_plain_files_are_read_and_others_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FFmpeg knows RGB."""
    write_exr(tmp_path / "plain.exr", {"RGB": COLOUR})
    write_exr(tmp_path / "depth.exr", {"id": np.zeros((20, 30), np.uint32)})
    monkeypatch.setattr(exr, "find_spec", lambda name: None)

    assert np.array_equal(read_image(tmp_path / "plain.exr"), COLOUR)
    with pytest.raises(VideoError, match="pip install OpenEXR"):
        read_image(tmp_path / "depth.exr")
