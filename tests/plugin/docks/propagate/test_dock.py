"""The *Propagate* widget, in a viewer, with the embedded network."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING

import dask.array as da
import numpy as np
import pytest
from qtpy.QtCore import QThreadPool

from napari_frtm.errors import VideoError
from napari_frtm.evaluation.metrics import jaccard
from napari_frtm.plugin.view.result_layers import METADATA
from napari_frtm.plugin.work.running import Run

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from pytestqt.qtbot import QtBot

    from tests.conftest import Clip
    from tests.plugin.conftest import Desk

SECONDS = 30_000  # milliseconds; a run takes a few seconds on an idle machine


def _run(desk: Desk, qtbot: QtBot) -> None:
    desk.widget.start()
    qtbot.waitUntil(lambda: not desk.widget.running, timeout=SECONDS)


def _start_and_halt(desk: Desk, qtbot: QtBot) -> Event:
    """Start a run whose second chunk waits for the event returned; the first has come."""
    go_on = Event()
    _on_read(desk, lambda frame: frame < 6 or go_on.wait(30))
    desk.widget.start()
    qtbot.waitUntil(lambda: "clip masks" in desk.viewer.layers, timeout=SECONDS)
    return go_on


def _on_read(desk: Desk, visit: Callable[[int], object]) -> None:
    """Make the video lazy, and call `visit` with the index of each frame that is read."""

    def read(
        block: NDArray[np.uint8], block_info: dict[int, dict[str, list[tuple[int, int]]]]
    ) -> NDArray[np.uint8]:
        visit(block_info[0]["array-location"][0][0])
        return block

    chunked = da.from_array(desk.video.data, chunks=(1, -1, -1, -1))
    desk.video.data = chunked.map_blocks(read, dtype=np.uint8, meta=np.empty((0,) * 4, np.uint8))


def test_masks_and_scores_appear_over_the_video(desk: Desk, qtbot: QtBot, clip: Clip) -> None:
    """Shape, place and quality; the user's layer and selection stay as they were."""
    before = desk.labels.data.copy()

    _run(desk, qtbot)
    assert "clip scores" not in desk.viewer.layers  # nobody has asked for it
    desk.widget.form.scores.setChecked(True)

    masks, scores = desk.viewer.layers["clip masks"], desk.viewer.layers["clip scores"]
    np.testing.assert_array_equal(desk.labels.data, before)
    np.testing.assert_array_equal(masks.data[0], clip.truth[0])
    assert masks.data.dtype == np.uint8
    assert masks.data.shape == desk.video.data.shape[:3]
    np.testing.assert_array_equal(masks.scale, desk.video.scale)
    np.testing.assert_array_equal(masks.translate, desk.video.translate)
    assert masks.axis_labels == ("t", "y", "x")
    for object_id in (1, 4):
        assert jaccard(masks.data[-1] == object_id, clip.truth[11] == object_id) > 0.5
    assert scores.data.shape == (12, 10, 13)
    assert np.isfinite(scores.data).all()
    assert scores.visible
    assert desk.viewer.layers.selection.active is desk.labels
    assert "12 of 12 frames" in desk.widget.panel.status.text()


def test_masks_are_refined_if_wanted(desk: Desk, qtbot: QtBot, clip: Clip) -> None:
    """By the embedded segmentation network; the painted frame stays."""
    desk.widget.form.options.masks.value = "Refined"

    _run(desk, qtbot)

    masks = desk.viewer.layers["clip masks"]
    assert [run["variant"] for run in masks.metadata[METADATA]["runs"]] == ["full"]
    np.testing.assert_array_equal(masks.data[0], clip.truth[0])


def test_second_run_fills_its_range_only(desk: Desk, qtbot: QtBot, clip: Clip) -> None:
    """In the layers of the first, whose other frames stay; both runs are on record.

    What lies before the painted frame comes from the one painted outside the range.
    """
    _run(desk, qtbot)
    masks = desk.viewer.layers["clip masks"]
    masks.data[:] = 9
    desk.labels.data[6] = clip.truth[6]
    desk.widget.form.frames.span = range(5, 9)

    _run(desk, qtbot)

    assert len(desk.viewer.layers) == 3
    np.testing.assert_array_equal(masks.data[6], clip.truth[6])
    changed = [t for t in range(12) if (masks.data[t] != 9).all()]
    assert changed == [5, 6, 7, 8]
    runs = masks.metadata[METADATA]["runs"]
    assert [run["range"] for run in runs] == [[0, 11], [5, 8]]
    assert [run["keyframes"] for run in runs] == [[0], [0, 6]]
    assert {run["variant"] for run in runs} == {"d-only"}


