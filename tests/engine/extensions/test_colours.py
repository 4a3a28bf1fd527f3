"""What the colours of an image say about where an object ends."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from napari_frtm.engine.extensions.colours import cues, guided, log_odds, numbered, shares


def test_log_odds_are_those_of_0_99_at_most() -> None:
    """1 for them and for more, 0 where nothing is known."""
    found = log_odds(np.array([0.0, 0.01, 0.5, 0.9, 0.99, 1.0], np.float32))
    wanted = [-1, -1, 0, np.log(9) / np.log(99), 1, 1]
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


def test_colours_that_are_seen_have_numbers() -> None:
    """In order of red, green and blue, at the levels that are told apart; others have none."""
    image = np.zeros((3, 2, 3), np.float32)
    image[2, 0] = [0.0, 0.6, 1.0]  # black, and two blues of one level
    image[0, 1] = [0.4, 1.0, 0.0]  # black again, and red
    number, count = numbered(image, 2)
    np.testing.assert_array_equal(number, [[0, 1, 1], [0, 2, 0]])
    assert count == 3


def test_a_colour_is_where_it_is_seen_inside() -> None:
    """Hand-worked, in one cell: half of the pixels are white, all of the mask is white.

    Of eight white pixels six are in the mask, which has six of sixteen pixels; no black one is.
    """
    image = np.zeros((3, 4, 4), np.float32)
    image[:, :2] = 1.0
    mask = np.zeros((4, 4), np.float32)
    mask[:2, :3] = 1.0
    found = shares(*numbered(image, 2), mask, 4, 4.0)
    inner, outer = 6 / (6 / 16), 2 / (10 / 16)
    np.testing.assert_allclose(found[:2], (inner + 0.1) / (inner + outer + 0.2), rtol=1e-5)
    np.testing.assert_allclose(found[2:], 0.1 / (8 / (10 / 16) + 0.2), rtol=1e-5)


def test_what_is_far_away_counts_for_less() -> None:
    """Red is inside on the left, and outside on the right."""
    image = np.zeros((3, 8, 160), np.float32)
    image[0, 2:6] = 1.0
    mask = np.zeros((8, 160), np.float32)
    mask[2:6, :80] = 1.0
    mask[:2, 80:] = mask[6:, 80:] = 1.0
    found = shares(*numbered(image, 2), mask, 8, 8.0)
    assert found[4, 20] > 0.9
    assert found[4, 140] < 0.1
    far = shares(*numbered(image, 2), mask, 8, 1e4)
    assert far[4, 20] == pytest.approx(far[4, 140], rel=1e-3)


def test_a_smooth_mask_stops_at_edges() -> None:
    """Across the edge of the image nothing is mixed; within, it is."""
    guide = np.zeros((40, 40), np.float32)
    guide[:, 20:] = 1.0
    mask = guide.copy()
    mask[10:12, 30] = 0.0  # a hole of two pixels
    found = guided(guide, mask)
    assert found[20, 19] < 0.05
    assert found[20, 20] > 0.95
    assert 0.9 < found[10, 30] < 1.0


def test_cues_have_two_sizes() -> None:
    """Most planes are as large as the image, one is half as large; all are about -1 to 1."""
    rng = np.random.default_rng(0)
    image = rng.random((3, 48, 64), np.float32)
    mask = np.zeros((48, 64), np.float32)
    cv2.circle(mask, (30, 24), 12, 1.0, -1)
    full, half = cues(image, mask)
    assert (full.shape, half.shape) == ((7, 48, 64), (2, 24, 32))
    assert full.dtype == half.dtype == np.float32
    np.testing.assert_allclose(full[:3], 2 * image - 1, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(full[3], log_odds(mask))
    assert half[1, 12, 15] > 0.9  # the middle of the mask, smoothed
    assert half[1, 2, 2] < -0.9
    assert max(np.abs(full).max(), np.abs(half[0]).max()) <= 1 + 1e-5
