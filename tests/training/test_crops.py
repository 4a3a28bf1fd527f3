"""Crops, colours and scores made worse."""

from __future__ import annotations

import numpy as np
import pytest

from napari_frtm.training.data.crops import cut, disturbed, jittered, random_window
from napari_frtm.training.mixture import CropConfig

GRADIENT = np.indices((96, 128)).transpose(1, 2, 0)
IMAGE = np.concatenate([GRADIENT, GRADIENT.sum(2, keepdims=True)], 2).astype(np.uint8)
MASK = np.zeros((96, 128), bool)
MASK[10:30, 90:110] = True


def _crop(
    image: np.ndarray, mask: np.ndarray, config: CropConfig, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    return cut(image, mask, random_window(mask, config, rng), config.size)


@pytest.mark.parametrize("seed", range(8))
def test_a_crop_at_scale_one_is_a_part_of_the_frame(seed: int) -> None:
    """Image and mask, to the pixel, mirrored or not."""
    config = CropConfig(size=64, scale=(1, 1))
    rng = np.random.default_rng(seed)

    image, mask = _crop(IMAGE, MASK, config, rng)

    columns = image[..., 1].astype(int)
    top, left = int(image[0, 0, 0]), int(columns.min())
    part, part_mask = IMAGE[top:, left:][:64, :64], MASK[top:, left:][:64, :64]
    if columns[0, 0] > columns[0, 1]:
        part, part_mask = part[:, ::-1], part_mask[:, ::-1]
    np.testing.assert_allclose(image.astype(int), part.astype(int), atol=3)
    assert np.mean(mask != part_mask) < 0.02


def test_crops_show_the_object() -> None:
    """Nearly always, though it is small."""
    config = CropConfig(size=32, scale=(1, 1), near=1.0)
    rng = np.random.default_rng(0)

    assert all(_crop(IMAGE, MASK, config, rng)[1].any() for _ in range(50))


def test_a_frame_smaller_than_the_crop_is_scaled_up() -> None:
    """No border is invented: a constant frame gives a constant crop."""
    config = CropConfig(size=192, scale=(0.5, 0.6))

    image, mask = _crop(IMAGE, MASK, config, np.random.default_rng(0))

    assert image.shape == (192, 192, 3)
    assert mask.sum() == pytest.approx(4 * MASK.sum(), rel=0.2)


def test_an_empty_mask_gives_a_crop_anywhere() -> None:
    """The object is out of view in some frames."""
    _, mask = _crop(IMAGE, ~MASK & MASK, CropConfig(size=32), np.random.default_rng(0))

    assert not mask.any()


def test_jitter_stays_within_bounds() -> None:
    """A tenth in gain, a third of it by channel, a tenth of half the range in brightness."""
    grey = np.full((4, 4, 3), 100, np.uint8)

    values = [jittered(grey, 0.1, np.random.default_rng(seed)) for seed in range(50)]

    assert np.abs(np.array(values, int) - 100).max() <= 10 + 4 + 13
    assert np.std([v.mean() for v in values]) > 2


@pytest.mark.parametrize("seed", range(12))
def test_disturbed_scores_differ_and_are_finite(seed: int) -> None:
    """In all the ways, also where there is no object at all."""
    for scores in (np.zeros((6, 8), np.float32), np.eye(6, 8, dtype=np.float32)):
        worse = disturbed(scores, np.random.default_rng(seed))
        again = disturbed(scores, np.random.default_rng(seed))

        assert worse.shape == scores.shape
        assert worse.dtype == np.float32
        assert np.isfinite(worse).all()
        np.testing.assert_array_equal(worse, again)
