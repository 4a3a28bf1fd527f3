"""Which axis of a layer is time, and what becomes of channels or planes."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - for those who read the types of fields
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_frtm.io.session.section import saved_takes
from napari_frtm.plugin.source.compute import computed
from napari_frtm.structure import structured

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MOST = 3
"""Axes of channels, planes and the like, besides time, height and width."""

_TAKEN = ("takes", "extra", "take")  # in what is saved, see `saved_takes`
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

    Attributes
    ----------
    time : int
        Axis of the frames.
    takes : mapping of int to (int or Take)
        Of each axis of channels or planes: the one to follow, or what to make of all of them. Axes
        that are neither here nor time have one position.
    ndim : int
        Number of axes of the layer; RGB is not counted.
    """

    time: int = 0
    takes: Mapping[int, int | Take] = field(default_factory=dict)
    ndim: int = 3

    def __post_init__(self) -> None:
        known = {self.time, *self.takes} <= set(range(self.ndim - 2))
        if not known or self.time in self.takes:
            raise ValueError(
                f"{self.ndim} axes have no time {self.time} with {sorted(self.takes)} beside."
            )
        if list(self.takes.values()).count(Take.COLOUR) > 1:
            raise ValueError("Channels along one axis alone can be blended as RGB.")

    @property
    def blends(self) -> bool:
        """Whether channels are blended as RGB."""
        return Take.COLOUR in self.takes.values()

    @classmethod
    def of_plain(cls, saved: Mapping[str, Any]) -> VideoAxes:
        """Return axes from what `asdict` gave, having gone through JSON.

        Raises
        ------
        ValueError, TypeError
            If they are not such values.
        """
        others = {key: value for key, value in saved.items() if key not in _TAKEN}
        axes: VideoAxes = structured(cls, others)
        takes = {
            axis: take if type(take) is int else Take(take)
            for axis, take in saved_takes(saved).items()
        }
        return replace(axes, takes=takes)

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
        None if there is no time axis, or more than `MOST` others.
    """
    names = [label.strip().lower() for label in axis_labels] or [""] * len(shape)
    ndim = len(shape)
    candidates = [i for i in range(ndim - 2) if shape[i] > 1 or names[i] in _TIME] or [0]
    if ndim < 3 or len(candidates) > 1 + MOST:
        return None
    time, is_clear = _time_of(candidates, shape, names)
    takes = {i: Take.MAX if names[i] in _PLANE else 0 for i in candidates if i != time}
    return Guess(VideoAxes(time, takes, ndim), is_clear)


def with_time(axes: VideoAxes, time: int) -> VideoAxes:
    """Return axes of which another one, of the channels or planes, is time."""
    if time == axes.time:
        return axes
    takes = {i: 0 if i == axes.time else take for i, take in axes.takes.items() if i != time}
    return VideoAxes(time, dict(sorted((takes | {axes.time: 0}).items())), axes.ndim)


def kind_of_axis(label: str, length: int) -> str:
    """Return what an axis besides time holds, ``Channel`` or ``Plane``, by its label or length."""
    name = label.strip().lower()
    few = length <= _FEW
    return "Plane" if name in _PLANE or (name not in _CHANNEL and not few) else "Channel"


def _time_of(
    candidates: Sequence[int], shape: Sequence[int], names: Sequence[str]
) -> tuple[int, bool]:
    """Return which of some axes is time, and whether it is clear."""
    named = [axis for axis in candidates if names[axis] in _TIME]
    left = named if len(named) == 1 else candidates
    for others in (_CHANNEL, _PLANE):
        left = [axis for axis in left if names[axis] not in others] or left
    if len(left) == 1:
        return left[0], len(candidates) == 1 or names[left[0]] not in _PLANE
    many = [axis for axis in left if shape[axis] > _FEW]
    return (many or left)[0], len(many) == 1


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
        colour = self.rgb or self.axes.blends
        return (layer[self.axes.time], *layer[-2:], *((3,) if colour else ()))

    @property
    def ndim(self) -> int:
        """Number of axes of `shape`."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""
        mean = Take.MEAN in self.axes.takes.values()
        kind = np.uint8 if self.axes.blends else np.float32 if mean else self.data.dtype
        dtype: np.dtype[Any] = np.dtype(kind)
        return dtype

    def __getitem__(self, index: int, /) -> NDArray[Any]:
        axes = self.axes
        selection: list[int | slice] = [*axes.frame_index(index), slice(None), slice(None)]
        for axis, take in axes.takes.items():
            selection[axis] = slice(None) if isinstance(take, Take) else take
        if self.rgb:
            selection.append(slice(3))
        pixels = computed(self.data[tuple(selection)])
        together = [take for _, take in sorted(axes.takes.items()) if isinstance(take, Take)]
        for position, take in reversed([*enumerate(together)]):
            if take is Take.MAX:
                pixels = np.asarray(np.fmax.reduce(pixels, axis=position))
            if take is Take.MEAN:
                pixels = np.asarray(pixels.mean(axis=position, dtype=np.float32))
        return self._blend(pixels) if axes.blends else pixels

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
