"""The masks that were chosen for an export: of a session, or a Labels layer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_frtm.errors import FrtmError
from napari_frtm.plugin.source.layers import displayed_frame, layer_shape
from napari_frtm.plugin.view.mask_source import axes_of, of_layer, of_session
from napari_frtm.plugin.work.session import Session

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.viewer import Viewer

    from napari_frtm.io.export.source import MaskSource
    from napari_frtm.plugin.source.axes import VideoAxes
    from napari_frtm.plugin.view.session_view import SessionView
    from napari_frtm.plugin.view.workspace_view import WorkspaceView


@dataclass(frozen=True, slots=True, eq=False)
class Masks:
    """One of them, never both.

    Attributes
    ----------
    view : SessionView or None
        The session as it is shown.
    given : napari.layers.Labels or None
        The layer of the user's.
    """

    view: SessionView | None
    given: Labels | None

    @classmethod
    def of(cls, choice: Session | Labels, view: WorkspaceView) -> Masks:
        """Return what was chosen."""
        if isinstance(choice, Session):
            return cls(view.view(choice), None)
        return cls(None, choice)

    @property
    def session(self) -> Session | None:
        """The session, if it is one."""
        return None if self.view is None else self.view.session

    @property
    def layer(self) -> Labels | None:
        """The layer that shows the masks; None if it was removed."""
        return self.given if self.view is None else self.view.masks

    def labels(self) -> Labels:
        """Return the layer that shows the masks.

        Raises
        ------
        FrtmError
            If it was removed.
        """
        if self.layer is None:
            raise FrtmError(
                f"'{self.name}' has no masks layer that could hold a table. Propagate, or make a "
                "new masks layer first."
            )
        return self.layer

    @property
    def axes(self) -> VideoAxes:
        """Of the layer."""
        if self.view is not None:
            return self.view.session.source.axes
        assert self.given is not None
        return axes_of(self.given)

    @property
    def length(self) -> int:
        """Number of frames."""
        if self.view is not None:
            return self.view.session.source.size[0]
        layer = self.labels()
        return layer_shape(layer)[axes_of(layer).time] if layer.ndim > 2 else 1

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, pixels."""
        if self.view is not None:
            return self.view.session.source.size[1:]
        height, width = layer_shape(self.labels())[-2:]
        return int(height), int(width)

    @property
    def span(self) -> range:
        """In to Out; all frames of a layer."""
        return range(self.length) if self.view is None else self.view.session.span

    @property
    def name(self) -> str:
        """What files are called after."""
        name = self.view.session.source.name if self.view is not None else self.labels().name
        return "".join(c if c.isalnum() or c in "-_. " else "_" for c in name).strip() or "masks"

    @property
    def folder(self) -> Path:
        """Where files are written if the user says nothing: beside the video, or at home."""
        path = None if self.view is None else self.view.session.source.path
        return Path.home() if path is None else path.parent

    @property
    def are_soft(self) -> bool:
        """Whether there are soft masks, too."""
        return self.view is not None and bool(self.view.session.store.probabilities)

    def source(self) -> MaskSource:
        """Return the masks as an export reads them.

        Raises
        ------
        FrtmError
            If the layer has more axes than label images.
        """
        if self.view is not None:
            return of_session(self.view)
        return of_layer(self.labels())

    def current(self, viewer: Viewer) -> int | None:
        """Return the frame that is displayed."""
        if self.view is not None:
            return self.view.current
        layer = self.labels()
        if layer.ndim < 3 or layer not in viewer.layers:
            return None
        return displayed_frame(layer, viewer.dims.point, axes_of(layer))

    def go_to(self, frame: int, viewer: Viewer) -> None:
        """Display a frame."""
        if self.view is not None:
            self.view.go_to(frame)
            return
        layer, time = self.labels(), self.axes.time
        position = np.zeros(layer.ndim)
        position[time] = frame
        world = layer.data_to_world(position)[time]
        viewer.dims.set_point(viewer.dims.ndim - layer.ndim + time, world)
