"""The form of *Propagate*, and how it follows the viewer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels, _layer_actions
from qtpy.QtCore import QPointF
from qtpy.QtGui import QEnterEvent
from qtpy.QtWidgets import QApplication
from weights import write_checkpoint

from napari_frtm.config import Variant
from napari_frtm.errors import FrtmError
from napari_frtm.io.weights import library
from napari_frtm.plugin.docks.propagate.devices import Gpu
from napari_frtm.plugin.docks.propagate.form import PropagateForm
from napari_frtm.plugin.docks.propagate.options import FROM_FILE, OWN_WEIGHTS
from napari_frtm.plugin.preferences import Preferences
from napari_frtm.plugin.view.result_layers import METADATA, mark

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot


@pytest.fixture
def viewer() -> ViewerModel:
    """Return a viewer without a window; a clip, and a layer to paint on."""
    viewer = ViewerModel()
    viewer.add_image(np.zeros((12, 48, 64, 3), np.uint8), rgb=True, name="clip")
    viewer.add_labels(np.zeros((12, 48, 64), np.uint8), name="mine")
    return viewer


@pytest.fixture
def form(viewer: ViewerModel, qtbot: QtBot) -> PropagateForm:
    """Return its form."""
    form = PropagateForm(viewer)
    qtbot.addWidget(form)
    return form


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of imported weights, one of them for lite, the other for accurate."""
    monkeypatch.setenv(library.FOLDER, str(tmp_path))
    for name, backbone in {"koi": "mobilenet_v2", "ytvos": "resnet101"}.items():
        write_checkpoint(tmp_path / f"{name}.safetensors", backbone)
    return tmp_path


def _items(box: object) -> list[str]:
    return [box.itemText(i) for i in range(box.count())]  # type: ignore[attr-defined]


def _enter(form: PropagateForm) -> None:
    """Come by with the mouse."""
    point = QPointF(1, 1)
    QApplication.sendEvent(form, QEnterEvent(point, point, point))


def test_the_preset_suits_the_video_until_the_user_chooses(
    form: PropagateForm, viewer: ViewerModel
) -> None:
    """Recordings of microscopes are looked at as cells, near their last place."""
    options = form.options
    assert (options.preset.value, options.search.value) == ("lite", "Everywhere")
    stack = viewer.add_image(np.zeros((5, 20, 30), np.uint16), name="stack")
    form.video.layer = stack
    assert (options.preset.value, options.search.value) == ("cells", "Near the last place")
    form.video.layer = viewer.layers["clip"]
    assert (options.preset.value, options.search.value) == ("lite", "Everywhere")
    assert options.outlines.value
    options.preset.value = "fast"
    form.video.layer = stack
    assert (options.preset.value, options.outlines.value) == ("fast", False)


def test_range_follows_the_video(form: PropagateForm, viewer: ViewerModel) -> None:
    """All of it, unless the user chose otherwise; it is no choice of the user's, and not told."""
    told = []
    form.frames.changed.connect(lambda: told.append(form.frames.span))
    assert form.frames.span == range(12)

    form.video.layer = viewer.add_image(np.zeros((30, 9, 9)), name="longer")

    assert form.frames.span == range(30)
    assert not form.frames.slider.isEnabled()
    assert told == []


def test_results_are_not_offered_but_their_duplicates_are(
    form: PropagateForm, viewer: ViewerModel
) -> None:
    """Every frame of results would count as painted; who duplicates them wants that."""
    masks = Labels(np.ones((12, 48, 64), np.uint8), name="clip masks")
    mark(masks, "masks", viewer.layers["clip"], [])
    viewer.add_layer(masks)
    assert _items(form.labels) == ["mine"]

    viewer.layers.selection = {masks}
    _layer_actions._duplicate_layer(viewer.layers)

    assert METADATA in viewer.layers["clip masks copy"].metadata
    assert _items(form.labels) == ["mine", "clip masks copy"]


def test_an_empty_viewer_lacks_something(qtbot: QtBot) -> None:
    """First the video, then the labels."""
    viewer = ViewerModel()
    form = PropagateForm(viewer)
    qtbot.addWidget(form)
    assert form.missing.startswith("Open a video")

    viewer.add_image(np.zeros((3, 9, 9)), name="video")
    assert form.missing.startswith("Add a Labels layer")
    viewer.add_labels(np.zeros((3, 9, 9), np.uint8), name="labels")

    assert form.missing == ""


def test_names_follow_the_layer_list(form: PropagateForm, viewer: ViewerModel) -> None:
    """Renaming keeps the choice."""
    viewer.add_labels(np.zeros((3, 9, 9), np.uint8), name="other")
    viewer.layers["mine"].name = "koi"

    assert form.labels.currentText() == "koi"
    assert form.labels.layer is viewer.layers["koi"]


def test_settings_are_those_of_the_form(form: PropagateForm) -> None:
    """Ranges include their last frame."""
    form.options.preset.value = "fast"
    form.options.direction.value = "Both ways"
    form.options.short_side.value = 240
    form.options.seed.value = 7
    form.options.masks.value = "Coarse"
    form.frames.span = range(2, 8)

    settings = form.settings

    assert (settings.preset, settings.config.backbone) == ("fast", "resnet18")
    assert (settings.config.short_side, settings.config.seed) == (240, 7)
    assert settings.config.variant is Variant.D_ONLY
    assert settings.direction == "both"
    assert form.frames.slider.value() == (2, 7)
    assert form.frames.span == range(2, 8)


