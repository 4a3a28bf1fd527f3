"""Commands of napari's menus, command palette and keys; each acts on the viewer's workspace."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Protocol

from napari.utils.notifications import show_info, show_warning
from npe2 import PluginManager

from napari_frtm.errors import FrtmError
from napari_frtm.plugin.view.matte_view import matte_view
from napari_frtm.plugin.view.workspace_view import workspace_view

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari.viewer

    from napari_frtm.plugin.view.session_view import SessionView

PLUGIN = "napari-frtm"
_TITLE = "{} (FRTM)"


class PropagateDock(Protocol):
    """What commands do with the dock *Propagate*."""

    form: Any
    session_view: SessionView | None

    def start_range(self) -> None:
        """Fill the frames from In to Out."""

    def start_here(self) -> None:
        """Compute again what depends on the displayed frame."""

    def new_masks(self) -> None:
        """Add a layer to paint on."""


"""How napari's menu names our docks; ``add_plugin_dock_widget`` gives them other names."""


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
    workspace = workspace_view(viewer).workspace
    if workspace.run is not None:
        workspace.toggle_pause()
    else:
        _propagate(viewer).start_range()


@_command
def propagate_from_here(viewer: napari.viewer.Viewer) -> None:
    """Compute again what depends on the displayed frame only."""
    if workspace_view(viewer).workspace.run is not None:
        raise FrtmError("A run is under way. Wait until it is done, or cancel it.")
    _propagate(viewer).start_here()


@_command
def cancel(viewer: napari.viewer.Viewer) -> None:
    """Stop the run that is under way; finished frames stay."""
    workspace = workspace_view(viewer).workspace
    if workspace.run is None:
        raise FrtmError("No run is under way.")
    workspace.cancel()


@_command
def set_in(viewer: napari.viewer.Viewer) -> None:
    """Let the range begin at the displayed frame."""
    view = _with_video(viewer)
    stop = view.session.span.stop
    frame = view.current
    view.session.set_span(range(frame, stop if frame < stop else view.session.source.size[0]))


@_command
def set_out(viewer: napari.viewer.Viewer) -> None:
    """Let the range end at the displayed frame."""
    view = _with_video(viewer)
    frame, start = view.current, view.session.span.start
    view.session.set_span(range(start if start <= frame else 0, frame + 1))


@_command
def toggle_keyframe(viewer: napari.viewer.Viewer) -> None:
    """Let the masks of the displayed frame count as drawn by the user, or no longer."""
    view = _with_work(viewer)
    frame = view.current
    drawn = view.session.keyframes.toggle(frame)
    what = "a keyframe" if drawn else "no longer a keyframe"
    viewer.status = f"Frame {frame} is {what}."


@_command
def toggle_frozen(viewer: napari.viewer.Viewer) -> None:
    """Accept the displayed frame, so that nothing overwrites it, or give it free again."""
    view = _with_work(viewer)
    frame = view.current
    frozen = not view.session.timeline.frozen[frame]
    view.session.freeze([frame], frozen)
    viewer.status = f"Frame {frame} is {'frozen' if frozen else 'free again'}."


@_command
def next_keyframe(viewer: napari.viewer.Viewer) -> None:
    """Display the next keyframe; the first one behind the last."""
    view = _with_work(viewer)
    frames = _keyframes(view)
    view.go_to(min((t for t in frames if t > view.current), default=min(frames)))


@_command
def previous_keyframe(viewer: napari.viewer.Viewer) -> None:
    """Display the previous keyframe; the last one before the first."""
    view = _with_work(viewer)
    frames = _keyframes(view)
    view.go_to(max((t for t in frames if t < view.current), default=max(frames)))


@_command
def next_doubtful(viewer: napari.viewer.Viewer) -> None:
    """Display the worst frame of the next stretch of doubtful ones."""
    _go_to_doubtful(_with_work(viewer))


