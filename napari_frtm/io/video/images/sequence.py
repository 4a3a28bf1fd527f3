"""Sequences of images: all of a folder, or those of a numbered pattern."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_frtm.errors import VideoError
from napari_frtm.io.video.images.image import read_image
from napari_frtm.io.video.images.numbering import find_sequence

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_LOOKED_AT = 4
_DISPLAY = 1 / 2.2
"""Gamma that shows linear light as screens do."""


@dataclass(frozen=True, slots=True, eq=False)
class ImageSequence:
    """Frames in one image file each.

    Attributes
    ----------
    paths : tuple of Path
        One file per frame.
    shape : tuple of int
        (T, H, W) or (T, H, W, 3), after the first image.
    dtype : numpy.dtype
        Of the first image.
    remarks : tuple of str
        What the user should know: images that are left out, numbers that are missing.
    """

    paths: tuple[Path, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    remarks: tuple[str, ...] = ()
    fps: None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Stem of each image file."""
        return tuple(path.stem for path in self.paths)

    @property
    def gamma(self) -> float:
        """How to see what is between black and white: linear light as a screen shows it."""
        linear = self.paths[0].suffix.lower() == ".exr" and self.dtype.kind == "f"
        return _DISPLAY if linear else 1.0

    def read(self, index: int) -> NDArray[np.generic]:
        """Return frame `index`, of shape (H, W) or (H, W, 3).

        Raises
        ------
        VideoError
            If the image cannot be read, or is not like the first one.
        """
        path = self.paths[index]
        image = read_image(path)
        if image.ndim == 2 and len(self.shape) == 4:
            image = np.repeat(image[..., None], 3, axis=2)
        if image.ndim == 3 and len(self.shape) == 3 and (image == image[..., :1]).all():
            image = image[..., 0]
        if image.shape != self.shape[1:]:
            raise VideoError(
                f"{path.name} is {_size(image.shape)}, but {self.paths[0].name} is "
                f"{_size(self.shape[1:])}. All frames must have one size: take it out of the "
                "folder, or scale it."
            )
        if image.dtype != self.dtype:
            raise VideoError(
                f"{path.name} holds {image.dtype}, but {self.paths[0].name} holds {self.dtype}. "
                "Save all images of the sequence in one format."
            )
        return image


def open_sequence(path: Path) -> ImageSequence:
    """Return the images of a folder, or of a pattern like ``shot.%04d.png``, in natural order.

    Raises
    ------
    VideoError
        If there are none, or several sequences, or two images of one name.
    """
    found = find_sequence(path)
    first = read_image(found.paths[0])
    shape = (len(found.paths), *first.shape)
    if first.ndim == 2 and any(_is_colour(found.paths[i]) for i in _spread(len(found.paths))):
        shape = (*shape, 3)  # some writers save what has no colour as gray
    return ImageSequence(found.paths, shape, first.dtype, found.remarks)


def _spread(count: int) -> list[int]:
    """Return where to look for colour: some images all over a sequence, but for the first."""
    return sorted({round(i * (count - 1) / _LOOKED_AT) for i in range(1, _LOOKED_AT + 1)} - {0})


def _is_colour(path: Path) -> bool:
    """Whether an image is in colour; one that cannot be read is told when its turn comes."""
    try:
        return read_image(path).ndim == 3
    except VideoError:
        return False


def _size(shape: Sequence[int]) -> str:
    channels = " in colour" if len(shape) == 3 else " in gray"
    return f"{shape[1]} x {shape[0]} pixels{channels}"
