"""Where an object was last seen, and what of a new mask can be it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_frtm.engine.tracking.propagate import Propagation, propagate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_frtm.config import FrtmConfig
    from napari_frtm.engine.networks.network import FrtmNetwork


def _twins(count: int) -> NDArray[np.uint8]:
    """Return a video of a disc that drifts to the right; a second one enters far away."""
    rows, columns = np.ogrid[:96, :160]
    video = np.full((count, 96, 160, 3), 60, np.uint8)
    for t in range(count):
        video[t][(rows - 30) ** 2 + (columns - 40 - 2 * t) ** 2 < 15**2] = (220, 180, 40)
        if t >= 2:
            video[t][(rows - 72) ** 2 + (columns - 130) ** 2 < 12**2] = (220, 180, 40)
    return video


def _mask() -> NDArray[np.uint8]:
    rows, columns = np.ogrid[:96, :160]
    return ((rows - 30) ** 2 + (columns - 40) ** 2 < 15**2).astype(np.uint8)


def _found_elsewhere(network: FrtmNetwork, config: FrtmConfig) -> int:
    """Return how many pixels of the second disc are taken for the first in the last frame."""
    *_, last = propagate(network, config, _twins(10), {0: _mask()})
    assert (last.labels[20:40, 45:70] > 0).mean() > 0.5
    return int((last.labels[60:84, 118:142] > 0).sum())


def test_a_double_that_enters_elsewhere_is_not_the_object(
    network: FrtmNetwork, lite: FrtmConfig
) -> None:
    """Without a limit, as in the paper, both are."""
    assert _found_elsewhere(network, replace(lite, leap=None)) > 100
    assert _found_elsewhere(network, replace(lite, leap=0.5)) == 0


def test_a_restored_run_knows_where_objects_were(network: FrtmNetwork, lite: FrtmConfig) -> None:
    """It goes on in the middle as if it had not stopped."""
    video = _twins(10)
    whole = Propagation(network, lite, video, {0: _mask()})
    first = Propagation(network, lite, video, {0: _mask()})
    chunks = first.chunks()
    for _ in range(2):
        next(chunks)
    second = Propagation(network, lite, video, {0: _mask()})
    second.load_state_dict(first.state_dict())

    rest = [p for chunk in second.chunks() for p in chunk]
    expected = [p for chunk in whole.chunks() for p in chunk][-len(rest) :]

    for p, q in zip(rest, expected, strict=True):
        assert p.index == q.index
        np.testing.assert_array_equal(p.labels, q.labels)
