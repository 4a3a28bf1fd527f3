"""Layers to arrays: the frames of a video, and what the user painted on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_frtm.errors import FrtmError, LabelsError
from napari_frtm.io.labels import check_labels
from napari_frtm.plugin.source.axes import MOST, VideoAxes, guess_axes
from napari_frtm.plugin.source.axes import LayerFrames as LayerFrames
from napari_frtm.plugin.source.compute import computed
from napari_frtm.types import BYTES, Contrast

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from napari.layers import Image, Labels, Layer
    from numpy.typing import NDArray

_LARGEST_ID = np.iinfo(np.uint16).max


def video_frames(layer: Image, axes: VideoAxes | None = None) -> LayerFrames:
    """Return the frames of a layer that is a video.

    Parameters
    ----------
    layer : napari.layers.Image
        Of a multiscale layer, the largest level counts.
    axes : VideoAxes, optional
        How the layer is a video; the likely way if not given.

    Raises
    ------
    FrtmError
        If it is none; the message says why.
    """
    data = layer.data[0] if layer.multiscale else layer.data
    shape = layer_shape(layer)
    if len(shape) > 3 and shape[-1] in (3, 4) and shape[-2] > 16:
        raise FrtmError(
            f"'{layer.name}' shows its colours as an axis of length {shape[-1]}, the last one. "
            "Open its files with FRTM, or add it with rgb=True."
        )
    if axes is None or axes.ndim != len(shape):
        guess = guess_axes(shape, layer.axis_labels)
        if guess is None:
            raise FrtmError(_no_video(layer.name, shape))
        axes = guess.axes
    if shape[axes.time] < 2:
        raise FrtmError(f"'{layer.name}' has one frame; nothing to follow. Choose a video.")
    _check_take(layer, axes, shape)
    low, high = layer.contrast_limits if axes.blends else (0, 255)
    return LayerFrames(data, axes, bool(layer.rgb), (float(low), float(high)))


def layer_shape(layer: Layer) -> tuple[int, ...]:
    """Return the lengths of a layer's axes, without RGB; of the largest level of a pyramid."""
    data = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    return tuple(int(n) for n in data.shape[: layer.ndim])


def contrast_of(layer: Image, axes: VideoAxes | None = None) -> Contrast:
    """Return how the layer shows intensities: its contrast limits and gamma."""
    if axes is not None and axes.blends:  # the limits are in the blend
        return BYTES.but(gamma=layer.gamma)
    low, high = layer.contrast_limits
    return Contrast(float(low), float(high), float(layer.gamma))


def check_annotation(labels: Labels, frames: LayerFrames, video_name: str) -> None:
    """Check that a layer's labels lie on the pixels of a video.

    Raises
    ------
    LabelsError
        If their shape is neither that of the video, with or without its channels or planes, nor
        that of one frame.
    """
    expected = frames.shape[:3]
    known = (expected, expected[1:], frames.layer_shape, frames.results_shape(*expected[1:]))
    if labels.multiscale or labels.data.shape not in known:
        raise LabelsError(
            f"'{labels.name}' has shape {tuple(labels.data.shape)}, but '{video_name}' has "
            f"{expected} (frames, height, width). Add a Labels layer of the video's shape and "
            "paint on that."
        )


