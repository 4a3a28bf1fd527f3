"""Arrays that cross the border of the engine: frames in, predictions out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

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
        Soft masks at the working resolution, after aggregation over the objects.
    scores : array of shape (N, ceil(h / 16), ceil(w / 16)), float32
        Coarse scores of the target models; about 1 on the target, 0 elsewhere. NaN for objects
        that the pass which delivered the frame does not know.
    confidence : array of shape (N,), float32, in [0, 1]
        How sure the engine is of each mask; 1 where the user drew it, NaN if not known.
    """

    index: int
    object_ids: tuple[int, ...]
    labels: NDArray[np.uint8] | NDArray[np.uint16]
    probabilities: NDArray[np.float32]
    scores: NDArray[np.float32]
    confidence: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))

    def __post_init__(self) -> None:
        if not self.confidence.size:
            unknown = np.full(len(self.object_ids), np.nan, np.float32)
            object.__setattr__(self, "confidence", unknown)
