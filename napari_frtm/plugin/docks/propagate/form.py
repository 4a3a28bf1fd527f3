"""Inputs of the *Propagate* widget."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSpinBox,
    QWidget,
)
from superqt import QCollapsible
from superqt.utils import signals_blocked

from napari_frtm.config import PRESETS, Direction, LocalityConfig, Variant, preset
from napari_frtm.errors import FrtmError
from napari_frtm.plugin.docks.propagate.axes_box import AxesBox
from napari_frtm.plugin.docks.propagate.entries import FolderEdit, parse_objects
from napari_frtm.plugin.docks.propagate.inputs import LayerCombo, RangeBox
from napari_frtm.plugin.preferences import preferences
from napari_frtm.plugin.source.layers import video_frames
from napari_frtm.plugin.source.video import folder_of
from napari_frtm.session.request import Settings

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_frtm.plugin.preferences import Preferences

_PRESET_TIPS = {
    "lite": "lite: small network (MobileNetV2) that comes with the plugin; works offline.",
    "fast": "fast: ResNet-18; its weights are downloaded once (45 MB).",
    "accurate": "accurate: ResNet-101; its weights are downloaded once (171 MB); wants a GPU.",
}
_MEMORY = {"lite": 1.0, "fast": 1.1, "accurate": 1.5}
"""GB of a whole run on the CPU, one object at 480 x 854, beside napari itself."""
_SEARCH = {"Everywhere": None, "Near the last place": LocalityConfig()}
_MASKS = {"Refined": Variant.FULL, "Coarse": Variant.D_ONLY}


class Way(StrEnum):
    """Choices of *Direction*."""

    FORWARD = "Forward"
    BACKWARD = "Backward"
    BOTH = "Both ways"
    FRAME = "This frame only"


_DIRECTIONS = {
    Way.FORWARD: Direction.FORWARD,
    Way.BACKWARD: Direction.BACKWARD,
    Way.BOTH: Direction.BOTH,
    Way.FRAME: Direction.FORWARD,
}


class PropagateForm(QWidget):  # type: ignore[misc]
    """What to follow, in which video, where, and how."""

    changed = Signal()
    video_changed = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.video = LayerCombo(viewer, Image)
        self.axes = AxesBox()
        self.labels = LayerCombo(viewer, Labels)
        self.objects = QLineEdit()
        self.frames = RangeBox()
        self.direction = _combo(
            Way,
            "Which way to go through time from painted frames. Both ways: between two painted "
            "frames, what comes from either side is blended.",
        )
        self.preset = _combo(PRESETS, "\n".join(_PRESET_TIPS[name] for name in PRESETS))
        self.estimate = QLabel()
        self.scores = QCheckBox("Scores")
        self.probabilities = QCheckBox("Probabilities")
        self.follow = QCheckBox("Follow along")
        self.masks = _combo(
            _MASKS,
            "Refined: fine edges, by the segmentation network, where there are weights of it.\n"
            "Coarse: the target model alone; for small or unusual objects that the refinement "
            "loses.",
        )
        self.search = _combo(
            _SEARCH,
            "Everywhere: as usual.\n"
            "Near the last place: each object is looked for only around where it was last seen, "
            "and small objects are enlarged. For many objects that look alike, such as cells; "
            "slower, and not for fast motion.",
        )
        self.short_side = QSpinBox()
        self.device = _combo(
            ("auto", "cpu", "cuda", "mps"),
            "Where to compute: auto takes a GPU if there is one; cpu is slow, but needs no GPU.",
        )
        self.seed = QSpinBox()
        self.folder = FolderEdit()
        self._lay_out()
        self._describe()
        self._prefer(preferences())
        self.video.chosen.connect(self._follow_video)
        self.labels.chosen.connect(self.changed)
        self.axes.changed.connect(self._follow_video)
        self.preset.currentTextChanged.connect(self._follow_preset)
        self.device.currentTextChanged.connect(self._estimate)
        self._follow_video()

    @property
    def settings(self) -> Settings:
        """The form's content, without the layers.

        Raises
        ------
        FrtmError
            If the objects are no numbers.
        """
        config = replace(
            preset(self.preset.currentText(), _MASKS[self.masks.currentText()]),
            short_side=self.short_side.value(),
            seed=self.seed.value(),
            locality=_SEARCH[self.search.currentText()],
        )
        return Settings(
            preset=self.preset.currentText(),
            config=config,
            device=self.device.currentText(),
            direction=_DIRECTIONS[self.way],
            objects=_sorted(parse_objects(self.objects.text())),
            soft=self.probabilities.isChecked(),
        )

    @property
    def way(self) -> Way:
        """The direction chosen."""
        return Way(self.direction.currentText())

    @property
    def missing(self) -> str:
        """What the user has to add before a run; empty if all is there."""
        if self.video.layer is None:
            return "Open a video: File > Open, or File > Open Sample > FRTM."
        if self.labels.layer is None:
            return "Add a Labels layer and paint the objects on one frame."
        return ""

    def state(self) -> dict[str, Any]:
        """Return what the user has set, as plain values; see `set_state`."""
        choices = {name: box.currentText() for name, box in self._choices.items()}
        span = self.frames.span
        whole = self.frames.whole.isChecked()
        return choices | {
            "short_side": self.short_side.value(),
            "seed": self.seed.value(),
            "objects": self.objects.text(),
            "range": None if whole else [span.start, span.stop],
            "probabilities": self.probabilities.isChecked(),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Show what `state` returned; what is missing or no longer offered stays as it is."""
        for name, box in self._choices.items():
            box.setCurrentText(state.get(name, box.currentText()))
        self.short_side.setValue(state.get("short_side", self.short_side.value()))
        self.seed.setValue(state.get("seed", self.seed.value()))
        self.objects.setText(state.get("objects", ""))
        self.probabilities.setChecked(state.get("probabilities", False))
        if state.get("range"):
            self.frames.span = range(*state["range"])

    @property
    def _choices(self) -> dict[str, QComboBox]:
        return {
            "preset": self.preset,
            "masks": self.masks,
            "search": self.search,
            "device": self.device,
            "direction": self.direction,
        }

    def set_running(self, running: bool) -> None:
        """Lock what a run under way does not follow any more."""
        for widget in self.findChildren(QWidget):
            if widget.parent() is self and widget not in (self.scores, self.follow):
                widget.setEnabled(not running)

    def _lay_out(self) -> None:
        layout = _form_layout(self)
        layout.addRow("Video", self.video)
        layout.addRow(self.axes)
        layout.addRow("Labels", self.labels)
        layout.addRow("Objects", self.objects)
        layout.addRow("Frames", self.frames)
        layout.addRow("Direction", self.direction)
        layout.addRow("Preset", self.preset)
        layout.addRow("", self.estimate)
        layout.addRow("Show", _row(self.scores, self.probabilities))
        layout.addRow("", self.follow)
        inner = QWidget()
        advanced = _form_layout(inner)
        advanced.addRow("Masks", self.masks)
        advanced.addRow("Search", self.search)
        advanced.addRow("Resolution", self.short_side)
        advanced.addRow("Device", self.device)
        advanced.addRow("Seed", self.seed)
        advanced.addRow("Save in", self.folder)
        folded = QCollapsible("Advanced", expandedIcon="▾", collapsedIcon="▸")
        folded.addWidget(inner)
        layout.addRow(folded)

    def _describe(self) -> None:
        self.video.setToolTip("Image layer with the video: (time, height, width), grey or RGB.")
        self.labels.setToolTip(
            "Labels layer on which you painted the objects, each with its own label, on one "
            "frame or more. It is not changed."
        )
        self.objects.setPlaceholderText("all")
        self.objects.setToolTip(
            "Labels of the objects to follow, such as 1, 3-5; all if empty. The masks of the "
            "others stay as they are."
        )
        self.estimate.setToolTip(
            "Where it will run, and what memory a video of 480 x 854 pixels with one object takes. "
            "More objects and a higher resolution take more."
        )
        self.scores.setToolTip("Show how sure the target model is of each 16 x 16 pixels.")
        self.probabilities.setToolTip(
            "Keep the soft masks as well, one layer per object, for mattes and measurements."
        )
        self.follow.setToolTip("Show the newest frame while the run goes on.")
        self.short_side.setRange(32, 4320)
        self.short_side.setSuffix(" px")
        self.short_side.setToolTip(
            "Working resolution: larger videos are scaled down so that their shorter side has "
            "this many pixels, smaller ones up by a little. The masks come back at full size. "
            "Lower is faster."
        )
        self.seed.setRange(0, 2**31 - 1)
        self.seed.setToolTip("Start of the random numbers; the same seed gives the same masks.")
        self.folder.setToolTip(
            "Folder in which your work on this video is saved as you go: masks, keyframes, "
            "settings. Empty: it is not saved."
        )

    def _estimate(self) -> None:
        device = self.device.currentText()
        where = "GPU if there is one" if device == "auto" else device.upper()
        self.estimate.setText(f"{where}, {_MEMORY[self.preset.currentText()]} GB or more")

    def _prefer(self, wanted: Preferences) -> None:
        self.preset.setCurrentText(wanted.preset)
        self.masks.setCurrentText(wanted.masks)
        self.device.setCurrentText(wanted.device)
        self._follow_preset()
        if wanted.short_side:
            self.short_side.setValue(wanted.short_side)

    def _follow_preset(self) -> None:
        self.short_side.setValue(preset(self.preset.currentText()).short_side)
        self._estimate()

    def _follow_video(self) -> None:
        video = self.video.layer
        with signals_blocked(self.axes):
            self.axes.set_layer(video)
        axes = self.axes.axes
        path = None if video is None or axes is None else folder_of(video, axes)
        self.folder.path = path
        self._follow_axes()
        self.video_changed.emit()

    def _follow_axes(self) -> None:
        video, axes = self.video.layer, self.axes.axes
        try:
            length = video_frames(video, axes).shape[0] if video else 0
        except FrtmError:  # said when the run is started
            length = 0
        self.frames.set_length(length)
        self.changed.emit()


def _sorted(objects: frozenset[int] | None) -> tuple[int, ...] | None:
    return None if objects is None else tuple(sorted(objects))


def _combo(items: Any, tip: str) -> QComboBox:
    box = QComboBox()
    box.addItems(list(items))
    box.setToolTip(tip)
    return box


def _row(*widgets: QWidget) -> QWidget:
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget)
    layout.addStretch(1)
    return row


def _form_layout(widget: QWidget) -> QFormLayout:
    layout = QFormLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return layout
