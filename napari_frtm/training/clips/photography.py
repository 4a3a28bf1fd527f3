"""What light and a camera do to a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]


def unevenly_lit(image: Image, rng: np.random.Generator) -> Image:
    """Return an image under a shadow with a soft edge, or with light that changes across it."""
    height, width = image.shape[:2]
    if rng.random() < 0.5:
        knots = rng.uniform(0.6, 1.3, (3, 4)).astype(np.float32)
        gain = cv2.resize(knots, (width, height), interpolation=cv2.INTER_CUBIC)
    else:
        corners = (rng.uniform(-0.2, 1.2, (4, 2)) * (width, height)).astype(np.int32)
        shadow = np.zeros((height, width), np.float32)
        cv2.fillConvexPoly(shadow, cv2.convexHull(corners), float(rng.uniform(0.2, 0.6)))
        gain = 1 - cv2.GaussianBlur(shadow, (0, 0), rng.uniform(1, 6))
    return np.asarray((image * gain[..., None]).clip(0, 255), np.uint8)


def defocused(image: Image, rng: np.random.Generator) -> Image:
    """Return an image blurred a little, as out of focus or by a camera that shakes."""
    if rng.random() < 0.5:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 1.5)))
    length = int(rng.integers(3, 9))
    streak = np.zeros((length, length), np.float32)
    ends = rng.integers(0, length, 2)
    cv2.line(streak, (0, int(ends[0])), (length - 1, int(ends[1])), 1.0)
    return np.asarray(cv2.filter2D(image, -1, streak / streak.sum()))


def recorded(image: Image, rng: np.random.Generator) -> Image:
    """Return an image with the grain of a sensor, after a compression as JPEG."""
    grain = rng.standard_normal((*image.shape[:2], 1), np.float32) * rng.uniform(0, 8)
    noisy = (image + grain).clip(0, 255).astype(np.uint8)
    _, data = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def recoloured(image: Image, rng: np.random.Generator) -> Image:
    """Return an image in plainly other colours and, half of the time, brightness."""
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0].astype(np.int32) + int(rng.integers(20, 160))) % 180
    other = np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB))
    gain = rng.choice([1.0, rng.uniform(0.4, 1.6)])
    return np.asarray((other * gain).clip(0, 255), np.uint8)
