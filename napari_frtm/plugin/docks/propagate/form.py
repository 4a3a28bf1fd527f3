"""Inputs of the *Propagate* widget."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from magicgui import magicgui
from napari.layers import Image, Labels
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QFormLayout, QHBoxLayout, QWidget
from superqt import QCollapsible
from superqt.utils import signals_blocked

from napari_frtm.config import PRESETS, preset
from napari_frtm.errors import FrtmError
from napari_frtm.plugin import delivery
from napari_frtm.plugin.docks.propagate.axes_box import AxesBox
from napari_frtm.plugin.docks.propagate.entries import FolderEdit
from napari_frtm.plugin.docks.propagate.inputs import LayerCombo, RangeBox
from napari_frtm.plugin.docks.propagate.options import (
    DEVICES,
    FROM_FILE,
    OWN_WEIGHTS,
    Options,
    Search,
    plain,
)
from napari_frtm.plugin.docks.propagate.options import Way as Way
from napari_frtm.plugin.docks.propagate.outlook import Outlook
from napari_frtm.plugin.preferences import preferences
from napari_frtm.plugin.source.layers import video_frames
from napari_frtm.plugin.source.video import folder_of
from napari_frtm.session.run.method import suited_preset

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from qtpy.QtGui import QEnterEvent

    from napari_frtm.plugin.preferences import Preferences
    from napari_frtm.session.run.request import Settings
    from napari_frtm.types import Frames

_ADVANCED = (
    *("masks", "outlines", "weights", "weights_file", "search"),
    *("short_side", "device", "seed"),
)


class PropagateForm(QWidget):  # type: ignore[misc]
    """What to follow, in which video, where, and how.

    Attributes
    ----------
    options : magicgui.widgets.FunctionGui
        The fields of `Options`, each a widget with a ``value``.
    """

    changed = Signal()
    video_changed = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.video = LayerCombo(viewer, Image)
        self.axes = AxesBox()
        self.labels = LayerCombo(viewer, Labels)
        self.frames = RangeBox()
        self.options: Any = magicgui(Options, call_button=False, labels=False)
        self.outlook = Outlook()
        self.scores = QCheckBox("Scores")
        self.follow = QCheckBox("Follow along")
        self.folder = FolderEdit("not saved")
        self._locked: list[QWidget] = []
        self._size: tuple[int, int] | None = None
        self._suited = PRESETS[0]
        self._lay_out()
        self._describe()
        self.look()
        self._prefer(preferences())
        self._connect()
        self._follow_video()

    @property
    def settings(self) -> Settings:
        """The form's content, without the layers.

        Raises
        ------
        FrtmError
            If the objects are no labels, or the weights chosen are not there.
        """
        options: Options = self.options()
        return options.settings

    @property
    def way(self) -> Way:
        """The direction chosen, or that only the displayed frame is wanted."""
        return Way(self.options.direction.value)

    @property
    def missing(self) -> str:
        """What the user has to add before a run; empty if all is there."""
        if self.video.layer is None:
            return "Open a video: File > Open, or File > Open Sample > FRTM."
        if self.labels.layer is None:
            return "Add a Labels layer and paint the objects on one frame."
        return ""

    def set_running(self, running: bool) -> None:
        """Lock what a run has read already; how it is shown may change meanwhile."""
        for widget in self._locked:
            widget.setEnabled(not running)

    def state(self) -> dict[str, Any]:
        """Return what the user has set, as plain values; see `set_state`."""
        span = self.frames.span
        chosen = None if self.frames.whole.isChecked() else [span.start, span.stop]
        return plain(self.options.asdict()) | {"range": chosen}

    def set_state(self, state: dict[str, Any]) -> None:
        """Show what `state` returned; what is missing or no longer offered stays as it is."""
        asked = {"objects": "", "probabilities": False, "weights": OWN_WEIGHTS} | state
        for field in self.options:
            if field.name in asked:
                with suppress(ValueError, TypeError):
                    field.value = asked[field.name]
        if state.get("range"):
            self.frames.span = range(*state["range"])

    def look(self) -> None:
        """Offer the weights that are here now: other docks and programs may have changed them."""
        backbone = preset(self.options.preset.value).backbone
        names = delivery.fitting(backbone, delivery.imported())
        offered = (OWN_WEIGHTS, FROM_FILE, *names)
        if {*self.options.weights.choices} != {*offered}:
            texts = {OWN_WEIGHTS: "of the preset", FROM_FILE: "from a file"}
            self.options.weights.choices = [(texts.get(name, name), name) for name in offered]
        self._foresee()

    def enterEvent(self, event: QEnterEvent) -> None:
        """Look again: weights may have been imported meanwhile."""
        self.look()
        super().enterEvent(event)

    def _lay_out(self) -> None:
        options = self.options
        layout = _form_layout(self)
        inner = QWidget()
        advanced = _form_layout(inner)
        folded = QCollapsible("Advanced", expandedIcon="▾", collapsedIcon="▸")
        folded.addWidget(inner)
        layout.addRow("Video", self.video)
        layout.addRow(self.axes)
        layout.addRow("Labels", self.labels)
        layout.addRow("Objects", options.objects.native)
        layout.addRow("Frames", self.frames)
        layout.addRow("Direction", options.direction.native)
        layout.addRow("Preset", options.preset.native)
        layout.addRow(self.outlook)
        layout.addRow("Show", _row(self.scores, options.probabilities.native))
        layout.addRow("", self.follow)
        for name in _ADVANCED:
            advanced.addRow(options[name].label.capitalize(), options[name].native)
        advanced.addRow("Save in", self.folder.native)
        layout.addRow(folded)
        self._file_row = (
            advanced.labelForField(options.weights_file.native),
            options.weights_file.native,
        )
        fields = (options.objects, options.direction, options.preset, options.probabilities)
        self._locked = [self.video, self.axes, self.labels, self.frames, inner]
        self._locked += [field.native for field in fields]

    def _describe(self) -> None:
        self.video.setToolTip("Image layer with the video: (time, height, width), grey or RGB.")
        self.labels.setToolTip(
            "Labels layer on which you painted the objects, each with its own label, on one "
            "frame or more. It is not changed."
        )
        self.options.objects.native.setPlaceholderText("all")
        self.scores.setToolTip("Show how sure the target model is of each 16 x 16 pixels.")
        self.follow.setToolTip("Show the newest frame while the run goes on.")
        self.folder.tooltip = (
            "Folder in which your work on this video is saved as you go: masks, keyframes, "
            "settings. Empty: it is not saved."
        )

    def _connect(self) -> None:
        self.video.chosen.connect(self._follow_video)
        self.labels.chosen.connect(self.changed)
        self.axes.changed.connect(self._follow_video)
        self.outlook.gpus_found.connect(self._offer_gpus)
        self.options.preset.changed.connect(self._follow_preset)
        self.options.changed.connect(self._foresee)

    def _prefer(self, wanted: Preferences) -> None:
        self.options.preset.value = wanted.preset
        self._follow_preset()
        self.options.masks.value = wanted.masks
        self.options.device.value = wanted.device
        if wanted.short_side:
            self.options.short_side.value = wanted.short_side

    def _follow_preset(self) -> None:
        chosen = preset(self.options.preset.value)
        self.options.short_side.value = chosen.short_side
        self.options.search.value = Search.EVERYWHERE if chosen.locality is None else Search.NEAR
        self.options.outlines.value = chosen.outlines
        self.look()

    def _suit(self, frames: Frames | None) -> None:
        """Choose the preset for a video, if the user has chosen none."""
        if frames is not None and self.options.preset.value == self._suited:
            self._suited = suited_preset(frames)
            self.options.preset.value = self._suited

    def _follow_video(self) -> None:
        video = self.video.layer
        with signals_blocked(self.axes):
            self.axes.set_layer(video)
        axes = self.axes.axes
        self.folder.path = None if video is None or axes is None else folder_of(video, axes)
        self._measure()
        self.changed.emit()
        self.video_changed.emit()

    def _measure(self) -> None:
        """Take length and size of the video."""
        video, axes = self.video.layer, self.axes.axes
        try:
            frames = video_frames(video, axes) if video else None
        except FrtmError:  # said when the run is started
            frames = None
        shape = None if frames is None else frames.shape
        self._suit(frames)
        self._size = None if shape is None else (shape[1], shape[2])
        self.frames.set_length(0 if shape is None else shape[0])
        self._foresee()

    def _foresee(self) -> None:
        """Say what a run would give and take."""
        from_file = self.options.weights.value == FROM_FILE
        for widget in self._file_row:
            widget.setVisible(from_file)
        self.outlook.foresee(self.options(), self._size)

    def _offer_gpus(self) -> None:
        """Offer each GPU by its name."""
        chosen = self.options.device.value
        found = [(str(gpu), gpu.device) for gpu in self.outlook.gpus]
        with signals_blocked(self.options.device.native):
            self.options.device.choices = [*((name, name) for name in DEVICES), *found]
            self.options.device.value = chosen
        self._foresee()


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
