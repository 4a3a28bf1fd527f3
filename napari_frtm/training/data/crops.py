"""Crops of validation frames, and scores made worse: the randomness of a training sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_frtm.config import TARGET_STRIDE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_frtm.training.mixture import CropConfig

_MARGIN = 0.1


def random_window(
    mask: NDArray[np.bool_], config: CropConfig, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return where a square part of a frame at a random scale, maybe mirrored, comes from.

    Parameters
    ----------
    mask : array of shape (H, W)
        The object; most crops are placed around one of its pixels.
    config : CropConfig
        Size, range of scales, share of the crops that show the object. A frame is never scaled so
        much down that the crop does not fit in.
    rng : numpy.random.Generator
        Source of all choices.

    Returns
    -------
    array of shape (2, 3)
        The affine map, x before y, from pixels of the crop to pixels of the frame.
    """
    low, high = config.scale
    fits = config.size / min(mask.shape)
    scale = max(float(np.exp(rng.uniform(np.log(low), np.log(high)))), fits)
    step = 1 / scale
    top, left = _corner(mask, config.size * step, config.near, rng) + 0.5 * step - 0.5
    # from crop to frame, pixel centres at whole numbers
    matrix = np.array([[step, 0, left], [0, step, top]])
    if rng.random() < 0.5:
        matrix[0] = (-step, 0, left + (config.size - 1) * step)
    return matrix


def cut(
    image: NDArray[np.uint8], mask: NDArray[np.bool_], window: NDArray[np.float64], size: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return a crop of a frame and its mask, from where `random_window` says."""
    return (
        _warp(image, window, size).astype(np.uint8),
        _warp(mask.astype(np.float32), window, size) > 0.5,
    )


def jittered(
    image: NDArray[np.uint8], amount: float, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Return an image with other contrast, brightness and white balance."""
    gain = 1 + rng.uniform(-amount, amount) + rng.uniform(-amount, amount, 3) / 3
    shift = 128 * rng.uniform(-amount, amount)
    return (image * gain + shift).clip(0, 255).astype(np.uint8)


def disturbed(scores: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return scores of shape (h, w) made worse in one of the ways that target models fail.

    Smooth noise, a part of the object missed, a false object, or all of it shifted.
    """
    h, w = scores.shape
    kind = rng.integers(4)
    if kind == 0:
        noise = rng.normal(0, rng.uniform(0.1, 0.5), (h // 3 + 1, w // 3 + 1))
        return np.asarray(scores + cv2.resize(noise.astype(np.float32), (w, h)))
    if kind == 1:
        keep = 1 - rng.uniform(0.5, 1) * _blob(scores.shape, rng, np.maximum(scores, 0.01))
        return np.asarray(np.where(scores > 0, scores * keep, scores), np.float32)
    if kind == 2:
        blob = rng.uniform(0.4, 1) * _blob(scores.shape, rng, np.ones_like(scores))
        return np.asarray(np.maximum(scores, blob), np.float32)
    dy, dx = rng.integers(-2, 3, 2)
    return np.asarray(np.roll(scores, (int(dy), int(dx)), (0, 1)))


def search_region(
    mask: NDArray[np.bool_], reach: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Return which scores of a crop count where objects are looked for near their last place.

    Parameters
    ----------
    mask : array of shape (H, W)
        The object, which has moved since by up to half of what it can move.
    reach : float
        How far it is looked for, in its sizes: square roots of its area.
    rng : numpy.random.Generator
        Source of how far and where to it has moved.

    Returns
    -------
    bool array of shape (h, w)
        At stride 16; all False if the crop does not show the object.
    """
    height, width = mask.shape
    size = float(np.count_nonzero(mask)) ** 0.5
    dx, dy = rng.uniform(-reach / 2, reach / 2, 2) * size
    shift = np.array([[1, 0, dx], [0, 1, dy]])
    last = cv2.warpAffine(mask.astype(np.uint8), shift, (width, height), flags=cv2.INTER_NEAREST)
    if not last.any():
        return np.zeros((height // TARGET_STRIDE, width // TARGET_STRIDE), np.bool_)
    away = cv2.distanceTransform(1 - last, cv2.DIST_L2, 5)
    near = away < max(reach * size, TARGET_STRIDE)
    cells = near.reshape(height // TARGET_STRIDE, TARGET_STRIDE, -1, TARGET_STRIDE)
    return np.asarray(cells.any((1, 3)))


def _corner(
    mask: NDArray[np.bool_], side: float, near: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return where (row, column) a square part of the frame begins."""
    free = np.maximum(np.array(mask.shape) - side, 0)
    place = rng.random(2)
    inside = np.flatnonzero(mask)
    if not inside.size or rng.random() >= near:
        return np.asarray(place * free)
    pixel = np.array(divmod(int(inside[rng.integers(inside.size)]), mask.shape[1]))
    return np.clip(pixel - side * (_MARGIN + (1 - 2 * _MARGIN) * place), 0, free)


def _blob(
    size: tuple[int, ...], rng: np.random.Generator, chances: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return a soft ellipse in [0, 1], centred where `chances` are high."""
    h, w = size
    p = chances.astype(np.float64).ravel()
    y, x = divmod(int(rng.choice(p.size, p=p / p.sum())), w)
    ry, rx = rng.uniform(1, max(h / 5, 1), 2)
    rows, columns = np.ogrid[:h, :w]
    distance = ((rows - y) / ry) ** 2 + ((columns - x) / rx) ** 2
    return np.asarray(np.exp(-(distance**2)), np.float32)


def _warp(
    image: NDArray[np.uint8] | NDArray[np.float32], matrix: NDArray[np.float64], size: int
) -> NDArray[np.float32]:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(image, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_REFLECT_101)
    )
