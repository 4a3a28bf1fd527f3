"""A viewer with a painted clip and the *Propagate* widget in it."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from napari.components import ViewerModel
    from napari.layers import Image, Labels
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot

    from napari_frtm.plugin.docks.propagate.dock import Propagate
    from tests.conftest import Clip

if "DISPLAY" not in os.environ:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

FRAMES = 12


@pytest.fixture(autouse=True)
def older_objects_are_not_searched() -> None:
    """Let napari's checks for leaks, which collect garbage several times a test, cost less."""
    if gc.get_freeze_count() == 0:  # the first test, and every one after a run
        gc.collect()
        gc.freeze()


@pytest.fixture(autouse=True)
def no_opengl(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer napari's questions about OpenGL where Qt's offscreen platform has none."""
    if os.environ.get("QT_QPA_PLATFORM") == "offscreen":
        answers = {7939: ""}  # GL_EXTENSIONS; the others are texture sizes
        monkeypatch.setattr("vispy.gloo.gl.glGetParameter", lambda name: answers.get(name, 2048))


@pytest.fixture(autouse=True)
def data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Keep work on arrays, which is saved in the user's data folder, apart from other tests'."""
    folder = tmp_path / "data"
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(folder))
    return folder


@pytest.fixture(scope="session")
def one_thread() -> Iterator[None]:
    """Keep torch to one thread: on a busy machine several wait for each other, 30 times as long."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Desk(NamedTuple):
    """What a user has before them."""

    viewer: Viewer | ViewerModel
    widget: Propagate
    video: Image
    labels: Labels


@pytest.fixture
def saved_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Save work only where a test says so."""
    from napari_frtm.plugin.preferences import Preferences

    wanted = Preferences(saves=False)
    monkeypatch.setattr("napari_frtm.plugin.source.video.preferences", lambda: wanted)


@pytest.fixture
def desk(clip: Clip, one_thread: None, saved_nowhere: None, qtbot: QtBot) -> Iterator[Desk]:
    """Return a viewer with the first frames of the clip, frame 0 painted; nothing runs after.

    It has no window, which takes seconds to make and to check; the dock is a widget by itself.
    """
    from napari.components import ViewerModel

    from napari_frtm.plugin.docks.propagate.dock import Propagate

    viewer = ViewerModel()
    widget = Propagate(viewer)
    qtbot.addWidget(widget)
    yield from _desk(viewer, widget, clip)


@pytest.fixture
def window_desk(
    make_napari_viewer: Callable[[], Viewer], clip: Clip, one_thread: None, saved_nowhere: None
) -> Iterator[Desk]:
    """Return the same in a window of napari's."""
    viewer = make_napari_viewer()
    _, widget = viewer.window.add_plugin_dock_widget("napari-frtm", "Propagate")
    yield from _desk(viewer, widget, clip)


def _desk(viewer: Viewer | ViewerModel, widget: Propagate, clip: Clip) -> Iterator[Desk]:
    from qtpy.QtCore import QThreadPool

    place = {"scale": (2, 0.5, 0.5), "translate": (0, 3, 4), "axis_labels": ("t", "y", "x")}
    video = viewer.add_image(clip.frames[:FRAMES], rgb=True, name="clip", **place)
    painted = np.zeros((FRAMES, *clip.truth.shape[1:]), np.uint8)
    painted[0] = clip.truth[0]
    labels = viewer.add_labels(painted, name="mine", **place)
    viewer.dims.set_current_step(0, 0)
    widget.form.options.masks.value = "Coarse"  # the clip's squares are no objects to refine
    yield Desk(viewer, widget, video, labels)
    widget.workspace.cancel()
    assert QThreadPool.globalInstance().waitForDone(60_000)


@pytest.fixture
def messages() -> Iterator[list[str]]:
    """Return the texts of napari's notifications, as they come."""
    from napari.utils.notifications import Notification, notification_manager

    texts: list[str] = []

    def collect(notification: Notification) -> None:
        texts.append(str(notification.message))

    notification_manager.notification_ready.connect(collect)
    yield texts
    notification_manager.notification_ready.disconnect(collect)
