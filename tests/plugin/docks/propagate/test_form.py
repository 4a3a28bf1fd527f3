"""The form of *Propagate*, and how it follows the viewer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels, _layer_actions

from napari_frtm.plugin.docks.propagate.dock import Propagate
from napari_frtm.plugin.preferences import Preferences
from napari_frtm.plugin.view.result_layers import METADATA, mark

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
    assert not frames.slider.isEnabled()


def test_results_are_not_offered_as_labels_but_their_duplicates_are(desk: Desk) -> None:
    """Every frame of results would count as painted; who duplicates them wants that."""
    masks = Labels(desk.labels.data.copy(), name="clip masks")
    mark(masks, "masks", desk.video, [])
    desk.viewer.add_layer(masks)
    box = desk.widget.form.labels
    assert [box.itemText(i) for i in range(box.count())] == ["mine"]

    desk.viewer.layers.selection = {masks}
    _layer_actions._duplicate_layer(desk.viewer.layers)

    assert METADATA in desk.viewer.layers["clip masks copy"].metadata
    assert [box.itemText(i) for i in range(box.count())] == ["mine", "clip masks copy"]


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
    form.options.preset.value = "fast"
    form.options.direction.value = "Both ways"
    form.options.short_side.value = 240
    form.options.seed.value = 7
    form.frames.span = range(2, 8)

    settings = form.settings

    assert (settings.preset, settings.config.backbone) == ("fast", "resnet18")
    assert (settings.config.short_side, settings.config.seed) == (240, 7)
    assert settings.direction == "both"
    assert form.frames.slider.value() == (2, 7)
    assert form.frames.span == range(2, 8)


def test_the_state_of_the_form_comes_back(desk: Desk) -> None:
    """As plain values, for a session folder; what is not offered any more is left out."""
    form = desk.widget.form
    before = form.state()
    form.options.direction.value = "This frame only"
    form.options.objects.value = "1, 4"
    form.options.search.value = "Near the last place"
    form.options.probabilities.value = True
    form.frames.span = range(2, 8)
    state = json.loads(json.dumps(form.state()))

    form.set_state(before)
    assert form.settings.objects is None
    assert form.settings.config.locality is None
    form.set_state(state | {"preset": "gone"})

    assert form.way == "This frame only"
    assert form.settings.objects == (1, 4)
    assert form.settings.config.locality is not None
    assert form.settings.soft
    assert form.frames.span == range(2, 8)
    assert form.settings.preset == "lite"


def test_the_resolution_is_that_of_the_preset(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless the user prefers another one."""
    form = desk.widget.form
    assert form.settings.config.short_side == 600

    form.options.preset.value = "accurate"
    assert form.settings.config.short_side == 480

    monkeypatch.setattr(
        "napari_frtm.plugin.docks.propagate.form.preferences", lambda: Preferences(short_side=720)
    )
    assert Propagate(desk.viewer).form.settings.config.short_side == 720
