"""What a session folder keeps of the results: masks, coarse scores, soft masks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_frtm.errors import LabelsError
from napari_frtm.io.atomic import reporting
from napari_frtm.io.session.arrays import FrameArray

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import zarr
    from numpy.typing import DTypeLike, NDArray

    from napari_frtm.types import Labels

_LARGEST_ID = np.iinfo(np.uint16).max
_SOFT = "-uint8.zarr"


class SessionResults:
    """The results of one video, each frame of each array a file.

    Writers must wait for each other.

    Parameters
    ----------
    folder : Path
        The session folder; it must exist.
    shape : tuple of int
        (T, H, W) of the video.

    Attributes
    ----------
    scores : FrameArray
        Coarse scores, of shape (T, h, w), float16, NaN where there are none.
    """

    def __init__(self, folder: Path, shape: tuple[int, int, int]) -> None:
        self._shape = shape
        self._soft_folder = folder / "probabilities"
        self._masks = FrameArray(folder / "masks", (np.uint8, np.uint16))
        self.scores = FrameArray(folder / "scores", (np.float16,), np.nan)
        self._soft: dict[int, FrameArray] = {}

    def load(self) -> None:
        """Open what is there, after tidying up behind a killed program.

        Raises
        ------
        SessionError
            If an array is damaged or not of this video.
        """
        length, height, width = self._shape
        self._masks.load(length, (height, width))
        self.scores.load(length)
        for path in self._soft_folder.glob(f"*{_SOFT}"):
            object_id = path.name.removesuffix(_SOFT)
            if object_id.isdecimal():
                self.soft(int(object_id)).load(length)

    def lost(self) -> list[int]:
        """Return the frames whose masks were lost before `load`, with the power for example."""
        return self._masks.lost

    def masks_written(self) -> list[int]:
        """Return the frames of which there is a file of masks."""
        return self._masks.written()

    def masks(self, dtype: DTypeLike | None = None) -> zarr.Array:
        """Return the masks: object ids of shape (T, H, W), uint8 or uint16.

        The array is made when it is first asked for, and widened if it cannot hold `dtype`: an
        array that was returned before can still be read then, but what is written to it is lost.

        Raises
        ------
        OutputError
            If it has to be made or widened and cannot be written; the old one is as before.
        """
        return self._masks.require(self._shape, np.uint8 if dtype is None else dtype)

    def soft(self, object_id: int) -> FrameArray:
        """Return the soft masks of an object: of shape (T, h, w), uint8, 255 for certain."""
        path = self._soft_folder / str(object_id)
        return self._soft.setdefault(object_id, FrameArray(path, (np.uint8,)))

    def soft_ids(self) -> list[int]:
        """Return the objects that have soft masks, in order."""
        return sorted(i for i, soft in list(self._soft.items()) if soft.array is not None)

    def written(self) -> list[int]:
        """Return the frames of which anything is known."""
        return sorted({*self._masks.written(), *self.scores.written()})

    def write(
        self,
        index: int,
        labels: Labels,
        scores: NDArray[np.floating[Any]] | None,
        probabilities: Mapping[int, NDArray[np.uint8]],
    ) -> None:
        """Replace the results of a frame.

        Labels without any object and without scores mean that nothing is known of the frame: its
        scores and soft masks are removed as well.

        Parameters
        ----------
        index : int
            Of the frame.
        labels : array of shape (H, W)
            Object ids.
        scores : array of shape (h, w) or None
            Coarse scores; None to keep those that are there. A new size replaces all frames.
        probabilities : mapping of int to array of shape (h, w), uint8
            Soft masks by object; those of other objects are kept. A new size replaces all frames.

        Raises
        ------
        LabelsError
            If an id is negative or above 65535.
        OutputError
            If they cannot be written; each of them is as before or as given then.
        """
        largest = _largest_id(labels)
        if scores is None and largest == 0:
            for array in (self.scores, *list(self._soft.values()), self._masks):
                array.clear(index)
            return
        if largest:
            self.masks(np.min_scalar_type(largest))
            self._masks.write(index, labels)
        else:
            self._masks.clear(index)
        for object_id, levels in probabilities.items():
            with reporting(self._soft_folder):
                self._soft_folder.mkdir(exist_ok=True)
            self._write(self.soft(object_id), index, levels)
        if scores is not None:  # last: they tell that a frame without objects is done
            self._write(self.scores, index, scores)

    def _write(self, array: FrameArray, index: int, values: NDArray[Any]) -> None:
        height, width = values.shape
        array.require((self._shape[0], height, width))
        array.write(index, values)


def _largest_id(labels: Labels) -> int:
    smallest, largest = int(labels.min(initial=0)), int(labels.max(initial=0))
    if smallest < 0 or largest > _LARGEST_ID:
        raise LabelsError(
            f"Object ids must be from 1 to {_LARGEST_ID}, here they are from {smallest} to "
            f"{largest}. Relabel the objects."
        )
    return largest
