"""Files as layers: movies, folders of images and scientific stacks as lazy Image layers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from napari_frtm.io.video.contrast import robust_contrast
from napari_frtm.io.video.opening import open_video, supported
from napari_frtm.io.video.stacks.stack import is_stack, open_stack

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_frtm.io.video.stacks.stack import Stack
    from napari_frtm.io.video.stacks.stack_frames import Section
    from napari_frtm.types import Contrast

LayerData: TypeAlias = tuple[Any, dict[str, Any], str]
Read: TypeAlias = "Callable[[str], list[LayerData]]"

REMARKS = "remarks"
"""Key of a layer's metadata: what the user should know of the file."""


def find_reader(path: str | Path) -> Read | None:
    """Return a function that reads a video alone; None if it is none."""
    return next((read for opens, read in _READERS if opens(path)), None)


def read_video(path: str | Path, section: Section | None = None) -> list[LayerData]:
    """Return a video as one lazy Image layer.

    Parameters
    ----------
    path : path
        File, folder or pattern.
    section : Section, optional
        Channel, plane or projection of a stack; with its lengths of a pixel.

    Raises
    ------
    VideoError
        If it cannot be opened.
    """
    video = open_video(path, section)
    rgb = video.frames.ndim == 4
    options: dict[str, Any] = {
        "name": Path(path).stem,
        "rgb": rgb,
        "axis_labels": video.axes[:3],
        "metadata": {
            "fps": video.fps,
            "source": str(path),
            "names": video.names,
            "pixel_aspect": video.pixel_aspect,
            REMARKS: video.remarks,
        },
    }
    if video.frames.dtype != np.uint8:
        options["contrast_limits"], options["gamma"] = video.contrast[:2], video.contrast.gamma
    if section is not None:
        sizes = open_stack(Path(path)).pixel_size.lengths
        lengths = [sizes.get(axis, (1.0, "pixel")) for axis in video.axes[:3]]
        options["scale"] = [length for length, _ in lengths]
        options["units"] = [unit for _, unit in lengths]
    return [(video.frames, options, "image")]


def read_stack(path: str | Path) -> list[LayerData]:
    """Return a TIFF or zarr image of any number of axes as one lazy Image layer.

    Lengths are in the unit of the file if it says one, else in pixels; time is in frames.

    Raises
    ------
    VideoError
        If it cannot be opened.
    """
    stack = open_stack(path)
    levels, ndim = stack.levels, len(stack.axes)
    sizes = [stack.pixel_size.lengths.get(axis, (1.0, "pixel")) for axis in stack.axes]
    interval = stack.pixel_size.interval
    options: dict[str, Any] = {
        "name": Path(path).stem.removesuffix(".ome"),
        "rgb": stack.rgb,
        "multiscale": len(levels) > 1,
        "axis_labels": [axis or f"-{ndim - i}" for i, axis in enumerate(stack.axes)],
        "scale": [length for length, _ in sizes],
        "units": [unit for _, unit in sizes],
        "metadata": {
            "fps": 1 / interval if interval else None,
            "source": str(path),
            REMARKS: stack.remarks,
        },
    }
    contrast = _contrast(stack)
    if contrast is not None:
        options["contrast_limits"] = contrast[:2]
    return [(levels if len(levels) > 1 else levels[0], options, "image")]


def _contrast(stack: Stack) -> Contrast | None:
    """Return how to see it; None where it is clear."""
    data = stack.levels[0]
    if data.dtype in (np.uint8, bool):
        return None
    return robust_contrast(data.reshape(-1, *data.shape[-3 if stack.rgb else -2 :]))


_READERS: tuple[tuple[Callable[[str | Path], bool], Callable[[str | Path], list[LayerData]]], ...]
_READERS = ((is_stack, read_stack), (supported, read_video))
