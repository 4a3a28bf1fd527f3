"""A Labels layer of the user's that a session learns from: which of its frames have to be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_frtm.plugin.run.prepare import PaintedLayer
from napari_frtm.plugin.view.painting import painted_frames_of

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.utils.events import Event

    from napari_frtm.plugin.source.axes import LayerFrames
    from napari_frtm.types import Labels as LabelImage


class LabelsInput:
    """Remembers which frames of a layer were read, and which were painted on since.

    An array in memory is read anew as a whole, which takes a moment: scripts write to it without
    a word. From lazy ones only what was painted on since is read again.

    Parameters
    ----------
    layer : napari.layers.Labels
        The layer; it is not changed.
    frames : LayerFrames
        Of the video.
    """

    def __init__(self, layer: Labels, frames: LayerFrames) -> None:
        self._layer = layer
        self._axes = frames.axes
        self._everywhere = range(frames.shape[0])
        self._unread: set[int] | None = None  # None: all of them
        layer.events.paint.connect(self._painted)
        layer.events.data.connect(self._replaced)
        layer.events.set_data.connect(self._redrawn)
        self._recent: set[int] = set()

    def unread(self, here: int) -> PaintedLayer:
        """Return the layer with the frames that have to be read; one image is painted on `here`."""
        data = self._layer.data
        if data.ndim == 2:
            return PaintedLayer(name=self._layer.name, data=data, frames=(here,), axes=self._axes)
        whole = self._unread is None or type(data) is np.ndarray
        frames = self._everywhere if whole else sorted(self._unread or ())
        return PaintedLayer(name=self._layer.name, data=data, frames=frames, axes=self._axes)

    def read(self, painted: dict[int, LabelImage]) -> None:
        """Note that what `unread` returned has been read."""
        self._unread = set()

    def _painted(self, event: Event) -> None:
        axes = self._axes
        time = axes.time if self._layer.ndim == axes.ndim else 0
        self._recent = {t for atom in event.value for t in painted_frames_of(atom, time)}
        if self._unread is not None:
            self._unread |= self._recent

    def _redrawn(self, event: Event) -> None:
        """After an undo napari draws the layer again, and says nothing else."""
        if self._unread is not None:
            self._unread |= self._recent

    def _replaced(self, event: Any) -> None:
        self._unread = None
