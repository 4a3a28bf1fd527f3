"""A video with masks, keyframe and pixel size, and its *Export* dock."""

from __future__ import annotations

from itertools import count
from threading import Event
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QThreadPool

from napari_frtm.io.export.formats import FORMATS
from napari_frtm.plugin.docks.export.dock import Export
from napari_frtm.plugin.source.axes import VideoAxes
from napari_frtm.plugin.view.workspace_view import workspace_view

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot

    from napari_frtm.plugin.view.session_view import SessionView

FRAMES, SIZE = 6, (40, 60)


class Desk(NamedTuple):
    """What a user has before them."""

    viewer: Viewer
    dock: Export
    view: SessionView


def masks() -> np.ndarray:
    """Return objects 1, which moves right, and 3, which rests, on all frames."""
    labels = np.zeros((FRAMES, *SIZE), np.uint8)
    for t in range(FRAMES):
        labels[t, 10:20, 5 + 5 * t : 15 + 5 * t] = 1
        labels[t, 25:30, 30:50] = 3
    return labels


@pytest.fixture
def desk(qtbot: QtBot) -> Iterator[Desk]:
    """Return a session whose masks are there, with frame 2 drawn, and the dock; no window."""
    yield from desk_in(ViewerModel(), qtbot)


@pytest.fixture
def window_desk(make_napari_viewer: Callable[[], Viewer], qtbot: QtBot) -> Iterator[Desk]:
    """Return the same in a window."""
    yield from desk_in(make_napari_viewer(), qtbot)


def desk_in(viewer: Viewer | ViewerModel, qtbot: QtBot) -> Iterator[Desk]:
    """Yield a desk; nothing runs after."""
    place = {
        "scale": (1, 0.5, 0.5),
        "units": ("pixel", "micrometer", "micrometer"),
        "metadata": {"fps": 10.0},
    }
    pixels = np.random.default_rng(0).integers(0, 255, (FRAMES, *SIZE), np.uint8)
    video = viewer.add_image(pixels, name="cells", **place)
    view = workspace_view(viewer).open(video, VideoAxes())
    view.session.store.make_room(3)
    for frame, labels in enumerate(masks()):
        view.session.store.put(frame, labels)
        view.session.timeline.record(frame, {1: 0.9, 3: 0.8}, {1: 100, 3: 100})
    view.session.keyframes.make(2)
    view.show()
    view.go_to(0)
    dock = Export(viewer)
    if isinstance(viewer, ViewerModel) and not hasattr(viewer, "window"):
        qtbot.addWidget(dock)
    else:
        viewer.window.add_dock_widget(dock, name="Export", area="right")
    yield Desk(viewer, dock, view)
    dock.cancel()
    assert QThreadPool.globalInstance().waitForDone(60_000)
    workspace_view(viewer).close()


def choose(desk: Desk, form: str, path: Path) -> None:
    """Choose format and destination."""
    desk.dock.form.format.setCurrentIndex(list(FORMATS).index(form))
    desk.dock.form.destination.setText(str(path))


def finish(desk: Desk, qtbot: QtBot) -> None:
    """Wait for the end of what was started."""
    assert desk.dock.workspace.exporting is not None
    qtbot.waitUntil(lambda: desk.dock.workspace.exporting is None, timeout=60_000)


def hold_in_second_pass(desk: Desk, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Event:
    """Start, and return when frame 3 is about to be written; it waits for what is returned."""
    store = desk.view.session.store
    reached, go_on, read, reads = Event(), Event(), store.labels, count(1)

    def slow(index: int) -> np.ndarray:
        if next(reads) > FRAMES + 1:  # frame 2 is drawn, and not read
            reached.set()
            go_on.wait(60)
        return read(index)

    monkeypatch.setattr(store, "labels", slow)
    desk.dock.start()
    qtbot.waitUntil(reached.is_set, timeout=60_000)
    return go_on
