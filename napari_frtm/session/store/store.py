"""All that is known of one video's frames: one object, in memory or in a session folder."""

from __future__ import annotations

from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from threading import Condition, RLock
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_frtm.io.session.array_reading import read_frame
from napari_frtm.session.store.frame_values import areas, largest_scores, over_others, soft_levels
from napari_frtm.session.store.history import FrameState, Packed
from napari_frtm.session.store.result_arrays import ResultArrays
from napari_frtm.session.store.saving import Saver
from napari_frtm.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from numpy.typing import NDArray

    from napari_frtm.io.session.folder import SessionFolder
    from napari_frtm.io.session.objects import SessionObject
    from napari_frtm.types import Labels, Prediction


@dataclass(frozen=True, slots=True, eq=False)
class WrittenFrame:
    """A frame that a run has written, and what it held before."""

    index: int
    before: FrameState


class Store:
    """Masks, coarse scores, soft masks, keyframes and timeline of one video.

    Frames may be written in one thread while others are painted or read in another. What is
    written goes to the session folder as well, if there is one. If that fails, for a full disk for
    example, it is told by `saver`, and tried again with all that is written later; only what is not
    in memory as well raises an `OutputError`.

    Parameters
    ----------
    size : tuple of int
        (T, H, W) of the video.
    in_memory : bool
        Whether arrays that are small are held in memory as well as in the folder, which is faster
        to look at.

    Attributes
    ----------
    working_size : tuple of int or None
        The size (h, w) that the last run worked at, pixels; None before a run.
    timeline : Timeline
        What is known of each frame.
    keyframes : dict of int to array of shape (H, W)
        The frames that the user has drawn. Never changed in place.
    complete : set of int
        Keyframes whose labels say everything: an object that is not drawn there is absent.
    objects : mapping of int to SessionObject
        Names and parents, by id. Replaced by `set_objects`, never changed in place.
    saver : Saver
        Writes what is small to the folder.
    """

    def __init__(self, size: tuple[int, int, int], *, in_memory: bool = True) -> None:
        self.size = size
        self.working_size: tuple[int, int] | None = None
        self.timeline = Timeline.empty(size[0])
        self.keyframes: dict[int, Labels] = {}
        self.complete: set[int] = set()
        self.objects: Mapping[int, SessionObject] = {}
        self.saver = Saver()
        self._lock = RLock()
        self._arrays = ResultArrays(size, self.saver, self._lock, in_memory=in_memory)
        self._released = Condition(self._lock)
        self._held: Collection[int] = ()

    @classmethod
    def of_folder(cls, folder: SessionFolder, *, in_memory: bool = True) -> Store:
        """Return the store of earlier work, which goes on being saved to its folder.

        Parameters
        ----------
        folder : SessionFolder
            Open, that is locked for this program.
        in_memory : bool
            Whether arrays that are small are held in memory as well.
        """
        store = cls(folder.video.shape, in_memory=in_memory)
        store.timeline = folder.timeline
        store.keyframes = dict(folder.keyframes)
        store.complete = set(folder.complete)
        store.objects = dict(folder.objects)
        store.timeline.keyframes = set(store.keyframes)
        store._arrays.load(folder, np.flatnonzero(store.timeline.filled))
        for frame in sorted(store.complete):  # a kill may have come between the two
            if not np.array_equal(store.labels(frame), store.keyframes[frame]):
                store.put(frame, store.keyframes[frame])
        return store

    @property
    def masks(self) -> Any:
        """Object ids, of shape (T, H, W); None before anything is written."""
        return self._arrays.masks

    @property
    def scores(self) -> Any:
        """The largest coarse score of all objects, float16 of shape (T, h, w), or None.

        There is one for each 16 x 16 pixels of the working size; NaN where none is known.
        """
        return self._arrays.scores

    @property
    def probabilities(self) -> Mapping[int, Any]:
        """Soft masks at the working size by object, uint8 of shape (T, h, w), 255 for certain."""
        return self._arrays.probabilities

    @property
    def folder(self) -> SessionFolder | None:
        """Where everything is kept as well."""
        return self._arrays.folder

    @property
    def is_in_folder_only(self) -> bool:
        """Whether the masks are nowhere but in the folder."""
        return self._arrays.in_folder

    def labels(self, index: int) -> NDArray[Any]:
        """Return a copy of the masks of a frame, of shape (H, W)."""
        return self._arrays.labels(index)

    def soft_masks(self, index: int) -> dict[int, NDArray[np.uint8]]:
        """Return the soft masks of the objects that a run has followed on a frame."""
        known = {i: area for i, area in self.timeline.area.items() if np.isfinite(area[index])}
        soft = self.probabilities
        return {i: read_frame(soft[i], index) for i in sorted(soft) if i in known}

    def make_room(self, largest_id: int) -> None:
        """Make masks that can hold an object id; wider ones in place of those that cannot."""
        with self._lock:
            if self._arrays.has_room(largest_id):
                return
            filled = np.flatnonzero(self.timeline.filled).tolist()
            self._arrays.make_room(largest_id, {*filled, *self.keyframes, *self._held})

    def put(self, index: int, labels: Labels) -> None:
        """Replace the masks of a frame, and nothing else.

        Raises
        ------
        OutputError
            If the session folder cannot be written.
        """
        self.make_room(int(labels.max(initial=0)))
        with self._lock:
            self._arrays.write(index, np.asarray(labels, self.masks.dtype), None, {})

    def replace(self, index: int, labels: Labels) -> None:
        """Replace the masks of a frame and what is known of them; a keyframe stays one.

        Raises
        ------
        OutputError
            If the session folder cannot be written.
        """
        self.put(index, labels)
        with self._lock:
            known = {i: float(values[index]) for i, values in self.timeline.confidence.items()}
            self.timeline.record(index, known, areas(labels, self.timeline.object_ids))
            if index in self.complete:
                self._save_keyframe(index, np.array(labels), shown=True)

    def write(
        self,
        prediction: Prediction,
        *,
        drawn: Mapping[int, Labels],
        soft: bool = False,
        only: frozenset[int] | None = None,
    ) -> WrittenFrame | None:
        """Store a prediction, unless the frame is protected; return what the frame held before.

        Waits while the user paints on the frame.

        Parameters
        ----------
        prediction : Prediction
            Of one frame.
        drawn : mapping of int to array of shape (H, W)
            The keyframes that the run knows.
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
        with self._released:
            self._released.wait_for(lambda: index not in self._held)
            if self.protects(index, drawn):
                return None
            self.make_room(max(prediction.object_ids, default=0))
            before = self.state(index)
            labels: Labels = prediction.labels
            if only is not None:
                labels = over_others(self.labels(index), labels, only)
            self.working_size = prediction.probabilities.shape[1:]
            levels = soft_levels(prediction) if soft else {}
            masks = np.asarray(labels, self.masks.dtype)
            self._arrays.write(index, masks, largest_scores(prediction.scores), levels)
            confidence = zip(prediction.object_ids, prediction.confidence.tolist(), strict=True)
            self.timeline.record(index, dict(confidence), areas(labels, prediction.object_ids))
        return WrittenFrame(index, before)

    def protects(self, index: int, drawn: Mapping[int, Labels]) -> bool:
        """Whether a run that knows these keyframes must leave a frame alone.

        That is, if it is frozen, or has been drawn since the run began.
        """
        if self.timeline.frozen[index]:
            return True
        return index in self.keyframes and drawn.get(index) is not self.keyframes[index]

    @contextmanager
    def alone(self, index: int) -> Iterator[None]:
        """Read and write a frame with nobody else between; waits while the user paints on it."""
        with self._released:
            self._released.wait_for(lambda: index not in self._held)
            yield

    def hold(self, frames: Collection[int]) -> None:
        """Let runs wait before they write these frames, while the user paints; see `release`."""
        with self._lock:
            self._held = frames

    def release(self) -> None:
        """Let runs write all frames that are not protected."""
        with self._released:
            self._held = ()
            self._released.notify_all()

    def state(self, index: int) -> FrameState:
        """Return what is known of a frame, to be brought back by `restore`."""
        labels, line = self.labels(index), self.timeline
        ids = tuple(line.object_ids)
        unknown = np.full(line.length, np.nan, np.float32)
        return FrameState(
            masks=Packed.of(labels) if labels.any() else None,
            filled=bool(line.filled[index]),
            object_ids=ids,
            confidence=np.array([line.confidence.get(i, unknown)[index] for i in ids], np.float32),
            area=np.array([line.area.get(i, unknown)[index] for i in ids], np.float32),
        )

    def restore(self, index: int, state: FrameState) -> None:
        """Bring back what was known of a frame; a keyframe stays one.

        Raises
        ------
        OutputError
            If the session folder cannot be written.
        """
        empty = np.zeros(self.size[1:], np.uint8)
        self.replace(index, empty if state.masks is None else state.masks.labels)
        with self._lock:
            ids = state.object_ids
            self.timeline.record(
                index,
                dict(zip(ids, state.confidence.tolist(), strict=True)),
                dict(zip(ids, state.area.tolist(), strict=True)),
            )
            self.timeline.filled[index] = state.filled

    def set_keyframe(
        self, index: int, labels: Labels, *, complete: bool, shown: bool = True
    ) -> None:
        """Let labels of shape (H, W) count as drawn by the user.

        Parameters
        ----------
        index : int
            Of the frame.
        labels : array of shape (H, W)
            Object ids; not to be changed afterwards.
        complete : bool
            Whether they say everything: an object that is not drawn is absent.
        shown : bool
            Whether they are the masks of the frame as well.
        """
        with self._lock:
            (self.complete.add if complete else self.complete.discard)(index)
            if shown:
                ids = sorted({*self.timeline.object_ids, *np.unique(labels[labels > 0]).tolist()})
                self.timeline.record(index, dict.fromkeys(ids, 1.0), areas(labels, ids))
            self._save_keyframe(index, labels, shown=shown)

    def drop_keyframe(self, index: int) -> None:
        """Let a frame no longer count as drawn; its masks stay."""
        with self._lock:
            self.keyframes.pop(index, None)
            self.complete.discard(index)
            self.timeline.keyframes.discard(index)
        if (folder := self.folder) is not None:
            self.saver.submit(("keyframe", index), lambda: folder.delete_keyframe(index))

    def put_soft(self, index: int, levels: Mapping[int, NDArray[np.uint8]]) -> None:
        """Replace soft masks of a frame, of shape (h, w), by object; others stay.

        Raises
        ------
        OutputError
            If the session folder cannot be written.
        """
        if not levels:
            return
        with self._lock:
            self._arrays.write(index, self.labels(index), None, levels)

    def set_objects(self, objects: Mapping[int, SessionObject]) -> None:
        """Replace the names and parents of all objects."""
        self.objects = known = dict(objects)
        if (folder := self.folder) is not None:
            self.saver.submit("objects", lambda: folder.save_objects(known))

    def adopt(self, masks: Any) -> None:
        """Let another array of shape (T, H, W) hold the masks; its frames are as they were."""
        with self._lock:
            self._arrays.adopt(masks)

    def keep_in(self, folder: SessionFolder) -> None:
        """Keep everything in a folder from now on, what is there already included.

        Raises
        ------
        OutputError
            If the folder cannot be written.
        """
        with self._lock:
            self._arrays.keep_in(folder, np.flatnonzero(self.timeline.filled))
            for index, labels in list(self.keyframes.items()):
                self._save_keyframe(index, labels, shown=index in self.complete)
        if self.objects:
            self.set_objects(self.objects)
        self.save_timeline()

    def timeline_copy(self) -> Timeline:
        """Return the timeline as it is now, which does not change any more."""
        with self._lock:
            return deepcopy(self.timeline)

    def save_timeline(self) -> None:
        """Save the timeline as it is now, soon, unless one is waiting to be saved."""
        if (folder := self.folder) is not None and not self.saver.is_waiting("timeline"):
            timeline = self.timeline_copy()
            self.saver.submit("timeline", lambda: folder.save_timeline(timeline))

    def save_settings(self, settings: Mapping[str, Any]) -> None:
        """Save what describes the work; see `SessionFolder.save_settings`."""
        if (folder := self.folder) is not None:
            self.saver.submit("settings", lambda: folder.save_settings(settings))

    def close(self) -> None:
        """Save what is left to save, and let go of the folder."""
        self.release()
        if (folder := self.folder) is not None:
            timeline = self.timeline_copy()
            self.saver.submit("timeline", lambda: folder.save_timeline(timeline))
        self.saver.close()
        if folder is not None:
            folder.release()

    def _save_keyframe(self, index: int, labels: Labels, *, shown: bool) -> None:
        self.keyframes[index] = labels
        self.timeline.keyframes.add(index)
        if (folder := self.folder) is None:
            return
        complete = index in self.complete

        def save() -> None:
            folder.save_keyframe(index, labels, complete=complete)
            if shown:
                folder.write_frame(index, labels, None, None)

        self.saver.submit(("keyframe", index), save)
