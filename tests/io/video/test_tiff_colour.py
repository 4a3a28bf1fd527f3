"""TIFF files as they look, against Pillow, ImageMagick and pictures known beforehand."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from napari_frtm.errors import VideoError
from napari_frtm.io.video.images.image import read_image
from napari_frtm.io.video.opening import open_video
from napari_frtm.io.video.stacks.stack import open_stack

if TYPE_CHECKING:
    from pathlib import Path

RANDOM = np.random.default_rng(0)
GRAY = RANDOM.integers(0, 256, (20, 30)).astype(np.uint8)
COLOUR = RANDOM.integers(0, 256, (20, 30, 3)).astype(np.uint8)
STACK = RANDOM.integers(0, 256, (4, 20, 30)).astype(np.uint8)
COLOUR_STACK = RANDOM.integers(0, 256, (4, 20, 30, 3)).astype(np.uint8)


def frames_of(path: Path) -> np.ndarray:
    """Return the frames as `open_video` gives them."""
    return np.asarray(open_video(path).frames)


def test_inks_become_rgb(tmp_path: Path) -> None:
    """As Pillow converts them."""
    inks = Image.fromarray(RANDOM.integers(0, 256, (20, 30, 4)).astype(np.uint8), "CMYK")
    inks.save(tmp_path / "a.tif")

    image = read_image(tmp_path / "a.tif")

    assert np.abs(image.astype(int) - np.asarray(inks.convert("RGB")).astype(int)).max() <= 1


def test_a_stack_in_inks(tmp_path: Path) -> None:
    """Pure inks: cyan, magenta, yellow, black and paper."""
    inks = np.zeros((2, 1, 5, 4), np.uint8)
    for place in range(4):
        inks[:, 0, place, place] = 255
    tifffile.imwrite(tmp_path / "a.tif", inks, photometric="separated")

    frame = np.asarray(open_video(tmp_path / "a.tif").frames[1])

    assert frame[0].tolist() == [
        [0, 255, 255],
        [255, 0, 255],
        [255, 255, 0],
        [0, 0, 0],
        [255, 255, 255],
    ]


def test_palettes_become_colours(tmp_path: Path) -> None:
    """In a single image and in a stack; a palette of grays gives grays."""
    table = RANDOM.integers(0, 256, (3, 256)).astype(np.uint16) * 257
    ramp = np.tile(np.arange(256, dtype=np.uint16)[::-1] * 257, (3, 1))
    tifffile.imwrite(tmp_path / "a.tif", STACK, photometric="palette", colormap=table)
    tifffile.imwrite(tmp_path / "b.tif", STACK, photometric="palette", colormap=ramp)
    picture = Image.fromarray(GRAY % 3).convert("P")
    picture.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    picture.save(tmp_path / "c.tif")

    coloured, gray = (frames_of(tmp_path / name) for name in ("a.tif", "b.tif"))

    assert np.array_equal(coloured, (table >> 8).T.astype(np.uint8)[STACK])
    assert np.array_equal(gray, 255 - STACK)
    assert np.array_equal(read_image(tmp_path / "c.tif"), np.asarray(picture.convert("RGB")))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, bool])
def test_white_may_be_zero(tmp_path: Path, kind: type[np.generic]) -> None:
    """Bilevel, 8 and 16 bits."""
    stack = STACK > 99 if kind is bool else STACK.astype(kind)
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="miniswhite")

    frames = frames_of(tmp_path / "a.tif")

    expected = ~stack * np.uint8(255) if kind is bool else np.iinfo(kind).max - stack
    assert np.array_equal(frames, expected)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_as_the_file_says(tmp_path: Path, orientation: int) -> None:
    """As Pillow turns them; in colour and in gray."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    expected = ImageOps.exif_transpose(_with(Image.fromarray(GRAY), exif))
    tag = [(274, "H", 1, orientation, True)]
    tifffile.imwrite(tmp_path / "a.tif", GRAY, extratags=tag, metadata=None)
    several = [COLOUR, COLOUR[::-1]]
    tifffile.imwrite(tmp_path / "b.tif", several, photometric="rgb", extratags=tag, metadata=None)

    frames = open_video(tmp_path / "b.tif").frames

    assert np.array_equal(read_image(tmp_path / "a.tif"), np.asarray(expected))
    turned = ImageOps.exif_transpose(_with(Image.fromarray(several[1]), exif))
    assert np.array_equal(frames[1].compute(), np.asarray(turned))
    assert np.array_equal(frames[1, 3:5, 2:9].compute(), np.asarray(turned)[3:5, 2:9])


