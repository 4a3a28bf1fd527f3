"""The video that a caller gives: one array, and the intensities that are black and white in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from napari_frtm.types import BYTES, Contrast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_frtm.types import Frame, Frames


class _Listed:
    """Images in a list, as one video."""

    def __init__(self, images: Sequence[Frame]) -> None:
        self._images = images
        first = np.asarray(images[0])
        for t, image in enumerate(images):
            if np.shape(image) != first.shape:
                raise ValueError(
                    f"frames must be of one shape; the first has {first.shape}, number {t} "
                    f"{np.shape(image)}."
                )
        self.shape = (len(images), *first.shape)
        self.dtype = first.dtype

    def __getitem__(self, index: int) -> Frame:
        return np.asarray(self._images[index])


def as_video(frames: Frames | Sequence[Frame]) -> Frames:
    """Return frames with a shape; a list of images becomes a video.

    Raises
    ------
    ValueError
        If it is no video of shape (T, H, W) or (T, H, W, 3).
    """
    if isinstance(frames, list | tuple) and frames:
        frames = _Listed(frames)
    shape: Any = getattr(frames, "shape", None)
    if shape is None or not (len(shape) == 3 or (len(shape) == 4 and shape[3] == 3)):
        what = f"shape {tuple(shape)}" if shape is not None else f"type {type(frames).__name__}"
        raise ValueError(
            f"frames must be of shape (T, H, W) or (T, H, W, 3), or a list of such images; got "
            f"{what}."
        )
    return cast("Frames", frames)


def contrast_for(frames: Frames, contrast: Contrast | tuple[float, float] | None) -> Contrast:
    """Return the intensities that count as black and white; by default 0 and 255 of bytes.

    Raises
    ------
    ValueError
        If there is no default for the type of the frames, or the contrast shows nothing.
    """
    if contrast is None:
        kind = np.dtype(getattr(frames, "dtype", np.uint8))
        if kind != np.uint8:
            raise ValueError(
                f"The frames hold {kind}: say which intensities are black and white, for example "
                "contrast=(0, 1), or contrast=video.contrast of open_video."
            )
        return BYTES
    return Contrast.of(contrast)
