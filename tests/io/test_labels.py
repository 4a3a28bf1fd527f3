"""Label images of every kind that users have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from napari_frtm.errors import LabelsError, OutputError
from napari_frtm.io.labels import (
    check_labels,
    davis_palette,
    labels_suffix,
    read_labels,
    write_labels,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SIZE = (40, 50)


def two_objects(first: int = 1, second: int = 2) -> NDArray[np.uint8]:
    """Return an image of SIZE with two rectangles."""
    image = np.zeros(SIZE, np.uint8)
    image[5:20, 5:20] = first
    image[10:35, 25:45] = second
    return image


def save(path: Path, pixels: NDArray[Any], palette: NDArray[np.uint8] | None = None) -> Path:
    """Write pixels without any rule of ours."""
    image = Image.fromarray(pixels)
    if palette is not None:
        image.putpalette(palette.tobytes())
    image.save(path)
    return path


@pytest.mark.parametrize(
    ("index", "colour"),
    [(0, (0, 0, 0)), (1, (128, 0, 0)), (6, (0, 128, 128)), (8, (64, 0, 0)), (255, (224, 224, 192))],
)
def test_the_palette_is_that_of_davis(index: int, colour: tuple[int, ...]) -> None:
    """Against colours of the PASCAL VOC map."""
    palette = davis_palette()

    assert tuple(palette[index]) == colour
    assert len(np.unique(palette, axis=0)) == 256


@pytest.mark.parametrize(("largest", "suffix"), [(0, ".png"), (255, ".png"), (256, ".tif")])
def test_the_suffix_has_room_for_the_ids(largest: int, suffix: str) -> None:
    """Indexed PNG up to 255."""
    assert labels_suffix(largest) == suffix


@pytest.mark.parametrize(
    ("name", "ids", "mode"),
    [
        pytest.param("a.png", (1, 2), "P", id="png"),
        pytest.param("a.png", (1, 255), "P", id="png-with-void"),
        pytest.param("a.tif", (3, 60000), "I;16", id="tiff"),
        pytest.param("a.tif", (3, 255), "I;16", id="tiff-of-small-ids"),
    ],
)
def test_written_labels_read_the_same(
    tmp_path: Path, name: str, ids: tuple[int, int], mode: str
) -> None:
    """PNG is indexed, TIFF has 16 bits."""
    labels = two_objects().astype(np.int32)
    labels = np.choose(labels, [0, *ids])

    write_labels(tmp_path / name, labels)

    assert (read_labels(tmp_path / name) == labels).all()
    assert read_labels(tmp_path / name).dtype == np.int32
    with Image.open(tmp_path / name) as image:
        assert image.mode == mode


def test_a_png_has_the_colours_of_davis(tmp_path: Path) -> None:
    """Object 2 is dark green for any viewer."""
    write_labels(tmp_path / "a.png", two_objects())

    with Image.open(tmp_path / "a.png") as image:
        assert image.convert("RGB").getpixel((30, 20)) == (0, 128, 0)


def test_a_missing_folder_is_an_output_error(tmp_path: Path) -> None:
    """Writing is atomic and explains itself."""
    with pytest.raises(OutputError, match="folder does not exist"):
        write_labels(tmp_path / "missing" / "a.png", two_objects())


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        pytest.param(two_objects(), two_objects(), id="small-ids"),
        pytest.param(two_objects(0, 255), two_objects(0, 1), id="mask"),
        pytest.param(two_objects(1, 255), two_objects(1, 255), id="void"),
        pytest.param(two_objects(40, 200), two_objects(40, 200), id="ids-with-gaps"),
        pytest.param(two_objects().astype(bool), two_objects(1, 1), id="one-bit"),
        pytest.param(
            two_objects().astype(np.uint16) * 300, two_objects().astype(int) * 300, id="16-bit"
        ),
        pytest.param(two_objects(0, 1).astype(np.uint16) * 65535, two_objects(0, 1), id="16-mask"),
    ],
)
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_grey_pictures(
    tmp_path: Path, pixels: NDArray[Any], expected: NDArray[Any], suffix: str
) -> None:
    """Values are ids; 0 and the largest value alone are a mask."""
    path = save(tmp_path / f"a{suffix}", pixels)

    labels = read_labels(path)

    assert (labels == expected).all()


def test_many_small_cells_are_no_soft_mask(tmp_path: Path) -> None:
    """150 cells of 4 x 4 pixels in an 8-bit picture."""
    cells = np.kron(np.arange(150, dtype=np.uint8).reshape(10, 15), np.ones((4, 4), np.uint8))
    cells[cells == 77] = 200

    labels = read_labels(save(tmp_path / "a.png", cells))

    assert (labels == cells).all()


def test_indices_are_ids_whatever_the_palette(tmp_path: Path) -> None:
    """Unless it is the grey ramp, which makes a grey picture."""
    bright = np.random.default_rng(0).integers(1, 255, (256, 3)).astype(np.uint8)
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)

    ids = read_labels(save(tmp_path / "a.png", two_objects(7, 255), bright))
    mask = read_labels(save(tmp_path / "b.png", two_objects(0, 255), ramp))

    assert (ids == two_objects(7, 255)).all()
    assert (mask == two_objects(0, 1)).all()


def test_black_is_background_even_if_it_is_not_index_0(tmp_path: Path) -> None:
    """Paint programs sort palettes as they like."""
    palette = np.array([[255, 0, 0], [0, 0, 0], [0, 0, 255]], np.uint8)
    indices = np.choose(two_objects(), [1, 0, 2]).astype(np.uint8)

    labels = read_labels(save(tmp_path / "a.png", indices, palette))

    assert (labels == two_objects(2, 1)).all()


RED, BLUE, WHITE, DARK_GREEN = (255, 0, 0), (0, 0, 255), (255, 255, 255), (0, 128, 0)


@pytest.mark.parametrize(
    ("colours", "expected"),
    [
        pytest.param((RED, BLUE), (2, 1), id="any-colours-sorted"),
        pytest.param((DARK_GREEN, (128, 0, 0)), (2, 1), id="palette"),
        pytest.param((DARK_GREEN, RED), (2, 1), id="palette-and-other"),
        pytest.param((WHITE, WHITE), (1, 1), id="white-mask"),
        pytest.param(((64, 64, 64), (128, 128, 128)), (56, 7), id="greys-of-the-palette"),
        pytest.param(((1, 1, 1), (3, 3, 3)), (1, 3), id="grey-ids"),
    ],
)
@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
def test_coloured_pictures(
    tmp_path: Path,
    colours: tuple[tuple[int, int, int], ...],
    expected: tuple[int, int],
    suffix: str,
) -> None:
    """Each colour is an object."""
    table = np.array([(0, 0, 0), *colours], np.uint8)
    path = save(tmp_path / f"a{suffix}", table[two_objects()])

    labels = read_labels(path)

    assert (labels == two_objects(*expected)).all()


def test_transparent_is_background(tmp_path: Path) -> None:
    """Whatever colour lies below."""
    table = np.array([(9, 9, 9, 0), (*RED, 255), (*BLUE, 128)], np.uint8)

    labels = read_labels(save(tmp_path / "a.png", table[two_objects()]))

    assert (labels == two_objects(2, 1)).all()


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        pytest.param(two_objects().astype(np.int64), two_objects(), id="int64"),
        pytest.param(two_objects().astype(bool), two_objects(1, 1), id="bool"),
        pytest.param(two_objects().astype(np.float32), two_objects(), id="whole-floats"),
        pytest.param(two_objects().astype(">u2"), two_objects(), id="big-endian"),
        pytest.param(
            two_objects().astype(int) * 70000, two_objects().astype(int) * 70000, id="large-ids"
        ),
    ],
)
def test_arrays(tmp_path: Path, array: NDArray[Any], expected: NDArray[Any]) -> None:
    """NPY files of any integer type, and of floats that are integers."""
    np.save(tmp_path / "a.npy", array)

    labels = read_labels(str(tmp_path / "a.npy"))

    assert (labels == expected).all()
    assert labels.dtype == np.int32


@pytest.mark.parametrize("compression", ["tiff_adobe_deflate", "tiff_lzw"])
def test_compressed_tiff(tmp_path: Path, compression: str) -> None:
    """LZW is what ImageJ and QuPath write."""
    image = Image.fromarray(two_objects().astype(np.uint16) * 300)
    image.save(tmp_path / "a.tif", compression=compression)

    labels = read_labels(tmp_path / "a.tif")

    assert (labels == two_objects().astype(int) * 300).all()


def test_one_painted_pixel_is_enough() -> None:
    """And it is what makes the difference."""
    labels = np.zeros((4, 5), np.uint8)
    labels[0, 0] = 3

    check_labels(labels, (4, 5), "first.png")

    with pytest.raises(LabelsError, match="empty"):
        check_labels(labels * 0, (4, 5), "first.png")
