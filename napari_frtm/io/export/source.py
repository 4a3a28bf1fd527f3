"""The masks of an export, frame by frame, and what is known about them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_frtm.errors import LabelsError, VideoError
from napari_frtm.io.video.opening import open_video
from napari_frtm.io.video.stacks.pixel_size import PixelSize
from napari_frtm.io.video.stacks.stack import is_stack, open_stack

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_frtm.io.session.objects import SessionObject
    from napari_frtm.io.video.opening import Video
    from napari_frtm.io.video.stacks.stack_frames import Section
    from napari_frtm.timeline import Timeline
    from napari_frtm.types import Frames, Labels


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MaskSource:
    """Masks to export, and what is known about them; frames are read one by one.

    Attributes
    ----------
    masks : array of shape (T, H, W)
        Object ids, 0 for background: anything that gives a frame by its index.
    path : Path or None
        File or folder that they are read from, which no export may replace.
    probabilities : mapping of int to array of shape (T, h, w), uint8
        Soft masks by object, 255 for certain; zero where there are none.
    timeline : Timeline or None
        Confidence, keyframes and frozen frames.
    keyframes : mapping of int to array of shape (H, W)
        Frames that the user has drawn.
    complete : set of int
        Keyframes whose labels say everything about the frame.
    objects : mapping of int to SessionObject
        Names and parents.
    video : Video or None
        What the masks are of.
    video_path : Path or None
        Its file or folder, which no export may replace.
    pixel_size : PixelSize
        Lengths of a pixel, and seconds between frames.
    """

    masks: Frames
    path: Path | None = None
    probabilities: Mapping[int, Frames] = field(default_factory=dict)
    timeline: Timeline | None = None
    keyframes: Mapping[int, Labels] = field(default_factory=dict)
    complete: frozenset[int] = frozenset()
    objects: Mapping[int, SessionObject] = field(default_factory=dict)
    video: Video | None = None
    video_path: Path | None = None
    pixel_size: PixelSize = field(default_factory=PixelSize)

    @property
    def length(self) -> int:
        """Number of frames T."""
        return int(self.masks.shape[0])

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, pixels."""
        height, width = self.masks.shape[1:3]
        return int(height), int(width)

    @property
    def fps(self) -> float | None:
        """Frames per second, where known."""
        if self.video is not None and self.video.fps:
            return self.video.fps
        return 1 / self.pixel_size.interval if self.pixel_size.interval else None

    def labels(self, index: int) -> NDArray[np.unsignedinteger[Any]]:
        """Return the label image of a frame, of shape (H, W); keyframes as they were drawn.

        Raises
        ------
        LabelsError
            If the frame holds no label image.
        """
        drawn = self.keyframes.get(index)
        if drawn is not None and index in self.complete:
            return _unsigned(drawn, index)
        masks = _unsigned(np.asarray(self.masks[index]), index)
        if drawn is None or not drawn.any():
            return masks
        drawn = _unsigned(drawn, index)
        others = np.where(np.isin(masks, np.unique(drawn[drawn > 0])), 0, masks)
        return np.where(drawn > 0, drawn, others)

    def image(self, index: int) -> NDArray[np.generic]:
        """Return a frame of the video, of shape (H, W) or (H, W, 3).

        Raises
        ------
        VideoError
            If there is no video.
        """
        if self.video is None:
            raise VideoError(
                "The video that the masks are of is not known or not there any more. Give it, "
                "with --video on the command line."
            )
        return np.asarray(self.video.frames[index])

    def of_video(self, path: Path, section: Section | None = None) -> MaskSource:
        """Return the same masks with a video from a file, or a section of a stack.

        Raises
        ------
        VideoError
            If it cannot be opened, or its frames are of another size or number.
        """
        video = open_video(path, section)
        if tuple(video.frames.shape[:3]) != (self.length, *self.size):
            raise VideoError(
                f"{path.name} has {_described(video.frames.shape)}, but the masks are "
                f"{_described(self.masks.shape)}. Give the video that they were made from."
            )
        return replace(
            self, video=video, video_path=path, pixel_size=pixel_size(path, self.pixel_size)
        )


def pixel_size(path: Path, default: PixelSize) -> PixelSize:
    """Return what a file says of its pixels, `default` if it has no words for that."""
    return open_stack(path).pixel_size if is_stack(path) else default


def _unsigned(labels: NDArray[Any], index: int) -> NDArray[np.unsignedinteger[Any]]:
    """Return labels of the smallest unsigned type that their own type or values need."""
    if labels.dtype in (np.uint8, np.uint16, np.uint32):
        return labels
    if labels.dtype == bool:
        return labels.view(np.uint8)
    if labels.dtype.kind not in "ui" or labels.ndim != 2:
        raise LabelsError(f"Frame {index} of the masks is {labels.dtype}; labels are integers.")
    low, high = int(labels.min(initial=0)), int(labels.max(initial=0))
    if low < 0 or high >= 1 << 32:
        raise LabelsError(f"Frame {index} has ids from {low} to {high}; they must be 0 or more.")
    return labels.astype(np.min_scalar_type(max(high, 1)))


def _described(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} frames of {shape[2]} x {shape[1]} pixels"
