"""The frames of a stack that is a video: one channel and one plane of it, or a projection."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from napari_frtm.errors import VideoError
from napari_frtm.io.video.reading import check_size
from napari_frtm.io.video.stacks.stack import open_stack

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_frtm.io.video.stacks.stack import Stack

PROJECTIONS = ("max", "mean")


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What of a stack is the video.

    Attributes
    ----------
    axes : str, optional
        Letters of its axes without the colour's, such as ``TZCYX``, where the file does not say.
    channel : int, optional
        Which channel, from 0.
    plane : int or str, optional
        Which plane along z, from 0; or a projection along it, ``max`` or ``mean``.
    """

    axes: str | None = None
    channel: int | None = None
    plane: int | str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.plane, str) and self.plane not in PROJECTIONS:
            known = ", ".join(PROJECTIONS)
            raise ValueError(f"plane must be a number or one of {known}, got {self.plane!r}.")

    def __bool__(self) -> bool:
        """Whether anything is chosen."""
        return (self.axes, self.channel, self.plane) != (None, None, None)


class StackFrames:
    """Frames of a TIFF, zarr or NumPy file, read one by one.

    Safe to share between threads and to pickle: the copy opens the file again.
    """

    fps = None

    def __init__(self, path: Path, section: Section | None = None) -> None:
        self.path, self._section = path, section or Section()
        stack = open_stack(path)
        self._array, self._rgb = stack.arrays[0], stack.rgb
        self._layout = Layout.of(stack, self._section)
        shape = self._array.shape
        self.shape = (shape[self._layout.time], *shape[-2 - self._rgb :][:2], *[3] * self._rgb)
        self.dtype = np.dtype(np.uint8) if self._array.dtype == bool else self._array.dtype
        check_size(self.shape[1:], self.dtype.itemsize, path.name)
        self.names = tuple(f"{i:05d}" for i in range(self.shape[0]))
        self.remarks = stack.remarks

    def __reduce__(self) -> tuple[type[StackFrames], tuple[Path, Section]]:
        return StackFrames, (self.path, self._section)

    def read(self, index: int) -> NDArray[np.generic]:
        """Return frame `index`, of shape (H, W) or (H, W, 3); bool becomes 0 and 255.

        Raises
        ------
        VideoError
            If it cannot be read.
        """
        try:
            return self._frame(index)
        except VideoError as error:
            raise VideoError(f"Frame {index}: {error}") from error

    def _frame(self, index: int) -> NDArray[np.generic]:
        depth = self._layout.depth
        if depth is None:
            return self._read(index, {})
        planes = (self._read(index, {depth: z}) for z in range(self._array.shape[depth]))
        if self._section.plane == "max":
            return reduce(np.maximum, planes)
        total = reduce(np.add, (np.asarray(plane, np.float64) for plane in planes))
        return np.asarray((total / self._array.shape[depth]).astype(self.dtype))

    def _read(self, index: int, plane: Mapping[int, int]) -> NDArray[np.generic]:
        chosen = {self._layout.time: index, **self._layout.chosen, **plane}
        key: list[int | slice] = [chosen.get(i, 0) for i in range(len(self._array.shape))]
        key[-2 - self._rgb :] = [slice(None)] * (2 + self._rgb)
        frame = self._array[tuple(key)]
        if frame.dtype == bool:
            frame = frame * np.uint8(255)
        return np.ascontiguousarray(frame[..., :3] if self._rgb else frame)


@dataclass(frozen=True, slots=True)
class Layout:
    """Which axes of a stack are what.

    Attributes
    ----------
    time : int
        Position of the axis of time.
    chosen : mapping of int to int
        What is chosen along other axes, by their positions.
    depth : int or None
        Position of the axis that is projected.
    """

    time: int
    chosen: Mapping[int, int]
    depth: int | None

    @classmethod
    def of(cls, stack: Stack, section: Section) -> Layout:
        """Find the axes of a video.

        Axes of length 1 do not count; the one axis left before height and width is time, whatever
        its name, unless it is the channels'.

        Raises
        ------
        VideoError
            If these are not the axes of one video, or there is no such channel or plane.
        """
        names, shape = _names(stack, section.axes), stack.arrays[0].shape
        if names[-2:] != ("y", "x"):
            raise _unsuitable(stack, names)
        chosen: dict[int, int] = {}
        depth = None
        for axis, choice in (("c", section.channel), ("z", section.plane)):
            if isinstance(choice, str):
                depth = names.index(axis) if axis in names else None
            elif choice is not None:
                chosen |= _chosen(stack, names, axis, choice)
        known = {*chosen, depth}
        left = [i for i in range(len(names) - 2) if shape[i] > 1 and i not in known]
        if not left:
            raise VideoError(
                f"{stack.path.name} has one frame; nothing to follow. To use a sequence of images, "
                "open their folder; if there should be more frames, the file is damaged."
            )
        if len(left) > 1 or names[left[0]] == "c":
            raise _unsuitable(stack, names)
        return cls(left[0], chosen, depth)


def _names(stack: Stack, axes: str | None) -> tuple[str, ...]:
    """Return the names of the axes: those of the file, or the given ones."""
    if axes is None:
        return stack.axes
    named = tuple(axes.lower())
    named = named[:-1] if stack.rgb and named[-1:] in (("s",), ("c",)) else named
    if len(named) != len(stack.axes) or len({*named, "y", "x"}) != len(named):
        raise VideoError(
            f"{stack.path.name} has the shape {stack.arrays[0].shape}, so its axes cannot be "
            f"{axes.upper()}. Give one letter per axis, such as TCYX."
        )
    return named


def _chosen(stack: Stack, names: tuple[str, ...], axis: str, number: int) -> dict[int, int]:
    """Return the position of an axis and what is chosen along it; nothing if there is none."""
    count = stack.arrays[0].shape[names.index(axis)] if axis in names else 1
    if not 0 <= number < count:
        what = {"c": "channel", "z": "plane"}[axis]
        counted = f"there are {count}, counted from 0" if count > 1 else "it has only one"
        raise VideoError(f"{stack.path.name} has no {what} {number}: {counted}.")
    return {names.index(axis): number} if axis in names else {}


def _unsuitable(stack: Stack, names: tuple[str, ...]) -> VideoError:
    axes = "".join(name or "?" for name in names).upper() + "C" * stack.rgb
    return VideoError(
        f"{stack.path.name} has the axes {axes} and the shape {stack.arrays[0].shape}. A video has "
        "time, height and width (TYX), in colour also 3 channels (TYXC): choose a channel "
        "(--channel N) and a plane or projection (--plane N, max or mean); if the axes are other "
        "ones, say which (--axes TCYX)."
    )
