"""The workspace of a viewer, and the sessions as they are shown in it."""

from __future__ import annotations

from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import QCoreApplication, QEvent, QObject, QTimer, Signal

from napari_frtm.errors import FrtmError
from napari_frtm.io.session.folder import is_session
from napari_frtm.io.session.identity import load_header
from napari_frtm.plugin.drive_warnings import show_silent_drives
from napari_frtm.plugin.source.axes import VideoAxes
from napari_frtm.plugin.source.video import SESSION, folder_of, video_source
from napari_frtm.plugin.view.ended_threads import forget_ended_threads
from napari_frtm.plugin.view.painted_layer import LabelsInput
from napari_frtm.plugin.view.result_layers import load_for_labels
from napari_frtm.plugin.view.session_view import SessionView
from napari_frtm.plugin.work.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from napari.layers import Image, Labels, Layer
    from napari.utils.events import Event
    from napari.viewer import Viewer

    from napari_frtm.plugin.work.session import Session

_DRAWN = 300  # milliseconds after which a brush that was put away is not in the picture any more

_OF_VIEWERS: WeakKeyDictionary[Viewer, WorkspaceView] = WeakKeyDictionary()


class WorkspaceView(QObject):  # type: ignore[misc]
    """Ties a viewer and its workspace; get it with `workspace_view`.

    It ends with the viewer's window, however that is closed, and does not keep the viewer alive.

    Attributes
    ----------
    workspace : Workspace
        What is being done in the viewer.
    moved : Signal
        Another frame is displayed.
    """

    moved = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.workspace = Workspace()
        self._viewer = ref(viewer)
        self._views: dict[Session, SessionView] = {}
        self._inputs: dict[tuple[Session, str], LabelsInput] = {}
        self._is_closed = False
        self.workspace.trouble.connect(show_error)
        self.workspace.taken_up.connect(self._taken_up)
        self.workspace.started.connect(self._bring_back)
        self.workspace.sending.returned.connect(self._take_back)
        self.workspace.run_changed.connect(self._forget_threads)
        viewer.layers.events.removed.connect(self._removed)
        viewer.dims.events.current_step.connect(self._moved)
        window = getattr(getattr(viewer, "window", None), "_qt_window", None)
        self._window = None if window is None else ref(window)
        if window is not None:
            window.installEventFilter(self)
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self.close)
        show_silent_drives()
        Thread(target=load_for_labels, name="frtm-labels", daemon=True).start()

    @property
    def viewer(self) -> Viewer:
        """The viewer."""
        viewer = self._viewer()
        if viewer is None:
            raise RuntimeError("The viewer of this workspace is gone.")
        return viewer

    @property
    def current(self) -> SessionView | None:
        """The session that docks, commands and keys act on."""
        session = self.workspace.current
        return None if session is None else self.view(session)

    def view(self, session: Session) -> SessionView:
        """Return a session as it is shown."""
        return self._views[session]

    def open(self, video: Image, axes: VideoAxes | None = None) -> SessionView:
        """Return the session of a video, which is the current one from now on.

        Parameters
        ----------
        video : napari.layers.Image
            The video.
        axes : VideoAxes, optional
            Its axes; those that were worked with last, or the likely ones, if not given.

        Raises
        ------
        FrtmError
            If the layer is no video.
        """
        if axes is None:
            known = self.workspace.of_layer(str(video.unique_id))
            axes = known[-1].source.axes if known else self._saved_axes(video)
        source = video_source(video, axes)
        session = self.workspace.find(source)
        if session is None:
            # the view comes first: others look for it as soon as the session is announced
            session = self.workspace.begin(source)
            self._views[session] = SessionView(self.viewer, session, video)
        self.workspace.session(source)
        return self._views[session]

    def resume(self, video: Image) -> SessionView | None:
        """Return the session of a video if there is one, here or saved where it belongs."""
        try:
            if self.workspace.of_layer(str(video.unique_id)):
                return self.open(video)
            folder = folder_of(video, video_source(video).axes)
            return self.open(video) if folder is not None and is_session(folder) else None
        except FrtmError as error:
            show_error(str(error))
            return None

    def _forget_threads(self) -> None:
        if (viewer := self._viewer()) is not None:
            forget_ended_threads(viewer)

    def hand_over(self, view: SessionView) -> Path:
        """Save a session and let go of it, so that other processes can work on it.

        Its video stays; its other layers come back with `resume`.

        Returns
        -------
        Path
            Its folder.

        Raises
        ------
        FrtmError
            If it is not saved, or cannot be, or is being worked on.
        """
        session = view.session
        folder = session.store.folder
        if folder is None:
            raise FrtmError(
                f"The work on '{session.source.name}' is not saved in a folder, where other "
                "processes could find it. Choose one: Advanced, Save in."
            )
        if self.workspace.is_busy or self.workspace.is_opening:
            raise FrtmError("Masks are still being changed. Try again in a moment.")
        session.announce()
        session.save_settings()
        if reason := session.store.saver.flush():
            raise FrtmError(reason)
        view.video.metadata[SESSION] = str(folder.path)
        results = view.results
        self.workspace.end(session)
        self._views.pop(session).close()
        for layer in results:
            layer.mode = "pan_zoom"
        # napari 0.9 crashes while it draws, if a layer goes before its brush has left the picture
        QTimer.singleShot(_DRAWN, partial(self._remove, results))
        return folder.path

    def _remove(self, layers: tuple[Layer, ...]) -> None:
        viewer = self._viewer()
        for layer in layers:
            if viewer is not None and layer in viewer.layers:
                viewer.layers.remove(layer)

    def _take_back(self, folder: Path) -> None:
        """Show a session again that was handed over, if its video is still there."""
        viewer = self._viewer()
        for layer in () if viewer is None or self._is_closed else viewer.layers:
            if layer.metadata.get(SESSION) == str(folder):
                self.resume(layer)

    def labels_input(self, session: Session, layer: Labels) -> LabelsInput:
        """Return what is known of a Labels layer that a session learns from."""
        key = session, str(layer.unique_id)
        if key not in self._inputs:
            self._inputs[key] = LabelsInput(layer, session.source.frames)
        return self._inputs[key]

    def close(self) -> None:
        """Save what is left to save, and end everything."""
        viewer = self._viewer()
        self.workspace.close()
        for view in self._views.values():
            view.close()
        self._views.clear()
        self._inputs.clear()
        if viewer is not None and _OF_VIEWERS.get(viewer) is self:
            viewer.layers.events.removed.disconnect(self._removed)
            viewer.dims.events.current_step.disconnect(self._moved)
            del _OF_VIEWERS[viewer]
        application = QCoreApplication.instance()
        if not self._is_closed and application is not None:
            application.aboutToQuit.disconnect(self.close)
        self._is_closed = True

    def eventFilter(self, window: QObject, event: QEvent) -> bool:
        """End with the window; let every event pass."""
        if event.type() == QEvent.Type.Close:
            QTimer.singleShot(0, self._look_at_window)  # the user may be asked, and say no
        elif event.type() == QEvent.Type.DeferredDelete:
            self.close()
        return False

    def _look_at_window(self) -> None:
        window = None if self._window is None else self._window()
        if window is not None and window.isHidden():
            self.close()

    def _saved_axes(self, video: Image) -> VideoAxes | None:
        """Return the axes that earlier work on a video was done with."""
        source = video_source(video)
        if source.folder is None or not is_session(source.folder):
            return None
        try:
            saved: dict[str, Any] | None = load_header(source.folder)[1].get("axes")
            return None if saved is None else VideoAxes.of_plain(saved)
        except FrtmError:
            return None  # said when it is opened
        except (TypeError, ValueError):
            return None  # of another version

    def _moved(self, event: Event) -> None:
        self.moved.emit()

    def _removed(self, event: Event) -> None:
        """End the work on a video that is removed; forget other layers."""
        layer = event.value
        for session in self.workspace.of_layer(str(layer.unique_id)):
            self._stop_run(session, layer)
            self.workspace.end(session)
            self._views.pop(session).close()
        for view in self._views.values():
            if layer is view.masks:
                self._stop_run(view.session, layer)
            view.removed(layer)
        gone = str(layer.unique_id)
        self._inputs = {key: value for key, value in self._inputs.items() if gone != key[1]}

    def _stop_run(self, session: Session, layer: Layer) -> None:
        run = self.workspace.run
        if run is not None and run.session is session and not run.stopping:
            show_info(f"'{layer.name}' was removed, so its propagation was stopped.")
            self.workspace.cancel()

    def _bring_back(self, session: Session) -> None:
        """Show layers again that were removed, for a run will write to them."""
        if session in self._views:
            self._views[session].bring_back()

    def _taken_up(self, session: Session) -> None:
        """Show the video as it was worked on, and say so."""
        self.view(session).show_as_before()
        folder = session.store.folder
        if folder is not None:
            show_info(f"Earlier work on '{session.source.name}' was taken up from {folder.path}.")


def workspace_view(viewer: Viewer) -> WorkspaceView:
    """Return the workspace of a viewer, the same for all docks and commands."""
    viewer = getattr(viewer, "__wrapped__", viewer)
    if viewer not in _OF_VIEWERS:
        _OF_VIEWERS[viewer] = WorkspaceView(viewer)
    return _OF_VIEWERS[viewer]
