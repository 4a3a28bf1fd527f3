"""A view in a viewer, with its *Review* dock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from qtpy.QtCore import QThreadPool
from reviewing import Desk, open_video

from napari_frtm.plugin.docks.review.dock import Review
from napari_frtm.plugin.view.workspace_view import workspace_view

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot


@pytest.fixture
def desk(make_napari_viewer: Callable[[], Viewer], qtbot: QtBot) -> Iterator[Desk]:
    """Return a view whose frames hold objects 1 and 2, with a speck, and its review."""
    viewer = make_napari_viewer()
    view = open_video(viewer, "cells")
    review = Review(viewer)
    viewer.window.add_dock_widget(review, name="Review", area="right")
    yield Desk(viewer, review, view)
    review.clean_up.cancel()
    assert QThreadPool.globalInstance().waitForDone(60_000)
    workspace_view(viewer).close()
