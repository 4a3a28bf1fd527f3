"""The intensities that are shown as black and white."""

from __future__ import annotations

import numpy as np
import pytest

from napari_frtm.errors import VideoError
from napari_frtm.io.video.contrast import robust_contrast

RANDOM = np.random.default_rng(0)


def scene(share: float, value: float) -> np.ndarray:
    """Return a smooth picture from 0 to 1, a share of it lamps of some brightness."""
    y, x = np.mgrid[:200, :300]
    picture = (0.5 + 0.25 * np.sin(y / 30) + 0.25 * np.cos(x / 20)).astype(np.float32)
    picture[RANDOM.random(picture.shape) < share] = value
    return np.stack([picture] * 3)


@pytest.mark.parametrize(("share", "value"), [(0.005, 60), (0.02, 200), (0.002, 3e4)])
def test_lamps_do_not_make_the_scene_black(share: float, value: float) -> None:
    """White stays within three times the brightest of what is no lamp."""
    low, high, _ = robust_contrast(scene(share, value))

    assert low == pytest.approx(0, abs=0.05)
    assert 0.9 < high < 3.5


@pytest.mark.parametrize("share", [0.003, 0.02, 0.3])
def test_a_few_cells_on_nothing_are_not_clipped(share: float) -> None:
    """They are as bright as highlights, but there is nothing else to see."""
    frames = RANDOM.normal(100, 5, (4, 200, 200)).astype(np.float32)
    cells = RANDOM.random(frames.shape) < share
    frames[cells] = RANDOM.uniform(800, 2000, cells.sum())

    low, high, _ = robust_contrast(frames)

    assert 80 < low < 95
    assert 1000 < high < 2000


def test_a_usual_picture_is_shown_from_its_darkest_to_its_brightest() -> None:
    """A ramp is not clipped."""
    frames = np.tile(np.arange(1001, dtype=np.uint16), (3, 100, 1))

    assert robust_contrast(frames) == pytest.approx((1, 1000, 1), abs=1)


def test_robust_contrast_leaves_out_what_is_not_finite() -> None:
    """Percentiles 0.1 and 99.9 of 0 .. 1000, with NaN and infinity strewn in."""
    frames = np.tile(np.arange(1001, dtype=np.float32), (3, 4, 1))
    bad = np.array([np.nan, np.inf, -np.inf], np.float32)

    contrast = robust_contrast(np.concatenate([frames, np.tile(bad, (3, 4, 100))], axis=2))

    assert contrast == pytest.approx((1, 999, 1), abs=0.5)


def test_robust_contrast_of_one_value() -> None:
    """The range is never empty."""
    assert robust_contrast(np.full((3, 4, 5), 7, np.uint16)) == (7, 8, 1)


def test_robust_contrast_of_nothing_finite() -> None:
    """There is no way to show this."""
    with pytest.raises(VideoError, match="no finite values"):
        robust_contrast(np.full((3, 4, 5), np.nan))


def test_robust_contrast_of_large_frames_is_about_that_of_all_pixels() -> None:
    """A grid of pixels stands for all."""
    frames = np.random.default_rng(0).normal(50, 10, (3, 1000, 1000))

    low, high, _ = robust_contrast(frames)

    assert (low, high) == pytest.approx(np.percentile(frames, [0.1, 99.9]), abs=0.5)


def test_a_damaged_frame_is_left_out_of_the_contrast() -> None:
    """Its turn comes later; a video of nothing else is refused."""
    frames = np.tile(np.arange(1001, dtype=np.uint16), (3, 100, 1))

    class Damaged:
        shape, dtype = frames.shape, frames.dtype
        whole = 2

        def __getitem__(self, index: int) -> np.ndarray:
            if index != self.whole:
                raise VideoError("damaged")
            return frames[index]

    assert robust_contrast(Damaged()) == pytest.approx((1, 1000, 1), abs=1)
    Damaged.whole = 9
    with pytest.raises(VideoError, match="damaged"):
        robust_contrast(Damaged())
