"""Notices which frames the user paints on, and when a stroke has been undone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_frtm.plugin.work.history import Packed

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.utils.events import Event

    from napari_frtm.plugin.work.session import Session

_PAUSE = 150  # milliseconds without a stroke before a frame is looked at


class Painting(QObject):  # type: ignore[misc]
    """Watches the masks layer of a session.

    Attributes
    ----------
    predicted : dict of int to Packed
        What frames showed before the user painted on them, for those painted on since.
    """

    painted = Signal(int)
    unpainted = Signal(int)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.predicted: dict[int, Packed] = {}
        self._session = session
        self._layer: Labels | None = None
        self._before: tuple[int, Packed] | None = None
        self._strokes: set[int] = set()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PAUSE)
        self._timer.timeout.connect(self.settle)

    def watch(self, layer: Labels) -> None:
        """Look at another layer from now on."""
        self._layer = layer
        layer.events.paint.connect(self._stroke)
        layer.events.mode.connect(self._look)
        layer.events.set_data.connect(self._redrawn)

    def look(self) -> None:
        """Remember what the displayed frame shows, if the user may paint on it now."""
        if self._layer is None or self._layer.mode in ("pan_zoom", "transform", "pick"):
            self._before = None
            return
        frame = self._session.current
        if frame not in self.predicted:
            self._before = frame, Packed.of(self._session.labels(frame))

    def settle(self) -> None:
        """Say which frames have been painted on; done by itself a moment after a stroke."""
        self._timer.stop()
        strokes, self._strokes = self._strokes, set()
        for frame in sorted(strokes):
            self.painted.emit(frame)
        if not strokes:
            self._notice_undone()

    def _look(self, event: Event) -> None:
        self.look()

    def _stroke(self, event: Event) -> None:
        frame = self._session.current
        if self._before is not None and self._before[0] == frame:
            self.predicted.setdefault(frame, self._before[1])
        self._strokes.add(frame)
        self._timer.start()

    def _redrawn(self, event: Event) -> None:
        """After an undo napari draws the layer again, and says nothing else."""
        if self._session.current in self.predicted:
            self._timer.start()

    def _notice_undone(self) -> None:
        frame = self._session.current
        before = self.predicted.get(frame)
        if before is not None and np.array_equal(before.labels, self._session.labels(frame)):
            del self.predicted[frame]
            self.unpainted.emit(frame)
            self.look()
