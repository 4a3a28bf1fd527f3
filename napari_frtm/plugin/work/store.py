"""The arrays that runs fill, in the thread of a run; what a session folder keeps of them."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_frtm.plugin.work.arrays import fits_in_memory, new_array
from napari_frtm.plugin.work.history import Packed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_frtm.io.session.folder import SessionFolder
    from napari_frtm.types import Labels, Prediction


@dataclass(frozen=True, slots=True, eq=False)
class Finished:
    """A frame that a run has written, without its pixels.

    Attributes
    ----------
    index : int
        Of the frame.
    confidence, area : dict of int to float
        By object: in [0, 1]; pixels of the video.
    before : Packed or None
        Its masks before the run; None for none.
    """

    index: int
    confidence: dict[int, float]
    area: dict[int, float]
    before: Packed | None


class Results:
    """Masks, coarse scores and soft masks of one video.

    Frames may be written in one thread while others are painted or read in another.

    Parameters
    ----------
    size : tuple of int
        (T, H, W) of the video.
    folder : SessionFolder or None
        Where everything is kept as well.

    Attributes
    ----------
    masks : array of shape (T, H, W), uint8 or uint16, or None
        Object ids; None before anything is written.
    scores : array of shape (T, h, w), float16, or None
        The largest coarse score of all objects, one per 16 x 16 pixels of the working size.
    probabilities : dict of int to array of shape (T, h, w), uint8
        Soft masks at the working size, 255 for certain, by object.
    working : tuple of int or None
        The working size (h, w), pixels; None before anything is written.
    """

    def __init__(self, size: tuple[int, int, int], folder: SessionFolder | None = None) -> None:
        self.size = size
        self.folder = folder
        self.masks: Any = None
        self.scores: Any = None
        self.probabilities: dict[int, Any] = {}
        self.working: tuple[int, int] | None = None
        self._lock = Lock()

    def load(self) -> None:
        """Take what the session folder holds; the frames in `folder.timeline` that are filled."""
        assert self.folder is not None
        filled = np.flatnonzero(self.folder.timeline.filled)
        if not filled.size:
            return
        self.masks = self._loaded(self.folder.masks(), filled)
        if (scores := self.folder.scores()) is not None:
            self.scores = self._loaded(scores, filled, np.nan)
        for object_id in self.folder.probability_ids():
            self.probabilities[object_id] = self.folder.probabilities(object_id)

    def keep_in(self, folder: SessionFolder) -> None:
        """Keep everything in a folder from now on, what is there already included.

        Raises
        ------
        OutputError
            If the folder cannot be written.
        """
        self.folder = folder
        if self.masks is None:
            return
        for index in range(self.size[0]):
            labels = np.asarray(self.masks[index])
            if labels.any():
                scores = None if self.scores is None else np.asarray(self.scores[index])
                folder.write_frame(index, labels, scores, None)

    def prepare(self, largest_id: int) -> None:
        """Make masks that can hold an object id; wider ones in place of those that cannot."""
        dtype = np.dtype(np.uint8 if largest_id < 256 else np.uint16)
        with self._lock:
            if self.masks is not None and self.masks.dtype.itemsize >= dtype.itemsize:
                return
            before = self.masks
            if self.folder is not None and not fits_in_memory(self.size, dtype):
                self.masks = self.folder.masks(dtype)
                return
            masks = new_array(self.size, dtype)
            if before is not None:
                for index in range(self.size[0]):
                    masks[index] = before[index]
            self.masks = masks

    def labels(self, index: int) -> NDArray[Any]:
        """Return a copy of the masks of a frame, of shape (H, W)."""
        if self.masks is None:
            return np.zeros(self.size[1:], np.uint8)
        return np.array(self.masks[index])

    def put(self, index: int, labels: Labels) -> None:
        """Replace the masks of a frame.

        Raises
        ------
        OutputError
            If the session folder cannot be written.
        """
        self.prepare(int(labels.max(initial=0)))
        with self._lock:
            self.masks[index] = labels
            if self.folder is not None:
                self.folder.write_frame(index, np.asarray(labels, self.masks.dtype), None, None)

    def write(
        self, prediction: Prediction, *, soft: bool, only: frozenset[int] | None = None
    ) -> Finished:
        """Store a prediction.

        Parameters
        ----------
        prediction : Prediction
            Of one frame.
        soft : bool
            Whether to store its probabilities as well.
        only : frozenset of int, optional
            The objects that were followed; the masks of others stay, where none of these are.

        Raises
        ------
        OutputError
            If the session folder cannot be written.
        """
        index = prediction.index
        self.prepare(max(prediction.object_ids, default=0))
        old = self.labels(index)
        new = prediction.labels if only is None else _among(old, prediction.labels, only)
        scores = _largest(prediction.scores)
        height, width = prediction.probabilities.shape[1:]
        self.working = height, width
        levels = _levels(prediction) if soft else {}
        with self._lock:
            self.masks[index] = new
            self._score_array(scores.shape)[index] = scores
            for object_id, values in levels.items():
                self._soft_array(object_id, values.shape)[index] = values
            if self.folder is not None:
                labels = np.asarray(new, self.masks.dtype)
                self.folder.write_frame(index, labels, scores, levels or None)
        return Finished(
            index=index,
            confidence={
                i: float(c)
                for i, c in zip(prediction.object_ids, prediction.confidence, strict=True)
            },
            area=areas(new, prediction.object_ids),
            before=Packed.of(old) if old.any() else None,
        )

    def _score_array(self, shape: tuple[int, ...]) -> Any:
        if self.scores is None or self.scores.shape[1:] != shape:
            self.scores = new_array((self.size[0], *shape), np.float16, np.nan)
        return self.scores

    def _soft_array(self, object_id: int, shape: tuple[int, ...]) -> Any:
        known = self.probabilities.get(object_id)
        if known is None or known.shape[1:] != shape:
            known = new_array((self.size[0], *shape), np.uint8)
            self.probabilities[object_id] = known
        return known

    def _loaded(self, saved: Any, filled: NDArray[np.intp], fill: float = 0) -> Any:
        """Return an array of the folder, in memory if it is small."""
        if not fits_in_memory(saved.shape, saved.dtype):
            return saved
        array = new_array(saved.shape, saved.dtype, fill)
        for index in filled:
            array[index] = saved[int(index)]
        return array


def areas(labels: Labels, object_ids: Iterable[int]) -> dict[int, float]:
    """Return the area of each object in labels of shape (H, W), pixels."""
    return {i: float(np.count_nonzero(labels == i)) for i in object_ids}


def _among(old: Labels, new: Labels, followed: frozenset[int]) -> Labels:
    """Return new masks of some objects over the old ones of the others."""
    others = np.isin(old, sorted(followed), invert=True)
    return np.where((new == 0) & others, old, new)


def _largest(scores: NDArray[np.float32]) -> NDArray[np.float16]:
    """Return the largest score of all objects, of shape (h, w); NaN where none is known."""
    return np.asarray(np.fmax.reduce(scores, axis=0), np.float16)


def _levels(prediction: Prediction) -> dict[int, NDArray[np.uint8]]:
    levels = (prediction.probabilities * 255).round().astype(np.uint8)
    return dict(zip(prediction.object_ids, levels, strict=True))
