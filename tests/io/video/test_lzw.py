"""LZW data whose codes point to nothing: imagecodecs would read whatever is in memory, or crash."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from napari_frtm.errors import LabelsError, VideoError
from napari_frtm.io.labels import read_labels
from napari_frtm.io.video.images.image import read_image
from napari_frtm.io.video.opening import open_video
from napari_frtm.io.video.stacks.stack import open_stack

if TYPE_CHECKING:
    from pathlib import Path

RANDOM = np.random.default_rng(0)
STACK = np.cumsum(RANDOM.integers(0, 9, (5, 45, 70)), axis=2).astype(np.uint16)
COLOUR = np.stack([STACK.astype(np.uint8)] * 3, axis=-1)
GRAY: dict[str, Any] = {"photometric": "minisblack"}


def damage(path: Path, page: int) -> None:
    """Let the second code of a page be 511, when the table has 258 entries."""
    with tifffile.TiffFile(path) as file:
        offset = file.pages[page].dataoffsets[0]
    content = bytearray(path.read_bytes())
    content[offset + 2] |= 0x3F
    content[offset + 3] |= 0xE0
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("pixels", "options"),
    [
        pytest.param(STACK, GRAY, id="whole"),
        pytest.param(STACK, GRAY | {"rowsperstrip": 7, "predictor": True}, id="strips"),
        pytest.param(STACK, GRAY | {"tile": (16, 32)}, id="tiles"),
        pytest.param(STACK.astype(np.float32), GRAY | {"predictor": 3}, id="floats"),
        pytest.param(COLOUR, {"photometric": "rgb", "rowsperstrip": 7}, id="colour"),
    ],
)
def test_what_is_whole_is_read(tmp_path: Path, pixels: np.ndarray, options: dict[str, Any]) -> None:
    """However it is laid out."""
    tifffile.imwrite(tmp_path / "a.tif", pixels, compression="lzw", **options)

    assert np.array_equal(open_video(tmp_path / "a.tif").frames.compute(), pixels)


def test_planes_of_colours_and_channels(tmp_path: Path) -> None:
    """Several pages for a picture, and an axis more."""
    planes = np.ascontiguousarray(np.moveaxis(COLOUR, -1, 1))
    split = {"photometric": "rgb", "planarconfig": "separate", "rowsperstrip": 7}
    tifffile.imwrite(tmp_path / "a.tif", planes, compression="lzw", **split)
    axes = {"axes": "TCYX"}
    tifffile.imwrite(tmp_path / "b.ome.tif", planes, compression="lzw", metadata=axes, **GRAY)

    assert np.array_equal(open_video(tmp_path / "a.tif").frames.compute(), COLOUR)
    assert np.array_equal(open_stack(tmp_path / "b.ome.tif").levels[0].compute(), planes)


def test_a_damaged_page_is_refused(tmp_path: Path) -> None:
    """The others are read."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK, compression="lzw", **GRAY)
    damage(path, 2)

    frames = open_video(path).frames

    assert np.array_equal(frames[3].compute(), STACK[3])
    with pytest.raises(VideoError, match=r"a\.tif is damaged: its LZW data"):
        frames[2].compute()


def test_a_damaged_picture_or_mask_is_refused(tmp_path: Path) -> None:
    """As a frame of a sequence, and as labels."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, (STACK[0] > 90).astype(np.uint8), compression="lzw", **GRAY)
    damage(path, 0)

    with pytest.raises(VideoError, match="LZW data cannot be decoded"):
        read_image(path)
    with pytest.raises(LabelsError, match="LZW data cannot be decoded"):
        read_labels(path)
