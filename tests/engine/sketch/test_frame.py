"""The frame of a sketch: where S looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from napari_frtm.config import SketchConfig
from napari_frtm.engine.frames.images import Geometry
from napari_frtm.engine.sketch.frame import SketchFrame
from napari_frtm.types import Box

if TYPE_CHECKING:
    from napari_frtm.config import FrtmConfig
    from napari_frtm.engine.networks.network import FrtmNetwork


@pytest.mark.parametrize(
    ("suspected", "drawn", "expected"),
    [
        pytest.param([(0, 0), (2, 2)], None, Box(0, 0, 96, 96), id="suspected"),
        pytest.param([(0, 0)], (250, 250), Box(0, 0, 320, 320), id="both"),
        pytest.param([], (160, 160), Box(96, 96, 224, 224), id="drawn"),
        pytest.param([], None, Box(0, 0, 320, 320), id="nothing"),
    ],
)
def test_s_looks_around_what_is_suspected_and_drawn(
    network: FrtmNetwork,
    lite: FrtmConfig,
    suspected: list[tuple[int, int]],
    drawn: tuple[int, int] | None,
    expected: Box,
) -> None:
    """With a margin of 48 pixels, to multiples of 32; at all of a frame that says nothing."""
    geometry = Geometry((320, 320), (320, 320))
    features = {16: torch.zeros(1, 576, 20, 20)}
    frame = SketchFrame.of(network, features, geometry, lite, SketchConfig())
    scores, inside = torch.zeros(20, 20), np.zeros((320, 320), np.bool_)
    for row, column in suspected:
        scores[row, column] = 1
    if drawn is not None:
        inside[drawn] = True

    window = frame.window(scores, inside)

    assert window == expected
