"""The work on one video: its keyframes, results and timeline; what the docks show and change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_frtm.errors import FrtmError
from napari_frtm.plugin.source.layers import displayed_frame, video_frames
from napari_frtm.plugin.view.painting import Painting
from napari_frtm.plugin.view.result_layers import ResultLayers
from napari_frtm.plugin.work.edits import Edits
from napari_frtm.plugin.work.history import History, frame_before
from napari_frtm.plugin.work.saving import Saver
from napari_frtm.plugin.work.store import Results, areas
from napari_frtm.timeline import DOUBTFUL, Timeline

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from napari.layers import Image, Labels
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_frtm.io.session.folder import SessionFolder
    from napari_frtm.plugin.source.axes import VideoAxes
    from napari_frtm.plugin.work.history import Step
    from napari_frtm.plugin.work.store import Finished
    from napari_frtm.types import Labels as LabelImage

_ANNOUNCE = 100  # milliseconds between two updates of what is shown


class Session(QObject):  # type: ignore[misc]
    """The work on one video.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where the video is shown.
    video : napari.layers.Image
        The video.
    axes : VideoAxes
        Which axis of it is time, and what is taken of a further one.

    Attributes
    ----------
    timeline : Timeline
        What is known of each frame.
    keyframes : dict of int to array of shape (H, W)
        The frames that the user has drawn.
    complete : set of int
        Keyframes drawn on the result: they say where every object is.
    span : range
        In to Out.
    doubtful : float
        Confidence below which a frame is doubtful, in [0, 1].
    """

    changed = Signal()

    def __init__(self, viewer: Viewer, video: Image, axes: VideoAxes) -> None:
        super().__init__()
        self.viewer = viewer
        self.video = video
        self.axes = axes
        self.frames = video_frames(video, axes)
        length, height, width = self.frames.shape[:3]
        self.timeline = Timeline.empty(length)
        self.keyframes: dict[int, LabelImage] = {}
        self.complete: set[int] = set()
        self.span = range(length)
        self.doubtful = DOUBTFUL
        self.history = History()
        self.results = Results((length, height, width))
        self.layers = ResultLayers(self)
        self.painting = Painting(self)
        self.saver = Saver(self)
        self.edits = Edits(self)
        self._stale: set[int] = set()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._announce)
        self.painting.painted.connect(self.make_keyframe)
        self.painting.unpainted.connect(self._unpaint)
        viewer.dims.events.current_step.connect(self._moved)

    @property
    def masks(self) -> Labels | None:
        """The layer with the masks, if there is one."""
        return self.layers.masks

    @property
    def current(self) -> int:
        """The frame that is displayed."""
        return displayed_frame(self.video, self.viewer.dims.point, self.axes)

    def go_to(self, frame: int) -> None:
        """Display a frame."""
        place = np.zeros(self.video.ndim)
        place[self.axes.time] = frame
        world = self.video.data_to_world(place)[self.axes.time]
        offset = self.viewer.dims.ndim - self.video.ndim
        self.viewer.dims.set_point(offset + self.axes.time, world)

    def labels(self, frame: int) -> NDArray[np.integer]:
        """Return a copy of the masks of a frame, of shape (H, W)."""
        return self.results.labels(frame)

    def make_keyframe(self, frame: int) -> None:
        """Let the masks of a frame count as drawn by the user: all of them, and no others."""
        labels = self.labels(frame)
        self.keyframes[frame] = labels
        self.complete.add(frame)
        self._know(frame, labels, 1.0)
        self.history.discard(frame)
        self.saver.keyframe(frame, labels)
        self.touch(frame)

    def drop_keyframe(self, frame: int) -> None:
        """Let a frame be predicted again; what it showed before it was painted on comes back.

        Raises
        ------
        FrtmError
            If it was not drawn on the result.
        """
        if frame not in self.complete:
            raise FrtmError(
                f"Frame {frame} is no keyframe of the masks. If it is painted on your own labels "
                "layer, erase it there."
            )
        predicted = self.painting.predicted.pop(frame, None)
        if predicted is not None:
            self.results.put(frame, predicted.labels)
        self._unpaint(frame)

    def toggle_keyframe(self) -> bool:
        """Let the masks of the displayed frame count as drawn, or no longer; return which.

        Raises
        ------
        FrtmError
            If there are no masks, or the frame is painted on the user's own layer.
        """
        frame = self.current
        if frame in self.keyframes:
            self.drop_keyframe(frame)
            return False
        if not self.timeline.filled[frame]:
            raise FrtmError(
                f"Frame {frame} has no masks yet. Paint on it, or propagate to it first."
            )
        self.make_keyframe(frame)
        return True

    def toggle_frozen(self) -> bool:
        """Protect the displayed frame, or give it free again; return which."""
        frozen = not self.timeline.frozen[self.current]
        self.freeze([self.current], frozen)
        return frozen

    def freeze(self, frames: Iterable[int], frozen: bool) -> None:
        """Accept frames, so that nothing overwrites them, or give them free again."""
        self.timeline.frozen[list(frames)] = frozen
        self.touch()

    def protects(self, frame: int, drawn: Mapping[int, LabelImage]) -> bool:
        """Whether a run that knows these keyframes must leave a frame alone.

        That is, if it is frozen, or was painted on since the run began.
        """
        if self.timeline.frozen[frame]:
            return True
        return frame in self.complete and drawn.get(frame) is not self.keyframes[frame]

    def set_painted(self, painted: Mapping[int, LabelImage]) -> None:
        """Note which frames are painted on the user's own layer."""
        for frame in set(self.keyframes) - self.complete - set(painted):
            self._unpaint(frame)
        for frame, labels in painted.items():
            if frame not in self.complete:
                self.keyframes[frame] = labels
                self.timeline.keyframes.add(frame)
                self.saver.keyframe(frame, labels)
        self.touch()

    def take(self, finished: Sequence[Finished], step: Step) -> None:
        """Note what a run has written."""
        for item in finished:
            before = frame_before(self.timeline, item.index, item.before)
            step.before.setdefault(item.index, before)
            self.timeline.record(item.index, item.confidence, item.area)
            self._stale.add(item.index)
        if finished:
            self.touch()

    def edit(self, pairs: Iterable[tuple[int, LabelImage]], name: str) -> None:
        """Replace the masks of frames, as one step that can be undone; see `Edits.apply`."""
        self.edits.apply(pairs, name)

    def undo(self) -> str | None:
        """Undo the last run or clean-up; return its name, or None; see `Edits.undo`."""
        return self.edits.undo()

    @property
    def is_busy(self) -> bool:
        """Whether a clean-up or an undo still goes on."""
        return self.edits.is_busy

    def replace(self, frame: int, labels: LabelImage) -> None:
        """Replace the masks of a frame; if it is a keyframe, it stays one.

        Raises
        ------
        OutputError
            If the session folder cannot be written.
        """
        self.results.put(frame, labels)
        known = {i: float(values[frame]) for i, values in self.timeline.confidence.items()}
        self.timeline.record(frame, known, areas(labels, self.timeline.object_ids))
        if frame in self.complete:
            self.keyframes[frame] = np.array(labels)
            self.saver.keyframe(frame, self.keyframes[frame])
        self.touch(frame)

    def touch(self, frame: int | None = None) -> None:
        """Show and save what has changed, a little later; the masks of a frame, if one is given."""
        if frame is not None:
            self._stale.add(frame)
        if not self._timer.isActive():
            self._timer.start(_ANNOUNCE)

    def take_up(self, folder: SessionFolder) -> None:
        """Go on with earlier work, and save to its folder."""
        self.results.folder = folder
        self.timeline = folder.timeline
        self.keyframes = dict(folder.keyframes)
        self.complete = set(folder.complete)
        self.timeline.keyframes = set(self.keyframes)
        self.results.load()
        for frame in self.complete:  # a kill may have come between the two
            self.results.put(frame, self.keyframes[frame])
        self.layers.runs[:] = folder.settings.get("runs", [])
        self.layers.show()
        self.touch()

    def keep_in(self, folder: SessionFolder) -> None:
        """Save to a folder from now on, what is there already included.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        self.results.keep_in(folder)
        for frame, labels in self.keyframes.items():
            self.saver.keyframe(frame, labels)
        self.touch()

    def close(self) -> None:
        """Save what is left to save, and let go of the folder."""
        self.viewer.dims.events.current_step.disconnect(self._moved)
        self._timer.stop()
        self.saver.close()

    def _know(self, frame: int, labels: LabelImage, confidence: float) -> None:
        """Note what a keyframe shows."""
        ids = sorted({*self.timeline.object_ids, *np.unique(labels[labels > 0]).tolist()})
        self.timeline.keyframes.add(frame)
        self.timeline.record(frame, dict.fromkeys(ids, confidence), areas(labels, tuple(ids)))

    def _unpaint(self, frame: int) -> None:
        self.keyframes.pop(frame, None)
        self.complete.discard(frame)
        self.timeline.keyframes.discard(frame)
        self.saver.no_keyframe(frame)
        self.touch(frame)

    def _moved(self, event: object = None) -> None:
        self.painting.look()

    def _announce(self) -> None:
        if self.current in self._stale:
            self.layers.refresh()
            self.painting.look()
        self._stale.clear()
        self.saver.timeline()
        self.changed.emit()
