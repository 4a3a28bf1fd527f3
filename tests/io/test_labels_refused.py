"""Label images that are refused, and what the user reads then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_frtm.errors import LabelsError
from napari_frtm.io.labels import check_labels, read_labels, write_labels

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


def soft_disk() -> NDArray[np.uint8]:
    """Return a white disk with an antialiased edge."""
    disk = np.zeros((200, 200), np.uint8)
    cv2.circle(disk, (100, 100), 60, 255, -1)
    return np.asarray(cv2.GaussianBlur(disk, (0, 0), 1.5), np.uint8)


def save(path: Path, pixels: NDArray[Any]) -> Path:
    """Write pixels without any rule of ours."""
    Image.fromarray(pixels).save(path)
    return path


def rgba_brush() -> NDArray[np.uint8]:
    """Return a red disk with soft opacity."""
    image = np.zeros((200, 200, 4), np.uint8)
    image[..., 0] = 255
    image[..., 3] = soft_disk()
    return image


@pytest.mark.parametrize(
    "pixels",
    [
        pytest.param(soft_disk(), id="grey"),
        pytest.param(soft_disk() // 2, id="grey-without-white"),
        pytest.param(two_objects(128, 255), id="trimap"),
        pytest.param(np.stack([soft_disk()] * 3, axis=-1), id="grey-as-rgb"),
        pytest.param(soft_disk()[..., None] * np.array([1, 0, 0], np.uint8), id="red"),
        pytest.param(rgba_brush(), id="opacity"),
        pytest.param(
            np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8), id="photo"
        ),
    ],
)
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_soft_masks_are_refused(tmp_path: Path, pixels: NDArray[np.uint8], suffix: str) -> None:
    """The message says how to get a hard one."""
    path = save(tmp_path / f"a{suffix}", pixels)

    with pytest.raises(LabelsError, match=r"soft values \(\d+ distinct .* hard mask, e.g. "):
        read_labels(path)


@pytest.mark.parametrize("value", [0, 1.5, -1])
def test_thresholds_are_parts_of_full_strength(tmp_path: Path, value: float) -> None:
    """Not grey levels."""
    with pytest.raises(ValueError, match=r"threshold must be in \(0, 1\]"):
        read_labels(tmp_path / "a.png", value)


@pytest.mark.parametrize("value", [0.5, np.nan])
def test_soft_floats_are_refused(tmp_path: Path, value: float) -> None:
    """Probabilities are no labels."""
    np.save(tmp_path / "a.npy", two_objects() * value)

    with pytest.raises(LabelsError, match="soft values"):
        read_labels(tmp_path / "a.npy")


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_jpegs_of_more_than_black_and_white_are_refused(tmp_path: Path, name: str) -> None:
    """Under any name: JPEG makes other ids of ids."""
    Image.fromarray(two_objects(1, 2)[..., None] * np.array([99, 50, 0], np.uint8)).save(
        tmp_path / name, "JPEG"
    )

    with pytest.raises(LabelsError, match="JPEG blurs labels"):
        read_labels(tmp_path / name)


def test_stacks_are_refused(tmp_path: Path) -> None:
    """With their number of frames."""
    stack = np.repeat(two_objects()[None], 5, axis=0)
    np.save(tmp_path / "a.npy", stack)
    tifffile.imwrite(tmp_path / "b.tif", stack, photometric="minisblack")
    tifffile.imwrite(tmp_path / "c.tif", stack, imagej=True)
    pages = [Image.fromarray(two_objects(1, i)) for i in range(5)]
    pages[0].save(tmp_path / "d.png", save_all=True, append_images=pages[1:])

    for path in sorted(tmp_path.iterdir()):
        with pytest.raises(LabelsError, match="stack of 5 frames"):
            read_labels(path)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".npy"])
def test_damaged_files_are_refused(tmp_path: Path, suffix: str) -> None:
    """Missing, empty, cut short, or something else."""
    whole = tmp_path / f"whole{suffix}"
    noise = np.random.default_rng(0).integers(0, 9, SIZE).astype(np.int32)
    np.save(whole, noise) if suffix == ".npy" else write_labels(whole, noise)
    data = whole.read_bytes()

    for content in (None, b"", b"no picture", data[:20], data[: len(data) // 2]):
        path = tmp_path / f"bad{suffix}"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(LabelsError, match="bad"):
            read_labels(path)


def test_negative_ids_are_refused(tmp_path: Path) -> None:
    """Some tools use -1 for unknown."""
    np.save(tmp_path / "a.npy", two_objects().astype(int) - 1)

    with pytest.raises(LabelsError, match="ids from -1 to 1"):
        read_labels(tmp_path / "a.npy")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        pytest.param(np.ones((4, 6), int), r"\(4, 6\), the video of \(4, 5\)", id="size"),
        pytest.param(np.zeros((4, 5), int), "first.png is empty", id="empty"),
        pytest.param(np.full((4, 5), -3), "ids from -3", id="negative"),
    ],
)
def test_labels_are_checked_against_the_video(labels: NDArray[Any], message: str) -> None:
    """Before a run starts."""
    with pytest.raises(LabelsError, match=message):
        check_labels(labels, (4, 5), "first.png")


@pytest.mark.parametrize(
    ("name", "labels", "message"),
    [
        pytest.param("a.png", np.full((4, 4), 256), "no room for the id 256", id="png-full"),
        pytest.param("a.tif", np.full((4, 4), 70000), "no room for the id 70000", id="tiff-full"),
        pytest.param("a.bmp", np.ones((4, 4), int), "choose .png or .tif", id="format"),
        pytest.param("a.png", np.full((4, 4), -1), "ids from -1", id="negative"),
        pytest.param("a.png", np.ones((4, 4)), "integer image, got float64", id="float"),
        pytest.param("a.png", np.ones((2, 4, 4), int), "two-dimensional", id="stack"),
    ],
)
def test_labels_that_do_not_fit_are_not_written(
    tmp_path: Path, name: str, labels: NDArray[Any], message: str
) -> None:
    """And no file is left."""
    with pytest.raises(LabelsError, match=message):
        write_labels(tmp_path / name, labels)

    assert not list(tmp_path.iterdir())
