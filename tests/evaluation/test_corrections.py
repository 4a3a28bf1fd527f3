"""Simulated users: where they correct, and how roughly they outline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_frtm.evaluation.corrections import next_correction, random_strokes, rough_polygon
from napari_frtm.evaluation.metrics import jaccard

if TYPE_CHECKING:
    from numpy.typing import NDArray


@pytest.fixture
def squares() -> NDArray[np.bool_]:
    """Return a square of 60 pixels and one of 30, of the same object."""
    mask = np.zeros((120, 200), np.bool_)
    mask[30:90, 20:80] = True
    mask[40:70, 140:170] = True
    return mask


@pytest.mark.parametrize("point", [False, True])
def test_the_deepest_error_is_corrected(squares: NDArray[np.bool_], *, point: bool) -> None:
    """What is missing as the object, what is too much as background; nothing if all is right."""
    nothing = np.zeros_like(squares)

    missing = next_correction(nothing, squares, point=point)
    surplus = next_correction(squares | (np.arange(120) >= 80)[:, None], squares, point=point)

    assert missing is not None
    assert missing.on_object
    assert missing.drawn[30:90, 20:80].sum() == missing.drawn.sum() > 0
    assert surplus is not None
    assert not surplus.on_object
    assert not surplus.drawn[squares].any()
    assert next_correction(squares, squares, point=point) is None


def test_random_strokes_stay_where_they_belong(squares: NDArray[np.bool_]) -> None:
    """On the object, and beside it."""
    inside, outside = random_strokes(squares, (3, 3), np.random.default_rng(0))

    assert squares[inside].all()
    assert not squares[outside].any()
    assert inside.any()
    assert outside.any()


def test_all_pieces_of_an_object_are_outlined(squares: NDArray[np.bool_]) -> None:
    """Not quite right, and larger than they are if so wanted; a speck is not."""
    specked = squares.copy()
    specked[5:8, 100:103] = True

    rough = rough_polygon(specked, 12, np.random.default_rng(0))
    wide = rough_polygon(specked, 12, np.random.default_rng(0), dilation=0.1)

    assert 0.7 < jaccard(rough, squares) < 0.99
    assert wide.sum() > 1.1 * rough.sum()
    for drawn in (rough, wide):
        assert drawn[55, 155]
        assert not drawn[:12, 95:110].any()


def test_of_nothing_no_outline_is_drawn() -> None:
    """An object may be hidden."""
    nothing = np.zeros((40, 40), np.bool_)

    assert not rough_polygon(nothing, 10, np.random.default_rng(0)).any()
