"""A video whose masks are reviewed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_frtm.plugin.source.axes import VideoAxes
from napari_frtm.plugin.view.workspace_view import workspace_view

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_frtm.plugin.docks.review.dock import Review
    from napari_frtm.plugin.view.session_view import SessionView

FRAMES, SIZE = 12, (40, 60)
PREVIEW = "clean-up preview"


class Desk(NamedTuple):
    """What a user has before them."""

    viewer: Viewer
    review: Review
    view: SessionView


def masks() -> np.ndarray:
    """Return objects 1 and 2, with a speck, as every frame has them."""
    labels = np.zeros(SIZE, np.uint8)
    labels[10:20, 10:20] = 1
    labels[2, 50] = 1  # the speck
    labels[10:20, 40:50] = 2
    return labels


def open_video(viewer: Viewer, name: str) -> SessionView:
    """Add a video whose frames all have masks; three of them are doubtful."""
    place = {"scale": (1, 0.5, 0.5), "units": ("pixel", "micrometer", "micrometer")}
    video = viewer.add_image(np.zeros((FRAMES, *SIZE), np.uint8), name=name, **place)
    view = workspace_view(viewer).open(video, VideoAxes())
    view.session.store.make_room(2)
    for frame in range(FRAMES):
        view.session.store.put(frame, masks())
        view.session.timeline.record(frame, {1: 0.9, 2: 0.8}, {1: 101, 2: 100})
    view.session.timeline.confidence[2][[3, 4, 8]] = 0.5, 0.2, 0.4
    view.show()
    view.go_to(0)
    view.session.changed.emit()
    return view


def choose(desk: Desk, operation: str, amount: int) -> None:
    """Choose a clean-up."""
    desk.review.clean_up.operation.setCurrentText(operation)
    desk.review.clean_up.amount.setValue(amount)
