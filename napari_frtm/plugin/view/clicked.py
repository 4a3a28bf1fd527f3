"""One click on a picture, told as a pixel of a video."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakMethod, ref

from qtpy.QtCore import QTimer

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.utils.events import Event
    from napari.viewer import Viewer

    from napari_frtm.plugin.view.session_view import SessionView


class OneClick:
    """Waits for a click on the masks of a session; nothing is painted meanwhile.

    Parameters
    ----------
    view : SessionView
        Its masks layer must be there. Not kept alive.
    told : bound method
        Called with row and column of the pixel; its object is not kept alive.
    """

    def __init__(self, view: SessionView, told: Callable[[int, int], None]) -> None:
        assert view.masks is not None
        self._view = ref(view)
        self._told = WeakMethod(told)
        self._mode = str(view.masks.mode)
        view.viewer.layers.selection.active = view.masks
        view.masks.mode = "pan_zoom"
        view.viewer.mouse_drag_callbacks.append(self._clicked)

    def forget(self) -> None:
        """Wait no longer; the tool of before comes back."""
        view = self._view()
        if view is None:
            return
        if self._clicked in view.viewer.mouse_drag_callbacks:
            view.viewer.mouse_drag_callbacks.remove(self._clicked)
        QTimer.singleShot(0, self._restore_mode)  # else the brush would take the click as well

    def _restore_mode(self) -> None:
        view = self._view()
        if view is not None and view.masks is not None and view.masks.mode == "pan_zoom":
            view.masks.mode = self._mode

    def _clicked(self, viewer: Viewer, event: Event) -> None:
        view, told = self._view(), self._told()
        if view is None or view.masks is None or told is None:
            return
        row, column = (round(x) for x in view.masks.world_to_data(event.position)[-2:])
        told(row, column)
