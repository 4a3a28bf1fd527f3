"""Notices which frames the user paints on, and when a stroke has been undone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer

from napari_frtm.session.store.history import Packed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator

    from napari.layers import Labels
    from napari.utils.events import Event
    from numpy.typing import NDArray

    from napari_frtm.plugin.source.axes import VideoAxes
    from napari_frtm.plugin.work.session import Session
    from napari_frtm.types import Labels as LabelImage

_PAUSE = 150  # milliseconds without a stroke before frames are looked at
_PASSIVE = ("pan_zoom", "transform", "pick")


class Painting(QObject):  # type: ignore[misc]
    """Watches a masks layer, and tells its session.

    From the press of the mouse on, runs wait before they write frames that the stroke may touch.
    Which frames it has touched is read from the atoms of napari's history, whatever axes are
    displayed and however many frames a brush reaches.

    Parameters
    ----------
    session : Session
        Whose masks the layer shows.
    layer : napari.layers.Labels
        The masks layer.
    reach : callable
        Gives the frames that the next stroke may touch.
    """

    def __init__(
        self, session: Session, layer: Labels, reach: Callable[[], Collection[int]]
    ) -> None:
        super().__init__()
        self._session = session
        self._layer = layer
        self._reach = reach
        self._dragging = self._was_stroking = False
        self._before: dict[int, NDArray[Any]] = {}  # by frame that was painted on just now
        self._recent: set[int] = set()  # frames of the last strokes
        self._undone: dict[int, Packed | None] = {}
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PAUSE)
        self._timer.timeout.connect(self.settle)
        layer.mouse_drag_callbacks.insert(0, self._drag)
        layer.events.paint.connect(self._painted)
        layer.events.set_data.connect(self._redrawn)

    @property
    def is_stroking(self) -> bool:
        """Whether the mouse is held on the layer."""
        return self._dragging

    def stop(self) -> None:
        """Look no longer."""
        self._dragging = False
        self.settle()
        self._layer.events.paint.disconnect(self._painted)
        self._layer.events.set_data.disconnect(self._redrawn)
        if self._drag in self._layer.mouse_drag_callbacks:
            self._layer.mouse_drag_callbacks.remove(self._drag)

    def settle(self) -> None:
        """Tell which frames have been painted on; done by itself a moment after a stroke.

        What was painted is put into the session, whose masks may be in another array by now: one
        that is saved.
        """
        self._timer.stop()
        before, self._before = self._before, {}
        for frame in sorted(before):
            painted = self._labels(frame)
            if not np.array_equal(painted, self._session.store.labels(frame)):
                self._session.store.put(frame, painted)
            labels = before[frame]
            self._undone.pop(frame, None)
            self._session.keyframes.paint(frame, Packed.of(labels) if labels.any() else None)
        if before:
            self._recent = set(before)
        else:
            self._look_for_undone()
        self._session.store.release()
        if self._was_stroking:  # what was to be shown meanwhile
            self._was_stroking = False
            self._session.touch()

    def _drag(self, layer: Labels, event: Event) -> Generator[None, None, None]:
        """Hold the frames that a stroke may touch while it lasts."""
        if layer.mode in _PASSIVE:
            return
        self._timer.stop()
        self._dragging = True
        self._session.store.hold(self._reach())
        yield
        while event.type == "mouse_move":
            yield
        self._dragging = False
        self._was_stroking = True
        self._timer.start()

    def _painted(self, event: Event) -> None:
        """Remember what frames showed before a stroke."""
        for atom in reversed(event.value):
            for frame in painted_frames_of(atom, self._session.source.axes.time):
                if frame not in self._before:
                    self._before[frame] = self._labels(frame)
                _revert(self._before[frame], atom, frame, self._session.source.axes)
        if not self._dragging:
            self._timer.start()

    def _labels(self, frame: int) -> NDArray[Any]:
        """Return a copy of what the layer shows on a frame, of shape (H, W)."""
        return np.array(self._layer.data[self._session.source.axes.frame_index(frame)])

    def _redrawn(self, event: Event) -> None:
        """After an undo napari draws the layer again, and says nothing else."""
        if self._recent and not self._dragging and not self._timer.isActive():
            self._timer.start()

    def _look_for_undone(self) -> None:
        """Let frames that look as before they were painted on be predicted again."""
        store = self._session.store
        for frame in sorted(self._recent):
            labels = store.labels(frame)
            if frame in self._undone:
                if not _same(labels, self._undone[frame]):
                    self._session.keyframes.paint(frame, self._undone.pop(frame))
                continue
            before = self._session.keyframes.before_painting.get(frame)
            if before is not None and _same(labels, before.masks):
                self._undone[frame] = before.masks
                self._session.keyframes.drop(frame)


def painted_frames_of(atom: Any, time: int) -> list[int]:
    """Return the frames that an atom of napari's history of a Labels layer has changed."""
    if hasattr(atom, "slice_key"):
        part = atom.slice_key[time]
        frames = range(part.start, part.stop)
        if atom.mask is None:
            return list(frames)
        others = tuple(axis for axis in range(atom.mask.ndim) if axis != time)
        return [frames[i] for i in np.flatnonzero(atom.mask.any(axis=others))]
    return sorted(set(np.atleast_1d(np.asarray(atom[0][time])).ravel().tolist()))


def _revert(labels: LabelImage, atom: Any, frame: int, axes: VideoAxes) -> None:
    """Take back what an atom has changed in a frame's labels of shape (H, W), in place."""
    if not hasattr(atom, "slice_key"):
        indices = [np.atleast_1d(np.asarray(part)).ravel() for part in atom[0]]
        indices = [
            np.broadcast_to(part, np.broadcast_shapes(*(i.shape for i in indices)))
            for part in indices
        ]
        here = indices[axes.time] == frame
        old = np.broadcast_to(np.asarray(atom[1]).ravel(), here.shape)
        labels[indices[-2][here], indices[-1][here]] = old[here]
        return
    key = atom.slice_key
    place: tuple[Any, ...] = tuple(
        frame - key[axis].start if axis == axes.time else 0 for axis in range(len(key) - 2)
    )
    region = labels[key[-2], key[-1]]
    if atom.mask is None:
        region[...] = np.asarray(atom.old_values)[place]
        return
    old_values = np.zeros(atom.mask.shape, labels.dtype)
    old_values[atom.mask] = atom.old_values
    mask = atom.mask[place]
    region[mask] = old_values[place][mask]


def _same(labels: LabelImage, packed: Packed | None) -> bool:
    return not labels.any() if packed is None else np.array_equal(labels, packed.labels)
