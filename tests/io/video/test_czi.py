"""CZI files, written by Zeiss's own library."""

from __future__ import annotations

import importlib.util
import pickle
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_frtm.errors import VideoError
from napari_frtm.io.video.opening import open_video, supported
from napari_frtm.io.video.stacks.microscopes import czi
from napari_frtm.io.video.stacks.stack import open_stack
from napari_frtm.io.video.stacks.stack_frames import Section

if TYPE_CHECKING:
    from pathlib import Path

RANDOM = np.random.default_rng(0)
CELLS = RANDOM.integers(0, 4000, (4, 3, 2, 20, 30)).astype(np.uint16)  # T, Z, C, Y, X


def write_czi(path: Path, pixels: np.ndarray, compression: str | None = None) -> Path:
    """Write pixels of shape (T, Z, C, H, W), or (T, Z, C, H, W, 3) in colour, plane by plane."""
    library = pytest.importorskip("pylibCZIrw.czi", reason="pylibCZIrw is not installed")
    with library.create_czi(str(path), compression_options=compression) as file:
        for t, z, c in np.ndindex(*pixels.shape[:3]):
            image = pixels[t, z, c]
            image = image[..., ::-1] if image.ndim == 3 else image[..., None]
            file.write(data=np.ascontiguousarray(image), plane={"T": t, "Z": z, "C": c})
        file.write_metadata("cells", scale_x=0.25e-6, scale_y=0.25e-6, scale_z=1e-6)
    return path


@pytest.mark.parametrize("compression", [None, "zstd1:ExplicitLevel=2"])
def test_a_channel_and_planes_of_a_czi_are_a_video(tmp_path: Path, compression: str | None) -> None:
    """Pixel by pixel; pickled as well."""
    path = write_czi(tmp_path / "cells.czi", CELLS, compression)

    frames = open_video(path, Section(channel=1, plane="max")).frames

    assert supported(path)
    assert frames.numblocks == (4, 1, 1)
    for t in (2, 0, 3):
        assert np.array_equal(np.asarray(frames[t]), CELLS[t, :, 1].max(0))
    assert np.array_equal(pickle.loads(pickle.dumps(frames)).compute(), CELLS[:, :, 1].max(1))


def test_a_czi_has_its_axes_and_its_size_of_pixels(tmp_path: Path) -> None:
    """As napari shows it."""
    stack = open_stack(write_czi(tmp_path / "cells.czi", CELLS))

    assert stack.axes == ("t", "z", "c", "y", "x")
    assert stack.pixel_size.lengths["x"] == (pytest.approx(0.25), "micrometer")
    assert stack.pixel_size.lengths["z"] == (pytest.approx(1), "micrometer")
    assert np.array_equal(stack.levels[0][1:3, 2, :, 5:9].compute(), CELLS[1:3, 2, :, 5:9])


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_other_kinds_of_pixels(tmp_path: Path, kind: type) -> None:
    """8 bits and floats."""
    pixels = RANDOM.integers(0, 255, (3, 1, 1, 20, 30)).astype(kind)

    frames = open_video(write_czi(tmp_path / "a.czi", pixels)).frames

    assert np.array_equal(frames.compute(), pixels[:, 0, 0])


def test_colours_are_in_order(tmp_path: Path) -> None:
    """The file has blue first."""
    pixels = RANDOM.integers(0, 255, (3, 1, 1, 20, 30, 3)).astype(np.uint8)

    frames = open_video(write_czi(tmp_path / "a.czi", pixels)).frames

    assert np.array_equal(frames.compute(), pixels[:, 0, 0])


def test_of_several_scenes_the_first_is_seen(tmp_path: Path) -> None:
    """It says so; a file without .czi in its name is known by its beginning."""
    library = pytest.importorskip("pylibCZIrw.czi", reason="pylibCZIrw is not installed")
    with library.create_czi(str(tmp_path / "a.czi")) as file:
        for t, scene in np.ndindex(3, 2):
            image = np.full((20, 30 + scene, 1), 10 * t + scene, np.uint8)
            file.write(data=image, plane={"T": t}, scene=scene, location=(500 * scene, 7))
    path = (tmp_path / "a.czi").rename(tmp_path / "unnamed")

    video = open_video(path)

    assert video.frames.shape == (3, 20, 30)
    assert (np.asarray(video.frames[2]) == 20).all()
    assert video.remarks == ("unnamed holds 2 scenes; this is the first.",)


def test_without_the_library_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing else is tried."""
    (tmp_path / "a.czi").write_bytes(czi.CZI_BEGINS + bytes(500))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(czi, "find_spec", lambda name: None)

    with pytest.raises(VideoError, match=r"pip install 'napari-frtm\[czi\]'"):
        open_video(tmp_path / "a.czi")


def test_a_damaged_czi_is_refused(tmp_path: Path) -> None:
    """With its name."""
    path = write_czi(tmp_path / "a.czi", CELLS)
    path.write_bytes(path.read_bytes()[:700])

    with pytest.raises(VideoError, match=r"a\.czi cannot be read"):
        open_video(path, Section(channel=0, plane=0))
