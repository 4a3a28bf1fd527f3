"""The form of *Propagate*, and how it follows the viewer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from napari_frtm.plugin.docks.propagate.dock import Propagate
from napari_frtm.plugin.preferences import Preferences
from napari_frtm.plugin.view.result_layers import METADATA

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
    from napari.viewer import Viewer

    from tests.plugin.conftest import Desk


def test_range_follows_the_video(desk: Desk) -> None:
    """All of it, unless the user chose otherwise."""
    frames = desk.widget.form.frames
    assert frames.span == range(12)

    desk.widget.form.video.layer = desk.viewer.add_image(np.zeros((30, 9, 9)), name="longer")

    assert frames.span == range(30)
    assert not frames.first.isEnabled()


def test_results_are_not_offered_as_labels(desk: Desk) -> None:
    """Every frame of them would count as painted."""
    desk.viewer.add_labels(desk.labels.data, name="result", metadata={METADATA: {}})
    box = desk.widget.form.labels

    assert [box.itemText(i) for i in range(box.count())] == ["mine"]


def test_empty_viewer_says_what_to_do(make_napari_viewer: Callable[[], Viewer]) -> None:
    """First the video, then the labels."""
    viewer = make_napari_viewer()
    widget = Propagate(viewer)
    assert widget.panel.status.text().startswith("Open a video")

    viewer.add_image(np.zeros((3, 9, 9)), name="video")
    assert widget.panel.status.text().startswith("Add a Labels layer")
    viewer.add_labels(np.zeros((3, 9, 9), np.uint8), name="labels")

    assert widget.panel.status.text() == ""


def test_names_follow_the_layer_list(desk: Desk) -> None:
    """Renaming keeps the choice."""
    desk.viewer.add_labels(np.zeros((3, 9, 9), np.uint8), name="other")
    desk.labels.name = "koi"

    assert desk.widget.form.labels.currentText() == "koi"
    assert desk.widget.form.labels.layer is desk.labels


def test_settings_are_those_of_the_form(desk: Desk) -> None:
    """Ranges include their last frame."""
    form = desk.widget.form
    form.preset.setCurrentText("fast")
    form.direction.setCurrentText("Both ways")
    form.short_side.setValue(240)
    form.seed.setValue(7)
    form.frames.span = range(2, 8)

    settings = form.settings

    assert (settings.preset, settings.config.backbone) == ("fast", "resnet18")
    assert (settings.config.short_side, settings.config.seed) == (240, 7)
    assert settings.direction == "both"
    assert (form.frames.first.value(), form.frames.last.value()) == (2, 7)
    assert settings.span == range(2, 8)


def test_the_state_of_the_form_comes_back(desk: Desk) -> None:
    """As plain values, for a session folder; what is not offered any more is left out."""
    form = desk.widget.form
    before = form.state()
    form.direction.setCurrentText("This frame only")
    form.objects.setText("1, 4")
    form.search.setCurrentText("Near the last place")
    form.probabilities.setChecked(True)
    form.frames.span = range(2, 8)
    state = json.loads(json.dumps(form.state()))

    form.set_state(before)
    assert form.settings.objects is None
    assert form.settings.config.locality is None
    form.set_state(state | {"preset": "gone"})

    assert form.way == "This frame only"
    assert form.settings.objects == {1, 4}
    assert form.settings.config.locality is not None
    assert form.settings.soft
    assert form.settings.span == range(2, 8)
    assert form.settings.preset == "lite"


def test_the_resolution_is_that_of_the_preset(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless the user prefers another one."""
    form = desk.widget.form
    assert form.settings.config.short_side == 600

    form.preset.setCurrentText("accurate")
    assert form.settings.config.short_side == 480

    monkeypatch.setattr(
        "napari_frtm.plugin.docks.propagate.form.preferences", lambda: Preferences(short_side=720)
    )
    assert Propagate(desk.viewer).form.settings.config.short_side == 720


def test_device_and_memory_are_estimated(desk: Desk) -> None:
    """Before anything is loaded."""
    form = desk.widget.form
    assert form.estimate.text() == "GPU if there is one, 1.0 GB or more"

    form.preset.setCurrentText("accurate")
    form.device.setCurrentText("cpu")

    assert form.estimate.text() == "CPU, 1.5 GB or more"
