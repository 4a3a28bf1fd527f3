"""Reading beside napari."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import dask.array as da
import numpy as np
import pytest
import zarr
from dask.cache import Cache

from napari_frtm.plugin.source.compute import computed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def small_cache() -> Iterator[None]:
    """Register a cache for all of dask, as napari does, that soon drops what it has."""
    cache = Cache(30_000)
    cache.register()
    yield
    cache.unregister()


def _stack(frames: int) -> da.Array:
    def read(block_info: dict[None, dict[str, list[tuple[int, int]]]]) -> np.ndarray:
        return np.full((1, 20, 20), block_info[None]["array-location"][0][0], np.int64)

    chunks = ((1,) * frames, (20,), (20,))
    return da.map_blocks(read, chunks=chunks, dtype=np.int64, meta=np.empty((0,) * 3, np.int64))


@pytest.mark.usefixtures("small_cache")
def test_a_viewer_and_a_run_read_the_same_stack() -> None:
    """In two threads at once; the viewer through the cache, the run beside it."""
    stack = _stack(40)

    def read(how: Callable[[da.Array], np.ndarray]) -> list[int]:
        return [int(how(stack[t % 40]).mean()) for t in range(2000)]

    with ThreadPoolExecutor(2) as pool:
        viewer, run = pool.submit(read, np.asarray), pool.submit(read, computed)

        assert viewer.result() == run.result() == [t % 40 for t in range(2000)]


def test_several_chunks_and_operations() -> None:
    """Slices, reductions, stacks of them."""
    stack = _stack(6)

    np.testing.assert_array_equal(computed(stack[1:3, 0, 0]), [1, 2])
    assert computed(da.stack([stack, stack * 2]).max()) == 10


def test_other_arrays_are_read_as_they_are(tmp_path: Path) -> None:
    """NumPy without a copy."""
    array = np.arange(6).reshape(1, 2, 3)
    saved = zarr.create_array(store=tmp_path / "a.zarr", data=array)

    assert computed(array) is array
    np.testing.assert_array_equal(computed(saved[0]), array[0])
