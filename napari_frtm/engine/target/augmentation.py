"""First-frame augmentation: cut out, inpaint, warp, blur, paste (paper, supplement, section 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_frtm.config import AugmentationConfig

_TRIES = 10
_LEAST_VISIBLE = 0.3


def altered_copies(
    image: NDArray[np.uint8],
    mask: NDArray[np.float32],
    config: AugmentationConfig,
    rng: np.random.Generator,
    span: tuple[int, int] | None = None,
) -> list[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
    """Return altered copies of the first frame, in which the target has moved.

    Parameters
    ----------
    image : array of shape (H, W, 3)
        The frame.
    mask : array of shape (H, W), in [0, 1]
        The target.
    config : AugmentationConfig
        How many and how far; one sample less than `config.samples` is made.
    rng : numpy.random.Generator
        Source of the random motions.
    span : tuple of int, optional
        (H, W) that shifts are a fraction of; by default the frame's.

    Returns
    -------
    list of (image, mask)
        Same shapes and ranges. Empty if there is nothing to move: the target is empty or fills
        the frame.
    """
    target = mask > 0.5
    if not target.any() or target.all():
        return []
    background = _without_target(image, target, config.inpaint_radius)
    span = span or (mask.shape[0], mask.shape[1])
    copies = range(config.samples - 1)
    return [_paste(image, mask, background, config, rng, span) for _ in copies]


def _without_target(
    image: NDArray[np.uint8], target: NDArray[np.bool_], radius: float
) -> NDArray[np.float32]:
    """Return the frame with the target filled in from its surroundings (Telea [41])."""
    hole = cv2.dilate(target.astype(np.uint8), np.ones((5, 5), np.uint8))
    if hole.all():
        hole = target.astype(np.uint8)
    filled: NDArray[np.float32] = cv2.inpaint(
        np.ascontiguousarray(image), hole, radius, cv2.INPAINT_TELEA
    ).astype(np.float32)
    return filled


def _paste(
    image: NDArray[np.uint8],
    mask: NDArray[np.float32],
    background: NDArray[np.float32],
    config: AugmentationConfig,
    rng: np.random.Generator,
    span: tuple[int, int],
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Put the target back, moved at random so that enough of it stays in the frame."""
    height, width = mask.shape
    area = float(mask.sum())
    for _ in range(_TRIES):
        motion = _random_affine(mask, config, rng, span)
        moved_mask = cv2.warpAffine(mask, motion, (width, height), flags=cv2.INTER_LINEAR)
        size = abs(np.linalg.det(motion[:, :2]))
        if (moved_mask > 0.5).any() and moved_mask.sum() >= _LEAST_VISIBLE * area * size:
            break
    else:
        motion = np.eye(2, 3, dtype=np.float64)
        moved_mask = mask
    # premultiplied, so that nothing of the background bleeds in along the edge
    cutout = image.astype(np.float32) * mask[..., None]
    moved = cv2.warpAffine(cutout, motion, (width, height), flags=cv2.INTER_LINEAR)
    sigma = rng.uniform(0, config.blur)
    alpha = moved_mask
    if sigma > 0.3:
        moved, alpha = (cv2.GaussianBlur(a, (0, 0), sigma) for a in (moved, moved_mask))
    pasted = moved + background * (1 - alpha[..., None])
    hard = (moved_mask > 0.5).astype(np.float32)
    return pasted.clip(0, 255).astype(np.uint8), hard


def _random_affine(
    mask: NDArray[np.float32],
    config: AugmentationConfig,
    rng: np.random.Generator,
    span: tuple[int, int],
) -> NDArray[np.float64]:
    """Return a 2x3 matrix that turns, scales, shears (about the target's centre) and shifts."""
    height, width = span
    rows, columns = np.nonzero(mask > 0.5)
    centre = np.array([columns.mean(), rows.mean()])
    angle = np.deg2rad(rng.uniform(-config.rotation, config.rotation))
    scale = np.exp(rng.uniform(*np.log(config.scale)))
    shear = rng.uniform(-config.shear, config.shear)
    shift = rng.uniform(-config.shift, config.shift, 2) * (width, height)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = scale * turn @ np.array([[1, shear], [0, 1]])
    return np.column_stack([linear, centre + shift - linear @ centre])
