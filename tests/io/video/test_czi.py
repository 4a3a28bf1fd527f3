"""CZI files, written by Zeiss's own library."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import numpy as np
import pytest
from czi_writer import write_czi

from napari_frtm.errors import VideoError
from napari_frtm.io.video.opening import open_video
from napari_frtm.io.video.stacks.microscopes import czi
from napari_frtm.io.video.stacks.stack_frames import Section

if TYPE_CHECKING:
    from pathlib import Path

RANDOM = np.random.default_rng(0)
CELLS = RANDOM.integers(0, 4000, (4, 3, 2, 20, 30)).astype(np.uint16)  # T, Z, C, Y, X


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
