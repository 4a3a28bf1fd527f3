"""Inputs that know napari's layers and frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.compat import isalive
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QGridLayout, QPushButton, QSizePolicy, QWidget
from superqt import QLabeledRangeSlider
from superqt.utils import signals_blocked

from napari_frtm.plugin.view.result_layers import is_result

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer


class LayerCombo(QComboBox):  # type: ignore[misc]
    """Choice among the viewer's layers of one type; follows the layer list.

    Layers that show results are not offered: every frame of them would count as
    painted. Their duplicates are.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose layers are offered.
    kind : type
        Of the layers that are offered.
    """

    chosen = Signal()

    def __init__(self, viewer: Viewer, kind: type[Layer]) -> None:
        super().__init__()
        self._viewer = viewer
        self._kind = kind
        self._layers: list[Layer] = []
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.currentIndexChanged.connect(self.chosen)
        for event in ("inserted", "removed", "reordered", "renamed"):
            getattr(viewer.layers.events, event).connect(self._reload)
        self._reload()

    @property
    def layer(self) -> Any:  # of the kind asked for
        """The layer chosen, or None if there is none."""
        index = self.currentIndex()
        return self._layers[index] if index >= 0 else None

    @layer.setter
    def layer(self, layer: Layer) -> None:
        self.setCurrentIndex(self._layers.index(layer))

    def _reload(self, event: object = None) -> None:
        if not isalive(self):  # napari's reference is weak, but Python may free widgets late
            return
        before = self.layer
        self._layers = [
            layer
            for layer in self._viewer.layers
            if isinstance(layer, self._kind) and not is_result(layer)
        ]
        with signals_blocked(self):
            self.clear()
            self.addItems([layer.name for layer in self._layers])
            if before in self._layers:
                self.layer = before
        if self.layer is not before:
            self.chosen.emit()


class RangeBox(QWidget):  # type: ignore[misc]
    """First and last frame, both included; the whole video unless the user says otherwise.

    Attributes
    ----------
    changed : Signal
        Other frames are chosen; not emitted for those of another video.
    """

    changed = Signal()
    in_pressed = Signal()
    out_pressed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.whole = QCheckBox("Whole video")
        self.whole.setToolTip("Fill every frame of the video.")
        self.slider = QLabeledRangeSlider(Qt.Orientation.Horizontal)
        self.slider.setHandleLabelPosition(QLabeledRangeSlider.LabelPosition.NoLabel)
        self.slider.setEdgeLabelMode(QLabeledRangeSlider.EdgeLabelMode.LabelIsValue)
        self.slider.setToolTip(
            "First and last frame to fill, counted from 0 as on napari's slider. Drag the ends, or "
            "type the numbers."
        )
        self.in_button, self.out_button = QPushButton("In"), QPushButton("Out")
        self.in_button.setToolTip("Set In to the current frame: the first one to fill. (Shift-I)")
        self.out_button.setToolTip("Set Out to the current frame: the last one to fill. (Shift-O)")
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for column, widget in enumerate((self.whole, self.in_button, self.out_button)):
            layout.addWidget(widget, 0, column)
        layout.addWidget(self.slider, 1, 0, 1, 3)
        layout.setColumnStretch(0, 1)
        self._length = 0
        self.whole.setChecked(True)
        self.set_length(0)
        self.whole.toggled.connect(self._set_whole)
        self.slider.valueChanged.connect(self.changed)
        self.in_button.clicked.connect(self.in_pressed)
        self.out_button.clicked.connect(self.out_pressed)

    @property
    def span(self) -> range:
        """The frames chosen."""
        first, last = self.slider.value()
        return range(int(first), int(last) + 1)

    @span.setter
    def span(self, span: range) -> None:
        self.whole.setChecked(False)
        end = max(0, self._length - 1)
        self.slider.setValue((min(max(0, span.start), end), min(max(0, span.stop - 1), end)))

    def set_first(self, frame: int) -> None:
        """Begin at `frame`; go to the end of the video if the range ended before."""
        stop = self.span.stop
        self.span = range(frame, stop if stop > frame else self._length)

    def set_last(self, frame: int) -> None:
        """End at `frame`; begin at the start of the video if the range began after."""
        start = self.span.start
        self.span = range(start if start <= frame else 0, frame + 1)

    def set_length(self, length: int) -> None:
        """Take the number of frames of another video; 0 if there is none."""
        self._length = length
        with signals_blocked(self):  # it is no choice of the user's
            self.slider.setRange(0, max(1, length - 1))
            self._set_whole(self.whole.isChecked())

    def _set_whole(self, whole: bool) -> None:
        if whole:
            self.slider.setValue((0, max(0, self._length - 1)))
        self.slider.setEnabled(not whole)
