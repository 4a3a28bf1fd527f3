"""A view in a viewer, with its *Review* dock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QThreadPool
from reviewing import Desk, open_video

from napari_frtm.plugin.docks.review.dock import Review
from napari_frtm.plugin.view.workspace_view import workspace_view

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot


@pytest.fixture
def desk(qtbot: QtBot) -> Iterator[Desk]:
    """Return a view whose frames hold objects 1 and 2, with a speck, and its review; no window."""
    viewer = ViewerModel()
    view = open_video(viewer, "cells")
    review = Review(viewer)
    qtbot.addWidget(review)
    yield from _until_nothing_runs(Desk(viewer, review, view))


@pytest.fixture
def window_desk(make_napari_viewer: Callable[[], Viewer]) -> Iterator[Desk]:
    """Return the same in a window of napari's."""
    viewer = make_napari_viewer()
    view = open_video(viewer, "cells")
    review = Review(viewer)
    viewer.window.add_dock_widget(review, name="Review", area="right")
    yield from _until_nothing_runs(Desk(viewer, review, view))


def _until_nothing_runs(desk: Desk) -> Iterator[Desk]:
    yield desk
    desk.review.clean_up.cancel()
    assert QThreadPool.globalInstance().waitForDone(60_000)
    workspace_view(desk.viewer).close()
