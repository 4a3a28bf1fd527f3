"""Work that comes back when a video or its session folder is opened again."""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from napari_frtm.cli import main
from napari_frtm.io.export.opening import open_masks
from napari_frtm.io.labels import write_labels
from napari_frtm.io.video.movies.movie import Movie
from napari_frtm.plugin.preferences import Preferences
from napari_frtm.plugin.source.axes import VideoAxes
from napari_frtm.plugin.source.video import folder_of
from napari_frtm.plugin.view.workspace_view import workspace_view

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Image
    from napari.viewer import Viewer
    from numpy.typing import NDArray
    from pytestqt.qtbot import QtBot

    from napari_frtm.plugin.view.session_view import SessionView


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    """Return a copy of the bundled movie in a folder of its own."""
    return Path(shutil.copy(Path(str(files("napari_frtm") / "sample_data" / "roto.mp4")), tmp_path))


def _open(viewer: Viewer, path: Path) -> Image:
    (video,) = viewer.open(str(path), plugin="napari-frtm")
    return video


def _work(viewer: Viewer, video: Image, qtbot: QtBot) -> SessionView:
    """Fill two frames, draw one of them, freeze another."""
    view = workspace_view(viewer).open(video, VideoAxes())
    workspace_view(viewer).workspace.save(view.session)
    qtbot.waitUntil(lambda: view.session.store.folder is not None, timeout=5000)
    for frame in (3, 4):
        labels = np.zeros(view.session.store.size[1:], np.uint8)
        labels[10:20, 10 : 20 + frame] = 2
        view.session.store.put(frame, labels)
        view.session.timeline.record(frame, {2: 0.5}, {2: 100.0 + 10 * frame})
    view.show()
    view.session.keyframes.make(4)
    view.session.freeze([3], True)
    return view


@pytest.mark.parametrize("what", ["movie", "session"])
def test_all_comes_back(
    make_napari_viewer: Callable[[], Viewer], qtbot: QtBot, movie: Path, what: str
) -> None:
    """With the movie or with the folder, without any dock."""
    viewer = make_napari_viewer()
    video = _open(viewer, movie)
    masks = _work(viewer, video, qtbot).masks.data[3:5].copy()
    viewer.layers.clear()
    assert not workspace_view(viewer).workspace.sessions
    viewer = make_napari_viewer()

    video = _open(viewer, movie if what == "movie" else movie.with_suffix(".frtm"))
    workspace = workspace_view(viewer).workspace
    with qtbot.waitSignal(workspace.taken_up, timeout=5000):
        pass
    view = workspace_view(viewer).current
    qtbot.waitUntil(lambda: view.masks is not None, timeout=5000)

    assert view.video is video
    assert view.current == 0
    assert not viewer.window.dock_widgets
    np.testing.assert_array_equal(view.masks.data[3:5], masks)
    assert view.session.store.complete == {4}
    assert np.flatnonzero(view.session.timeline.frozen).tolist() == [3]
    assert view.session.timeline.confidence[2][3] == 0.5
    assert [layer.name for layer in viewer.layers] == ["roto", "roto masks"]


def test_the_video_is_shown_as_its_run_saw_it(
    make_napari_viewer: Callable[[], Viewer], qtbot: QtBot, tmp_path: Path
) -> None:
    """Limits and gamma come back with the work; what the user changes then counts at once."""
    path = tmp_path / "a.tif"
    frames = np.random.default_rng(0).integers(0, 900, (3, 64, 64)).astype(np.uint16)
    tifffile.imwrite(path, frames, photometric="minisblack")
    drawn = np.zeros((64, 64), np.uint8)
    drawn[20:40, 20:40] = 1
    write_labels(tmp_path / "mask.png", drawn)
    start = ["segment", str(path), "--mask", str(tmp_path / "mask.png")]
    seen = ["--contrast", "100:700", "--gamma", "0.5", "--variant", "d-only-no-update"]
    assert main([*start, *seen, "--session", str(tmp_path / "a.frtm")]) == 0
    viewer = make_napari_viewer()

    video = _open(viewer, path)
    with qtbot.waitSignal(workspace_view(viewer).workspace.taken_up, timeout=30000):
        pass

    session = workspace_view(viewer).current.session
    assert ([*video.contrast_limits], video.gamma) == ([100, 700], 0.5)
    assert session.source.contrast == (100, 700, 0.5)
    video.gamma = 0.8
    video.contrast_limits = (200, 700)
    assert session.source.contrast == (200, 700, 0.8)


def test_a_session_whose_video_is_gone_says_so(
    make_napari_viewer: Callable[[], Viewer], qtbot: QtBot, movie: Path
) -> None:
    """And what to do."""
    viewer = make_napari_viewer()
    _work(viewer, _open(viewer, movie), qtbot)
    viewer.layers.clear()
    movie.rename(movie.with_name("elsewhere.mp4"))

    with pytest.raises(Exception, match="is not there any more"):
        viewer.open(str(movie.with_suffix(".frtm")), plugin="napari-frtm")


