"""First-frame augmentation."""

from __future__ import annotations

import numpy as np
import pytest

from napari_frtm.config import AugmentationConfig
from napari_frtm.engine.target.augmentation import altered_copies

CONFIG = AugmentationConfig()


def _scene(kind: str = "square") -> tuple[np.ndarray, np.ndarray]:
    """Return a red target on a blue frame of 60 x 80."""
    mask = np.zeros((60, 80), np.float32)
    if kind == "square":
        mask[20:40, 30:50] = 1
    elif kind == "pixel":
        mask[10, 10] = 1
    elif kind == "corner":
        mask[:6, :6] = 1
    elif kind == "full":
        mask[:] = 1
    elif kind == "all but one":
        mask[:] = 1
        mask[0, 0] = 0
    image = np.where(mask[..., None] > 0, [200, 20, 10], [10, 20, 200]).astype(np.uint8)
    return image, mask


@pytest.mark.parametrize("kind", ["square", "pixel", "corner", "all but one"])
def test_copies_show_the_moved_target(kind: str) -> None:
    """Four copies; the mask lies over red pixels, is never empty, and the rest is filled in."""
    image, mask = _scene(kind)

    copies = altered_copies(image, mask, CONFIG, np.random.default_rng(0))

    assert len(copies) == CONFIG.samples - 1
    for altered, altered_mask in copies:
        assert altered.shape == image.shape
        assert altered.dtype == np.uint8
        assert set(np.unique(altered_mask)) <= {0, 1}
        assert altered_mask.any()
        if kind == "square":
            assert altered[altered_mask > 0, 0].mean() > 150
            assert altered[altered_mask == 0, 0].mean() < 40


@pytest.mark.parametrize("kind", ["empty", "full"])
def test_there_is_nothing_to_move(kind: str) -> None:
    """An empty target, or one that fills the frame."""
    image, mask = _scene(kind)

    assert altered_copies(image, mask, CONFIG, np.random.default_rng(0)) == []


def test_the_same_seed_gives_the_same_copies() -> None:
    """And another seed others."""
    image, mask = _scene()

    first, same, other = (
        altered_copies(image, mask, CONFIG, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )

    assert all(np.array_equal(a[0], b[0]) for a, b in zip(first, same, strict=True))
    assert not all(np.array_equal(a[0], b[0]) for a, b in zip(first, other, strict=True))


def test_hopeless_motions_end_with_the_target_in_its_place() -> None:
    """Shifts of ten frame widths: after a bounded number of tries the target stays."""
    image, mask = _scene()
    config = AugmentationConfig(shift=10.0, samples=3)

    class Far(np.random.Generator):
        def uniform(self, low: float = 0, high: float = 1, size: int | None = None) -> object:
            return np.full(size, high) if size else high

    copies = altered_copies(image, mask, config, Far(np.random.PCG64(0)))

    assert all(np.array_equal(altered_mask, mask) for _, altered_mask in copies)
