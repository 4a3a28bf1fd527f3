"""Masks to export from files: a session, a folder of label images, or a stack."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_frtm.errors import FrtmError, LabelsError
from napari_frtm.io.drive import exists
from napari_frtm.io.export.source import MaskSource, pixel_size
from napari_frtm.io.labels import read_labels
from napari_frtm.io.session.array_reading import SavedFrames, missing
from napari_frtm.io.session.files import KeyframeFiles, load_timeline
from napari_frtm.io.session.identity import is_session, load_header
from napari_frtm.io.session.objects import load_objects
from napari_frtm.io.session.section import section_of
from napari_frtm.io.video.images.numbering import find_images, is_pattern
from napari_frtm.io.video.stacks.pixel_size import PixelSize
from napari_frtm.io.video.stacks.stack import is_stack
from napari_frtm.io.video.stacks.stack_frames import StackFrames

if TYPE_CHECKING:
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

_SOFT = re.compile(r"(\d+)-uint8\.zarr")
_DAMAGED = "Restore it from a backup, or run the propagation again."


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
    if is_stack(path):
        masks = _Stack(path)
        return MaskSource(masks=masks, path=path, pixel_size=pixel_size(path, PixelSize()))
    if path.is_dir() or is_pattern(path):
        return MaskSource(masks=_Images(path), path=path)
    raise LabelsError(
        f"{path.name} holds no masks. Give a session folder, a folder of label images, or a TIFF, "
        "zarr or NumPy stack of labels."
    )


def _open_session(path: Path) -> MaskSource:
    video, settings = load_header(path)
    keyframes, complete = KeyframeFiles(path / "keyframes").load(video.shape)
    timeline = load_timeline(path / "timeline.npz", video.shape[0])
    timeline.keyframes = set(keyframes)
    found = [SavedFrames(each) for each in sorted(path.glob("masks-uint*.zarr"))]
    if not found and not keyframes:
        raise LabelsError(f"{path} has no masks yet. Run the propagation first.")
    soft = {
        int(match[1]): SavedFrames(each)
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
    _tell_missing(path, source)
    if video.source is not None and exists(Path(video.source)):
        file = Path(video.source)
        try:
            return source.of_video(file, section_of(settings, file))
        except FrtmError:  # channels in colour, or changed since: hard masks do without
            return replace(source, video_path=file)
    return source


def _tell_missing(path: Path, source: MaskSource) -> None:
    if isinstance(source.masks, SavedFrames) and source.timeline is not None:
        lost = missing(source.timeline, source.masks.written(), source.complete)
        if lost:
            logger.warning(
                "%s: the masks of frame %s are not there, so they are empty. Open the session and "
                "fill them again.",
                *(path, ", ".join(map(str, lost))),
            )


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
        self._stack = StackFrames(path)
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
