"""ND2 files, read by the library nd2; one more of a real microscope, where it is given."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from nd2_writer import write_nd2

from napari_frtm.errors import VideoError
from napari_frtm.io.video.opening import open_video
from napari_frtm.io.video.stacks.microscopes import nd2_file
from napari_frtm.io.video.stacks.stack import open_stack
from napari_frtm.io.video.stacks.stack_frames import Section

RANDOM = np.random.default_rng(0)
CELLS = RANDOM.integers(0, 4000, (4, 3, 2, 20, 30)).astype(np.uint16)  # T, Z, C, Y, X
REAL = os.environ.get("NAPARI_FRTM_ND2", "")


@pytest.fixture(autouse=True)
def _library() -> None:
    pytest.importorskip("nd2", reason="nd2 is not installed")


def test_an_nd2_has_its_interval(tmp_path: Path) -> None:
    """Of its loop over times."""
    stack = open_stack(write_nd2(tmp_path / "cells.nd2", CELLS))

    assert stack.pixel_size.interval == pytest.approx(0.5)


def test_metadata_that_the_library_does_not_understand_cost_the_size_of_pixels_alone(
    tmp_path: Path,
) -> None:
    """There is no dye in bright field."""
    stack = open_stack(write_nd2(tmp_path / "cells.nd2", CELLS, described=False))

    assert np.array_equal(stack.levels[0].compute(), CELLS)
    assert stack.pixel_size.lengths == {}


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
@pytest.mark.parametrize("colour", [(), (3,)])
def test_other_kinds_of_pixels(tmp_path: Path, kind: type, colour: tuple[int, ...]) -> None:
    """8 bits and floats, gray and in colour; a file without .nd2 is known by its beginning."""
    pixels = RANDOM.integers(0, 255, (3, 1, 1, 20, 30, *colour)).astype(kind)
    path = write_nd2(tmp_path / "a.nd2", pixels).rename(tmp_path / "unnamed")

    assert np.array_equal(open_video(path).frames.compute(), pixels[:, 0, 0])


def test_of_several_positions_the_first_is_seen(tmp_path: Path) -> None:
    """It says so."""
    path = write_nd2(tmp_path / "a.nd2", CELLS[:, :, :1], positions=2)

    video = open_video(path, Section(plane=1))

    assert np.array_equal(video.frames.compute(), CELLS[:, 1, 0])
    assert video.remarks == ("a.nd2 has 2 along the axis P as well: the first is seen.",)


def test_a_recording_that_was_broken_off_ends_with_the_last_complete_time(tmp_path: Path) -> None:
    """What was never recorded would be read as black."""
    path = write_nd2(tmp_path / "a.nd2", CELLS, recorded=8)  # of 12: two times and two planes

    video = open_video(path, Section(channel=0, plane=2))

    assert np.array_equal(video.frames.compute(), CELLS[:2, 2, 0])
    assert "8 of 12 frames" in video.remarks[0]
    with pytest.raises(VideoError, match="2 of 12 frames"):
        open_video(write_nd2(tmp_path / "b.nd2", CELLS, recorded=2), Section(channel=0, plane=2))


def test_a_file_that_is_cut_after_it_was_opened_is_told(tmp_path: Path) -> None:
    """Mapped into memory, it would end the program."""
    path = write_nd2(tmp_path / "a.nd2", CELLS)
    frames = open_video(path, Section(channel=0, plane=0)).frames
    with path.open("r+b") as file:
        file.truncate(9000)

    with pytest.raises(VideoError, match="has been changed"):
        frames[3].compute()


def test_without_the_library_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing else is tried."""
    path = write_nd2(tmp_path / "a.nd2", CELLS)
    monkeypatch.setattr(nd2_file, "find_spec", lambda name: None)

    with pytest.raises(VideoError, match=r"pip install 'napari-frtm\[nd2\]'"):
        open_video(path)


def test_a_damaged_nd2_is_refused(tmp_path: Path) -> None:
    """With its name."""
    path = write_nd2(tmp_path / "a.nd2", CELLS)
    path.write_bytes(path.read_bytes()[:7000])

    with pytest.raises(VideoError, match=r"a\.nd2 cannot be read"):
        open_video(path, Section(channel=0, plane=0))


@pytest.mark.skipif(not REAL, reason="NAPARI_FRTM_ND2 names no file of a microscope")
def test_a_file_of_a_microscope_is_read_as_the_library_reads_it() -> None:
    """All of its axes."""
    nd2 = pytest.importorskip("nd2")

    assert np.array_equal(open_stack(Path(REAL)).levels[0].compute(), nd2.imread(REAL))