def test_work_on_another_video_of_that_name_is_left_alone(
    make_napari_viewer: Callable[[], Viewer], qtbot: QtBot, movie: Path, messages: list[str]
) -> None:
    """Its masks do not fit."""
    viewer = make_napari_viewer()
    _work(viewer, _open(viewer, movie), qtbot)
    viewer.layers.clear()
    other = movie.with_suffix(".tif")
    tifffile.imwrite(other, np.zeros((9, 40, 50), np.uint8))
    movie.unlink()
    (video,) = viewer.open(str(other))

    view = workspace_view(viewer).resume(video)

    qtbot.waitUntil(lambda: bool(messages), timeout=5000)
    assert "belongs to another video" in messages[-1]
    assert not view.session.timeline.filled.any()


def test_samples_are_not_saved(
    make_napari_viewer: Callable[[], Viewer],
    data_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Unless the user chooses a folder; arrays, unlike before, are, if work is saved at all."""
    viewer = make_napari_viewer()
    viewer.open_sample("napari-frtm", "roto")
    array = viewer.add_image(np.zeros((3, 10, 10)), name="mine")

    assert folder_of(viewer.layers["roto"], VideoAxes()) is None
    assert folder_of(array, VideoAxes()).name == "mine.frtm"
    assert data_folder in folder_of(array, VideoAxes()).parents
    monkeypatch.setattr(
        "napari_frtm.plugin.source.video.preferences", lambda: Preferences(saves=False)
    )
    assert folder_of(array, VideoAxes()) is None


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside-another"])
def test_a_video_opens_at_its_first_frame(
    make_napari_viewer: Callable[[], Viewer],
    movie: Path,
    monkeypatch: pytest.MonkeyPatch,
    qtbot: QtBot,
    *,
    beside: bool,
) -> None:
    """No other is decoded for that, and the sliders know."""
    read: list[int] = []
    decode = Movie.read

    def noted(source: Movie, index: int) -> NDArray[np.uint8]:
        read.append(index)
        return decode(source, index)

    viewer = make_napari_viewer()
    if beside:
        viewer.add_image(np.zeros((96, 8, 8), np.uint8))
        viewer.dims.set_point(0, 0)
    monkeypatch.setattr(Movie, "read", noted)
    shown: list[int] = []
    viewer.dims.events.current_step.connect(lambda event: shown.append(event.value[0]))

    _open(viewer, movie)
    qtbot.wait(50)

    assert viewer.dims.current_step[0] == 0
    assert set(read) == {0}
    assert set(shown) <= {0}
    assert viewer.window._qt_viewer.dims.slider_widgets[0].slider.value() == 0
    viewer.dims.set_point(0, 7)
    assert shown[-1] == 7
    assert read[-1] == 7


def test_a_session_of_a_channel_from_the_command_line(
    make_napari_viewer: Callable[[], Viewer], qtbot: QtBot, tmp_path: Path
) -> None:
    """It opens with that channel, in the size that the file says."""
    pixels = np.random.default_rng(0).integers(0, 99, (4, 2, 64, 96), np.uint16)
    stack, mask = tmp_path / "cells.tif", tmp_path / "mask.png"
    spacing = {"axes": "TCYX", "unit": "um"}
    tifffile.imwrite(stack, pixels, imagej=True, metadata=spacing, resolution=(4, 4))
    labels = np.zeros((64, 96), np.uint8)
    labels[10:40, 10:40] = 1
    write_labels(mask, labels)
    out = tmp_path / "out"
    variant = ("--variant", "d-only-no-update", "--short-side", "48")
    given = ("--mask", str(mask), "--out", str(out), "--channel", "1")
    assert main(["segment", str(stack), *given, *variant]) == 0
    viewer = make_napari_viewer()
    (video,) = viewer.open(str(out / "cells.frtm"), plugin="napari-frtm")
    shown = workspace_view(viewer)

    def filled() -> bool:
        return shown.current is not None and shown.current.session.store.timeline.filled.all()

    qtbot.waitUntil(filled, timeout=5000)
    assert (np.asarray(video.data[2]) == pixels[2, 1]).all()
    assert np.allclose(video.scale, (1, 0.25, 0.25))
    assert shown.current is not None
    assert (shown.current.session.store.labels(0) == labels).all()


def test_a_channel_begun_in_napari_goes_on_without_it(
    make_napari_viewer: Callable[[], Viewer], qtbot: QtBot, tmp_path: Path
) -> None:
    """The command line reads the same channel of the stack."""
    pixels = np.random.default_rng(0).integers(0, 99, (4, 2, 64, 96), np.uint16)
    stack = tmp_path / "cells.tif"
    tifffile.imwrite(stack, pixels, imagej=True, metadata={"axes": "TCYX"})
    viewer = make_napari_viewer()
    (video,) = viewer.open(str(stack), plugin="napari-frtm")
    view = workspace_view(viewer).open(video, VideoAxes(0, {1: 1}, 4))
    workspace_view(viewer).workspace.save(view.session)
    qtbot.waitUntil(lambda: view.session.store.folder is not None, timeout=5000)
    labels = np.zeros((64, 96), np.uint8)
    labels[10:40, 10:40] = 1
    view.session.store.put(0, labels)
    view.session.keyframes.make(0)
    folder = view.session.store.folder
    assert folder is not None
    view.session.save_settings()
    viewer.layers.clear()
    variant = ("--variant", "d-only-no-update", "--short-side", "48")
    assert main(["segment", str(folder.path), "--from-here", "0", *variant]) == 0
    masks = open_masks(folder.path)
    assert (masks.image(3) == pixels[3, 1]).all()
    assert all(np.asarray(masks.masks[t]).any() for t in range(4))
