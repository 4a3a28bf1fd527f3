"""The masks, scores and soft masks of one video: in memory, in a session folder, or both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_frtm.errors import OutputError
from napari_frtm.io.session.array_reading import read_frame
from napari_frtm.session.store.arrays import fits_in_memory, new_array

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from threading import RLock

    from numpy.typing import DTypeLike, NDArray

    from napari_frtm.io.session.folder import SessionFolder
    from napari_frtm.session.store.saving import Saver


class ResultArrays:
    """What a run finds, frame by frame; see `Store`, which alone uses it.

    Frames that cannot be written to the folder are tried again with all that is saved later; only
    what is not in memory as well raises an `OutputError`.

    Parameters
    ----------
    size : tuple of int
        (T, H, W) of the video.
    saver : Saver
        Tries again to write what could not be written.
    lock : RLock
        Held by the store while it calls; what the saver writes is read under it.
    in_memory : bool
        Whether arrays that are small are held in memory as well as in the folder.

    Attributes
    ----------
    masks : array of shape (T, H, W), of integers, or None
        Object ids; None before anything is written.
    scores : array of shape (T, h, w), float16, or None
        Coarse scores.
    probabilities : dict of int to array of shape (T, h, w), uint8
        Soft masks, by object. Replaced, never changed in place.
    folder : SessionFolder or None
        Where all is kept.
    in_folder : bool
        Whether `masks` is the folder's own array, so that there is no other copy.
    """

    def __init__(
        self, size: tuple[int, int, int], saver: Saver, lock: RLock, *, in_memory: bool
    ) -> None:
        self.size = size
        self.masks: Any = None
        self.scores: Any = None
        self.probabilities: dict[int, Any] = {}
        self.folder: SessionFolder | None = None
        self.in_folder = False
        self._in_memory = in_memory
        self._saver = saver
        self._lock = lock

    def labels(self, index: int) -> NDArray[Any]:
        """Return a copy of the masks of a frame, of shape (H, W)."""
        if self.masks is None:
            return np.zeros(self.size[1:], np.uint8)
        return read_frame(self.masks, index)

    def has_room(self, largest_id: int) -> bool:
        """Whether there are masks that can hold an object id."""
        return self.masks is not None and bool(largest_id <= np.iinfo(self.masks.dtype).max)

    def make_room(self, largest_id: int, frames: Iterable[int]) -> None:
        """Make masks that can hold an object id, with what these frames hold already."""
        dtype = np.dtype(np.uint8 if largest_id < 256 else np.uint16)
        if self.folder is not None and (self.in_folder or not self._held_here(self.size, dtype)):
            self.masks, self.in_folder = self.folder.masks(dtype), True
            return
        masks = new_array(self.size, dtype)
        if self.masks is not None:
            for index in frames:
                masks[index] = read_frame(self.masks, index)
        self.masks = masks

    def write(
        self,
        index: int,
        labels: NDArray[Any],
        scores: NDArray[np.float16] | None,
        levels: Mapping[int, NDArray[np.uint8]],
    ) -> None:
        """Replace what is known of a frame: masks; scores and soft masks where there are any.

        Raises
        ------
        OutputError
            If the session folder cannot be written, and the masks are not in memory.
        """
        if not self.in_folder:
            self.masks[index] = labels
        if scores is not None and self._holds(self.scores, scores):
            self._score_array(scores.shape)[index] = scores
        for object_id, values in levels.items():
            if self._holds(self.probabilities.get(object_id), values):
                self._soft_array(object_id, values.shape)[index] = values
        if self.folder is None:
            return
        if self._saver.has_unsaved("frame") and not self.in_folder:
            self._save_later(index)
            return
        try:
            self.folder.write_frame(index, labels, scores, levels)
        except OutputError:
            if self.in_folder:
                raise
            self._save_later(index)
        self._look_up()

    def adopt(self, masks: Any) -> None:
        """Let another array of shape (T, H, W) hold the masks; its frames are as they were."""
        self.masks, self.in_folder = masks, False

    def keep_in(self, folder: SessionFolder, frames: Iterable[int]) -> None:
        """Write these frames to a folder, and keep all in it from now on.

        Raises
        ------
        OutputError
            If the folder cannot be written.
        """
        for index in frames:
            folder.write_frame(int(index), self.labels(index), *self._soft_of(index))
        self.folder = folder
        if self.masks is not None and not self._held_here(self.size, self.masks.dtype):
            self.masks, self.in_folder = folder.masks(self.masks.dtype), True
        self._look_up()

    def load(self, folder: SessionFolder, frames: NDArray[np.intp]) -> None:
        """Take what a folder holds of these frames, and keep all in it from now on."""
        self.folder = folder
        if not frames.size:
            return
        saved = folder.masks()
        self.masks = self._loaded(saved, frames)
        self.in_folder = self.masks is saved
        if (scores := folder.scores()) is not None:
            self.scores = self._loaded(scores, frames, np.nan)
        for object_id in folder.probability_ids():
            self.probabilities[object_id] = folder.probabilities(object_id)

    def _loaded(self, saved: Any, frames: NDArray[np.intp], fill: float = 0) -> Any:
        """Return an array of the folder, in memory if it is to be there."""
        if not self._held_here(saved.shape, saved.dtype):
            return saved
        array = new_array(saved.shape, saved.dtype, fill)
        for index in frames:
            array[index] = read_frame(saved, int(index))
        return array

    def _held_here(self, shape: tuple[int, ...], dtype: DTypeLike) -> bool:
        """Whether an array is held in memory, or in a temporary folder if there is no other."""
        return self.folder is None or (self._in_memory and fits_in_memory(shape, dtype))

    def _holds(self, array: Any, values: NDArray[Any]) -> bool:
        """Whether an array of such frames is held here; the folder's own is written anyway."""
        if self.folder is None or array is None:
            return self._held_here((self.size[0], *values.shape), values.dtype)
        return isinstance(array, np.ndarray)

    def _save_later(self, index: int) -> None:
        """Write a frame to the folder when that is possible again."""
        folder = self.folder
        assert folder is not None

        def save() -> None:
            with self._lock:
                labels, soft = self.labels(index), self._soft_of(index)
            folder.write_frame(index, labels, *soft)

        self._saver.submit(("frame", index), save)

    def _soft_of(
        self, index: int
    ) -> tuple[NDArray[np.float16] | None, dict[int, NDArray[np.uint8]]]:
        """Return the scores of a frame, if there are any, and its soft masks."""
        scores = None if self.scores is None else read_frame(self.scores, index)
        if scores is not None and np.isnan(scores).all():
            scores = None
        return scores, {i: read_frame(each, index) for i, each in self.probabilities.items()}

    def _look_up(self) -> None:
        """Take the arrays of the folder for those that are not held here."""
        folder = self.folder
        assert folder is not None
        if not isinstance(self.scores, np.ndarray):
            self.scores = folder.scores()
        for object_id in folder.probability_ids():
            known, soft = self.probabilities.get(object_id), folder.probabilities(object_id)
            if known is not soft and not isinstance(known, np.ndarray):
                self.probabilities = self.probabilities | {object_id: soft}

    def _score_array(self, shape: tuple[int, ...]) -> Any:
        if self.scores is None or self.scores.shape[1:] != shape:
            self.scores = new_array((self.size[0], *shape), np.float16, np.nan)
        return self.scores

    def _soft_array(self, object_id: int, shape: tuple[int, ...]) -> Any:
        known = self.probabilities.get(object_id)
        if known is None or known.shape[1:] != shape:
            known = new_array((self.size[0], *shape), np.uint8)
            self.probabilities = self.probabilities | {object_id: known}
        return known