@_command
def previous_doubtful(viewer: napari.viewer.Viewer) -> None:
    """Display the worst frame of the stretch of doubtful ones before."""
    _go_to_doubtful(_with_work(viewer), backward=True)


@_command
def undo(viewer: napari.viewer.Viewer) -> None:
    """Undo the last run, clean-up or change of objects as a whole."""
    name = _idle(viewer).session.edits.undo()
    if name is None:
        raise FrtmError(
            "There is no run, clean-up or change of objects to undo. Strokes are undone with "
            "Ctrl-Z."
        )
    show_info(f"Undone: {name}.")


@_command
def redo(viewer: napari.viewer.Viewer) -> None:
    """Redo what was undone last."""
    name = _idle(viewer).session.edits.redo()
    if name is None:
        raise FrtmError("There is nothing to redo.")
    show_info(f"Redone: {name}.")


@_command
def next_look(viewer: napari.viewer.Viewer) -> None:
    """Look at the displayed frame otherwise: alpha, outline, over plain colours, onion skin."""
    _with_work(viewer)
    look = matte_view(viewer).next_look()
    viewer.status = f"View: {look}."


@_command
def new_masks(viewer: napari.viewer.Viewer) -> None:
    """Add a layer to paint objects on."""
    _propagate(viewer).new_masks()


@_command
def show_keys(viewer: napari.viewer.Viewer) -> None:
    """Show the list of keys, or hide it."""
    known = _known(viewer, "Keys")
    if known is None:
        _open(viewer, "Keys")
    else:
        around = known.parentWidget()
        around.setVisible(around.isHidden())


def _propagate(viewer: napari.viewer.Viewer) -> PropagateDock:
    """Return the dock *Propagate*; open it if it is not."""
    dock = _known(viewer, "Propagate") or _open(viewer, "Propagate")
    dock.parentWidget().setVisible(True)
    shown: PropagateDock = dock
    return shown


def _known(viewer: napari.viewer.Viewer, name: str) -> Any:
    """Return a dock that is open or hidden, whoever has opened it; None if there is none."""
    docks = viewer.window.dock_widgets.values()
    return next((dock for dock in docks if getattr(dock, "dock_name", None) == name), None)


def _open(viewer: napari.viewer.Viewer, name: str) -> Any:
    """Open a dock of the manifest as napari's menu does, under the name that it has there."""
    dock = PluginManager.instance().commands.get(f"{PLUGIN}.{name.lower()}")(viewer)
    viewer.window.add_dock_widget(dock, name=_TITLE.format(name))
    return dock


def _with_video(viewer: napari.viewer.Viewer) -> SessionView:
    """Return the session of the current video; that of *Propagate*'s if none is yet."""
    view = workspace_view(viewer).current
    if view is None:
        dock = _propagate(viewer)
        view = dock.session_view
        if view is None:
            raise FrtmError(dock.form.missing or "Choose a video in Propagate first.")
    return view


def _with_work(viewer: napari.viewer.Viewer) -> SessionView:
    """Return the session of the current video, in which there is something."""
    view = workspace_view(viewer).current
    if view is None or not view.session.has_work:
        raise FrtmError("There are no masks yet. Paint an object on a frame, and press Start.")
    return view


def _idle(viewer: napari.viewer.Viewer) -> SessionView:
    if workspace_view(viewer).workspace.run is not None:
        raise FrtmError("A run is under way. Cancel it first; then it can be undone.")
    return _with_work(viewer)


def _keyframes(view: SessionView) -> list[int]:
    if not view.session.store.keyframes:
        raise FrtmError("There is no keyframe yet. Painting on the masks of a frame makes it one.")
    return sorted(view.session.store.keyframes)


def _go_to_doubtful(view: SessionView, *, backward: bool = False) -> None:
    """Display the worst frame of the next doubtful stretch, or of the one before."""
    session = view.session
    frame = session.timeline.next_doubtful(view.current, session.doubtful, backward=backward)
    if frame is None:
        show_info("No frame is doubtful.")
        return
    view.go_to(frame)
