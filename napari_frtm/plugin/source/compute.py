"""Reads arrays beside napari, which computes dask arrays with a cache that knows one thread only.

napari registers that cache for all threads. Two threads that compute at the same time take entries
from under each other, and one of them fails with a `KeyError`; so the thread of a run does without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def computed(array: Any) -> NDArray[Any]:
    """Return an array in memory, whatever holds it: NumPy, dask, zarr or alike."""
    if hasattr(array, "__dask_graph__"):
        array = array.compute(scheduler=_alone)
    return np.asarray(array)


def _alone(graph: Any, keys: Any, **options: object) -> Any:
    """Compute a graph in this thread, without dask's callbacks: the scheduler of one read."""
    from dask.core import get

    inner = graph.__dask_graph__() if hasattr(graph, "__dask_graph__") else graph
    return get(dict(inner), keys)
