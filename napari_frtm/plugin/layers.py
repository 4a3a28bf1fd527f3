"""Layers to arrays: the frames of a video, and what the user painted on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_frtm.errors import FrtmError, LabelsError
from napari_frtm.io.labels import check_labels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.layers import Image, Labels, Layer
    from numpy.typing import NDArray

_LARGEST_ID = np.iinfo(np.uint16).max


@dataclass(frozen=True, slots=True, eq=False)
class LayerFrames:
    """The video of an Image layer, frame by frame; alpha is left out.

    Attributes
    ----------
    data : array of shape (T, H, W), (T, H, W, 3) or (T, H, W, 4)
        NumPy, dask, zarr or alike.
    """

    data: Any

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape (T, H, W) or (T, H, W, 3)."""
        return (*self.data.shape[:3], *(3 for _ in self.data.shape[3:]))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""
        dtype: np.dtype[Any] = np.dtype(self.data.dtype)
        return dtype

    def __getitem__(self, index: int, /) -> NDArray[Any]:
        frame = np.asarray(self.data[index])
        return frame[..., :3] if frame.ndim == 3 else frame


def video_frames(layer: Image) -> LayerFrames:
    """Return the frames of a layer that is a video.

    Raises
    ------
    FrtmError
        If it is none; the message says why.
    """
    data = layer.data[0] if layer.multiscale else layer.data
    axes = data.ndim - bool(layer.rgb)
    if axes != 3:
        what = "a single image" if axes == 2 else f"an image with {axes} axes"
        raise FrtmError(
            f"'{layer.name}' is {what}; a video has three axes: time, height and width"
            " (and colour as RGB). Choose or make a layer of this kind."
        )
    if data.shape[0] < 2:
        raise FrtmError(f"'{layer.name}' has one frame; nothing to follow. Choose a video.")
    return LayerFrames(data)


def contrast_of(layer: Image) -> tuple[float, float] | None:
    """Return the intensities that the layer shows as black and white; None if it has no say."""
    if not layer.rgb:
        low, high = layer.contrast_limits
        return float(low), float(high)
    return (0.0, 255.0) if layer.dtype == np.uint8 else None


def check_annotation(labels: Labels, frames: LayerFrames, video_name: str) -> None:
    """Check that a layer's labels lie on the pixels of a video.

    Raises
    ------
    LabelsError
        If their shape is neither that of the video nor that of one frame.
    """
    expected = frames.shape[:3]
    if labels.multiscale or labels.data.shape not in (expected, expected[1:]):
        shape = labels.data.shape
        raise LabelsError(
            f"'{labels.name}' has shape {shape}, but '{video_name}' has {expected} (frames, "
            "height, width). Add a Labels layer of the video's shape and paint on that."
        )


def painted_frames(data: Any, span: range, name: str) -> dict[int, NDArray[np.uint16]]:
    """Return the frames on which something is painted, by their index.

    Parameters
    ----------
    data : array of shape (T, H, W)
        Labels; NumPy, dask, zarr or alike. At most one chunk at a time is read.
    span : range
        Frames to look at, step 1.
    name : str
        Of the layer, for messages.

    Raises
    ------
    LabelsError
        If nothing is painted within `span`, or an object's number is too large or negative.
    """
    painted = {index: frame for index, frame in _frames(data, span) if frame.any()}
    if not painted:
        elsewhere = next((i for i, frame in _frames(data, range(len(data))) if frame.any()), None)
        raise LabelsError(_nothing_painted(name, span, elsewhere))
    for index, frame in painted.items():
        check_labels(frame, frame.shape, f"Frame {index} of '{name}'")
        if frame.max() > _LARGEST_ID:
            raise LabelsError(
                f"'{name}' has an object number {frame.max()} on frame {index}; the largest "
                f"possible is {_LARGEST_ID}. Paint it with a smaller one."
            )
    return {index: frame.astype(np.uint16) for index, frame in painted.items()}


def placement(layer: Layer) -> dict[str, Any]:
    """Return what puts another layer of the same shape at the same place in the world."""
    return {
        "scale": layer.scale,
        "translate": layer.translate,
        "rotate": layer.rotate,
        "shear": layer.shear,
        "affine": layer.affine,
        "units": layer.units,
        "axis_labels": layer.axis_labels,
    }


def displayed_frame(layer: Layer, point: tuple[float, ...]) -> int:
    """Return the frame of a (T, H, W) layer that is shown at a position in the world."""
    return int(np.clip(np.rint(layer.world_to_data(point)[0]), 0, layer.data.shape[0] - 1))


def _frames(data: Any, span: range) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield index and labels of frames, reading chunk by chunk."""
    step = _frames_per_chunk(data)
    for start in range(span.start - span.start % step, span.stop, step):
        first, stop = max(start, span.start), min(start + step, span.stop)
        yield from zip(range(first, stop), np.asarray(data[first:stop]), strict=True)


def _frames_per_chunk(data: Any) -> int:
    chunks = getattr(data, "chunks", None) or (1,)
    along_time = chunks[0]
    return int(along_time if isinstance(along_time, int) else max(along_time))


def _nothing_painted(name: str, span: range, elsewhere: int | None) -> str:
    if elsewhere is None:
        return f"Nothing is painted on '{name}'. Paint each object with its own label on one frame."
    return (
        f"'{name}' is painted on frame {elsewhere}, but not on frames {span.start} to "
        f"{span.stop - 1}. Extend the range, or paint a frame inside it."
    )
