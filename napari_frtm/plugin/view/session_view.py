"""A session as a viewer shows it: the layers of its results, and what is painted on them."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
from qtpy.QtCore import QObject

from napari_frtm.plugin.source.array_view import with_axes
from napari_frtm.plugin.source.layers import contrast_of, displayed_frame, video_frames
from napari_frtm.plugin.source.video import video_source
from napari_frtm.plugin.view.painting import Painting
from napari_frtm.plugin.view.result_layers import (
    PLACEMENT,
    mark,
    masks_layer,
    move,
    over,
    probability_layer,
    score_stretch,
    scores_layer,
)
from napari_frtm.session.store.arrays import new_array

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from napari.layers import Image, Labels, Layer
    from napari.utils.events import Event
    from napari.viewer import Viewer

    from napari_frtm.plugin.work.session import Session


class SessionView(QObject):  # type: ignore[misc]
    """Shows a session in a viewer.

    Its layers follow the store's arrays and the video's place, name and data. If the user, or
    another plugin, gives the masks layer other data, these are the masks from then on.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where it is shown; not kept alive.
    session : Session
        What is shown.
    video : napari.layers.Image
        Its video.

    Attributes
    ----------
    masks, scores : napari layers or None
        Object ids and coarse scores; None while there are none, if the user removed the layer, or
        scores are not wanted.
    probabilities : dict of int to napari.layers.Image
        Soft masks by object.
    like : napari.layers.Labels or None
        A layer whose colours the masks are to have.
    """

    def __init__(self, viewer: Viewer, session: Session, video: Image) -> None:
        super().__init__()
        self.session = session
        self.video = video
        self.masks: Labels | None = None
        self.scores: Image | None = None
        self.probabilities: dict[int, Image] = {}
        self.painting: Painting | None = None
        self.like: Labels | None = None
        self._viewer = ref(viewer)
        self._name = video.name
        self._shown: dict[Layer, Any] = {}  # the array of the store that a layer shows
        self._scores_wanted = False
        self._masks_wanted = False  # also while nothing is drawn or found
        self._removed: set[str] = set()  # names of layers that the user has removed
        session.changed.connect(self.show)
        session.redrawn.connect(self._redraw)
        for name in PLACEMENT:
            getattr(video.events, name).connect(self._place_all)
        video.events.name.connect(self._rename)
        video.events.data.connect(self._follow_data)
        video.events.contrast_limits.connect(self._follow_look)
        video.events.gamma.connect(self._follow_look)
        self.show()

    @property
    def viewer(self) -> Viewer:
        """Where it is shown."""
        viewer = self._viewer()
        if viewer is None:
            raise RuntimeError("The viewer of this session is gone.")
        return viewer

    @property
    def results(self) -> tuple[Layer, ...]:
        """The layers that show what is known of the video."""
        return tuple(self._shown)

    @property
    def current(self) -> int:
        """The frame that is displayed."""
        axes = self.session.source.axes
        return displayed_frame(self.video, self.viewer.dims.point, axes)

    def go_to(self, frame: int) -> None:
        """Display a frame."""
        axes, dims = self.session.source.axes, self.viewer.dims
        position = np.zeros(self.video.ndim)
        position[axes.time] = frame
        world = self.video.data_to_world(position)[axes.time]
        dims.set_point(dims.ndim - self.video.ndim + axes.time, world)

    def show_as_before(self) -> None:
        """Show the video's intensities as its last run saw them."""
        contrast = self.session.last_contrast
        if contrast is not None:
            if not self.session.source.axes.blends:
                self.video.contrast_limits = contrast[:2]
            self.video.gamma = contrast.gamma

    def show(self) -> None:
        """Add layers for arrays that have none yet, and show other arrays where they are others."""
        store = self.session.store
        wanted = self._masks_wanted or bool(store.timeline.filled.any())
        if store.masks is not None and wanted and "masks" not in self._removed:
            if self.masks is None:
                self._add_masks(store.masks)
            self._attach(self.masks, store.masks)
        scores_wanted = self._scores_wanted and "scores" not in self._removed
        if store.scores is not None and (scores_wanted or self.scores is not None):
            if self.scores is None:
                self._add_scores(store.scores)
            self._attach(self.scores, store.scores)
        for object_id, array in store.probabilities.items():
            if f"probability {object_id}" not in self._removed:
                if object_id not in self.probabilities:
                    self._add_probability(object_id, array)
                self._attach(self.probabilities[object_id], array)

    def _add_masks(self, array: Any) -> None:
        layer = masks_layer(self._view_of(array), self.video, self._place(array))
        if self.like is not None:
            layer.colormap = copy(self.like.colormap)
        self._add(layer, "masks", array)
        layer.events.data.connect(self._take_masks)
        self.painting = Painting(self.session, layer, self._reach)
        self.masks = layer

    def _add_scores(self, array: Any) -> None:
        layer = scores_layer(self._view_of(array), self.video, self._place(array))
        self._add(layer, "scores", array)
        self.scores = layer

    def _add_probability(self, object_id: int, array: Any) -> None:
        place = self._place(array)
        layer = probability_layer(self._view_of(array), object_id, self.video, place)
        self._add(layer, "probability", array)
        self.probabilities[object_id] = layer

    def _view_of(self, array: Any) -> Any:
        """Return an array with the axes of the video's layer."""
        return with_axes(array, self.session.source.axes)

    def bring_back(self) -> None:
        """Show layers again that the user has removed."""
        self._removed.clear()
        self.show()

    def show_scores(self, shown: bool) -> None:
        """Show the coarse scores, now or once there are any; or hide them.

        Their layer is made when they are first wanted: napari takes a tenth of a second for it.
        """
        self._scores_wanted = shown
        if shown:
            self._removed.discard("scores")
        self.show()
        if self.scores is not None:
            self.scores.visible = shown

    def new_masks(self) -> Labels:
        """Return the masks layer, selected for painting; a new one if there is none."""
        self.session.store.make_room(1)
        self._masks_wanted = True
        self.bring_back()
        assert self.masks is not None
        self.viewer.layers.selection.active = self.masks
        self.masks.mode = "paint"
        return self.masks

    def removed(self, layer: Layer) -> None:
        """Forget a layer that the user has removed; what it showed stays in the session."""
        self._shown.pop(layer, None)
        if self.masks is not None and layer is self.masks:
            if self.painting is not None:
                self.painting.stop()
            self.masks.events.data.disconnect(self._take_masks)
            self.masks = self.painting = None
            self._removed.add("masks")
        elif layer is self.scores:
            self.scores = None
            self._removed.add("scores")
        for object_id, each in list(self.probabilities.items()):
            if each is layer:
                del self.probabilities[object_id]
                self._removed.add(f"probability {object_id}")

    def close(self) -> None:
        """Let go of the layers; those with results stay in the viewer as they are."""
        self.session.changed.disconnect(self.show)
        self.session.redrawn.disconnect(self._redraw)
        for name in PLACEMENT:
            getattr(self.video.events, name).disconnect(self._place_all)
        self.video.events.name.disconnect(self._rename)
        self.video.events.data.disconnect(self._follow_data)
        self.video.events.contrast_limits.disconnect(self._follow_look)
        self.video.events.gamma.disconnect(self._follow_look)
        for layer in list(self._shown):
            self.removed(layer)

    def _add(self, layer: Layer, kind: str, shown: Any) -> None:
        """Add a layer that shows an array, and leave the user's selection as it is."""
        mark(layer, kind, self.video, self.session.runs)
        self._shown[layer] = shown
        layers = self.viewer.layers
        active = layers.selection.active
        self.viewer.add_layer(layer)
        if active is not None:
            layers.selection.active = active

    def _attach(self, layer: Layer | None, array: Any) -> None:
        """Let a layer show an array of the store where it belongs; not during a stroke."""
        if layer is None or self._shown.get(layer) is array:
            return
        if array is self.session.store.masks and self.painting is not None:
            if self.painting.is_stroking:
                return
            self.painting.settle()
        self._shown[layer] = array
        layer.data = self._view_of(array)
        move(layer, self._place(array))

    def _place(self, array: Any) -> dict[str, Any]:
        """Return where a layer that shows an array of the store lies."""
        size = np.array(self.session.store.size[1:])
        stretch = size / array.shape[1:]
        if array is self.session.store.scores:
            stretch = score_stretch(self.session.store)
        return over(self.video, self.session.source.axes, stretch)

    def _redraw(self, frames: set[int]) -> None:
        """Draw the displayed frame of all layers again, if it has changed."""
        if self._viewer() is None or self.current not in frames:
            return
        for layer in (self.masks, self.scores, *self.probabilities.values()):
            if layer is not None and layer.visible:
                layer.refresh(extent=False, highlight=False, thumbnail=False)

    def _reach(self) -> Collection[int]:
        """Return the frames that the next stroke may touch."""
        time, viewer = self.session.source.axes.time, self.viewer
        offset = viewer.dims.ndim - self.video.ndim
        deep = self.masks is not None and self.masks.n_edit_dimensions > 2
        if deep or time + offset in viewer.dims.displayed:
            return range(self.session.source.size[0])
        return (self.current,)

    def _place_all(self, event: Event) -> None:
        """Lie over the video where it is now."""
        for layer, array in self._shown.items():
            move(layer, self._place(array))

    def _rename(self, event: Event) -> None:
        """Call the layers after the video, unless the user has renamed them."""
        before, self._name = self._name, self.video.name
        self.session.source = video_source(self.video, self.session.source.axes)
        for layer in self._shown:
            if layer.name.startswith(f"{before} "):
                layer.name = self._name + layer.name.removeprefix(before)
        self.session.touch()

    def _follow_data(self, event: Event) -> None:
        """Take frames from the video's new data from now on."""
        axes = self.session.source.axes
        if self.video.ndim == axes.ndim:
            source = video_source(self.video, axes)
            if source.size == self.session.source.size:
                self.session.source = source

    def _follow_look(self, event: Event) -> None:
        """See intensities as the video shows them from now on."""
        source, axes = self.session.source, self.session.source.axes
        frames = video_frames(self.video, axes) if axes.blends else source.frames  # by the limits
        contrast = contrast_of(self.video, axes)
        self.session.source = replace(source, frames=frames, contrast=contrast)

    def _take_masks(self, event: Event) -> None:
        """Let data that somebody else has given to the masks layer be the masks."""
        layer, store, axes = self.masks, self.session.store, self.session.source.axes
        if layer is None or layer not in self._shown:
            return
        shown, data = self._shown[layer], layer.data
        expected = axes.results_shape(*store.size)
        if data is shown or (isinstance(data, np.ndarray) and np.shares_memory(data, shown)):
            return
        if tuple(data.shape) != expected or self.session.edits.is_busy:
            self._refuse(layer, tuple(data.shape) != expected)
            return
        array = data.reshape(store.size) if isinstance(data, np.ndarray) else None
        if array is None or not array.flags.writeable:
            array = new_array(store.size, data.dtype)
            for frame in range(store.size[0]):
                array[frame] = np.asarray(data[axes.frame_index(frame)])
            layer.data = self._view_of(array)
        self._shown[layer] = array
        store.adopt(array)
        self.session.edits.apply_gradually(_pairs(shown, array), "New data of the masks")

    def _refuse(self, layer: Labels, other_shape: bool) -> None:
        """Let a layer go whose data cannot be the masks, or show the masks again."""
        from napari.utils.notifications import show_warning

        if other_shape:
            self.removed(layer)
            show_warning(
                f"'{layer.name}' has another shape than its video now, so it no longer shows the "
                "masks; they come back in a new layer."
            )
            self.session.touch()
            return
        layer.data = self._view_of(self._shown[layer])
        show_warning(
            "Masks are being changed, so the new data were not taken. Try again in a moment."
        )


def _pairs(old: Any, new: Any) -> Iterator[tuple[int, Any, Any]]:
    for frame in range(new.shape[0]):
        yield frame, np.asarray(old[frame]), np.asarray(new[frame])
