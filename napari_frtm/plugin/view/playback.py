"""Plays frames of a video over and over, by napari's own playback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_frtm.errors import FrtmError

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_frtm.plugin.view.session_view import SessionView


def play(view: SessionView, frames: range) -> None:
    """Play frames over and over, at the rate of the video if that is known.

    If something is being played, it is these frames from now on.

    Raises
    ------
    FrtmError
        If there is nothing to move through, or no slider of time.
    """
    if len(frames) < 2:
        raise FrtmError("In to Out is one frame. Drag them apart to play what is between them.")
    dims, axis = view.viewer.dims, _axis(view)
    if axis in dims.displayed:
        raise FrtmError("Time is an axis of the picture now, so it cannot be played.")
    fps = view.video.metadata.get("fps") or None  # None: as napari's preferences say
    _dims_widget(view.viewer).play(
        axis, fps=fps, loop_mode="loop", frame_range=(frames.start, frames.stop - 1)
    )


def stop(view: SessionView) -> None:
    """Stop playing; napari's own button plays all frames again."""
    widget = _dims_widget(view.viewer)
    widget.stop()
    widget.slider_widgets[_axis(view)].frame_range = None


def is_playing(viewer: Viewer) -> bool:
    """Whether napari plays anything."""
    return bool(_dims_widget(viewer)._animation_thread.isRunning())


def ended(viewer: Viewer) -> Any:
    """Return the signal that napari emits when it no longer plays; None without a window."""
    if not hasattr(viewer, "window"):
        return None
    return _dims_widget(viewer)._animation_thread.finished


def _axis(view: SessionView) -> int:
    return int(view.viewer.dims.ndim - view.video.ndim + view.session.source.axes.time)


def _dims_widget(viewer: Viewer) -> Any:
    return viewer.window._qt_viewer.dims  # napari has no public way to play
