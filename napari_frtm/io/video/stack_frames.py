"""The frames of a stack that is a video."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from napari_frtm.errors import VideoError
from napari_frtm.io.video.stack import open_stack

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_frtm.io.video.stack import Stack


class StackFrames:
    """Frames of a TIFF, zarr or NumPy file, read one by one.

    Safe to share between threads and to pickle: the copy opens the file again.
    """

    fps = None

    def __init__(self, path: Path) -> None:
        self.path = path
        stack = open_stack(path)
        self._array = stack.arrays[0]
        self._axes = frame_axes(stack)
        shape = [self._array.shape[axis] for axis in self._axes[:3]]
        self.shape = (*shape, *(3 for _ in self._axes[3:]))
        self.dtype = np.dtype(np.uint8) if self._array.dtype == bool else self._array.dtype
        self.names = tuple(f"{i:05d}" for i in range(self.shape[0]))

    def __reduce__(self) -> tuple[type[StackFrames], tuple[Path]]:
        return StackFrames, (self.path,)

    def read(self, index: int) -> NDArray[np.generic]:
        """Return frame `index`, of shape (H, W) or (H, W, 3); bool becomes 0 and 255.

        Raises
        ------
        VideoError
            If it cannot be read.
        """
        selection: list[int | slice] = [0] * self._array.ndim
        selection[self._axes[0]] = index
        for axis in self._axes[1:]:
            selection[axis] = slice(None)
        frame = self._array[tuple(selection)]
        if frame.dtype == bool:
            frame = frame * np.uint8(255)
        frame = frame[..., :3] if len(self._axes) == 4 else frame
        return np.ascontiguousarray(frame)


def frame_axes(stack: Stack) -> tuple[int, ...]:
    """Return the positions of time, y, x and, in colour, of the channels.

    Axes of length 1 do not count; the one axis left before height and width is time, whatever
    its name, unless it is the channels'.

    Raises
    ------
    VideoError
        If these are not the axes of one video.
    """
    shape = stack.arrays[0].shape
    letters = "".join(axis or "q" for axis in stack.axes) + "s" * stack.rgb
    kept = [i for i, n in enumerate(shape) if n > 1 or letters[i] in "yx"]
    layout = "".join(letters[i] for i in kept)
    if layout in ("yx", "yxs"):
        raise VideoError(
            f"{stack.path.name} has one frame; nothing to follow. To use a sequence of images, "
            "open their folder; if there should be more frames, the file is damaged."
        )
    if not re.fullmatch("[^csyx]yxs?", layout):
        axes = letters.upper().replace("Q", "?")
        raise VideoError(
            f"{stack.path.name} has the axes {axes} and the shape {shape}. A video has time, "
            "height and width (TYX), in colour also 3 channels (TYXC): choose one channel and one "
            "plane, save them as a file of their own and open that."
        )
    return tuple(kept)
