"""Which axis of a layer is time, and what becomes of channels or planes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_frtm.plugin.source.compute import computed
from napari_frtm.structure import structured

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

_TIME = frozenset({"t", "time", "frame", "frames"})
_CHANNEL = frozenset({"c", "ch", "channel", "channels"})
_PLANE = frozenset({"z", "depth", "plane", "planes", "slice", "slices"})
_FEW = 4  # an axis of no more than this many positions is rather channels than time


class Take(StrEnum):
    """What to make of all channels or planes."""

    MAX = "maximum projection"
    MEAN = "mean"
    COLOUR = "blend as RGB"


@dataclass(frozen=True, slots=True)
class VideoAxes:
    """How a layer of `ndim` axes is a video; its last two axes are height and width.

    Axes that are neither time nor `extra` have one position.

    Attributes
    ----------
    time : int
        Axis of the frames.
    extra : int or None
        Axis of the channels or planes, if there are several.
    take : int or Take
        The channel or plane to follow, or what to make of all of them.
    ndim : int
        Number of axes of the layer; RGB is not counted.
    """

    time: int = 0
    extra: int | None = None
    take: int | Take = 0
    ndim: int = 3

    def __post_init__(self) -> None:
        extra = self.time if self.extra is None else self.extra
        others = range(self.ndim - 2)
        if self.time not in others or extra not in others or self.extra == self.time:
            raise ValueError(f"{self.ndim} axes have no time {self.time} with {self.extra} beside.")

    @classmethod
    def of_plain(cls, saved: Mapping[str, Any]) -> VideoAxes:
        """Return axes from what `asdict` gave, having gone through JSON.

        Raises
        ------
        ValueError, TypeError
            If they are not such values.
        """
        axes: VideoAxes = structured(cls, {**saved, "take": 0})
        take = saved.get("take", 0)
        return replace(axes, take=take if type(take) is int else Take(take))

    def frame_index(self, frame: int) -> tuple[int, ...]:
        """Return the index of a frame in an array of the shape `results_shape`."""
        return tuple(frame if axis == self.time else 0 for axis in range(self.ndim - 2))

    def results_shape(self, length: int, height: int, width: int) -> tuple[int, ...]:
        """Return the shape of results: axes as the layer's, one position along all but time."""
        leading = (length if axis == self.time else 1 for axis in range(self.ndim - 2))
        return (*leading, height, width)


class Guess(NamedTuple):
    """The likely axes of a layer, and whether there is no other way to see it."""

    axes: VideoAxes
    is_clear: bool


def guess_axes(shape: Sequence[int], axis_labels: Sequence[str] = ()) -> Guess | None:
    """Return the likely axes, from their labels or else from their lengths.

    Parameters
    ----------
    shape : sequence of int
        Lengths of the axes, without RGB; height and width last.
    axis_labels : sequence of str
        One per axis.

    Returns
    -------
    Guess or None
        None if there is no time axis, or more than one axis besides time, height and width.
    """
    names = [label.strip().lower() for label in axis_labels] or [""] * len(shape)
    ndim = len(shape)
    candidates = [i for i in range(ndim - 2) if shape[i] > 1 or names[i] in _TIME] or [0]
    if ndim < 3 or len(candidates) > 2:
        return None
    if len(candidates) == 1:
        return Guess(VideoAxes(candidates[0], ndim=ndim), True)
    time, is_clear = _time_of_two(candidates, shape, names)
    (extra,) = (axis for axis in candidates if axis != time)
    return Guess(VideoAxes(time, extra, Take.MAX if names[extra] in _PLANE else 0, ndim), is_clear)


def swapped(axes: VideoAxes) -> VideoAxes:
    """Return the axes with time and the channels or planes exchanged."""
    if axes.extra is None:
        raise ValueError(f"{axes} has no axis to exchange with time.")
    return VideoAxes(axes.extra, axes.time, 0, axes.ndim)


def kind_of_axis(label: str, length: int) -> str:
    """Return what an axis besides time holds, ``Channel`` or ``Plane``, by its label or length."""
    name = label.strip().lower()
    few = length <= _FEW
    return "Plane" if name in _PLANE or (name not in _CHANNEL and not few) else "Channel"


def _time_of_two(
    candidates: Sequence[int], shape: Sequence[int], names: Sequence[str]
) -> tuple[int, bool]:
    """Return which of two axes is time, and whether it is clear."""
    for known in (_TIME, _CHANNEL, _PLANE):
        named = [names[axis] in known for axis in candidates]
        if named[0] != named[1]:
            time = candidates[named.index(known is _TIME)]
            return time, names[time] not in _PLANE
    few = [shape[axis] <= _FEW for axis in candidates]
    return candidates[few == [True, False]], few[0] != few[1]


@dataclass(frozen=True, slots=True, eq=False)
class LayerFrames:
    """The video of an Image layer, frame by frame; alpha is left out.

    Attributes
    ----------
    data : array with the layer's axes, and RGB or RGBA last if `rgb`
        NumPy, dask, zarr or alike; indexed before it is converted.
    axes : VideoAxes
        What to read of it.
    rgb : bool
        Whether the last axis of `data` is colour.
    contrast : tuple of float
        Intensities that become 0 and 255 where channels are blended as RGB.
    """

    data: Any
    axes: VideoAxes = VideoAxes()
    rgb: bool = False
    contrast: tuple[float, float] = (0.0, 255.0)

    @property
    def layer_shape(self) -> tuple[int, ...]:
        """Shape of the layer, without RGB."""
        shape = tuple(int(n) for n in self.data.shape)
        return shape[:-1] if self.rgb else shape

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape (T, H, W) or (T, H, W, 3)."""
        layer = self.layer_shape
        colour = self.rgb or self.axes.take is Take.COLOUR
        return (layer[self.axes.time], *layer[-2:], *((3,) if colour else ()))

    @property
    def ndim(self) -> int:
        """Number of axes of `shape`."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""
        types: dict[int | Take, type] = {Take.MEAN: np.float32, Take.COLOUR: np.uint8}
        dtype: np.dtype[Any] = np.dtype(types.get(self.axes.take, self.data.dtype))
        return dtype

    def __getitem__(self, index: int, /) -> NDArray[Any]:
        axes = self.axes
        selection: list[int | slice] = [*axes.frame_index(index), slice(None), slice(None)]
        if axes.extra is not None:
            selection[axes.extra] = slice(None) if isinstance(axes.take, Take) else axes.take
        if self.rgb:
            selection.append(slice(3))
        pixels = computed(self.data[tuple(selection)])
        if axes.take is Take.MAX:
            return np.asarray(np.fmax.reduce(pixels, axis=0))
        if axes.take is Take.MEAN:
            return np.asarray(pixels.mean(axis=0, dtype=np.float32))
        return self._blend(pixels) if axes.take is Take.COLOUR else pixels

    def results_shape(self, height: int, width: int) -> tuple[int, ...]:
        """Return the shape of results with frames of this size."""
        return self.axes.results_shape(self.shape[0], height, width)

    def _blend(self, channels: NDArray[Any]) -> NDArray[np.uint8]:
        """Return the first channels, of shape (C, H, W), as RGB of shape (H, W, 3)."""
        low, high = self.contrast
        image = np.zeros((*channels.shape[1:], 3), np.uint8)
        for i, channel in enumerate(channels[:3]):
            scaled = (channel.astype(np.float32) - low) * (255 / (high - low))
            image[..., i] = np.nan_to_num(scaled).clip(0, 255).round()
        return image
