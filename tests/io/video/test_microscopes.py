"""What holds of the files of all microscopes."""

from __future__ import annotations

import pickle
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
from czi_writer import write_czi
from nd2_writer import write_nd2

from napari_frtm.io.video.opening import open_video, supported
from napari_frtm.io.video.stacks.stack import open_stack
from napari_frtm.io.video.stacks.stack_frames import Section

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CELLS = np.random.default_rng(0).integers(0, 4000, (4, 3, 2, 20, 30)).astype(np.uint16)  # TZCYX
WRITERS = {
    "cells.czi": write_czi,
    "compressed.czi": partial(write_czi, compression="zstd1:ExplicitLevel=2"),
    "cells.nd2": write_nd2,
}


@pytest.fixture(params=WRITERS)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Write the cells."""
    if request.param.endswith("nd2"):
        pytest.importorskip("nd2", reason="nd2 is not installed")
    write: Callable[[Path, np.ndarray], Path] = WRITERS[request.param]
    return write(tmp_path / request.param, CELLS)


def test_a_channel_and_planes_are_a_video(path: Path) -> None:
    """Pixel by pixel; pickled as well."""
    frames = open_video(path, Section(channel=1, plane="max")).frames

    assert supported(path)
    assert frames.numblocks == (4, 1, 1)
    for t in (2, 0, 3):
        assert np.array_equal(np.asarray(frames[t]), CELLS[t, :, 1].max(0))
    assert np.array_equal(pickle.loads(pickle.dumps(frames)).compute(), CELLS[:, :, 1].max(1))


def test_the_file_says_its_axes_and_its_size_of_pixels(path: Path) -> None:
    """As napari shows it."""
    stack = open_stack(path)

    assert stack.axes == ("t", "z", "c", "y", "x")
    assert stack.pixel_size.lengths["x"] == (pytest.approx(0.25), "micrometer")
    assert stack.pixel_size.lengths["z"] == (pytest.approx(1), "micrometer")
    assert np.array_equal(stack.levels[0][1:3, 2, :, 5:9].compute(), CELLS[1:3, 2, :, 5:9])