def test_the_state_of_the_form_comes_back(form: PropagateForm, folder: Path) -> None:
    """As plain values, for a session folder; what is not offered any more is left out."""
    form.look()
    before = form.state()
    form.options.direction.value = "This frame only"
    form.options.objects.value = "1, 4"
    form.options.search.value = "Near the last place"
    form.options.outlines.value = False
    form.options.probabilities.value = True
    form.options.weights.value = "koi"
    form.options.weights_file.value = folder / "koi.safetensors"
    form.frames.span = range(2, 8)
    state = json.loads(json.dumps(form.state()))

    form.set_state(before)
    assert form.settings.objects is None
    assert form.settings.config.locality is None
    assert form.settings.checkpoint is None
    form.set_state(state | {"preset": "gone", "seed": "no number"})

    assert form.way == "This frame only"
    assert form.settings.objects == (1, 4)
    assert form.settings.config.locality is not None
    assert not form.settings.config.outlines
    assert form.settings.soft
    assert form.settings.checkpoint == folder / "koi.safetensors"
    assert form.frames.span == range(2, 8)
    assert form.settings.preset == "lite"


def test_states_of_earlier_versions_are_shown(form: PropagateForm) -> None:
    """Version 0.1.0 wrote this one."""
    form.set_state(
        {
            "preset": "accurate",
            "masks": "Coarse",
            "search": "Everywhere",
            "device": "cpu",
            "direction": "Backward",
            "short_side": 300,
            "seed": 3,
            "objects": "2",
            "range": None,
            "probabilities": True,
        }
    )

    settings = form.settings
    assert (settings.preset, settings.device, settings.direction) == ("accurate", "cpu", "backward")
    assert (settings.config.short_side, settings.config.seed) == (300, 3)
    assert (settings.objects, settings.soft, settings.checkpoint) == ((2,), True, None)
    assert form.frames.span == range(12)


def test_the_resolution_is_that_of_the_preset(
    form: PropagateForm, viewer: ViewerModel, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    """Unless the user prefers another one."""
    assert form.settings.config.short_side == 600

    form.options.preset.value = "accurate"
    assert form.settings.config.short_side == 480

    monkeypatch.setattr(
        "napari_frtm.plugin.docks.propagate.form.preferences", lambda: Preferences(short_side=720)
    )
    other = PropagateForm(viewer)
    qtbot.addWidget(other)
    assert other.settings.config.short_side == 720


def test_how_a_run_is_shown_may_change_while_it_goes_on(form: PropagateForm) -> None:
    """What it has read may not."""
    form.set_running(True)

    assert form.follow.isEnabled()
    assert form.scores.isEnabled()
    read = (form.video, form.labels, form.axes, form.frames, form.folder.native)
    fields = [field.native for field in form.options if field.name]
    assert not any(widget.isEnabled() for widget in (*read, *fields))

    form.set_running(False)
    assert form.video.isEnabled()
    assert form.options.seed.native.isEnabled()


def test_weights_for_the_preset_are_offered(form: PropagateForm, folder: Path) -> None:
    """As soon as the mouse comes by; a choice that is no longer offered is given up."""
    _enter(form)
    assert _items(form.options.weights.native) == ["of the preset", "from a file", "koi"]
    form.options.weights.value = "koi"
    assert form.settings.checkpoint == folder / "koi.safetensors"
    assert "with the weights 'koi'" in form.outlook.masks.text()

    form.options.preset.value = "accurate"

    assert form.options.weights.value == OWN_WEIGHTS
    assert form.options.weights.choices == (OWN_WEIGHTS, FROM_FILE, "ytvos")
    assert form.settings.checkpoint is None


def test_weights_may_come_from_a_file(form: PropagateForm, folder: Path) -> None:
    """Whose name is asked for then; what is missing is said at once and at the start."""
    assert form.options.weights_file.native.isHidden()

    form.options.weights.value = FROM_FILE
    assert not form.options.weights_file.native.isHidden()
    assert "none is named" in form.outlook.masks.text()
    with pytest.raises(FrtmError, match="none is named"):
        _ = form.settings
    form.options.weights_file.value = folder / "gone.pth"
    with pytest.raises(FrtmError, match=r"gone\.pth is not there"):
        _ = form.settings
    form.options.weights_file.value = folder / "koi.safetensors"

    assert form.settings.checkpoint == folder / "koi.safetensors"


def test_removed_weights_are_refused(form: PropagateForm, folder: Path) -> None:
    """With a word about it, before the run."""
    form.look()
    form.options.weights.value = "koi"
    library.remove("koi")

    with pytest.raises(FrtmError, match="There are no weights 'koi' any more"):
        _ = form.settings


def test_gpus_are_offered_by_name(form: PropagateForm) -> None:
    """With what memory is free; the choice stays."""
    form.options.device.value = "cpu"
    form.outlook._take([Gpu("cuda:0", "Tesla T4", 12.3, 15.0)])

    assert _items(form.options.device.native)[-1] == "Tesla T4 (12 of 15 GB free)"
    assert form.settings.device == "cpu"
    form.options.device.value = "cuda:0"
    assert form.settings.device == "cuda:0"
    assert form.outlook.needs.text() == "Tesla T4 (12 of 15 GB free)"


def test_memory_depends_on_size_and_objects(form: PropagateForm, viewer: ViewerModel) -> None:
    """Before anything is loaded."""
    assert form.outlook.needs.text().startswith(
        "On a GPU if there is one; on the CPU: about 1.1 GB for one object, "
    )

    form.video.layer = viewer.add_image(np.zeros((2, 600, 1066), np.uint8), name="larger")
    form.options.device.value = "cpu"
    form.options.objects.value = "1-8"

    assert form.outlook.needs.text() == "On the CPU: about 2.3 GB"