def _with(image: Image.Image, exif: Image.Exif) -> Image.Image:
    image.info["exif"] = exif.tobytes()
    image._exif = exif
    return image


@pytest.mark.parametrize("extra", [{}, {"compression": "zlib"}, {"metadata": None}])
def test_colours_may_be_stored_plane_by_plane(tmp_path: Path, extra: dict[str, Any]) -> None:
    """Red, then green, then blue."""
    planes = np.moveaxis(COLOUR_STACK, -1, 1)
    options = {"photometric": "rgb", "planarconfig": "separate", **extra}
    tifffile.imwrite(tmp_path / "a.tif", planes, **options)
    tifffile.imwrite(tmp_path / "b.tif", planes[0], **options)

    frames = frames_of(tmp_path / "a.tif")

    assert np.array_equal(frames, COLOUR_STACK)
    assert np.array_equal(read_image(tmp_path / "b.tif"), COLOUR_STACK[0])
    assert open_stack(tmp_path / "a.tif").rgb


@pytest.mark.parametrize("compression", ["lzw", "jpeg", "zstd", "packbits", "deflate", "lzma"])
def test_compressions(tmp_path: Path, compression: str) -> None:
    """Those that tifffile leaves to imagecodecs, too."""
    smooth = np.broadcast_to(np.arange(0, 240, 8, dtype=np.uint8), (4, 24, 30))
    tifffile.imwrite(tmp_path / "a.tif", smooth, compression=compression, photometric="minisblack")

    frames = frames_of(tmp_path / "a.tif")

    assert np.abs(frames.astype(int) - smooth).max() <= (3 if compression == "jpeg" else 0)


@pytest.mark.parametrize(
    "options", [["-compress", "lzw"], ["-compress", "jpeg"], ["-compress", "zip"]]
)
@pytest.mark.skipif(not shutil.which("convert"), reason="ImageMagick is not installed")
def test_files_of_imagemagick(tmp_path: Path, options: list[str]) -> None:
    """Pages in colour."""
    for t, frame in enumerate(COLOUR_STACK):
        Image.fromarray(frame).resize((60, 40), Image.Resampling.BICUBIC).save(
            tmp_path / f"{t}.png"
        )
    pages = [str(tmp_path / f"{t}.png") for t in range(4)]
    subprocess.run(["convert", *pages, *options, str(tmp_path / "a.tif")], check=True)

    frames = frames_of(tmp_path / "a.tif")

    assert frames.shape == (4, 40, 60, 3)
    expected = np.stack([np.asarray(Image.open(page)) for page in pages])
    assert np.abs(frames.astype(int) - expected).mean() < (8 if "jpeg" in options else 0.01)


def test_unknown_colours_are_refused(tmp_path: Path) -> None:
    """They would look like RGB and be something else."""
    tifffile.imwrite(tmp_path / "a.tif", COLOUR_STACK, photometric="cielab")

    with pytest.raises(VideoError, match="L\\*a\\*b\\*"):
        open_video(tmp_path / "a.tif")


@pytest.mark.parametrize("suffix", [".btf", ".tf8", ".tf2", ".lsm", ".stk"])
def test_other_suffixes_of_tiff(tmp_path: Path, suffix: str) -> None:
    """They are opened by name like the usual ones."""
    big = suffix in (".btf", ".tf8")
    tifffile.imwrite(tmp_path / "a.tif", STACK, bigtiff=big, photometric="minisblack")
    path = (tmp_path / "a.tif").rename(tmp_path / f"a{suffix}")

    assert np.array_equal(frames_of(path), STACK)


def test_gray_with_alpha_is_gray(tmp_path: Path) -> None:
    """The alpha is dropped, as of colours."""
    both = np.stack([STACK, 255 - STACK], axis=-1)
    tifffile.imwrite(tmp_path / "a.tif", both, photometric="minisblack", extrasamples=[2])

    assert np.array_equal(frames_of(tmp_path / "a.tif"), STACK)
