"""Image folders and numbered patterns, with real files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_frtm.errors import VideoError
from napari_frtm.io.video.images.image import read_image
from napari_frtm.io.video.images.sequence import open_sequence

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SHAPE = (20, 30)
RANDOM = np.random.default_rng(0)
GRAY = RANDOM.integers(0, 256, SHAPE).astype(np.uint8)
COLOUR = RANDOM.integers(0, 256, (*SHAPE, 3)).astype(np.uint8)
DEEP = RANDOM.integers(0, 65536, SHAPE).astype(np.uint16)
DEEP_COLOUR = RANDOM.integers(0, 65536, (*SHAPE, 3)).astype(np.uint16)


def write_pngs(folder: Path, names: list[str]) -> None:
    """Write images whose value is their place in `names`."""
    folder.mkdir(exist_ok=True)
    for value, name in enumerate(names):
        Image.fromarray(np.full(SHAPE, value, np.uint8)).save(folder / name)


def write_exr(path: Path, image: NDArray[np.float32], pixels: str, options: dict[str, str]) -> None:
    """Write an EXR image with FFmpeg."""
    with av.open(str(path), "w", format="image2", options={"update": "1"}) as container:
        stream = container.add_stream("exr", rate=25, options=options)
        stream.height, stream.width = SHAPE
        stream.pix_fmt = pixels
        container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format=pixels)))
        container.mux(stream.encode())


def test_images_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    """2 before 10, as people count; hidden and other files left out."""
    write_pngs(tmp_path, ["f1.png", "f2.png", "f10.png", "f100.png", ".f3.png"])
    (tmp_path / "notes.txt").write_text("no image")

    sequence = open_sequence(tmp_path)

    assert sequence.names == ("f1", "f2", "f10", "f100")
    assert sequence.shape == (4, *SHAPE)
    assert [int(sequence.read(i)[0, 0]) for i in range(4)] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("shot.%04d.png", ("shot.0001", "shot.0003", "shot.10000")),
        ("shot.%d.png", ("shot.0001", "shot.0003", "shot.7", "shot.10000")),
        ("plate%02d.png", ("plate01", "plate02")),
    ],
)
def test_a_pattern_chooses_among_the_images(
    tmp_path: Path, pattern: str, expected: tuple[str, ...]
) -> None:
    """Gaps in the numbers are allowed."""
    names = ["shot.0001.png", "shot.0003.png", "shot.7.png", "shot.10000.png"]
    write_pngs(tmp_path, [*names, "plate01.png", "plate02.png"])

    sequence = open_sequence(tmp_path / pattern)

    assert sequence.names == expected


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
@pytest.mark.parametrize("image", [GRAY, COLOUR], ids=["gray", "colour"])
def test_images_are_read_as_written(tmp_path: Path, suffix: str, image: NDArray[np.uint8]) -> None:
    """Lossless formats of 8 bits."""
    path = tmp_path / f"a{suffix}"
    Image.fromarray(image).save(path)

    assert np.array_equal(read_image(path), image)


@pytest.mark.parametrize("image", [DEEP, DEEP_COLOUR], ids=["gray", "colour"])
def test_16_bit_pngs_keep_their_16_bits(tmp_path: Path, image: NDArray[np.uint16]) -> None:
    """OpenCV writes them, blue first."""
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), image if image.ndim == 2 else image[..., ::-1])

    read = read_image(path)

    assert read.dtype == np.uint16
    assert np.array_equal(read, image)


def test_alpha_is_dropped_and_palettes_become_colours(tmp_path: Path) -> None:
    """The colours under the alpha stay as they are."""
    alpha = np.dstack([COLOUR, GRAY])
    Image.fromarray(alpha).save(tmp_path / "alpha.png")
    palette = Image.fromarray(GRAY % 3).convert("P")
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    palette.save(tmp_path / "palette.png")

    assert np.array_equal(read_image(tmp_path / "alpha.png"), COLOUR)
    assert np.array_equal(
        read_image(tmp_path / "palette.png"), np.eye(3, dtype=np.uint8)[GRAY % 3] * 255
    )


def test_jpegs_are_turned_as_the_camera_says(tmp_path: Path) -> None:
    """EXIF orientation 6: the picture is turned a quarter clockwise."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(GRAY).save(tmp_path / "a.jpg", exif=exif)

    assert read_image(tmp_path / "a.jpg").shape == SHAPE[::-1]


@pytest.mark.parametrize(
    ("pixels", "channels", "options", "tolerance"),
    [
        ("gbrpf32le", 3, {}, 0.0),
        ("gbrapf32le", 4, {"compression": "zip16"}, 0.0),
        ("grayf32le", 0, {}, 0.0),
        ("gbrpf32le", 3, {"format": "half"}, 0.01),
    ],
    ids=["float", "alpha", "gray", "half"],
)
def test_exr_is_linear_float(
    tmp_path: Path, pixels: str, channels: int, options: dict[str, str], tolerance: float
) -> None:
    """Values above 1 and below 0 stay."""
    image = RANDOM.normal(1, 2, (*SHAPE, channels) if channels else SHAPE).astype(np.float32)
    write_exr(tmp_path / "a.exr", image, pixels, options)

    read = read_image(tmp_path / "a.exr")

    assert read.dtype == np.float32
    assert np.allclose(read, image[..., :3] if channels else image, rtol=0, atol=tolerance)


