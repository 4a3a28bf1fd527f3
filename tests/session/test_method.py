"""The preset of a video that nobody has chosen one for."""

from __future__ import annotations

import numpy as np
import pytest

from napari_frtm.config import LocalityConfig, preset
from napari_frtm.io.weights import library
from napari_frtm.session.run.method import Method, suited_preset


class Plain:
    """Frames that do not say their type."""

    shape = (3, 8, 9)

    def __getitem__(self, index: int) -> np.ndarray:
        return np.zeros(self.shape[1:], np.uint16)


@pytest.mark.parametrize(
    ("dtype", "shape", "name"),
    [
        ("uint16", (3, 8, 9), "cells"),
        ("int32", (3, 8, 9), "cells"),
        ("uint8", (3, 8, 9), "lite"),
        ("uint16", (3, 8, 9, 3), "lite"),
        ("float32", (3, 8, 9), "lite"),
        ("bool", (3, 8, 9), "lite"),
    ],
)
def test_recordings_of_microscopes_are_cells(dtype: str, shape: tuple[int, ...], name: str) -> None:
    """One channel of whole numbers of more than 8 bits."""
    assert suited_preset(np.zeros(shape, dtype)) == name


def test_frames_need_not_say_their_type() -> None:
    """The first of them does."""
    assert suited_preset(Plain()) == "cells"


def test_where_cells_are_looked_for_can_be_chosen() -> None:
    """Also everywhere: no is not the same as nothing."""
    assert Method(preset="cells", local=False).settings().config.locality is None
    assert Method(preset="lite", local=True).settings().config.locality == LocalityConfig()
    near = Method(preset="cells").settings()
    assert Method(local=False).settings(near).config.locality is None
    assert Method().settings(near).config.locality == LocalityConfig()


def test_whether_outlines_are_corrected_can_be_chosen() -> None:
    """With any preset, for the outline network sees masks and colours alone."""
    assert Method(preset="cells").settings().config.outlines
    without = Method(outlines=False).settings()
    assert not without.config.outlines
    assert not Method(seed=3).settings(without).config.outlines
    assert not Method(preset="fast").settings().config.outlines
    assert Method(preset="fast", outlines=True).settings().config.outlines


def test_what_is_chosen_comes_first() -> None:
    """Then that of an earlier run, then what suits."""
    cells = Method().settings(suited="cells")
    assert (cells.preset, cells.config) == ("cells", preset("cells"))
    assert cells.config.locality == LocalityConfig()
    assert cells.checkpoint is None  # wherever the run goes on, the package is elsewhere
    assert library.own_weights(cells.config) == library.embedded("cells")
    assert Method().settings(cells, "lite").preset == "cells"
    assert Method(preset="lite").settings(cells, "cells").preset == "lite"
