"""Frames of clips made of images: what moves, what is hidden, what a camera makes of it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from napari_frtm.training.clips.frames import Scene, alter, without
from napari_frtm.training.clips.motion import Moved, streaked
from napari_frtm.training.clips.parts import lines, with_holes, with_thin_parts
from napari_frtm.training.clips.photography import recoloured, recorded, unevenly_lit
from napari_frtm.training.mixture import ClipConfig

IMAGE = np.full((80, 100, 3), 50, np.uint8)
MASK = np.zeros((80, 100), np.float32)
MASK[30:50, 40:65] = 1
IMAGE[MASK > 0] = (250, 10, 10)


def test_the_background_is_without_the_object() -> None:
    """Filled from around it; the rest stays."""
    background = without(IMAGE, MASK)

    assert np.abs(background.astype(int) - 50).max() < 10


def test_an_object_that_fills_the_image_stays() -> None:
    """There is nothing to fill it from."""
    assert without(IMAGE, np.ones_like(MASK)) is IMAGE


@pytest.mark.parametrize("seed", range(6))
def test_the_mask_moves_with_the_object(seed: int) -> None:
    """Where it says so, and nowhere else, the object's colour is seen."""
    rng = np.random.default_rng(seed)

    image, mask = alter(Scene((IMAGE, MASK), without(IMAGE, MASK)), ClipConfig(), rng)

    red = image[..., 0].astype(int) - image[..., 1] > 120
    assert mask.any()
    assert not np.array_equal(mask, MASK > 0)
    assert np.mean(red != mask) < 0.03


@pytest.mark.parametrize("seed", range(6))
def test_others_hide_only_a_part_of_the_object(seed: int) -> None:
    """What an occluder hides is not in the mask; enough stays visible."""
    rng = np.random.default_rng(seed)
    other = (np.full_like(IMAGE, (10, 10, 250)), np.roll(MASK, 15, axis=1))

    scene = Scene((IMAGE, MASK), without(IMAGE, MASK), other)
    image, mask = alter(scene, ClipConfig(), rng)

    assert mask.sum() > 0.2 * MASK.sum()
    assert np.median(image[mask][:, 2]) < 100


@pytest.mark.parametrize("seed", range(4))
def test_lines_in_front_are_not_of_the_object(seed: int) -> None:
    """They hide it where they are."""
    rng = np.random.default_rng(seed)
    crossing = (np.full_like(IMAGE, (10, 250, 10)), lines(MASK.shape, rng))
    scene = Scene((IMAGE, MASK), without(IMAGE, MASK), crossing=crossing)

    image, mask = alter(scene, ClipConfig(), rng)

    red = image[..., 0].astype(int) - image[..., 1] > 120
    assert mask.sum() > 0.2 * MASK.sum()
    assert np.mean(red != mask) < 0.03


@pytest.mark.parametrize("seed", range(6))
def test_thin_parts_are_of_the_object(seed: int) -> None:
    """They reach beyond it, and look the same nowhere else."""
    image, mask = with_thin_parts((IMAGE, MASK), np.random.default_rng(seed))

    assert ((mask > 0.5) & (MASK == 0)).any()
    assert (mask >= MASK).all()
    changed = (image != IMAGE).any(-1)
    assert changed.any()
    assert not changed[cv2.dilate(mask, np.ones((3, 3))) == 0].any()
    assert not changed[32:48, 42:63].any()  # well inside


def test_holes_show_the_background() -> None:
    """A part of the object is cut out, not all."""
    mask = with_holes(MASK, np.random.default_rng(0))

    assert 0.3 * MASK.sum() < mask.sum() < MASK.sum()
    assert (mask <= MASK).all()


def test_nothing_is_added_to_an_empty_mask() -> None:
    """As it is."""
    empty, rng = np.zeros_like(MASK), np.random.default_rng(0)

    assert with_holes(empty, rng) is empty
    assert with_thin_parts((IMAGE, empty), rng)[1] is empty


def test_streaks_follow_the_motion() -> None:
    """An object that goes right is smeared to the left and right, in its own colour."""
    still = Moved(IMAGE, MASK, np.array([1.0, 0.0], np.float32))
    quick = Moved(IMAGE, MASK, np.array([60.0, 0.0], np.float32))
    rng = np.random.default_rng(2)

    assert streaked(still, rng) is still
    found = streaked(quick, rng)

    smeared = (found.alpha > 0.01) & (MASK == 0)
    rows = np.flatnonzero(smeared.any(1))
    assert (rows.min(), rows.max()) == (30, 49)
    assert smeared.any()
    np.testing.assert_allclose(
        found.image[smeared], IMAGE[MASK > 0][:1].repeat(smeared.sum(), 0), atol=2
    )


@pytest.mark.parametrize("change", [unevenly_lit, recorded, recoloured])
def test_pictures_change_and_stay_pictures(change: object) -> None:
    """Of the same shape; not black, not beyond recognition."""
    assert callable(change)
    noise = np.random.default_rng(0).integers(60, 190, IMAGE.shape, np.uint8)

    found = change(noise, np.random.default_rng(1))

    assert found.shape == IMAGE.shape
    assert found.dtype == np.uint8
    difference = np.abs(found.astype(int) - noise).mean()
    assert 1 < difference < 100


def test_a_recording_keeps_its_colours() -> None:
    """Red stays red through the compression."""
    found = recorded(IMAGE, np.random.default_rng(0))

    assert np.median(found[MASK > 0], 0)[0] > 200
    assert np.median(found[MASK > 0], 0)[2] < 60
