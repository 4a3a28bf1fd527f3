"""The sessions of a viewer: one for each video that is being worked on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtCore import QObject, Signal

from napari_frtm.errors import FrtmError
from napari_frtm.io.session.folder import SessionFolder, VideoIdentity, is_session, session_path
from napari_frtm.io.session.identity import load_header
from napari_frtm.plugin.preferences import Place, preferences
from napari_frtm.plugin.source.axes import VideoAxes
from napari_frtm.plugin.source.layers import video_frames
from napari_frtm.plugin.work.session import Session

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.utils.events import Event
    from napari.viewer import Viewer

SESSION = "napari-frtm session"
"""Key of a video layer's metadata: the folder that it was opened from."""

_OF_VIEWERS: WeakKeyDictionary[Viewer, Sessions] = WeakKeyDictionary()  # docks share them


class Sessions(QObject):  # type: ignore[misc]
    """The sessions of one viewer; get them with `watch`."""

    changed = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self._open: list[Session] = []
        viewer.layers.events.removed.connect(self._removed)

    @property
    def open(self) -> list[Session]:
        """Those that have begun, in that order."""
        return list(self._open)

    def find(self, video: Image | None) -> Session | None:
        """Return the session of a video, if one has begun."""
        return next((s for s in self._open if s.video is video), None)

    def of(self, video: Image, axes: VideoAxes) -> Session:
        """Return the session of a video; a new one if there is none, or not with these axes.

        Earlier work on the video that was saved is taken up.

        Raises
        ------
        FrtmError
            If the layer is no video.
        """
        known = self.find(video)
        if known is not None and known.axes == axes:
            return known
        session = Session(self._viewer, video, axes)
        if known is not None:
            self._end(known)
        self._open.append(session)
        session.saver.failed.connect(_say_unsaved)
        self._take_up(session)
        self.changed.emit()
        return session

    def resume(self, video: Image) -> Session | None:
        """Return the session of a video if there is one, here or saved where it belongs."""
        known = self.find(video)
        path = folder_of(video)
        if known is not None or path is None or not is_session(path):
            return known
        try:
            saved = load_header(path)[1].get("axes")
            return self.of(video, video_frames(video, saved and VideoAxes(**saved)).axes)
        except FrtmError as error:
            show_error(str(error))
            return None

    def close(self) -> None:
        """Save what is left to save."""
        for session in self.open:
            self._end(session)

    def _take_up(self, session: Session) -> None:
        path = folder_of(session.video)
        if path is None or not is_session(path):
            return
        try:
            folder = SessionFolder.open(path)
            if folder.video.digest != identity(session).digest:
                folder.release()
                show_warning(
                    f"{path.name} belongs to another video than '{session.video.name}', so it is "
                    "left alone. Choose another folder to save this work in (Advanced, Save in)."
                )
                return
            session.take_up(folder)
        except FrtmError as error:
            show_error(str(error))
            return
        show_info(f"Earlier work on '{session.video.name}' was taken up from {path}.")

    def _end(self, session: Session) -> None:
        self._open.remove(session)
        session.close()
        self.changed.emit()

    def _removed(self, event: Event) -> None:
        session = self.find(event.value)
        if session is not None:
            self._end(session)


def watch(viewer: Viewer) -> Sessions:
    """Return the sessions of a viewer, the same for all docks."""
    if viewer not in _OF_VIEWERS:
        _OF_VIEWERS[viewer] = Sessions(viewer)
    return _OF_VIEWERS[viewer]


def open_sessions(viewer: Viewer) -> list[Session]:
    """Return the sessions that have begun in a viewer."""
    return watch(viewer).open


def folder_of(video: Image) -> Path | None:
    """Return where work on a video is saved if the user says nothing; None for nowhere.

    Nowhere, that is for what came from no file, or if the user prefers it so.
    """
    if SESSION in video.metadata:
        return Path(video.metadata[SESSION])
    source, wanted = source_of(video), preferences()
    if source is None or not wanted.saves:
        return None
    return session_path(source, source.stem, beside=wanted.place is Place.BESIDE)


def source_of(video: Image) -> Path | None:
    """Return the file or folder that a video was opened from; None for samples and arrays."""
    if video.source.sample is not None:
        return None
    path = video.source.path or video.metadata.get("source")
    return Path(path) if path else None


def save_in(session: Session, path: Path) -> None:
    """Keep a session in a folder from now on, what is there already included.

    Raises
    ------
    FrtmError
        If the folder cannot be written, or holds something else.
    """
    current = session.results.folder
    if current is None or current.path != path:
        session.keep_in(SessionFolder.create(path, identity(session)))
        if current is not None:
            current.release()


def identity(session: Session) -> VideoIdentity:
    """Return what the video of a session is recognised by."""
    source = source_of(session.video)
    return VideoIdentity.of(session.frames, None if source is None else str(source))


def _say_unsaved(reason: str) -> None:
    show_error(f"Your work is not saved any more, but still here: {reason}")
