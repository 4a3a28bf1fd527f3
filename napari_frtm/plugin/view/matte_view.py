"""A layer over the displayed frame that shows its matte; it comes and goes with a look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Image
from qtpy.QtCore import QObject, Signal

from napari_frtm.io.export.overlay import to_uint8
from napari_frtm.plugin.view.matte_pictures import Look, matte, onion_skin, outlined, over
from napari_frtm.plugin.view.result_layers import mark
from napari_frtm.plugin.view.workspace_view import WorkspaceView, workspace_view

if TYPE_CHECKING:
    import numpy as np
    from napari.layers import Layer
    from napari.utils.events import Event
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_frtm.plugin.view.session_view import SessionView

_NAME = "matte view"


class MatteView(QObject):  # type: ignore[misc]
    """Shows the displayed frame of the current session by its matte; get it with `matte_view`.

    Only the displayed frame is computed.

    Attributes
    ----------
    look : Look
        How the frame is looked at; with `Look.MASKS` there is no layer.
    changed : Signal
        It is looked at otherwise.
    """

    changed = Signal()

    def __init__(self, workspace_view: WorkspaceView) -> None:
        super().__init__(workspace_view)
        self.look = Look.MASKS
        self._workspace_view = workspace_view
        self._layer: Image | None = None
        self._shows: SessionView | None = None
        workspace_view.moved.connect(self._follow)
        workspace_view.workspace.changed.connect(self._follow)
        workspace_view.viewer.layers.events.removed.connect(self._removed)

    def set_look(self, look: Look) -> None:
        """Look at frames otherwise from now on."""
        if look is self.look:
            return
        self.look = look
        self._follow()
        self.changed.emit()

    def next_look(self) -> Look:
        """Go on to the next look, and return it."""
        looks = list(Look)
        self.set_look(looks[(looks.index(self.look) + 1) % len(looks)])
        return self.look

    def _follow(self) -> None:
        """Show the displayed frame, or take the layer away."""
        view = self._workspace_view.current
        if view is not self._shows or self.look is Look.MASKS or view is None:
            self._take_away()
        if view is None or self.look is Look.MASKS:
            return
        picture = _picture(view, self.look)
        if self._layer is not None:
            self._layer.data = picture
            return
        self._shows, self._layer = view, _layer(picture, view)
        view.session.redrawn.connect(self._redrawn)
        layers = view.viewer.layers
        active = layers.selection.active
        layers.append(self._layer)
        layers.selection.active = active

    def _take_away(self) -> None:
        layer = self._layer
        self._forget()
        if layer is None:
            return
        layers = self._workspace_view.viewer.layers
        if layer in layers:
            layers.remove(layer)

    def _forget(self) -> None:
        if self._shows is not None:
            self._shows.session.redrawn.disconnect(self._redrawn)
        self._layer = self._shows = None

    def _redrawn(self, frames: set[int]) -> None:
        if self._shows is not None and self._shows.current in frames:
            self._follow()

    def _removed(self, event: Event) -> None:
        """Look at the masks again if the user has removed the layer."""
        if self._layer is not None and event.value is self._layer:
            self._forget()
            self.set_look(Look.MASKS)


def matte_view(viewer: Viewer) -> MatteView:
    """Return what shows mattes in a viewer, the same for all docks and commands."""
    around = workspace_view(viewer)
    return around.findChild(MatteView) or MatteView(around)


def _picture(view: SessionView, look: Look) -> NDArray[np.uint8]:
    """Return the displayed frame in a look, RGB of shape (H, W, 3)."""
    session, here = view.session, view.current
    store = session.store
    image = to_uint8(session.source.frames[here], session.source.contrast)
    if look is Look.OUTLINE:
        return outlined(image, store.labels(here), _colours(view))
    if look is Look.ONION:
        frames = store.keyframes
        before = max((t for t in frames if t < here), default=None)
        after = min((t for t in frames if t > here), default=None)
        skins = (None if t is None else frames[t] for t in (before, after))
        return onion_skin(image, store.labels(here), *skins)
    return over(image, matte(store, here), look)


def _colours(view: SessionView) -> dict[int, tuple[int, int, int]]:
    colours = {}
    for object_id in view.session.timeline.object_ids:
        found = None if view.masks is None else view.masks.get_color(object_id)
        rgb = (1.0, 1.0, 0.0) if found is None else tuple(float(c) for c in found[:3])
        colours[object_id] = (round(rgb[0] * 255), round(rgb[1] * 255), round(rgb[2] * 255))
    return colours


def _layer(picture: NDArray[np.uint8], view: SessionView) -> Image:
    video: Layer = view.video
    layer = Image(
        picture,
        rgb=True,
        name=_NAME,
        scale=video.scale[-2:],
        translate=video.translate[-2:],
        rotate=video.rotate[-2:, -2:],
        affine=video.affine.affine_matrix[-3:, -3:],
        units=video.units[-2:],
        axis_labels=video.axis_labels[-2:],
    )
    mark(layer, "matte view", view.video, [])
    return layer
