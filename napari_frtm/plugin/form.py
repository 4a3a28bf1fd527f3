"""Inputs of the *Propagate* widget."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QSpinBox, QWidget
from superqt import QCollapsible

from napari_frtm.config import PRESETS, Direction, Variant, preset
from napari_frtm.errors import FrtmError
from napari_frtm.plugin.inputs import LayerCombo, RangeBox
from napari_frtm.plugin.layers import video_frames
from napari_frtm.plugin.request import Settings

if TYPE_CHECKING:
    from napari.viewer import Viewer

_PRESET_TIPS = {
    "lite": "lite: small network (MobileNetV2) that comes with the plugin; works offline.",
    "fast": "fast: ResNet-18; its weights are downloaded once (45 MB).",
    "accurate": "accurate: ResNet-101; its weights are downloaded once (171 MB); wants a GPU.",
}
_MASKS = {"Refined": Variant.FULL, "Coarse": Variant.D_ONLY}
_DIRECTIONS = {
    "Forward": Direction.FORWARD,
    "Backward": Direction.BACKWARD,
    "Both ways": Direction.BOTH,
}


class PropagateForm(QWidget):  # type: ignore[misc]
    """What to follow, in which video, where, and how."""

    changed = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.video = LayerCombo(viewer, Image)
        self.labels = LayerCombo(viewer, Labels)
        self.frames = RangeBox()
        self.preset = _combo(PRESETS, "\n".join(_PRESET_TIPS[name] for name in PRESETS))
        self.direction = _combo(_DIRECTIONS, "Which way to go through time from a painted frame.")
        self.masks = _combo(
            _MASKS,
            "Refined: fine edges, by the segmentation network, where there are weights of it.\n"
            "Coarse: the target model alone; for small or unusual objects that the refinement "
            "loses.",
        )
        self.short_side = QSpinBox()
        self.device = _combo(
            ("auto", "cpu", "cuda", "mps"),
            "Where to compute: auto takes a GPU if there is one; cpu is slow, but needs no GPU.",
        )
        self.seed = QSpinBox()
        self._lay_out()
        self._describe()
        self.video.chosen.connect(self._follow_video)
        self.labels.chosen.connect(self.changed)
        self._follow_video()

    @property
    def settings(self) -> Settings:
        """The form's content, without the layers."""
        config = replace(
            preset(self.preset.currentText(), _MASKS[self.masks.currentText()]),
            short_side=self.short_side.value(),
            seed=self.seed.value(),
        )
        return Settings(
            preset=self.preset.currentText(),
            config=config,
            device=self.device.currentText(),
            span=self.frames.span,
            direction=_DIRECTIONS[self.direction.currentText()],
        )

    @property
    def missing(self) -> str:
        """What the user has to add before a run; empty if all is there."""
        if self.video.layer is None:
            return "Open a video: File > Open, or File > Open Sample > FRTM."
        if self.labels.layer is None:
            return "Add a Labels layer and paint the objects on one frame."
        return ""

    def _lay_out(self) -> None:
        layout = _form_layout(self)
        layout.addRow("Video", self.video)
        layout.addRow("Labels", self.labels)
        layout.addRow("Frames", self.frames)
        layout.addRow("Direction", self.direction)
        layout.addRow("Preset", self.preset)
        inner = QWidget()
        advanced = _form_layout(inner)
        advanced.addRow("Masks", self.masks)
        advanced.addRow("Resolution", self.short_side)
        advanced.addRow("Device", self.device)
        advanced.addRow("Seed", self.seed)
        folded = QCollapsible("Advanced", expandedIcon="▾", collapsedIcon="▸")
        folded.addWidget(inner)
        layout.addRow(folded)

    def _describe(self) -> None:
        self.video.setToolTip("Image layer with the video: (time, height, width), grey or RGB.")
        self.labels.setToolTip(
            "Labels layer on which you painted the objects, each with its own label, on one "
            "frame or more. It is not changed."
        )
        self.short_side.setRange(32, 4320)
        self.short_side.setSuffix(" px")
        self.short_side.setValue(preset(PRESETS[0]).short_side)
        self.short_side.setToolTip(
            "Working resolution: larger videos are scaled down so that their shorter side has "
            "this many pixels. The masks come back at full size. Lower is faster."
        )
        self.seed.setRange(0, 2**31 - 1)
        self.seed.setToolTip("Start of the random numbers; the same seed gives the same masks.")

    def _follow_video(self) -> None:
        try:
            length = video_frames(self.video.layer).shape[0] if self.video.layer else 0
        except FrtmError:  # said when the run is started
            length = 0
        self.frames.set_length(length)
        self.changed.emit()


def _combo(items: Any, tip: str) -> QComboBox:
    box = QComboBox()
    box.addItems(list(items))
    box.setToolTip(tip)
    return box


def _form_layout(widget: QWidget) -> QFormLayout:
    layout = QFormLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return layout
