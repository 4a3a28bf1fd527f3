"""Where the masks of an export come from: a session, a folder of label images, a stack, an array."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_frtm.errors import FrtmError, LabelsError, VideoError
from napari_frtm.io.labels import read_labels
from napari_frtm.io.session.files import KeyframeFiles, load_timeline, reading
from napari_frtm.io.session.identity import is_session, load_header
from napari_frtm.io.session.objects import SessionObject, load_objects
from napari_frtm.io.video.opening import STACKS, open_video
from napari_frtm.io.video.pixel_size import PixelSize
from napari_frtm.io.video.sequence import find_images, is_pattern
from napari_frtm.io.video.stack import is_hyperstack, open_hyperstack
from napari_frtm.io.video.stacks import ArrayStack, is_zarr

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_frtm.io.video.opening import Video
    from napari_frtm.timeline import Timeline
    from napari_frtm.types import Frames, Labels

_SOFT = re.compile(r"(\d+)-uint8\.zarr")
_DAMAGED = "Restore it from a backup, or run the propagation again."


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

    def labels(self, index: int) -> NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.uint32]:
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

    def of_video(self, path: Path) -> MaskSource:
        """Return the same masks with a video from a file.

        Raises
        ------
        VideoError
            If it cannot be opened, or its frames are of another size or number.
        """
        video = open_video(path)
        if tuple(video.frames.shape[:3]) != (self.length, *self.size):
            raise VideoError(
                f"{path.name} has {_described(video.frames.shape)}, but the masks are "
                f"{_described(self.masks.shape)}. Give the video that they were made from."
            )
        return replace(
            self, video=video, video_path=path, pixel_size=_pixel_size(path, self.pixel_size)
        )


def open_masks(path: str | Path) -> MaskSource:
    """Return the masks of a session, a folder of label images, or a TIFF, zarr or NumPy stack.

    A session is only read, also while another program works on it.

    Raises
    ------
    FrtmError
        If there are none, or they cannot be read.
    """
    path = Path(path)
    if not path.exists() and not is_pattern(path):
        raise LabelsError(f"There is no file or folder {path}. Check the path.")
    if is_session(path):
        return _open_session(path)
    if is_zarr(path) or path.suffix.lower() in STACKS:
        masks = _Stack(path)
        return MaskSource(masks=masks, path=path, pixel_size=_pixel_size(path, PixelSize()))
    if path.is_dir() or is_pattern(path):
        return MaskSource(masks=_Images(path), path=path)
    raise LabelsError(
        f"{path.name} holds no masks. Give a session folder, a folder of label images, or a TIFF, "
        "zarr or NumPy stack of labels."
    )


def _open_session(path: Path) -> MaskSource:
    video, _ = load_header(path)
    keyframes, complete = KeyframeFiles(path / "keyframes").load(video.shape)
    timeline = load_timeline(path / "timeline.npz", video.shape[0])
    timeline.keyframes = set(keyframes)
    found = [_opened(each) for each in sorted(path.glob("masks-uint*.zarr"))]
    if not found and not keyframes:
        raise LabelsError(f"{path} has no masks yet. Run the propagation first.")
    soft = {
        int(match[1]): _opened(each)
        for each in path.glob("probabilities/*.zarr")
        if (match := _SOFT.fullmatch(each.name))
    }
    source = MaskSource(
        # the widest: a narrower one is what a killed program has left
        masks=max(found, key=lambda masks: masks.dtype.itemsize, default=_Nothing(video.shape)),
        path=path,
        probabilities=soft,
        timeline=timeline,
        keyframes=keyframes,
        complete=frozenset(complete),
        objects=load_objects(path),
    )
    if tuple(source.masks.shape) != video.shape:
        raise LabelsError(f"The masks in {path} are not of its video of {video.shape}. {_DAMAGED}")
    if video.source is not None and Path(video.source).exists():
        try:
            return source.of_video(Path(video.source))
        except FrtmError:  # of one channel or plane, or changed since: hard masks do without
            return replace(source, video_path=Path(video.source))
    return source


def _opened(path: Path) -> Any:
    import zarr

    with reading(path, _DAMAGED):
        return zarr.open_array(path, mode="r")


def _pixel_size(path: Path, default: PixelSize) -> PixelSize:
    return open_hyperstack(path).pixel_size if is_hyperstack(path) else default


class _Nothing:
    """Masks of a session in which only keyframes were drawn."""

    dtype = np.dtype(np.uint8)

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self.shape = shape

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        return np.zeros(self.shape[1:], np.uint8)


class _Stack:
    """Label images in one file."""

    def __init__(self, path: Path) -> None:
        self._stack = ArrayStack(path)
        self.shape = self._stack.shape
        if len(self.shape) != 3 or self._stack.dtype.kind not in "bui":
            raise LabelsError(
                f"{path.name} has the shape {self.shape} and type {self._stack.dtype}; label "
                "images are integers of one channel."
            )

    def __getitem__(self, index: int) -> NDArray[Any]:
        return self._stack.read(index)


class _Images:
    """Label images in a file each."""

    def __init__(self, path: Path) -> None:
        self.paths = find_images(path)
        if not self.paths:
            raise LabelsError(f"{path} has no label images. Choose another folder.")
        self.shape = (len(self.paths), *read_labels(self.paths[0]).shape)

    def __getitem__(self, index: int) -> NDArray[np.int32]:
        labels = read_labels(self.paths[index])
        if labels.shape != self.shape[1:]:
            raise LabelsError(
                f"{self.paths[index].name} is of size {labels.shape}, but "
                f"{self.paths[0].name} is of {self.shape[1:]} (height, width)."
            )
        return labels


def _unsigned(labels: Labels, index: int) -> Any:
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