def test_a_run_that_goes_on_is_on_record_once(desk: Desk, qtbot: QtBot) -> None:
    """As by the command line; so is one that is done again with the same settings."""
    desk.widget.start()
    run = desk.widget.workspace.run
    assert run is not None
    qtbot.waitUntil(lambda: not desk.widget.running, timeout=SECONDS)
    assert run.started is not None

    for continues in (True, False):
        asked = run.started.settings, run.started.scope, 0
        Run(run.session, *asked, continues=continues)._receive(run.started)

    assert [each["range"] for each in run.session.runs] == [[0, 11]]


def test_single_image_annotates_the_displayed_frame(desk: Desk, qtbot: QtBot, clip: Clip) -> None:
    """Here the last one, so that backward fills all before it."""
    image = desk.viewer.add_labels(clip.truth[11], name="picture")
    desk.viewer.dims.set_current_step(0, 11)
    desk.widget.form.labels.layer = image
    desk.widget.form.options.direction.value = "Backward"

    _run(desk, qtbot)

    masks = desk.viewer.layers["clip masks"]
    np.testing.assert_array_equal(masks.data[11], clip.truth[11])
    assert all(frame.any() for frame in masks.data)


def test_cancel_keeps_finished_frames(desk: Desk, qtbot: QtBot) -> None:
    """And the widget can be used again."""
    go_on = _start_and_halt(desk, qtbot)

    desk.widget.cancel()
    go_on.set()
    qtbot.waitUntil(lambda: not desk.widget.running, timeout=SECONDS)

    masks = desk.viewer.layers["clip masks"]
    assert masks.data[0].any()
    assert not masks.data[9:].any()
    assert desk.widget.panel.status.text().startswith("Cancelled after ")
    assert desk.widget.panel.start_button.isEnabled()
    assert not desk.widget.panel.cancel_button.isEnabled()


@pytest.mark.parametrize("name", ["clip", "clip masks"])
def test_removing_a_layer_stops_the_run(
    desk: Desk, qtbot: QtBot, messages: list[str], name: str
) -> None:
    """With a word about it."""
    go_on = _start_and_halt(desk, qtbot)

    desk.viewer.layers.remove(name)
    go_on.set()
    qtbot.waitUntil(lambda: not desk.widget.running, timeout=SECONDS)

    assert any(f"'{name}' was removed" in message for message in messages)
    assert desk.widget.panel.start_button.isEnabled()


def test_removing_the_scores_does_not_stop_the_run(desk: Desk, qtbot: QtBot) -> None:
    """They are an extra."""
    desk.widget.form.scores.setChecked(True)
    go_on = _start_and_halt(desk, qtbot)

    desk.viewer.layers.remove("clip scores")
    go_on.set()
    qtbot.waitUntil(lambda: not desk.widget.running, timeout=SECONDS)

    assert "clip scores" not in desk.viewer.layers
    assert desk.viewer.layers["clip masks"].data[11].any()


def test_renaming_layers_changes_nothing(desk: Desk, qtbot: QtBot) -> None:
    """In mid-run; results and the form follow the video."""
    go_on = _start_and_halt(desk, qtbot)

    for layer in (desk.video, desk.labels):
        layer.name = f"renamed {layer.name}"
    go_on.set()
    qtbot.waitUntil(lambda: not desk.widget.running, timeout=SECONDS)

    assert desk.viewer.layers["renamed clip masks"].data[11].any()
    assert desk.widget.form.video.currentText() == "renamed clip"
    _run(desk, qtbot)
    assert len(desk.viewer.layers) == 3


def test_closing_the_viewer_stops_the_run(window_desk: Desk, qtbot: QtBot) -> None:
    """Nothing goes on behind the user's back."""
    desk = window_desk
    go_on = _start_and_halt(desk, qtbot)

    desk.viewer.window._qt_window.close()
    go_on.set()

    assert QThreadPool.globalInstance().waitForDone(SECONDS)


