"""Arrays with the axes of a layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr

from napari_frtm.plugin.source.array_view import with_axes
from napari_frtm.plugin.source.axes import VideoAxes
from napari_frtm.session.store import arrays as storage
from napari_frtm.session.store.arrays import new_array

if TYPE_CHECKING:
    from pathlib import Path

_KEYS = [
    pytest.param(np.s_[2, 0], id="a frame"),
    pytest.param(np.s_[2, :, 1:3], id="a frame with its channel, and rows"),
    pytest.param(np.s_[..., 1], id="a column"),
    pytest.param(np.s_[1:3, 0, 0, 0:2], id="a piece"),
    pytest.param((np.array([1, 1]), np.array([0, 0]), np.array([2, 3]), np.array([0, 4])), id="px"),
]


def _pair(tmp_path: Path) -> tuple[Any, Any]:
    values = np.arange(4 * 5 * 6, dtype=np.uint8).reshape(4, 5, 6)
    saved = zarr.create_array(store=tmp_path / "a.zarr", data=values, chunks=(1, 5, 6))
    axes = VideoAxes(0, {1: 0}, 4)
    return with_axes(values.copy(), axes), with_axes(saved, axes)


@pytest.mark.parametrize("key", _KEYS)
def test_reading_is_as_in_memory(tmp_path: Path, key: Any) -> None:
    """Same shapes, same values."""
    memory, disk = _pair(tmp_path)

    assert disk.shape == memory.shape == (4, 1, 5, 6)
    np.testing.assert_array_equal(disk[key], memory[key])


@pytest.mark.parametrize("key", _KEYS)
def test_writing_is_as_in_memory(tmp_path: Path, key: Any) -> None:
    """A number, or an array of the shape that is read."""
    memory, disk = _pair(tmp_path)

    for array in (memory, disk):
        array[key] = 7
        array[key] = array[key] + 1

    np.testing.assert_array_equal(np.asarray(disk), memory)


def test_the_time_axis_may_be_behind_the_channels(tmp_path: Path) -> None:
    """As (C, T, Y, X) has it."""
    saved = zarr.create_array(
        store=tmp_path / "a.zarr", shape=(4, 5, 6), dtype="u1", chunks=(1, 5, 6)
    )
    view = with_axes(saved, VideoAxes(1, {0: 0}, 4))

    view[0, 3] = 9

    assert view.shape == (1, 4, 5, 6)
    assert (np.asarray(saved[3]) == 9).all()
    assert not np.asarray(saved[:3]).any()


def test_large_arrays_are_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """One chunk a frame."""
    monkeypatch.setattr(storage, "IN_MEMORY", 1000)

    small, large = new_array((10, 10, 10), np.uint8), new_array((11, 10, 10), np.float16, np.nan)

    assert isinstance(small, np.ndarray)
    assert large.chunks == (1, 10, 10)
    assert np.isnan(large[3]).all()