def painted_frames(
    data: Any, frames: Collection[int], name: str, axes: VideoAxes | None = None
) -> dict[int, NDArray[np.uint16]]:
    """Return the frames on which something is painted, by their index.

    Parameters
    ----------
    data : array of shape (T, H, W), or with the axes of the video's layer
        Labels; NumPy, dask, zarr or alike. At most one chunk along time is read at once. Where
        several channels or planes are painted, the largest label counts.
    frames : range of step 1, or collection of int
        Frames to look at.
    name : str
        Of the layer, for messages.
    axes : VideoAxes, optional
        Of the video's layer; they count if `data` has as many.

    Raises
    ------
    LabelsError
        If an object's number is too large or negative.
    """
    time = axes.time if axes is not None and axes.ndim == data.ndim else 0
    spans = [frames] if isinstance(frames, range) else [range(t, t + 1) for t in frames]
    painted = {
        t: labels for span in spans for t, labels in _frames(data, span, time) if labels.any()
    }
    for index, frame in painted.items():
        check_labels(frame, frame.shape, f"Frame {index} of '{name}'")
        if frame.max() > _LARGEST_ID:
            raise LabelsError(
                f"'{name}' has an object number {frame.max()} on frame {index}; the largest "
                f"possible is {_LARGEST_ID}. Paint it with a smaller one."
            )
    return {index: frame.astype(np.uint16) for index, frame in painted.items()}


def placement(layer: Layer, axes: VideoAxes | None = None) -> dict[str, Any]:
    """Return what puts results over a layer: the transform, units and axis labels.

    Along an axis of channels or planes results have one position. It is made as thick as all of
    the layer's, so that the results lie over each of them: napari then rounds every position of
    the slider to index 0.

    Parameters
    ----------
    layer : napari.layers.Layer
        The video.
    axes : VideoAxes, optional
        Of the video; without them, the results have the layer's shape.
    """
    scale, translate = np.array(layer.scale), np.array(layer.translate)
    if axes is not None and axes.takes:
        from napari.utils.transforms import Affine

        linear = Affine(scale=scale, rotate=layer.rotate, shear=layer.shear).linear_matrix
        for axis in axes.takes:
            count = layer_shape(layer)[axis]
            translate = translate + linear[:, axis] * (count - 1) / 2
            scale[axis] *= count
    return {
        "scale": scale,
        "translate": translate,
        "rotate": layer.rotate,
        "shear": layer.shear,
        "affine": layer.affine,
        "units": layer.units,
        "axis_labels": layer.axis_labels,
    }


def displayed_frame(layer: Layer, point: tuple[float, ...], axes: VideoAxes | None = None) -> int:
    """Return the frame of a layer that is shown at a position in the world."""
    time = 0 if axes is None else axes.time
    return int(np.clip(np.rint(layer.world_to_data(point)[time]), 0, layer_shape(layer)[time] - 1))


def _frames(data: Any, span: range, time: int) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield index and labels of frames, reading chunk by chunk along the axis of time."""
    step = _frames_per_chunk(data, time)
    for start in range(span.start - span.start % step, span.stop, step):
        first, stop = max(start, span.start), min(start + step, span.stop)
        selection = (*[slice(None)] * time, slice(first, stop))
        block = np.moveaxis(computed(data[selection]), time, 0)
        block = block.max(axis=tuple(range(1, block.ndim - 2)))
        yield from zip(range(first, stop), block, strict=True)


def _frames_per_chunk(data: Any, time: int) -> int:
    chunks = getattr(data, "chunks", None)
    along_time = chunks[time] if chunks else 1
    return int(along_time if isinstance(along_time, int) else max(along_time))


def _check_take(layer: Image, axes: VideoAxes, shape: tuple[int, ...]) -> None:
    """Check that there is the channel or plane, or that there are channels to blend."""
    for axis, take in axes.takes.items():
        if isinstance(take, int) and take >= shape[axis]:
            raise FrtmError(f"'{layer.name}' has no channel or plane {take}, only {shape[axis]}.")
    if axes.blends and layer.rgb:
        raise FrtmError(f"'{layer.name}' is in colour already. Choose one plane or a projection.")


def _no_video(name: str, shape: tuple[int, ...]) -> str:
    if len(shape) == 2:
        return (
            f"'{name}' is a single image; a video has three axes: time, height and width "
            "(and colour as RGB). Choose or make a layer of this kind."
        )
    return (
        f"'{name}' has the shape {shape}: too many axes. A video has time, height and width, and "
        f"at most {MOST} others, such as channels and planes. Split it: right-click the layer, "
        "Split Stack."
    )