def test_a_run_outlives_its_dock(window_desk: Desk, qtbot: QtBot) -> None:
    """A dock opened anew shows it, and can stop it."""
    desk = window_desk
    workspace = desk.widget.workspace
    go_on = _start_and_halt(desk, qtbot)

    desk.viewer.window.remove_dock_widget(desk.widget)
    _, anew = desk.viewer.window.add_plugin_dock_widget("napari-frtm", "Propagate")

    assert anew is not desk.widget
    assert anew.running
    assert anew.panel.cancel_button.isEnabled()
    assert anew.panel.bar.value() > 0
    go_on.set()
    qtbot.waitUntil(lambda: workspace.run is None, timeout=SECONDS)
    assert desk.viewer.layers["clip masks"].data[11].any()
    assert "12 of 12" in anew.panel.status.text()
    assert anew.panel.start_button.isEnabled()


def test_frames_painted_outside_the_range_are_used(desk: Desk, qtbot: QtBot) -> None:
    """As references."""
    desk.widget.form.frames.span = range(3, 9)

    _run(desk, qtbot)

    masks = desk.viewer.layers["clip masks"]
    assert [bool(frame.any()) for frame in masks.data] == [3 <= t < 9 for t in range(12)]
    assert desk.viewer.layers["clip masks"].metadata[METADATA]["runs"][0]["keyframes"] == [0]


def _unpaint(desk: Desk) -> None:
    desk.labels.data[:] = 0


def _other_shape(desk: Desk) -> None:
    desk.widget.form.labels.layer = desk.viewer.add_labels(np.ones((12, 9, 9), np.uint8))


def _single_image(desk: Desk) -> None:
    desk.widget.form.video.layer = desk.viewer.add_image(np.zeros((120, 160)), name="still")


def _no_labels(desk: Desk) -> None:
    desk.viewer.layers.remove(desk.labels)


def _no_gpu(desk: Desk) -> None:
    desk.widget.form.options.device.value = "mps"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_unpaint, "Nothing is painted."),
        (_other_shape, "has shape (12, 9, 9), but 'clip' has (12, 120, 160)"),
        (_single_image, "'still' is a single image"),
        (_no_labels, "Add a Labels layer"),
        (_no_gpu, "There is no 'mps' device here"),
    ],
)
def test_mistakes_are_explained(
    desk: Desk, qtbot: QtBot, messages: list[str], spoil: Callable[[Desk], None], message: str
) -> None:
    """No layer appears, and the widget can be used again."""
    spoil(desk)
    layers = len(desk.viewer.layers)

    _run(desk, qtbot)

    assert any(message in text for text in messages)
    assert message in desk.widget.panel.status.text()
    assert len(desk.viewer.layers) == layers
    assert desk.widget.panel.start_button.isEnabled()


def test_unreadable_frame_is_explained(desk: Desk, qtbot: QtBot, messages: list[str]) -> None:
    """In mid-run; the frames before it stay."""

    def fail_at_10(frame: int) -> None:
        if frame == 10:
            raise VideoError("Frame 10 cannot be read.")

    _on_read(desk, fail_at_10)

    _run(desk, qtbot)

    assert messages == ["Frame 10 cannot be read."]
    assert desk.viewer.layers["clip masks"].data[8].any()
    assert desk.widget.panel.status.text().startswith("Failed after 9 of 12")


def test_the_contrast_in_use_is_shown(desk: Desk, qtbot: QtBot) -> None:
    """For anything but 8 bits, where the layer's limits decide."""
    dark = desk.viewer.add_image(desk.video.data[..., 0].astype(np.uint16) * 4, name="dark")
    dark.contrast_limits = (0, 1020)
    labels = desk.viewer.add_labels(desk.labels.data.copy(), name="own")
    desk.widget.form.video.layer, desk.widget.form.labels.layer = dark, labels

    desk.widget.start()
    qtbot.waitUntil(lambda: "Intensities" in desk.widget.panel.status.text(), timeout=SECONDS)

    assert "Intensities 0 to 1020 are seen as black to white." in desk.widget.panel.status.text()
    qtbot.waitUntil(lambda: not desk.widget.running, timeout=SECONDS)
    assert desk.viewer.layers["dark masks"].data[6].any()
