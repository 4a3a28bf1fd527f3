"""Saves a session as it goes, in one background thread."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_frtm.errors import FrtmError

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from napari_frtm.io.session.folder import SessionFolder
    from napari_frtm.plugin.work.session import Session
    from napari_frtm.types import Labels

logger = logging.getLogger(__name__)


class Saver(QObject):  # type: ignore[misc]
    """Writes keyframes, timeline and settings of a session to its folder, if it has one.

    The first failure, such as a full disk, is announced by `failed`, and nothing is saved until
    the folder is set again; what was saved stays.
    """

    failed = Signal(str)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._thread: ThreadPoolExecutor | None = None
        self._timeline: Future[None] | None = None
        self._broken: SessionFolder | None = None

    @property
    def folder(self) -> SessionFolder | None:
        """Where to save; None if nowhere."""
        folder = self._session.results.folder
        return None if folder is self._broken else folder

    def keyframe(self, frame: int, labels: Labels) -> None:
        """Save a frame that the user has drawn; if on the result, as its masks as well."""
        complete = frame in self._session.complete
        if (folder := self.folder) is not None:
            self._submit(folder.save_keyframe, frame, labels, complete=complete)
            if complete:
                self._submit(folder.write_frame, frame, labels, None, None)

    def no_keyframe(self, frame: int) -> None:
        """Remove a keyframe from the folder."""
        if (folder := self.folder) is not None:
            self._submit(folder.delete_keyframe, frame)

    def timeline(self) -> None:
        """Save the timeline as it is now, unless one is waiting to be saved."""
        folder = self.folder
        if folder is None or (self._timeline is not None and not self._timeline.done()):
            return
        self._timeline = self._submit(folder.save_timeline, deepcopy(self._session.timeline))

    def settings(self, settings: dict[str, object]) -> None:
        """Save what the form says and how the results were made."""
        if (folder := self.folder) is not None:
            self._submit(folder.save_settings, settings)

    def close(self) -> None:
        """Finish saving, and let go of the folder."""
        if (folder := self.folder) is not None:
            self._submit(folder.save_timeline, deepcopy(self._session.timeline))
            self._submit(folder.release)
        if self._thread is not None:
            self._thread.shutdown()

    def _submit(self, write: Callable[..., None], *args: object, **kwargs: object) -> Future[None]:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "frtm-saver")
        return self._thread.submit(self._write, self.folder, write, *args, **kwargs)

    def _write(
        self,
        folder: SessionFolder | None,
        write: Callable[..., None],
        *args: object,
        **kwargs: object,
    ) -> None:
        if folder is self._broken:
            return
        try:
            write(*args, **kwargs)
        except (FrtmError, OSError) as error:
            logger.warning("The session is not saved any more: %s", error)
            self._broken = folder
            self.failed.emit(str(error))
