"""Arrays that cross the border of the engine: frames in, predictions out."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import DTypeLike, NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Frame: TypeAlias = NDArray[np.generic]
"""One image of shape (H, W) or (H, W, 3), any real dtype."""

Labels: TypeAlias = NDArray[np.integer[Any]]
"""One integer image of shape (H, W); 0 is background, every other value an object."""


class Frames(Protocol):
    """A video: anything that gives one image per index (numpy, dask, zarr, lazy readers)."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape (T, H, W) or (T, H, W, 3)."""
        ...

    def __getitem__(self, index: int, /) -> Any:
        """Return frame `index`, convertible with `numpy.asarray`."""
        ...


class Contrast(NamedTuple):
    """How intensities are seen, as a layer of napari shows them.

    What is between black and white is seen as ``((value - low) / (high - low)) ** gamma``.

    Attributes
    ----------
    low, high : float
        The intensities that are black and white; beyond them is clipped.
    gamma : float
        Below 1, what is dark is seen brighter.
    """

    low: float
    high: float
    gamma: float = 1.0

    @classmethod
    def of(cls, values: Iterable[float]) -> Contrast:
        """Return two limits, or two and a gamma, as contrast.

        Raises
        ------
        ValueError, TypeError
            If they are not finite, the second is not larger than the first, or gamma is not
            above 0.
        """
        given = tuple(float(value) for value in values)
        contrast = cls(*given) if len(given) in (2, 3) else cls(0, 0)
        low, high, gamma = contrast
        if not (-math.inf < low < high < math.inf and 0 < gamma < math.inf):
            raise ValueError(
                "contrast must be two finite numbers, the second larger, and a gamma above 0 if "
                f"there is one; got {given}."
            )
        return contrast

    def but(
        self, limits: tuple[float, float] | None = None, gamma: float | None = None
    ) -> Contrast:
        """Return the contrast with other limits, another gamma, or both."""
        low, high = self[:2] if limits is None else limits
        return Contrast.of((low, high, self.gamma if gamma is None else gamma))

    def plain(self) -> list[float]:
        """Return what `of` takes, as JSON has it; without gamma if that changes nothing."""
        return [self.low, self.high] if self.gamma == 1 else [*self]

    def __str__(self) -> str:
        gamma = "" if self.gamma == 1 else f", gamma {self.gamma:.3g}"
        return f"{self.low:g} to {self.high:g}{gamma}"


BYTES = Contrast(0.0, 255.0)
"""How 8 bits are seen."""


class Box(NamedTuple):
    """A rectangle of pixels: rows `top` to `bottom`, columns `left` to `right`, ends excluded."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, pixels."""
        return self.bottom - self.top, self.right - self.left

    @property
    def area(self) -> int:
        """How many pixels it has."""
        height, width = self.size
        return height * width

    @property
    def slices(self) -> tuple[slice, slice]:
        """What cuts it out of an array of shape (H, W)."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def shifted(self, rows: int, columns: int) -> Box:
        """Return the box moved down and to the right."""
        return Box(self.top + rows, self.left + columns, self.bottom + rows, self.right + columns)

    def at_stride(self, stride: int) -> Box:
        """Return the box in cells of so many pixels, of which its sides are multiples."""
        return Box(*(side // stride for side in self))

    def grown(self, rows: int, columns: int | None = None) -> Box:
        """Return the box with more pixels above and below, left and right; it may stick out.

        As many columns as rows if only these are given.
        """
        columns = rows if columns is None else columns
        return Box(self.top - rows, self.left - columns, self.bottom + rows, self.right + columns)

    def without_rim(self, rim: int, whole: Box) -> Box:
        """Return the box without a rim along its sides, but for those it shares with `whole`."""
        sides = zip(self, whole, (1, 1, -1, -1), strict=True)
        return Box(*(at if at == edge else at + sign * rim for at, edge, sign in sides))

    def within(self, outer: Box) -> tuple[slice, slice]:
        """Return what cuts it out of an array that covers another box around it."""
        rows = slice(self.top - outer.top, self.bottom - outer.top)
        return rows, slice(self.left - outer.left, self.right - outer.left)

    def intersection(self, other: Box) -> Box:
        """Return what lies in both; without height or width if they do not touch."""
        top, left = max(self.top, other.top), max(self.left, other.left)
        bottom, right = min(self.bottom, other.bottom), min(self.right, other.right)
        return Box(top, left, max(top, bottom), max(left, right))

    def union(self, other: Box) -> Box:
        """Return the smallest box around both."""
        return Box(
            min(self.top, other.top),
            min(self.left, other.left),
            max(self.bottom, other.bottom),
            max(self.right, other.right),
        )


class SoftMasks(NDArrayOperatorsMixin):
    """Soft masks of N objects as one read-only array of shape (N, h, w), kept without the zeros.

    Parameters
    ----------
    boxes : sequence of Box
        Outside of these they are 0.
    parts : sequence of float32 arrays
        What they are inside, in [0, 1].
    size : tuple of int
        (h, w).
    """

    dtype = np.dtype(np.float32)

    def __init__(
        self, boxes: Sequence[Box], parts: Sequence[NDArray[np.float32]], size: tuple[int, int]
    ) -> None:
        self.boxes = tuple(boxes)
        self.parts = tuple(parts)
        self.shape = (len(self.boxes), *size)

    def __len__(self) -> int:
        return len(self.boxes)

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        return (self._whole(number) for number in range(len(self)))

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, (int, np.integer)):
            return self._whole(int(key))
        return np.asarray(self)[key]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("Soft masks are put together when they are asked for: a copy.")
        whole = np.zeros(self.shape, self.dtype)
        for plane, box, part in zip(whole, self.boxes, self.parts, strict=True):
            plane[box.slices] = part
        return whole if dtype is None else whole.astype(dtype, copy=False)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        whole = [np.asarray(i) if isinstance(i, SoftMasks) else i for i in inputs]
        return getattr(ufunc, method)(*whole, **options)

    def _whole(self, number: int) -> NDArray[np.float32]:
        plane = np.zeros(self.shape[1:], self.dtype)
        plane[self.boxes[number].slices] = self.parts[number]
        return plane


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What the tracker says about one frame.

    Attributes
    ----------
    index : int
        Frame index in the video.
    object_ids : tuple of int
        The N objects, in the order of the arrays below; the ids of the user's labels.
    labels : array of shape (H, W), uint8 or uint16
        Label image at the video's own resolution.
    probabilities : array of shape (N, h, w), float32, in [0, 1]
        Soft masks at the working resolution, after aggregation over the objects. What comes out
        of the engine is put together when it is asked for, one object or all of them.
    scores : array of shape (N, ceil(h / 16), ceil(w / 16)), float32
        Coarse scores of the target models; about 1 on the target, 0 elsewhere. NaN for objects
        that the pass which delivered the frame does not know.
    confidence : array of shape (N,), float32, in [0, 1]
        How sure the engine is of each mask; 1 where the user drew it, NaN if not known.
    """

    index: int
    object_ids: tuple[int, ...]
    labels: NDArray[np.uint8] | NDArray[np.uint16]
    probabilities: NDArray[np.float32] | SoftMasks
    scores: NDArray[np.float32]
    confidence: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))

    def __post_init__(self) -> None:
        if not self.confidence.size:
            unknown = np.full(len(self.object_ids), np.nan, np.float32)
            object.__setattr__(self, "confidence", unknown)
