"""Corrections, pauses and what survives them, with the *Propagate* widget and a real engine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from napari_frtm.errors import FrtmError
from napari_frtm.io.session.folder import SessionFolder
from napari_frtm.plugin.preferences import Preferences
from napari_frtm.plugin.view.workspace_view import workspace_view

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from napari_frtm.plugin.view.session_view import SessionView
    from tests.conftest import Clip
    from tests.plugin.conftest import Desk

SECONDS = 60_000


def _wait(desk: Desk, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: not desk.widget.running, timeout=SECONDS)


def _propagated(desk: Desk, qtbot: QtBot) -> SessionView:
    desk.widget.start()
    _wait(desk, qtbot)
    view = workspace_view(desk.viewer).open(desk.video)
    assert view is not None
    return view


def _correct(view: SessionView, frame: int, labels: np.ndarray) -> None:
    """Draw on the result, as a user would in several strokes."""
    view.go_to(frame)
    view.masks.mode = "paint"
    wrong = np.nonzero(view.masks.data[frame] != labels)
    view.masks.data_setitem((np.full(len(wrong[0]), frame), *wrong), labels[wrong])
    view.painting.settle()


def test_a_correction_changes_what_follows_only(desk: Desk, qtbot: QtBot, clip: Clip) -> None:
    """And the corrected frame stays as drawn; undo brings the frames behind it back."""
    view = _propagated(desk, qtbot)
    _correct(view, 6, clip.truth[6])
    before = view.masks.data.copy()

    desk.widget.start_here()
    _wait(desk, qtbot)

    changed = np.flatnonzero((view.masks.data != before).any((1, 2)))
    assert changed.min() > 6
    assert sorted(view.session.store.keyframes) == [0, 6]
    assert view.session.timeline.confidence[1][6] == 1
    assert view.session.edits.undo() == "Propagate 6-11"
    np.testing.assert_array_equal(view.masks.data, before)


def test_between_keyframes_both_ways_blend(desk: Desk, qtbot: QtBot, clip: Clip) -> None:
    """Frames outside the neighbouring keyframes stay."""
    view = _propagated(desk, qtbot)
    for frame in (4, 8):
        _correct(view, frame, clip.truth[frame])
    _correct(view, 6, clip.truth[6])
    before = view.masks.data.copy()
    desk.widget.form.options.direction.value = "Both ways"

    desk.widget.start_here()
    _wait(desk, qtbot)

    changed = np.flatnonzero((view.masks.data != before).any((1, 2)))
    assert set(changed) <= {5, 7}
    for frame in (4, 6, 8):
        np.testing.assert_array_equal(view.masks.data[frame], clip.truth[frame])


def test_an_object_that_is_erased_is_gone_from_there(desk: Desk, qtbot: QtBot, clip: Clip) -> None:
    """The rest of the frame says where the others are."""
    view = _propagated(desk, qtbot)
    _correct(view, 6, np.where(clip.truth[6] == 4, 0, clip.truth[6]).astype(np.uint8))

    desk.widget.start_here()
    _wait(desk, qtbot)

    assert not (view.masks.data[6] == 4).any()
    assert (view.masks.data[6] == 1).any()


def test_a_frozen_frame_stays(desk: Desk, qtbot: QtBot) -> None:
    """Whatever runs."""
    view = _propagated(desk, qtbot)
    view.masks.data[5] = 9
    view.session.freeze([5], True)

    desk.widget.start()
    _wait(desk, qtbot)

    assert (view.masks.data[5] == 9).all()
    assert not (view.masks.data[6] == 9).any()


def test_one_frame_alone(desk: Desk, qtbot: QtBot) -> None:
    """The one that is displayed."""
    desk.widget.form.options.direction.value = "This frame only"
    desk.viewer.dims.set_current_step(0, 3)

    view = _propagated(desk, qtbot)

    assert np.flatnonzero(view.masks.data.any((1, 2))).tolist() == [3]


def test_some_objects_only(desk: Desk, qtbot: QtBot) -> None:
    """The others are left out, or as they were."""
    desk.widget.form.options.objects.value = "4"

    view = _propagated(desk, qtbot)

    assert np.unique(view.masks.data[1:]).tolist() == [0, 4]


def test_pause_and_resume(desk: Desk, qtbot: QtBot) -> None:
    """Nothing moves while it is paused; the button says what it does."""
    widget = desk.widget
    widget.start()
    qtbot.waitUntil(lambda: widget.panel.bar.value() > 0, timeout=SECONDS)
    widget.toggle_pause()
    qtbot.waitUntil(lambda: widget.workspace.run.is_paused, timeout=SECONDS)
    qtbot.wait(1)  # what the thread said before it waited is on its way
    paused = widget.workspace.run.progress.done
    qtbot.wait(300)

    assert widget.workspace.run.progress.done == paused < 12
    assert widget.panel.pause_button.text() == "Resume"
    widget.toggle_pause()
    _wait(desk, qtbot)
    assert "12 of 12 frames" in widget.panel.status.text()


def test_frames_painted_in_mid_run_stay(desk: Desk, qtbot: QtBot, clip: Clip) -> None:
    """A run never overwrites what the user drew since."""
    widget = desk.widget
    widget.start()
    qtbot.waitUntil(lambda: widget.panel.bar.value() > 0, timeout=SECONDS)
    widget.toggle_pause()
    qtbot.waitUntil(lambda: widget.workspace.run.is_paused, timeout=SECONDS)
    view = workspace_view(desk.viewer).open(desk.video)
    qtbot.waitUntil(lambda: view.masks is not None, timeout=SECONDS)
    _correct(view, 11, clip.truth[11])

    widget.toggle_pause()
    _wait(desk, qtbot)

    np.testing.assert_array_equal(view.masks.data[11], clip.truth[11])
    assert view.masks.data[10].any()


def test_other_docks_know_in_and_out(desk: Desk, qtbot: QtBot) -> None:
    """At once; and while a run goes on, nothing is undone."""
    view = _propagated(desk, qtbot)

    desk.widget.form.frames.span = range(2, 7)
    assert view.session.span == range(2, 7)

    desk.widget.start()
    qtbot.waitUntil(lambda: desk.widget.workspace.run.started is not None, timeout=SECONDS)
    desk.widget.toggle_pause()
    qtbot.waitUntil(lambda: desk.widget.workspace.run.is_paused, timeout=SECONDS)
    with pytest.raises(FrtmError, match="still being changed"):
        view.session.edits.undo()
    desk.widget.toggle_pause()
    _wait(desk, qtbot)
    assert view.session.edits.undo() == "Propagate 2-6"


_KILLED = """
import sys
import numpy as np
from napari.components import ViewerModel
from qtpy.QtWidgets import QApplication
from napari_frtm.plugin.source.files import read_stack
movie, labels = sys.argv[1:]
app = QApplication([])
viewer = ViewerModel()
((frames, options, _),) = read_stack(movie)
viewer.add_image(frames, **options)
viewer.add_labels(np.load(labels))
from napari_frtm.plugin.docks.propagate.dock import Propagate
widget = Propagate(viewer)
widget.form.options.masks.value = "Coarse"
from napari_frtm.session.run import carry_out
carry_out._SHARE = 1e9
widget.start()
while True:
    QApplication.processEvents()
    if widget.workspace.run is None:
        break
    if widget.panel.bar.value() > 9:
        print("ready", flush=True)
