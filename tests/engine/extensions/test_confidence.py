"""How sure the engine is: hand-worked values, what is doubted and what is not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from masks import overlap

from napari_frtm.config import Direction, Variant
from napari_frtm.engine.extensions.confidence import (
    ConfidenceEstimator,
    certainty,
    largest_component_share,
)
from napari_frtm.engine.tracking.propagate import propagate
from napari_frtm.engine.tracking.tracker import Tracker
from napari_frtm.timeline import DOUBTFUL

if TYPE_CHECKING:
    from conftest import Clip
    from numpy.typing import NDArray

    from napari_frtm.config import FrtmConfig
    from napari_frtm.engine.networks.network import FrtmNetwork


def soft(*squares: tuple[int, int, int], edge: float = 0.0) -> NDArray[np.float32]:
    """Return a mask of 128 x 128 with squares (row, column, side), softer all over by `edge`."""
    mask = np.zeros((128, 128), np.float32)
    for row, column, side in squares:
        mask[row : row + side, column : column + side] = 1 - edge
    return mask


def scores(peak: float = 0.0) -> NDArray[np.float32]:
    """Return coarse scores with this peak."""
    grid = np.zeros((8, 8), np.float32)
    grid[4, 4] = peak
    return grid


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        pytest.param(soft((0, 0, 64)), 1, id="hard"),
        pytest.param(soft(), 1, id="empty"),
        pytest.param(soft((0, 0, 64), edge=0.25), 1 - 1024 / (4096 + 1024), id="soft"),
        pytest.param(soft((0, 0, 64), edge=0.75), 1 - 1024 / (1024 + 1024), id="nothing but doubt"),
        pytest.param(soft((0, 0, 64), edge=0.96), 1, id="too faint to count"),
        pytest.param(soft((0, 0, 16), edge=0.25), 1 - 64 / (256 + 1024), id="small"),
    ],
)
def test_certainty(mask: NDArray[np.float32], expected: float) -> None:
    """Pixels that are neither object nor background, against the object and 1024 more."""
    assert certainty(mask) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("squares", "expected"),
    [
        pytest.param([(0, 0, 8)], 1, id="one"),
        pytest.param([(0, 0, 8), (20, 20, 8)], 0.5, id="two"),
        pytest.param([(0, 0, 16), (40, 0, 8), (40, 20, 8)], 2 / 3, id="one with two specks"),
        pytest.param([(0, 0, 8), (8, 8, 8)], 1, id="corner to corner"),
        pytest.param([], 1, id="none"),
    ],
)
def test_wholeness(squares: list[tuple[int, int, int]], expected: float) -> None:
    """Share of the largest piece."""
    assert largest_component_share(soft(*squares) > 0.5) == pytest.approx(expected)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1)])
def test_the_smallest_images_have_a_confidence(shape: tuple[int, int]) -> None:
    """Of odd sizes."""
    estimator = ConfidenceEstimator(refined=True)

    assert estimator.confidence(np.ones(shape, np.float32), scores(1)) == 1
    assert estimator.confidence(np.zeros(shape, np.float32), scores(0)) == 1


@pytest.mark.parametrize(
    ("refined", "edge", "expected"),
    [
        pytest.param(True, 0.0, 1, id="hard"),
        pytest.param(True, 0.1, DOUBTFUL, id="refined, at the knot"),
        pytest.param(True, 0.4, DOUBTFUL * 0.68 / 0.92, id="refined, below the knot"),
        pytest.param(False, 0.3125, DOUBTFUL, id="raw, at the knot"),
        pytest.param(False, 0.15625, 0.8, id="raw, half way to one"),
    ],
)
def test_confidence_is_scaled(refined: bool, edge: float, expected: float) -> None:
    """So that 0.6 is where doubt begins: certainty 0.92 of refined masks, 0.75 of others."""
    mask = soft((0, 0, 64), edge=edge)

    assert ConfidenceEstimator(refined).confidence(mask, scores(1)) == pytest.approx(
        expected, abs=1e-6
    )


def test_pieces_are_doubted_unless_the_user_drew_them() -> None:
    """By the root of the share of the largest one, against the least drawn."""
    two, four = soft((0, 0, 32), (64, 64, 32)), soft(*[(0, c, 16) for c in (0, 32, 64, 96)])
    estimator = ConfidenceEstimator(refined=True)
    alone = estimator.confidence(two, scores(1))

    estimator.observe_annotation(two)
    estimator.observe_annotation(soft((0, 0, 32)))

    assert alone == pytest.approx(DOUBTFUL * 0.5**0.5 / 0.92)
    assert ConfidenceEstimator(refined=False).confidence(two, scores(1)) == pytest.approx(
        DOUBTFUL * 0.5**0.5 / 0.75
    )
    assert estimator.confidence(two, scores(1)) == 1
    assert estimator.confidence(four, scores(1)) == pytest.approx(alone)


@pytest.mark.parametrize(
    ("peak", "expected"), [(0.2, 1), (0.5, 1), (0.75, 0.5), (0.9, 0.2), (1.4, 0)]
)
def test_an_empty_mask_is_believed_if_the_scores_are_low(peak: float, expected: float) -> None:
    """And only then."""
    assert ConfidenceEstimator(refined=True).confidence(soft(), scores(peak)) == pytest.approx(
        expected
    )


def test_a_sudden_disappearance_is_doubted_for_a_while() -> None:
    """A slow one is not; nor is what the user drew smaller."""
    large, small, none = soft((0, 0, 64)), soft((0, 0, 60)), soft()
    estimator = ConfidenceEstimator(refined=True)

    assert estimator.observe(large, scores(1)) == 1
    assert estimator.observe(small, scores(1)) == 1
    vanished = [estimator.observe(none, scores()) for _ in range(30)]
    assert vanished[0] == pytest.approx(256 / (3600 + 256) / 0.7)
    assert vanished[9] < DOUBTFUL
    assert vanished[-1] == 1
    estimator.observe(large, scores(1))
    estimator.observe_annotation(none)
    assert estimator.observe(none, scores()) == 1


def test_what_is_known_survives_saving() -> None:
    """To the bit."""
    estimator = ConfidenceEstimator(refined=False)
    estimator.observe_annotation(soft((0, 0, 32), (64, 64, 30)))
    estimator.observe(soft((0, 0, 61)), scores(1))

    again = ConfidenceEstimator.from_state(estimator.state_dict(), refined=False)

    assert again.observe(soft((0, 0, 9)), scores(1)) == estimator.observe(
        soft((0, 0, 9)), scores(1)
    )


@pytest.mark.parametrize("variant", [Variant.D_ONLY, Variant.FULL])
def test_confidence_does_not_depend_on_the_chunks(
    clip: Clip, full_network: FrtmNetwork, lite: FrtmConfig, variant: Variant
) -> None:
    """One for each object and frame; certain where it was drawn."""
    config = replace(lite, variant=variant, update_interval=5)
    chunked = list(propagate(full_network, config, clip.frames[:9], {0: clip.truth[0]}))

    tracker = Tracker(full_network, config)
    single = [tracker.annotate(0, clip.frames[0], clip.truth[0])]
    for t in range(1, 9):
        single += tracker.segment([t], [clip.frames[t]])

    assert chunked[0].confidence.tolist() == [1, 1]
    for one, other in zip(chunked, single, strict=True):
        assert one.confidence.dtype == np.float32
        assert one.confidence.shape == (2,)
        assert np.allclose(one.confidence, other.confidence, atol=1e-4)
        assert ((one.confidence >= 0) & (one.confidence <= 1)).all()


def test_blended_frames_have_a_confidence_too(
    clip: Clip, network: FrtmNetwork, lite: FrtmConfig
) -> None:
    """Also of an object that one pass alone knows; keyframes are certain of what was drawn."""
    annotations = {0: np.where(clip.truth[0] == 1, 1, 0), 6: clip.truth[6]}

    predictions = {
        p.index: p
        for p in propagate(network, lite, clip.frames[:9], annotations, direction=Direction.BOTH)
    }

    assert predictions[0].confidence[0] == 1
    assert predictions[0].confidence[1] < 1
    assert predictions[6].confidence.tolist() == [1, 1]
    assert all(np.isfinite(p.confidence).all() for p in predictions.values())
    assert all(p.confidence[0] > 0.3 for p in predictions.values())


def test_an_object_that_is_lost_is_doubted(
    clip: Clip, network: FrtmNetwork, lite: FrtmConfig
) -> None:
    """A grey square falls over the frame and stays."""
    frames = clip.frames[:10].copy()
    frames[5:] = 90

    predictions = list(propagate(network, lite, frames, {0: clip.truth[0]}))

    assert overlap(predictions[5], clip.truth[5], 1) < 0.5
    assert predictions[5].confidence[0] < DOUBTFUL
    assert predictions[5].confidence[0] < predictions[4].confidence[0]
