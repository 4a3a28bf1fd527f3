"""Whether tables of measurements still say what the masks are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from qtpy.QtCore import QObject, Signal

from napari_frtm.plugin.view.workspace_view import WorkspaceView, workspace_view

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import numpy as np
    from napari.layers import Labels
    from napari.utils.events import Event
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_frtm.io.session.objects import SessionObject
    from napari_frtm.plugin.work.session import Session


@dataclass(slots=True, eq=False)
class _Table:
    """What a table was made from, and what has changed since."""

    session: Session | None = None
    objects: Mapping[int, SessionObject] = field(default_factory=dict)
    frozen: NDArray[np.bool_] | None = None
    frames: set[int] = field(default_factory=set)
    other: bool = False


class Tables(QObject):  # type: ignore[misc]
    """Follows the masks that were measured in a viewer; get it with `tables`.

    Attributes
    ----------
    changed : Signal
        A table has become stale, or was made again.
    """

    changed = Signal()

    def __init__(self, workspace_view: WorkspaceView) -> None:
        super().__init__(workspace_view)
        self._tables: WeakKeyDictionary[Labels, _Table] = WeakKeyDictionary()

    def measured(
        self, layer: Labels, session: Session | None, meanwhile: Collection[int] = ()
    ) -> None:
        """Note that the features of a layer are of its masks as they are now.

        Parameters
        ----------
        layer : napari.layers.Labels
            What was measured.
        session : Session or None
            Whose masks it shows.
        meanwhile : collection of int
            Frames that have changed since they were looked at.
        """
        known = self._tables.get(layer)
        table = _Table(session, frames=set(meanwhile))
        self._tables[layer] = table
        if session is None:
            if known is None:
                for event in (layer.events.paint, layer.events.data):
                    event.connect(self._painted)
        else:
            table.objects = session.store.objects
            table.frozen = session.timeline.frozen.copy()
            if known is None or known.session is not session:
                session.redrawn.connect(self._redrawn)
                session.changed.connect(self._look)
        self.changed.emit()

    def remark(self, layer: Labels | None) -> str:
        """Return what has changed since a layer was measured, for the user; empty if nothing."""
        table = None if layer is None else self._tables.get(layer)
        if table is None or not (table.frames or table.other):
            return ""
        count = len(table.frames)
        what = f"{count} frame{'s' if count > 1 else ''}" if count else "Objects or frames"
        was = "was" if count == 1 else "were"
        return f"{what} {was} changed since this was measured. Measure again."

    def _redrawn(self, frames: set[int]) -> None:
        session = self.sender()
        for table in self._tables.values():
            if table.session is session:
                table.frames |= frames
        self.changed.emit()

    def _look(self) -> None:
        """Look whether names, parents or frozen frames are others than those in a table."""
        sender = self.sender()
        for table in self._tables.values():
            session = table.session
            if session is None or session is not sender or table.other:
                continue
            thawed = table.frozen is None or (session.timeline.frozen != table.frozen).any()
            table.other = bool(thawed) or session.store.objects != table.objects
            if table.other:
                self.changed.emit()

    def _painted(self, event: Event) -> None:
        table = self._tables.get(event.source)
        if table is not None:
            table.other = True
            self.changed.emit()


def tables(viewer: Viewer) -> Tables:
    """Return what knows of the tables of a viewer, the same for all docks."""
    around = workspace_view(viewer)
    return around.findChild(Tables) or Tables(around)