print("done", flush=True)
"""


def test_a_killed_run_goes_on_where_it_was(
    desk: Desk, qtbot: QtBot, clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After kill -9 of the whole program; the masks are those of an uninterrupted run.

    But for single pixels at most: two processes may round sums of float32 differently.
    """
    movie, painted = tmp_path / "clip.tif", tmp_path / "painted.npy"
    tifffile.imwrite(movie, clip.frames, photometric="rgb")
    labels = np.zeros(clip.truth.shape, np.uint8)
    labels[0] = clip.truth[0]
    np.save(painted, labels)
    command = [sys.executable, "-c", _KILLED, str(movie), str(painted)]
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGKILL)
    folder = SessionFolder.open(tmp_path / "clip.frtm")
    assert folder.has_run
    finished = int(folder.timeline.filled.sum())
    assert 0 < finished < len(labels)
    folder.release()

    monkeypatch.setattr("napari_frtm.plugin.source.video.preferences", Preferences)
    (video,) = desk.viewer.open(str(movie))
    desk.widget.form.video.layer = video
    desk.widget.form.labels.layer = desk.viewer.add_labels(labels)
    qtbot.waitUntil(
        lambda: desk.widget.panel.continue_button.isVisibleTo(desk.widget), timeout=SECONDS
    )
    assert desk.widget.form.options.masks.value == "Coarse"
    assert desk.widget.panel.continue_button.isVisibleTo(desk.widget)
    desk.widget.panel.continue_button.click()
    _wait(desk, qtbot)
    resumed = workspace_view(desk.viewer).open(video).masks.data.copy()
    assert desk.widget.panel.status.text() == "Finished: 24 of 24 frames."
    desk.widget.start()
    _wait(desk, qtbot)

    uninterrupted = workspace_view(desk.viewer).open(video).masks.data
    assert (resumed != uninterrupted).sum() < 1e-3 * uninterrupted.astype(bool).sum()


def test_a_full_disk_is_told_and_nothing_is_lost(
    desk: Desk, qtbot: QtBot, messages: list[str], tmp_path: Path
) -> None:
    """The masks are still in the viewer."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=96k", "none", str(folder)], check=False
    )
    if mounted.returncode:
        pytest.skip("Mounting a small disk needs rights that this user has not.")
    try:
        desk.widget.form.folder.path = folder / "clip.frtm"
        view = _propagated(desk, qtbot)
        assert any("the disk is full" in message for message in messages)
        assert view.masks.data[0].any()
    finally:
        workspace_view(desk.viewer).close()
        time.sleep(0.2)
        subprocess.run(["umount", "-l", str(folder)], check=True)
