"""The workspace of a viewer: where its work is saved, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from napari_frtm.io.session.folder import SessionFolder, is_session
from napari_frtm.plugin.view.workspace_view import workspace_view

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari.layers import Image
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot

    from napari_frtm.plugin.view.session_view import SessionView

SECONDS = 20_000


def _painted(viewer: Viewer, video: Image, qtbot: QtBot) -> SessionView:
    """Paint on a new masks layer; return the session once it is saved."""
    view = workspace_view(viewer).open(video)
    view.new_masks()
    workspace_view(viewer).workspace.save(view.session)
    view.masks.data_setitem((np.full(9, 1), *np.indices((3, 3)).reshape(2, 9)), 2)
    view.painting.settle()
    qtbot.waitUntil(lambda: view.session.store.folder is not None, timeout=SECONDS)
    qtbot.wait(150)
    view.session.store.saver.flush()
    return view


def test_work_on_an_array_is_saved_and_comes_back(
    make_napari_viewer: Callable[[], Viewer], qtbot: QtBot, data_folder: Path
) -> None:
    """In the user's data folder; that on another array of the same name is apart."""
    first = np.random.default_rng(0).integers(0, 255, (4, 20, 30), np.uint8)
    viewer = make_napari_viewer()
    _painted(viewer, viewer.add_image(first, name="array"), qtbot)
    viewer.layers.clear()
    other = viewer.add_image(255 - first, name="array")
    assert not workspace_view(viewer).open(other).session.has_work
    _painted(viewer, other, qtbot)
    viewer.layers.clear()

    view = workspace_view(viewer).open(viewer.add_image(first, name="array"))
    qtbot.waitUntil(lambda: view.session.has_work, timeout=SECONDS)

    assert len([path for path in data_folder.rglob("*.frtm") if is_session(path)]) == 2
    assert sorted(view.session.store.keyframes) == [1]
    assert (view.masks.data[1, :3, :3] == 2).all()
    workspace_view(viewer).close()


_CLOSED = """
import gc, sys, time
from pathlib import Path
from weakref import ref
import napari
import vispy.gloo.gl as gl
from qtpy.QtWidgets import QApplication
from napari_frtm.io.session.folder import SessionFolder
from napari_frtm.plugin.view.workspace_view import workspace_view

way, movie = sys.argv[1], Path(sys.argv[2])
gl.glGetParameter = lambda name: {7939: ""}.get(name, 2048)
viewer = napari.Viewer(show=False)
(video,) = viewer.open(str(movie), plugin="napari-frtm")
view = workspace_view(viewer).open(video)
view.new_masks()
workspace_view(viewer).workspace.save(view.session)
while view.session.store.folder is None:
    QApplication.processEvents()
known = ref(workspace_view(viewer))
viewer.window._qt_window.close() if way == "window" else viewer.close()
end = time.monotonic() + 0.3
while time.monotonic() < end:
    QApplication.processEvents()
SessionFolder.open(movie.with_suffix(".frtm")).release()  # raises if it is in use
del view, video, viewer
gc.collect()
assert known() is None
print("free")
"""


@pytest.mark.parametrize("way", ["window", "viewer"])
def test_a_closed_viewer_lets_go_of_its_sessions(tmp_path: Path, way: str) -> None:
    """However it is closed: another one can open them in the same program."""
    movie = tmp_path / "clip.tif"
    tifffile.imwrite(movie, np.zeros((4, 20, 30), np.uint8), photometric="minisblack")

    done = subprocess.run(
        [sys.executable, "-c", _CLOSED, way, str(movie)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen"},
    )

    assert done.stdout.strip().endswith("free"), done.stderr


def test_removing_a_saved_video_in_mid_run_saves_where_it_stands(
    make_napari_viewer: Callable[[], Viewer],
    qtbot: QtBot,
    tmp_path: Path,
    messages: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With a word about it, and no other."""
    from napari_frtm.plugin.work import workspace as module
    from napari_frtm.session.run import carry_out as carried

    movie = tmp_path / "clip.tif"
    frames = np.random.default_rng(0).integers(0, 255, (40, 64, 96), np.uint8)
    tifffile.imwrite(movie, frames, photometric="minisblack")
    viewer = make_napari_viewer()
    _, dock = viewer.window.add_plugin_dock_widget("napari-frtm", "Propagate")
    (video,) = viewer.open(str(movie), plugin="napari-frtm")
    dock.form.options.masks.value = "Coarse"
    view = _painted(viewer, video, qtbot)
    monkeypatch.setattr(carried, "_SHARE", 1e9)
    workspace = view.session and workspace_view(viewer).workspace
    assert isinstance(workspace, module.Workspace)
    dock.start()
    qtbot.waitUntil(lambda: workspace.run.newest is not None, timeout=60_000)

    viewer.layers.remove(video)
    qtbot.waitUntil(lambda: workspace.run is None, timeout=60_000)
    qtbot.wait(300)

    assert [m for m in messages if "taken up" not in m] == [
        "'clip' was removed, so its propagation was stopped."
    ]
    folder = SessionFolder.open(tmp_path / "clip.frtm")
    assert folder.has_run
    assert folder.timeline.filled.sum() > 1
    folder.release()


def test_a_folder_with_work_on_the_video_is_opened(
    make_napari_viewer: Callable[[], Viewer], qtbot: QtBot, tmp_path: Path
) -> None:
    """When it is chosen to save in, and nothing has been done yet."""
    frames = np.random.default_rng(0).integers(0, 255, (4, 20, 30), np.uint8)
    viewer = make_napari_viewer()
    view = _painted(viewer, viewer.add_image(frames, name="array"), qtbot)
    path = view.session.store.folder.path
    viewer.layers.clear()
    elsewhere = path.rename(tmp_path / "mine.frtm")

    view = workspace_view(viewer).open(viewer.add_image(frames, name="array"))
    workspace_view(viewer).workspace.use_folder(view.session, elsewhere)
    qtbot.waitUntil(lambda: view.session.has_work, timeout=SECONDS)

    assert view.session.store.folder.path == elsewhere
    assert (view.masks.data[1, :3, :3] == 2).all()
    workspace_view(viewer).close()


def test_a_second_channel_has_a_session_of_its_own(
    make_napari_viewer: Callable[[], Viewer], qtbot: QtBot, tmp_path: Path
) -> None:
    """In a folder beside that of the first; both come back."""
    movie = tmp_path / "two.tif"
    frames = np.random.default_rng(0).integers(0, 999, (5, 2, 20, 30), np.uint16)
    tifffile.imwrite(movie, frames, ome=True, metadata={"axes": "TCYX"})
    viewer = make_napari_viewer()
    (video,) = viewer.open(str(movie), plugin="napari-frtm")
    views = []
    for channel in (0, 1):
        axes = workspace_view(viewer).open(video).session.source.axes
        view = workspace_view(viewer).open(video, type(axes)(axes.time, {1: channel}, 4))
        view.new_masks()
        workspace_view(viewer).workspace.save(view.session)
        view.masks.data_setitem(
            (np.full(4, channel), np.zeros(4, int), np.arange(4), np.arange(4)), channel + 1
        )
        view.painting.settle()
        qtbot.waitUntil(lambda v=view: v.session.store.folder is not None, timeout=SECONDS)
        view.session.save_settings()
        view.session.store.saver.flush()
        views.append(view)

    folders = [view.session.store.folder.path for view in views]
    assert len(set(folders)) == 2
    assert all(folder.parent == tmp_path for folder in folders)
    assert [sorted(view.session.store.keyframes) for view in views] == [[0], [1]]
    workspace_view(viewer).close()
