"""Choice of the masks to export: those of a session, or a Labels layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Labels
from qtpy.compat import isalive
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QSizePolicy
from superqt.utils import signals_blocked

from napari_frtm.plugin.view.result_layers import is_result

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_frtm.plugin.view.workspace_view import WorkspaceView
    from napari_frtm.plugin.work.session import Session


class SourceCombo(QComboBox):  # type: ignore[misc]
    """Sessions with work in them, then Labels layers; the current session unless the user chooses.

    Attributes
    ----------
    chosen : Signal
        Other masks are chosen.
    """

    chosen = Signal()

    def __init__(self, viewer: Viewer, view: WorkspaceView) -> None:
        super().__init__()
        self._viewer = viewer
        self._workspace = view.workspace
        self._offered: list[Session | Labels] = []
        self._texts: list[str] = []
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip("Which masks to export: those of a video worked on, or any Labels layer.")
        self.currentIndexChanged.connect(self.chosen)
        for event in ("inserted", "removed", "reordered", "renamed"):
            getattr(viewer.layers.events, event).connect(self.look)
        self.look()

    @property
    def choice(self) -> Session | Labels | None:
        """The session or layer chosen."""
        index = self.currentIndex()
        return self._offered[index] if 0 <= index < len(self._offered) else None

    def choose(self, wanted: Session | Labels) -> None:
        """Choose masks."""
        self.setCurrentIndex(self._offered.index(wanted))

    def look(self, event: object = None) -> None:
        """Offer what there is now."""
        if not isalive(self):  # napari's reference is weak, but Python may free widgets late
            return
        before = self.choice
        current = self._workspace.current
        sessions = sorted(
            (s for s in self._workspace.sessions if s.has_work), key=lambda s: s is not current
        )
        layers = [
            layer
            for layer in self._viewer.layers
            if isinstance(layer, Labels) and not is_result(layer)
        ]
        offered = [*sessions, *layers]
        texts = [f"{s.source.name} (session)" for s in sessions] + [each.name for each in layers]
        if offered == self._offered and texts == self._texts:
            return
        self._offered, self._texts = offered, texts
        with signals_blocked(self):
            self.clear()
            self.addItems(texts)
            if before in offered:
                self.setCurrentIndex(offered.index(before))
        if self.choice is not before:
            self.chosen.emit()
