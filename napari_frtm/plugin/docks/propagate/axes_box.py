"""Input for the axes of a layer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qtpy.compat import isalive
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QWidget
from superqt.utils import signals_blocked

from napari_frtm.plugin.source.axes import MOST, Take, guess_axes, kind_of_axis, with_time
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
        self.time, self.takes = QComboBox(), [_TakeBox() for _ in range(MOST)]
        self.time.setToolTip("Axis of the layer along which the frames follow each other.")
        self._time_label = QLabel("Time axis")
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        layout.addRow(self._time_label, self.time)
        for box in self.takes:
            layout.addRow(box.label, box)
            box.currentIndexChanged.connect(self.changed)
        self._layer: Image | None = None
        self._ways: list[VideoAxes] = []
        self.time.currentIndexChanged.connect(self._offer_takes)
        self.time.currentIndexChanged.connect(self.changed)
        self._reload()

    @property
    def axes(self) -> VideoAxes | None:
        """The choice; None if there is no layer, or it is no video."""
        if not self._ways:
            return None
        way: VideoAxes = self._ways[self.time.currentIndex()]
        chosen = zip(way.takes, self.takes, strict=False)
        return replace(way, takes={axis: box.take for axis, box in chosen})

    @axes.setter
    def axes(self, axes: VideoAxes) -> None:
        ways = [(way.time, [*way.takes]) for way in self._ways]
        if (axes.time, [*axes.takes]) in ways:
            self.time.setCurrentIndex(ways.index((axes.time, [*axes.takes])))
            for box, take in zip(self.takes, axes.takes.values(), strict=False):
                box.take = take

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
        if guess is not None and guess.axes.takes:
            times = sorted((guess.axes.time, *guess.axes.takes))
            self._ways = [with_time(guess.axes, time) for time in times]
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
        takes = self._ways[self.time.currentIndex()].takes if self._ways else {}
        for box in self.takes[len(takes) :]:
            box.close_choice()
        if self._layer is None:
            return
        can_blend = not self._layer.rgb
        for box, (axis, take) in zip(self.takes, takes.items(), strict=False):
            count = layer_shape(self._layer)[axis]
            kind = kind_of_axis(self._layer.axis_labels[axis], count)
            blends = can_blend and count in (2, 3) and (kind == "Channel" or len(takes) == 1)
            can_blend = can_blend and not blends  # along one axis alone
            box.offer(kind, count, take, blends=blends)

    def _name(self, axis: int) -> str:
        label = self._layer.axis_labels[axis] if self._layer is not None else ""
        return f"axis {axis}" if label.lstrip("-").isdigit() else label


class _TakeBox(QComboBox):  # type: ignore[misc]
    """What to take of the channels or planes along one axis."""

    def __init__(self) -> None:
        super().__init__()
        self.setToolTip("Which to follow the objects on: one, or all of them put together.")
        self.label = QLabel()
        self._takes: list[int | Take] = []

    @property
    def take(self) -> int | Take:
        """The choice."""
        take: int | Take = self._takes[self.currentIndex()]
        return take

    @take.setter
    def take(self, take: int | Take) -> None:
        if take in self._takes:
            self.setCurrentIndex(self._takes.index(take))

    def offer(self, kind: str, count: int, take: int | Take, *, blends: bool) -> None:
        """Offer channels or planes by number and together, and choose one."""
        self._takes = [*range(count), Take.MAX, Take.MEAN, *[Take.COLOUR] * blends]
        names = [*map(str, range(count)), "Maximum", "Mean", *["Blend as RGB"] * blends]
        _refill(self, names, self._takes.index(take))
        self.label.setText(kind)
        self._show(True)

    def close_choice(self) -> None:
        """Offer nothing."""
        self._takes = []
        self._show(False)

    def _show(self, visible: bool) -> None:
        self.label.setVisible(visible)
        self.setVisible(visible)


def _refill(box: QComboBox, names: Sequence[str], chosen: int) -> None:
    """Offer other choices, without a signal."""
    with signals_blocked(box):
        box.clear()
        box.addItems(list(names))
        box.setCurrentIndex(chosen)
