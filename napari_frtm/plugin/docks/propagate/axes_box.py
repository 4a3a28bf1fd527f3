"""Input for the axes of a layer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qtpy.compat import isalive
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QWidget
from superqt.utils import signals_blocked

from napari_frtm.plugin.source.axes import Take, guess_axes, kind_of_axis, swapped
from napari_frtm.plugin.source.layers import layer_shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Image

    from napari_frtm.plugin.source.axes import VideoAxes


class AxesBox(QWidget):  # type: ignore[misc]
    """How a layer of more than three axes is a video; shown only where there is a choice."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.time, self.take = QComboBox(), QComboBox()
        self.time.setToolTip("Axis of the layer along which the frames follow each other.")
        self.take.setToolTip("Which to follow the objects on: one, or all of them put together.")
        self._time_label, self._take_label = QLabel("Time axis"), QLabel()
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        layout.addRow(self._time_label, self.time)
        layout.addRow(self._take_label, self.take)
        self._layer: Image | None = None
        self._ways: list[VideoAxes] = []
        self._takes: list[int | Take] = []
        self.time.currentIndexChanged.connect(self._offer_takes)
        self.time.currentIndexChanged.connect(self.changed)
        self.take.currentIndexChanged.connect(self.changed)
        self._reload()

    @property
    def axes(self) -> VideoAxes | None:
        """The choice; None if there is no layer, or it is no video."""
        if not self._ways:
            return None
        way: VideoAxes = self._ways[self.time.currentIndex()]
        if way.extra is None:
            return way
        return replace(way, take=self._takes[self.take.currentIndex()])

    @axes.setter
    def axes(self, axes: VideoAxes) -> None:
        ways = [(way.time, way.extra) for way in self._ways]
        if (axes.time, axes.extra) in ways:
            self.time.setCurrentIndex(ways.index((axes.time, axes.extra)))
            if axes.take in self._takes:
                self.take.setCurrentIndex(self._takes.index(axes.take))

    def set_layer(self, layer: Image | None) -> None:
        """Offer the axes of a layer; None if there is none."""
        if layer is self._layer:
            return
        if self._layer is not None:
            self._layer.events.data.disconnect(self._reload)
            self._layer.events.axis_labels.disconnect(self._reload)
        if layer is not None:
            layer.events.data.connect(self._reload)
            layer.events.axis_labels.connect(self._reload)
        self._layer, self._ways = layer, []
        self._reload()

    def _reload(self, event: object = None) -> None:
        """Offer what there is now, and keep the choice if it is still offered."""
        if not isalive(self):  # napari's reference is weak, but Python may free widgets late
            return
        layer, before = self._layer, self.axes
        shape = () if layer is None else layer_shape(layer)
        guess = None if layer is None else guess_axes(shape, layer.axis_labels)
        self._ways = [] if guess is None else [guess.axes]
        names: list[str] = []
        if guess is not None and guess.axes.extra is not None:
            self._ways = sorted((guess.axes, swapped(guess.axes)), key=lambda axes: axes.time)
            names = [f"{self._name(way.time)} ({shape[way.time]})" for way in self._ways]
            self._time_label.setVisible(not guess.is_clear)
            self.time.setVisible(not guess.is_clear)
        with signals_blocked(self):
            _refill(self.time, names, self._ways.index(guess.axes) if guess and names else -1)
            self._offer_takes()
            if before is not None:
                self.axes = before
        self.setVisible(bool(names))
        if event is not None or self.axes != before:
            self.changed.emit()

    def _offer_takes(self) -> None:
        way = self._ways[self.time.currentIndex()] if self._ways else None
        if self._layer is None or way is None or way.extra is None:
            return
        count = layer_shape(self._layer)[way.extra]
        self._takes = [*range(count), Take.MAX, Take.MEAN]
        names = [*map(str, range(count)), "Maximum", "Mean"]
        if count in (2, 3) and not self._layer.rgb:
            self._takes.append(Take.COLOUR)
            names.append("Blend as RGB")
        _refill(self.take, names, self._takes.index(way.take))
        self._take_label.setText(kind_of_axis(self._layer.axis_labels[way.extra], count))

    def _name(self, axis: int) -> str:
        label = self._layer.axis_labels[axis] if self._layer is not None else ""
        return f"axis {axis}" if label.lstrip("-").isdigit() else label


def _refill(box: QComboBox, names: Sequence[str], chosen: int) -> None:
    """Offer other choices, without a signal."""
    with signals_blocked(box):
        box.clear()
        box.addItems(list(names))
        box.setCurrentIndex(chosen)
