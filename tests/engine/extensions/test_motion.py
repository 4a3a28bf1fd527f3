"""A stage that drifts or jumps."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from napari_frtm.config import LocalityConfig
from napari_frtm.engine.extensions.location import (
    Location,
    locations_from_state,
    locations_state,
)
from napari_frtm.engine.extensions.motion import Stage, shift
from napari_frtm.types import Box


def culture(seed: int, size: tuple[int, int] = (240, 320)) -> np.ndarray:
    """Return round cells of different brightness in a dark field, (H, W) in [0, 1]."""
    rng = np.random.default_rng(seed)
    picture = np.zeros(size, np.float32)
    for _ in range(40):
        x, y = rng.integers(0, size[1]), rng.integers(0, size[0])
        cv2.circle(picture, (int(x), int(y)), int(rng.integers(5, 12)), rng.uniform(0.3, 1), -1)
    return cv2.GaussianBlur(picture, (0, 0), 2)


def noisy(picture: np.ndarray, seed: int) -> np.ndarray:
    """Return a picture as a camera records it."""
    noise = np.random.default_rng(seed).normal(0, 0.05, picture.shape)
    return (picture + noise).astype(np.float32)


def test_a_jump_is_found_and_cells_that_move_are_none() -> None:
    """Also under noise; another picture has not moved at all."""
    field = culture(0, (300, 400))
    before, after = noisy(field[30:270, 40:360], 1), noisy(field[18:258, 55:375], 2)
    assert shift(before, after) == (12, -15)
    assert shift(after, before) == (-12, 15)
    assert shift(before, noisy(culture(5), 3)) == (0, 0)
    assert shift(before, noisy(before, 4)) == (0, 0)
    assert shift(np.zeros((3, 3), np.float32), np.zeros((3, 3), np.float32)) == (0, 0)
    flat = np.full((60, 60), 0.5, np.float32)
    assert shift(flat, flat) == (0, 0)


def test_positions_add_up_in_pixels_of_the_frame() -> None:
    """Which is larger than what is compared; and a run that goes on knows them."""
    field = culture(0, (700, 900))
    stage = Stage()
    corners = [(60, 50), (40, 50), (40, 90)]
    frames = [torch.from_numpy(field[y : y + 600, x : x + 800]).expand(3, 600, 800)
              for y, x in corners]  # fmt: skip
    assert stage.follow(frames[0]) == (0, 0)
    assert stage.follow(frames[1]) == pytest.approx((20, 0), abs=3)
    again = Stage()
    again.load_state_dict(stage.state_dict())
    assert again.follow(frames[2]) == stage.follow(frames[2])
    assert again.position == pytest.approx((20, -40), abs=5)
    assert Stage().state_dict() == {}


def test_a_location_is_carried_by_the_stage() -> None:
    """From where it was last seen; how the object moved by itself does not count."""
    mask = np.ones((10, 10), np.float32)
    at = Location.from_annotation(mask, 4, (50, 50), (7.0, 0.0))
    assert at.carried((7.0, 0.0)).box == at.box
    moved = at.moved(mask, 5, (80, 54), (37.0, 0.0))
    assert moved.carried((37.0, 0.0)).box == Box(80, 54, 90, 64)
    assert moved.carried((7.0, -4.4)).box == Box(50, 50, 60, 60)

    (again,) = locations_from_state(locations_state([moved]))
    assert again.carried((7.0, -4.4)).box == Box(50, 50, 60, 60)


def test_states_of_before_have_no_motion() -> None:
    """A run that was begun by an older version goes on."""
    at = Location.from_annotation(np.ones((10, 10), np.float32), 3, (5, 5))
    state = locations_state([at])
    state["seen"] = state["seen"][:, :3]
    (again,) = locations_from_state(state)
    assert again.carried((0.0, 0.0)).box == at.box
    assert again.reach(4, LocalityConfig()) == at.reach(4, LocalityConfig())
