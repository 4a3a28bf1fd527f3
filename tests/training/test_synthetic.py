"""Clips made from single images."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unittest.mock import Mock

import numpy as np
import pytest

from napari_frtm.training import synthetic
from napari_frtm.training.config import DatasetConfig
from napari_frtm.training.sources import Reference
from napari_frtm.training.synthetic import alter, open_images, without

if TYPE_CHECKING:
    from pathlib import Path

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

    image, mask = alter(IMAGE, MASK, without(IMAGE, MASK), None, rng)

    red = image[..., 0].astype(int) - image[..., 1] > 120
    assert mask.any()
    assert not np.array_equal(mask, MASK > 0)
    assert np.mean(red != mask) < 0.03


@pytest.mark.parametrize("seed", range(6))
def test_others_hide_only_a_part_of_the_object(seed: int) -> None:
    """What an occluder hides is not in the mask; enough stays visible."""
    rng = np.random.default_rng(seed)
    other = (np.full_like(IMAGE, (10, 10, 250)), np.roll(MASK, 15, axis=1))

    image, mask = alter(IMAGE, MASK, without(IMAGE, MASK), other, rng)

    assert mask.sum() > 0.2 * MASK.sum()
    assert np.median(image[mask][:, 2]) < 100


def test_clips_are_reproducible(data: Path) -> None:
    """The same generator state gives the same frames."""
    images = open_images(data, DatasetConfig(kind="images", path="static"))

    first, second = (
        images.others(Reference("0", 0), 4, 2, np.random.default_rng(5)) for _ in range(2)
    )

    for (image, mask), (same_image, same_mask) in zip(first, second, strict=True):
        np.testing.assert_array_equal(image, same_image)
        np.testing.assert_array_equal(mask, same_mask)


def test_others_come_by_as_often_as_wanted(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never, half of the time, always."""
    counts = []
    for share in (0.0, 0.5, 1.0):
        config = DatasetConfig(kind="images", path="static", intruders=share)
        images = open_images(data, config)
        altered = Mock(return_value=(IMAGE, MASK > 0))
        monkeypatch.setattr(synthetic, "alter", altered)
        for seed in range(20):
            images.others(Reference("0", 0), 4, 1, np.random.default_rng(seed))
        counts.append(sum(call.args[3] is not None for call in altered.call_args_list))

    assert counts[0] == 0
    assert 4 < counts[1] < 16
    assert counts[2] == 20
