"""Pictures to look at: labels over frames, as images, movies and contact sheets."""

from __future__ import annotations

import logging
import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_frtm.io.export.box import box_around
from napari_frtm.io.export.movies.encodings import H264
from napari_frtm.io.export.movies.movie import Movie
from napari_frtm.io.export.movies.sound import MovieTraits
from napari_frtm.io.export.settings import OddSides
from napari_frtm.io.object_ids import davis_palette
from napari_frtm.types import BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_frtm.types import Contrast, Frame, Labels

logger = logging.getLogger(__name__)

LARGE = 720
MARGIN, CAPTION = 6, 24


def to_uint8(frame: Frame, contrast: Contrast) -> NDArray[np.uint8]:
    """Return a frame as RGB for display.

    Parameters
    ----------
    frame : array of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)
        Any real type; opacity is dropped.
    contrast : Contrast
        How values are seen; NaN becomes black.

    Returns
    -------
    uint8 array of shape (H, W, 3)
    """
    return np.asarray(to_integers(frame, contrast, 8), np.uint8)


def to_integers(frame: Frame, contrast: Contrast, depth: int) -> NDArray[np.unsignedinteger[Any]]:
    """Return a frame as RGB of shape (H, W, 3), with 8 or 16 bits a channel; see `to_uint8`.

    Levels of a video of 16 bits are kept apart, as far as the contrast lets them be.
    """
    low, high, gamma = contrast
    image = np.atleast_3d(frame)[..., :3]
    if image.shape[-1] != 3:
        image = np.repeat(image[..., :1], 3, axis=-1)
    if image.dtype == np.uint8 and contrast == BYTES:
        same = np.asarray(image, np.uint8)
        return same if depth == 8 else np.asarray(same.astype(np.uint16) * np.uint16(257))
    real = image.astype(np.result_type(image.dtype, np.float32))
    span = high - low if high > low else 1.0
    inside = np.clip(np.nan_to_num(real, nan=low), low, max(high, low)) - low
    seen = inside / span if gamma == 1 else (inside / span) ** gamma
    return np.asarray(np.rint(seen * ((1 << depth) - 1)), f"uint{depth}")


def overlay(frame: NDArray[np.uint8], labels: Labels, alpha: float = 0.5) -> NDArray[np.uint8]:
    """Return the frame with its objects tinted and outlined in the colours of the palette.

    Parameters
    ----------
    frame : uint8 array of shape (H, W, 3)
        RGB.
    labels : integer array of shape (H, W)
        0 is background; ids above 255 begin again with the colour of 1.
    alpha : float
        Share of the colour inside the objects, in [0, 1]; the contour has all of it.

    Returns
    -------
    uint8 array of shape (H, W, 3)
    """
    if frame.shape != (*labels.shape, 3):
        raise ValueError(f"Frame of shape {frame.shape} and labels of {labels.shape} do not fit.")
    thickness = 1 if min(labels.shape) < LARGE else 2
    kernel = np.ones((2 * thickness + 1, 2 * thickness + 1), np.uint8)
    image = frame.copy()
    box = box_around(labels > 0, thickness)
    if not labels[box].size:
        return image
    index, part = _colour_numbers(labels[box]), image[box]
    colours = davis_palette()[index]
    contour = (cv2.erode(index, kernel) != cv2.dilate(index, kernel)) & (index > 0)
    tinted = np.where(
        index[..., None] > 0, cv2.addWeighted(part, 1 - alpha, colours, alpha, 0), part
    )
    image[box] = np.where(contour[..., None], colours, tinted)
    return image


def _colour_numbers(labels: Labels) -> NDArray[np.uint8]:
    if labels.dtype == np.uint8:
        return np.ascontiguousarray(labels)
    return np.where(labels > 0, 1 + (labels.astype(np.int64) - 1) % 255, 0).astype(np.uint8)


def contact_sheet(
    images: Sequence[NDArray[np.uint8]],
    captions: Sequence[str],
    columns: int = 4,
    width: int = 320,
) -> NDArray[np.uint8]:
    """Return images side by side, row by row, each with its caption below.

    Parameters
    ----------
    images : sequence of uint8 arrays of shape (H, W, 3)
        RGB; their sizes may differ.
    captions : sequence of str
        As many; long ones are cut off at the width of the image.
    columns : int
        Images in a row.
    width : int
        Width of each image in the sheet, pixels.

    Returns
    -------
    uint8 array of shape (H, W, 3)
    """
    if not images or len(images) != len(captions):
        raise ValueError(f"{len(images)} images and {len(captions)} captions do not fit.")
    columns = min(columns, len(images))
    tiles = [_scaled(image, width) for image in images]
    height = max(len(tile) for tile in tiles) + CAPTION
    rows = math.ceil(len(tiles) / columns)
    step_y, step_x = height + MARGIN, width + MARGIN
    sheet = np.full((rows * step_y + MARGIN, columns * step_x + MARGIN, 3), 255, np.uint8)
    for i, (tile, caption) in enumerate(zip(tiles, captions, strict=True)):
        y, x = MARGIN + i // columns * step_y, MARGIN + i % columns * step_x
        sheet[y : y + len(tile), x : x + width] = tile
        line = np.full((CAPTION, width, 3), 255, np.uint8)
        origin = (0, CAPTION - 8)
        cv2.putText(line, caption, origin, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1)
        sheet[y + len(tile) : y + len(tile) + CAPTION, x : x + width] = line
    return sheet


class OverlayMovie(Movie):
    """A movie of pictures to look at: H.264 in MP4, or MPEG-4 where there is no H.264 encoder.

    Parameters
    ----------
    path : Path
        Where to write; the suffix tells the container.
    fps : float or None
        Frames per second, brought into [1, 240]; 25 if unknown.
    size : tuple of int
        (H, W) of the images. Odd sides grow by one pixel that repeats the last.
    pixel_aspect : float
        Width of a pixel over its height, to be shown with.
    """

    def __init__(
        self, path: Path, fps: float | None, size: tuple[int, int], pixel_aspect: float = 1.0
    ) -> None:
        traits = MovieTraits(fps=fps, pixel_aspect=Fraction(pixel_aspect).limit_denominator(1001))
        super().__init__(path, H264, size, traits, OddSides.PAD)
        if any(side % 2 for side in size):
            logger.warning("%s: the last row or column is repeated: sides must be even.", path.name)


def _scaled(image: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    height = max(round(image.shape[0] * width / image.shape[1]), 1)
    method = cv2.INTER_AREA if width < image.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (width, height), interpolation=method), np.uint8)