def test_gray_images_in_a_colour_sequence_become_colour(tmp_path: Path) -> None:
    """Some writers save what has no colour as gray."""
    Image.fromarray(COLOUR).save(tmp_path / "0.png")
    Image.fromarray(GRAY).save(tmp_path / "1.png")

    sequence = open_sequence(tmp_path)

    assert np.array_equal(sequence.read(1), np.dstack([GRAY] * 3))


def test_a_sequence_that_begins_in_gray_is_in_colour_if_others_are(tmp_path: Path) -> None:
    """A fade from black; what is gray in a sequence of grays may be saved as RGB."""
    for index in range(9):
        Image.fromarray(GRAY if index < 3 else COLOUR).save(tmp_path / f"{index}.png")
    (tmp_path / "gray").mkdir()
    for index in range(9):
        gray = np.dstack([GRAY] * 3) if index == 3 else GRAY
        Image.fromarray(gray).save(tmp_path / "gray" / f"{index}.png")

    colour, gray = open_sequence(tmp_path), open_sequence(tmp_path / "gray")

    assert colour.shape == (9, *SHAPE, 3)
    assert np.array_equal(colour.read(0), np.dstack([GRAY] * 3))
    assert np.array_equal(colour.read(5), COLOUR)
    assert gray.shape == (9, *SHAPE)
    assert np.array_equal(gray.read(3), GRAY)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (GRAY[:10], r"b\.png is 30 x 10 pixels in gray, but a\.png is 30 x 20 pixels in gray"),
        (DEEP, r"b\.png holds uint16, but a\.png holds uint8"),
    ],
    ids=["size", "depth"],
)
def test_an_image_unlike_the_first_is_named(
    tmp_path: Path, second: NDArray[np.generic], message: str
) -> None:
    """When it is read: opening looks at the first image only."""
    cv2.imwrite(str(tmp_path / "a.png"), GRAY)
    cv2.imwrite(str(tmp_path / "b.png"), second)

    sequence = open_sequence(tmp_path)

    with pytest.raises(VideoError, match=message):
        sequence.read(1)


def test_a_single_image_in_colour_among_gray_ones_is_named(tmp_path: Path) -> None:
    """Only some are looked at when a sequence is opened."""
    for index in range(9):
        Image.fromarray(COLOUR if index == 3 else GRAY).save(tmp_path / f"{index}.png")

    with pytest.raises(VideoError, match=r"3\.png is 30 x 20 pixels in colour, but 0\.png"):
        open_sequence(tmp_path).read(3)


def test_a_damaged_image_is_named(tmp_path: Path) -> None:
    """Cut in the middle, empty, or of another kind."""
    write_pngs(tmp_path, [f"{i}.png" for i in range(4)])
    Image.fromarray(COLOUR).save(tmp_path / "1.png")
    content = (tmp_path / "1.png").read_bytes()
    (tmp_path / "1.png").write_bytes(content[: len(content) // 2])
    (tmp_path / "2.png").write_bytes(b"")
    (tmp_path / "3.png").write_text("a text")

    sequence = open_sequence(tmp_path)

    for index in (1, 2, 3):
        with pytest.raises(VideoError, match=rf"{index}\.png cannot be read"):
            sequence.read(index)


@pytest.mark.parametrize("suffix", [".exr", ".tif", ".png"])
def test_a_text_is_no_image(tmp_path: Path, suffix: str) -> None:
    """Whichever library reads the format."""
    path = tmp_path / f"a{suffix}"
    path.write_text("a text")

    with pytest.raises(VideoError, match=r"a\.\w+ cannot be read"):
        read_image(path)


def test_folders_without_images_and_twins_are_refused(tmp_path: Path) -> None:
    """A twin would give two outputs of one name."""
    with pytest.raises(VideoError, match="has no images"):
        open_sequence(tmp_path)
    with pytest.raises(VideoError, match="is not there"):
        open_sequence(tmp_path / "missing" / "a.%04d.png")
    write_pngs(tmp_path, ["0.png", "1.png", "0.bmp"])
    with pytest.raises(VideoError, match=r"has both 0\.bmp and 0\.png"):
        open_sequence(tmp_path)


def test_a_stack_is_not_one_frame_of_a_sequence(tmp_path: Path) -> None:
    """A TIFF with pages, in a folder."""
    tifffile.imwrite(tmp_path / "a.tif", np.stack([GRAY] * 5), photometric="minisblack")

    with pytest.raises(VideoError, match=r"a\.tif has the shape \(5, 20, 30\)"):
        open_sequence(tmp_path)
