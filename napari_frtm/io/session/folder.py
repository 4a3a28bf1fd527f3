"""Session folders: everything about one video that is being worked on, saved as it goes.

A folder ``<name>.frtm`` holds

- ``session.json``: the video, where it lies as seen from here, settings, schema number;
- ``timeline.npz``: frames that are filled and frozen, confidence and area of each object;
- ``keyframes/``: label images of the frames that the user has drawn;
- ``masks-uint8.zarr`` (or ``uint16``), ``scores-float16.zarr``, ``probabilities/<id>-uint8.zarr``:
  one chunk a frame;
- ``objects.json``: names and parents of the objects;
- ``run.safetensors``: where an unfinished run stands.

Every file is replaced as a whole or not at all, so a killed program or a full disk leaves what was
saved before.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

from napari_frtm.errors import FrtmError
from napari_frtm.io.atomic import reporting
from napari_frtm.io.drive import device, unreachable
from napari_frtm.io.session.array_reading import missing
from napari_frtm.io.session.files import (
    KeyframeFiles,
    SessionError,
    compact,
    load_timeline,
    remove_temporaries,
    save_timeline,
)
from napari_frtm.io.session.identity import (
    VideoIdentity,
    check_free,
    is_session,
    load_header,
    save_header,
    session_path,
)
from napari_frtm.io.session.lock import SessionLock
from napari_frtm.io.session.objects import SessionObject, load_objects, save_objects
from napari_frtm.io.session.results import SessionResults
from napari_frtm.io.session.run import delete_run, has_run, load_run, save_run
from napari_frtm.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import zarr
    from numpy.typing import DTypeLike, NDArray
    from torch import Tensor

    from napari_frtm.types import Labels

__all__ = ["SessionError", "SessionFolder", "VideoIdentity", "is_session", "session_path"]

logger = logging.getLogger(__name__)

_TIMELINE = "timeline.npz"


class SessionFolder:
    """The folder of one video; made by `create` or `open`, which lock it until `release`.

    All methods may be called in any thread; those that write wait for each other. The arrays that
    `masks`, `scores` and `probabilities` return may be read and written in any thread, as long as
    no two write the same frame at once. When masks are widened, what is written to the array of
    before is lost.

    All that write raise `OutputError` if they cannot, for a full disk for example; then what was
    saved before is there still. Labels that are no label image raise `LabelsError`.

    Parameters
    ----------
    path : Path
        The folder.
    video : VideoIdentity
        The video that it is about.

    Attributes
    ----------
    timeline : Timeline
        As it was saved last.
    keyframes : dict of int to array of shape (H, W)
        The frames that the user has drawn.
    complete : set of int
        Keyframes whose labels say everything.
    objects : dict of int to SessionObject
        Names and parents, by id.
    settings : dict
        What was given to `save_settings` last.
    """

    def __init__(self, path: Path, video: VideoIdentity) -> None:
        self.path = path
        self.video = video
        self.timeline = Timeline.empty(video.shape[0])
        self.keyframes: dict[int, Labels] = {}
        self.complete: set[int] = set()
        self.objects: dict[int, SessionObject] = {}
        self.settings: dict[str, Any] = {}
        self._lock = SessionLock(path)
        self._drive = device(path)
        self._writing = RLock()
        self._files = KeyframeFiles(path / "keyframes")
        self._results = SessionResults(path, video.shape)

    @classmethod
    def create(
        cls, path: Path, video: VideoIdentity, settings: Mapping[str, Any] | None = None
    ) -> SessionFolder:
        """Make the folder of a video that has none, and lock it.

        Parameters
        ----------
        path : Path
            The folder.
        video : VideoIdentity
            The video that it is about.
        settings : mapping, optional
            What `save_settings` would save; it is there as soon as the session is.

        Raises
        ------
        OutputError
            If it cannot be written, or there is something already.
        SessionError
            If another program is making it.
        """
        path = Path(path)
        with reporting(path):
            if path.exists():
                check_free(path)
            path.mkdir(parents=True, exist_ok=True)
        folder = cls(path, video)
        folder._lock.acquire()
        try:
            folder.save_settings(settings or {})
        except FrtmError:
            folder.release()
            raise
        return folder

    @classmethod
    def open(cls, path: Path) -> SessionFolder:
        """Open and lock the folder of earlier work.

        Frames that were written but are not in the timeline, because the program was killed, count
        as filled, with unknown confidence. Frames whose masks a power cut has emptied do not.

        Raises
        ------
        SessionError
            If it is no session, is damaged, in use, of a newer version of napari-frtm, or holds
            links that lead out of it.
        OutputError
            If it cannot be written.
        """
        path = Path(path)
        video, _ = load_header(path)  # first: a folder that is no session gets no lock file
        _check_links(path)
        folder = cls(path, video)
        folder._lock.acquire()
        try:
            folder._load()
        except BaseException:
            folder.release()
            raise
        return folder

    @classmethod
    def remove(cls, path: Path) -> None:
        """Delete the folder of earlier work, intact or not, with everything in it.

        Raises
        ------
        SessionError
            If it is no session, or in use.
        OutputError
            If it cannot be deleted.
        """
        path = Path(path)
        if not is_session(path):
            raise SessionError(f"{path} is no session of napari-frtm.")
        lock = SessionLock(path)
        lock.acquire()
        lock.release()
        with reporting(path):
            shutil.rmtree(path)

    def release(self) -> None:
        """Let other programs use the folder; nothing may be written afterwards."""
        self._lock.release()

    def save_settings(self, settings: Mapping[str, Any]) -> None:
        """Save what the form says and how the results were made.

        Parameters
        ----------
        settings : mapping
            Anything that JSON has words for.
        """
        with self._writing:
            save_header(self.path, self.video, settings)
            self.settings = json.loads(json.dumps(settings))

    def save_timeline(self, timeline: Timeline) -> None:
        """Save what is known of the frames; it must not be changed meanwhile."""
        with self._writing:
            save_timeline(self.path / _TIMELINE, timeline)
            self.timeline = timeline

    def save_objects(self, objects: Mapping[int, SessionObject]) -> None:
        """Save names and parents of the objects, by id."""
        with self._writing:
            save_objects(self.path, objects)
            self.objects = dict(objects)

    def save_keyframe(self, index: int, labels: Labels, *, complete: bool) -> None:
        """Save the labels of a frame that the user has drawn, of shape (H, W)."""
        with self._writing:
            self._files.save(index, labels, complete=complete)
            self.keyframes[index] = compact(labels)
            (self.complete.add if complete else self.complete.discard)(index)

    def delete_keyframe(self, index: int) -> None:
        """Forget that a frame was drawn; nothing happens if it was not."""
        with self._writing:
            self._files.delete(index)
            self.keyframes.pop(index, None)
            self.complete.discard(index)

    def masks(self, dtype: DTypeLike | None = None) -> zarr.Array:
        """Return the masks, of shape (T, H, W); see `SessionResults.masks`."""
        with self._writing:
            return self._results.masks(dtype)

    def scores(self) -> zarr.Array | None:
        """Return the coarse scores, of shape (T, h, w), float16, NaN where there are none."""
        return self._results.scores.array

    def probabilities(self, object_id: int) -> zarr.Array | None:
        """Return the soft masks of an object, of shape (T, h, w), uint8, 255 for certain."""
        return self._results.soft(object_id).array

    def probability_ids(self) -> list[int]:
        """Return the objects that have soft masks, in order."""
        return self._results.soft_ids()

    def write_frame(
        self,
        index: int,
        labels: Labels,
        scores: NDArray[np.floating[Any]] | None,
        probabilities: Mapping[int, NDArray[np.uint8]] | None,
    ) -> None:
        """Replace the results of a frame; see `SessionResults.write`."""
        with self._writing:
            self._results.write(index, labels, scores, probabilities or {})

    def save_run(self, description: Mapping[str, Any], state: Mapping[str, Tensor]) -> None:
        """Save what an unfinished run is, as JSON, and `Propagation.state_dict`."""
        with self._writing:
            save_run(self.path, description, state)

    @property
    def is_there(self) -> bool:
        """Whether the folder has not been deleted or moved meanwhile."""
        return is_session(self.path)

    @property
    def is_away(self) -> bool:
        """Whether the drive that the folder is on does not answer, or is not there any more."""
        return unreachable(self.path) or device(self.path) != self._drive

    @property
    def has_run(self) -> bool:
        """Whether there is an unfinished run."""
        return has_run(self.path)

    def load_run(self) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
        """Return description and state of the unfinished run; None if there is none.

        The description is as JSON gives it back: with lists for tuples.
        """
        return load_run(self.path)

    def end_run(self) -> None:
        """Forget the unfinished run."""
        with self._writing:
            delete_run(self.path)

    def _load(self) -> None:
        """Read what is there, after tidying up behind a killed program."""
        remove_temporaries(self.path)
        self._files.tidy()
        _, self.settings = load_header(self.path)
        self._results.load()
        self.objects = load_objects(self.path)
        self.timeline = load_timeline(self.path / _TIMELINE, self.video.shape[0])
        self.keyframes, self.complete = self._files.load(self.video.shape)
        self.timeline.keyframes = set(self.keyframes)
        self.timeline.filled[self._results.written()] = True
        lost = missing(self.timeline, self._results.masks_written(), self.complete)
        if lost := sorted({*self._results.lost(), *lost}):
            self.timeline.filled[lost] = False
            logger.warning(
                "%s: the masks of frame %s are not there, lost in a power cut perhaps. Fill them "
                "again.",
                *(self.path, ", ".join(map(str, lost))),
            )


def _check_links(path: Path) -> None:
    """Refuse a folder from which something would be read or written elsewhere."""
    inside = path.resolve()
    for folder, names, files in os.walk(inside):
        for name in (*names, *files):
            place = Path(folder, name)
            if place.is_symlink() and inside not in place.resolve().parents:
                raise SessionError(
                    f"{path.name} holds a link that leads out of it, "
                    f"{place.relative_to(inside)}, so it is not opened. If you trust it, put what "
                    "the link points to in its place."
                )
