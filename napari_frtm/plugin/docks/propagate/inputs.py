"""Inputs that know napari's layers and frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QWidget,
)

from napari_frtm.plugin.docks.propagate.axes_box import AxesBox as AxesBox
from napari_frtm.plugin.view.result_layers import is_result

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer


class LayerCombo(QComboBox):  # type: ignore[misc]
    """Choice among the viewer's layers of one type; follows the layer list.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose layers are offered.
    kind : type
        Of the layers that are offered. Results of this package are not.
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
        before = self.layer
        self._layers = [
            layer
            for layer in self._viewer.layers
            if isinstance(layer, self._kind) and not is_result(layer)
        ]
        self.blockSignals(True)
        self.clear()
        self.addItems([layer.name for layer in self._layers])
        if before in self._layers:
            self.layer = before
        self.blockSignals(False)
        if self.layer is not before:
            self.chosen.emit()


class RangeBox(QWidget):  # type: ignore[misc]
    """First and last frame, both included; the whole video unless the user says otherwise."""

    changed = Signal()
    in_pressed = Signal()
    out_pressed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.whole = QCheckBox("Whole video")
        self.whole.setToolTip("Fill every frame of the video.")
        self.first, self.last = QSpinBox(), QSpinBox()
        self.first.setToolTip("First frame to fill, counted from 0 as on napari's slider.")
        self.last.setToolTip("Last frame to fill, counted from 0 as on napari's slider.")
        self.in_button, self.out_button = QPushButton("In"), QPushButton("Out")
        self.in_button.setToolTip("Set In to the current frame: the first one to fill. (Shift-I)")
        self.out_button.setToolTip("Set Out to the current frame: the last one to fill. (Shift-O)")
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.whole, 0, 0, 1, 2)
        rows = ((self.in_button, self.first), (self.out_button, self.last))
        for row, (button, box) in enumerate(rows, start=1):
            layout.addWidget(button, row, 0)
            layout.addWidget(box, row, 1)
        layout.setColumnStretch(1, 1)
        self.whole.toggled.connect(self._set_whole)
        self.first.valueChanged.connect(self.last.setMinimum)
        for box in (self.first, self.last):
            box.valueChanged.connect(self.changed)
        self.in_button.clicked.connect(self.in_pressed)
        self.out_button.clicked.connect(self.out_pressed)
        self._length = 0
        self.whole.setChecked(True)

    @property
    def span(self) -> range:
        """The frames chosen."""
        return range(self.first.value(), self.last.value() + 1)

    @span.setter
    def span(self, span: range) -> None:
        self.whole.setChecked(False)
        self.first.setValue(span.start)
        self.last.setValue(span.stop - 1)

    def set_first(self, frame: int) -> None:
        """Begin at `frame`; go to the end of the video if the range ended before."""
        last = self.last.value()
        self.span = range(frame, (last if last >= frame else self._length - 1) + 1)

    def set_last(self, frame: int) -> None:
        """End at `frame`; begin at the start of the video if the range began after."""
        first = self.first.value()
        self.span = range(first if first <= frame else 0, frame + 1)

    def set_length(self, length: int) -> None:
        """Take the number of frames of another video; 0 if there is none."""
        self._length = length
        for box in (self.first, self.last):
            box.setMaximum(max(0, length - 1))
        self._set_whole(self.whole.isChecked())

    def _set_whole(self, whole: bool) -> None:
        if whole:
            self.first.setValue(0)
            self.last.setValue(max(0, self._length - 1))
        self.first.setEnabled(not whole)
        self.last.setEnabled(not whole)
