"""Commands of napari's menus, command palette and keys; each calls a dock or a session."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_info, show_warning

from napari_frtm.errors import FrtmError

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari.viewer
    from qtpy.QtWidgets import QWidget

    from napari_frtm.plugin.docks.propagate.dock import Propagate
    from napari_frtm.plugin.work.session import Session


def _command(does: Callable[[Any], None]) -> Callable[[Any], None]:
    """Show the user what is in the way, and see through the proxy that napari's menus hand out."""

    @wraps(does)
    def command(viewer: napari.viewer.Viewer) -> None:
        try:
            does(getattr(viewer, "__wrapped__", viewer))
        except FrtmError as error:
            show_warning(str(error))

    return command


@_command
def start_or_pause(viewer: napari.viewer.Viewer) -> None:
    """Start a run; pause the one that is under way, or go on with it."""
    dock = _propagate(viewer)
    if dock.running:
        dock.toggle_pause()
    else:
        dock.start_range()


@_command
def propagate_from_here(viewer: napari.viewer.Viewer) -> None:
    """Compute again what depends on the displayed frame only."""
    dock = _propagate(viewer)
    if dock.running:
        raise FrtmError("A run is under way. Wait until it is done, or cancel it.")
    dock.start_here()


@_command
def cancel(viewer: napari.viewer.Viewer) -> None:
    """Stop the run that is under way; finished frames stay."""
    dock = _open_propagate(viewer)
    if dock is None or not dock.running:
        raise FrtmError("No run is under way.")
    dock.cancel()


@_command
def set_in(viewer: napari.viewer.Viewer) -> None:
    """Let the range begin at the displayed frame."""
    _with_video(viewer).set_in()


@_command
def set_out(viewer: napari.viewer.Viewer) -> None:
    """Let the range end at the displayed frame."""
    _with_video(viewer).set_out()


@_command
def toggle_keyframe(viewer: napari.viewer.Viewer) -> None:
    """Let the masks of the displayed frame count as drawn by the user, or no longer."""
    session = _session(viewer)
    drawn = session.toggle_keyframe()
    what = "a keyframe" if drawn else "no longer a keyframe"
    viewer.status = f"Frame {session.current} is {what}."


@_command
def toggle_frozen(viewer: napari.viewer.Viewer) -> None:
    """Accept the displayed frame, so that nothing overwrites it, or give it free again."""
    session = _session(viewer)
    frozen = session.toggle_frozen()
    viewer.status = f"Frame {session.current} is {'frozen' if frozen else 'free again'}."


@_command
def next_keyframe(viewer: napari.viewer.Viewer) -> None:
    """Display the next keyframe; the first one behind the last."""
    session = _session(viewer)
    frames = _keyframes(session)
    session.go_to(min((t for t in frames if t > session.current), default=min(frames)))


@_command
def previous_keyframe(viewer: napari.viewer.Viewer) -> None:
    """Display the previous keyframe; the last one before the first."""
    session = _session(viewer)
    frames = _keyframes(session)
    session.go_to(max((t for t in frames if t < session.current), default=max(frames)))


@_command
def next_doubtful(viewer: napari.viewer.Viewer) -> None:
    """Display the worst frame of the next stretch of doubtful ones."""
    go_to_doubtful(_session(viewer))


@_command
def previous_doubtful(viewer: napari.viewer.Viewer) -> None:
    """Display the worst frame of the stretch of doubtful ones before."""
    go_to_doubtful(_session(viewer), backward=True)


@_command
def undo(viewer: napari.viewer.Viewer) -> None:
    """Undo the last run or clean-up as a whole."""
    session = _session(viewer)
    dock = _open_propagate(viewer)
    if dock is not None and dock.running:
        raise FrtmError("A run is under way. Cancel it first; then it can be undone.")
    name = session.undo()
    if name is None:
        raise FrtmError("There is no run or clean-up to undo. Strokes are undone with Ctrl-Z.")
    show_info(f"Undone: {name}.")


@_command
def show_keys(viewer: napari.viewer.Viewer) -> None:
    """Show the list of keys, or hide it."""
    from napari_frtm.plugin.docks.keys import Keys

    shown = _dock(viewer, Keys)
    if shown is None:
        viewer.window.add_dock_widget(Keys(viewer), name="Keys (FRTM)")
    else:
        around = shown.parentWidget()
        around.setVisible(around.isHidden())


def _propagate(viewer: napari.viewer.Viewer) -> Propagate:
    """Return the dock *Propagate*; open it if it is not, as napari's menu does."""
    from napari_frtm.plugin.docks.propagate.dock import Propagate

    dock = _open_propagate(viewer)
    if dock is None:
        dock = Propagate(viewer)
        viewer.window.add_dock_widget(dock, name="Propagate (FRTM)")
    dock.parentWidget().setVisible(True)
    return dock


def _open_propagate(viewer: napari.viewer.Viewer) -> Propagate | None:
    from napari_frtm.plugin.docks.propagate.dock import Propagate

    dock: Propagate | None = _dock(viewer, Propagate)
    return dock


def _dock(viewer: napari.viewer.Viewer, kind: type[QWidget]) -> Any:
    docks = viewer.window.dock_widgets.values()
    return next((dock for dock in docks if isinstance(dock, kind)), None)


def _with_video(viewer: napari.viewer.Viewer) -> Propagate:
    dock = _propagate(viewer)
    if dock.form.video.layer is None:
        raise FrtmError(dock.form.missing)
    return dock


def _session(viewer: napari.viewer.Viewer) -> Session:
    """Return the work on the video of *Propagate*; else that of *Review*, else the latest."""
    from napari_frtm.plugin.docks.review.dock import Review
    from napari_frtm.plugin.work.workspace import open_sessions

    dock = _open_propagate(viewer) or _dock(viewer, Review)
    session = dock.session if dock is not None else next(reversed(open_sessions(viewer)), None)
    if session is None:
        raise FrtmError("There are no masks yet. Paint an object on a frame, and press Start.")
    return session


def _keyframes(session: Session) -> set[int]:
    if not session.keyframes:
        raise FrtmError("There is no keyframe yet. Painting on the masks of a frame makes it one.")
    return set(session.keyframes)


def go_to_doubtful(session: Session, *, backward: bool = False) -> None:
    """Display the worst frame of the next doubtful stretch, or of the one before."""
    frame = session.timeline.next_doubtful(session.current, session.doubtful, backward=backward)
    if frame is None:
        show_info("No frame is doubtful.")
        return
    session.go_to(frame)
