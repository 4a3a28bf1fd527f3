"""Masks as paint, compositing and rendering programs write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_frtm.errors import LabelsError
from napari_frtm.io.labels import read_labels

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

RANDOM = np.random.default_rng(0)
HARD = np.zeros((120, 160), bool)
HARD[30:90, 40:100] = True
DISK = np.zeros((120, 160), np.uint8)
cv2.circle(DISK, (80, 60), 40, 255, -1, cv2.LINE_AA)
SOFT = np.asarray(cv2.GaussianBlur(DISK, (0, 0), 1.5), np.uint8)
PHOTO = RANDOM.integers(0, 256, (120, 160, 3)).astype(np.uint8)


def save(path: Path, pixels: NDArray[Any], **options: object) -> Path:
    """Write a picture with Pillow."""
    Image.fromarray(pixels).save(path, **options)
    return path


@pytest.mark.parametrize("colours", [PHOTO, np.zeros_like(PHOTO)], ids=["photo", "black"])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_cut_outs_are_masks(tmp_path: Path, colours: NDArray[np.uint8], suffix: str) -> None:
    """The opaque part of a photo, and black on nothing."""
    pixels = np.dstack([colours, HARD * np.uint8(255)])
    lossless = {"lossless": True, "exact": True} if suffix == ".webp" else {}

    labels = read_labels(save(tmp_path / f"a{suffix}", pixels, **lossless))

    assert np.array_equal(labels, HARD)


def test_a_jpeg_in_black_and_white_is_a_mask(tmp_path: Path) -> None:
    """Gray or colour: what blur there is does not matter."""
    mask = HARD * np.uint8(255)

    gray = read_labels(save(tmp_path / "a.jpg", mask, quality=80))
    colour = read_labels(save(tmp_path / "b.jpg", np.dstack([mask] * 3), quality=80))

    assert (gray != HARD).mean() < 0.001
    assert np.array_equal(gray, colour)


SOFT_MASKS = [
    pytest.param(SOFT, id="grey"),
    pytest.param(np.dstack([SOFT] * 3), id="grey-as-rgb"),
    pytest.param(np.dstack([SOFT, SOFT * 0, SOFT * 0]), id="red"),
    pytest.param(np.dstack([np.full_like(SOFT, 255)] * 3 + [SOFT]), id="opacity"),
    pytest.param(np.dstack([PHOTO, SOFT]), id="cut-out"),
    pytest.param(np.dstack([PHOTO * 0, SOFT]), id="black-opacity"),
]


@pytest.mark.parametrize("pixels", SOFT_MASKS)
def test_soft_masks_are_cut_at_a_threshold(tmp_path: Path, pixels: NDArray[np.uint8]) -> None:
    """Which is offered where there is none."""
    path = save(tmp_path / "a.png", pixels)

    with pytest.raises(LabelsError, match="--mask-threshold"):
        read_labels(path)
    assert np.array_equal(read_labels(path, 0.5), SOFT / 255 >= 0.5)
    assert np.array_equal(read_labels(path, 0.1), SOFT / 255 >= 0.1)


def test_soft_floats_are_cut_at_a_threshold(tmp_path: Path) -> None:
    """Of arrays and of TIFF; 16 bits, too."""
    np.save(tmp_path / "a.npy", (SOFT / 255).astype(np.float32))
    tifffile.imwrite(tmp_path / "b.tif", (SOFT / 255).astype(np.float32))
    tifffile.imwrite(tmp_path / "c.tif", SOFT.astype(np.uint16) * 257)

    for name in ("a.npy", "b.tif", "c.tif"):
        assert np.array_equal(read_labels(tmp_path / name, 0.5), SOFT / 255 >= 0.5)


def test_hard_masks_need_no_threshold(tmp_path: Path) -> None:
    """Ids stay ids if there is one."""
    ids = HARD * np.uint8(1)
    ids[40:50] *= 2

    assert np.array_equal(read_labels(save(tmp_path / "a.png", ids), 0.5), ids)


@pytest.mark.parametrize("shape", [(1, 120, 160), (120, 160, 1)])
def test_axes_of_one_do_not_count(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """Of arrays and of TIFF."""
    ids = (HARD * 7).astype(np.uint8).reshape(shape)
    np.save(tmp_path / "a.npy", ids)
    tifffile.imwrite(tmp_path / "a.tif", ids, photometric="minisblack")

    for name in ("a.npy", "a.tif"):
        assert np.array_equal(read_labels(tmp_path / name), HARD * 7)


def test_white_may_be_zero_in_a_tiff(tmp_path: Path) -> None:
    """As scanners and fax programs write black on white."""
    tifffile.imwrite(tmp_path / "a.tif", 255 - HARD * np.uint8(255), photometric="miniswhite")

    assert np.array_equal(read_labels(tmp_path / "a.tif"), HARD)


@pytest.mark.parametrize(("kind", "value"), [("f4", 1), ("f2", 1), ("u4", 5)])
def test_masks_in_exr(tmp_path: Path, kind: str, value: int) -> None:
    """A matte of 0 and 1, ids as whole numbers; a soft one needs a threshold."""
    library = pytest.importorskip("OpenEXR", reason="OpenEXR is not installed")
    head = {"compression": library.ZIP_COMPRESSION, "type": library.scanlineimage}
    matte = (HARD * value).astype(kind)
    soft = (SOFT / 255).astype(np.float32)
    library.File(dict(head), {"Y": matte}).write(str(tmp_path / "a.exr"))
    library.File(dict(head), {"RGB": np.dstack([soft] * 3)}).write(str(tmp_path / "soft.exr"))

    assert np.array_equal(read_labels(tmp_path / "a.exr"), HARD * value)
    assert np.array_equal(read_labels(tmp_path / "soft.exr", 0.5), soft >= 0.5)
    with pytest.raises(LabelsError):
        read_labels(tmp_path / "soft.exr")
