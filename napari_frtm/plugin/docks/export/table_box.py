"""Box *Measurements* of the *Export* dock: a table in the layer, tracks, and a plot over time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.notifications import show_info, show_warning
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_frtm.errors import FrtmError
from napari_frtm.plugin.docks.export.plot import MeasurementPlot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari.layers import Labels
    from numpy.typing import NDArray

_FIRST = "area_px"
_NO_MEASUREMENT = {"index", "frame", "object", "parent"}
_FILES = "Pictures (*.png);;Drawings (*.svg)"


class TableBox(QWidget):  # type: ignore[misc]
    """Buttons to measure, and what was measured, as the features of the layer hold it."""

    def __init__(self) -> None:
        super().__init__()
        self.measure_button = QPushButton("Measure")
        self.tracks_button = QPushButton("Tracks")
        self.measurement = QComboBox()
        self.stale = QLabel()
        self.plot = MeasurementPlot()
        self.save_button = QPushButton("Save plot…")
        self._table: Any = None
        self._features: Mapping[str, Any] = {}
        self._colours: Mapping[int, QColor] = {}
        self._lay_out()
        self.measurement.currentTextChanged.connect(self._show)
        self.save_button.clicked.connect(self.choose_and_save)

    def show_layer(self, layer: Labels | None, remark: str = "") -> None:
        """Show what is known of a layer's objects; nothing where nothing was measured.

        Parameters
        ----------
        layer : napari.layers.Labels or None
            Its features are shown.
        remark : str
            What has changed since they were measured; empty if nothing has.
        """
        if remark != self.stale.text():
            self.stale.setText(remark)
            self.stale.setVisible(bool(remark))
            self.measure_button.setText("Measure again" if remark else "Measure")
            self._show()
        table = {} if layer is None else layer.features
        if table is self._table:  # napari gives a layer another one when it is set
            return
        self._table = table
        measured = layer is not None and {"frame", "object"} <= set(table)
        self._features = {name: np.asarray(table[name]) for name in table} if measured else {}
        self._colours = object_colours(layer, self._features) if layer is not None else {}
        names = [
            name
            for name, values in self._features.items()
            if name not in _NO_MEASUREMENT and values.dtype.kind in "iuf"
        ]
        before = self.measurement.currentText()
        with signals_blocked(self.measurement):
            self.measurement.clear()
            self.measurement.addItems(names)
            chosen = before if before in names else _FIRST
            self.measurement.setCurrentIndex(names.index(chosen) if chosen in names else 0)
        for widget in (self.measurement, self.plot, self.save_button):
            widget.setVisible(bool(names))
        self._show()

    def choose_and_save(self) -> None:
        """Ask for a file, and save the plot to it."""
        proposed = str(Path.home() / f"{self.measurement.currentText()}.png")
        name, kind = QFileDialog.getSaveFileName(self, "Save plot", proposed, _FILES)
        if name:
            path = Path(name)
            suffix = ".svg" if "svg" in kind else ".png"
            self.save(path if path.suffix else path.with_suffix(suffix))

    def save(self, path: Path) -> None:
        """Save the plot, or say why not."""
        try:
            self.plot.save(path)
        except FrtmError as error:
            show_warning(str(error))
        else:
            show_info(f"The plot was saved to {path}.")

    def _show(self) -> None:
        name = self.measurement.currentText()
        series = over_time(self._features, name) if name in self._features else {}
        title = f"{name.replace('_', ' ')} over frames"
        if self.stale.text():
            title += " (before changes)"
        self.plot.show_series(series, self._colours, title)

    def _lay_out(self) -> None:
        self.measure_button.setToolTip(
            "Measure all objects and put the table into the features of the masks layer: napari "
            "shows and sorts it in Layers > Metadata > Features table widget."
        )
        self.tracks_button.setToolTip("Measure, and add the centroids as a Tracks layer.")
        self.measurement.setToolTip("What to plot.")
        self.plot.setToolTip("Click to go to a frame.")
        self.save_button.setToolTip("Save the plot as PNG or SVG.")
        self.measurement.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        buttons, choice = QHBoxLayout(), QHBoxLayout()
        for row, widgets in (
            (buttons, (self.measure_button, self.tracks_button)),
            (choice, (self.measurement, self.save_button)),
        ):
            for widget in widgets:
                row.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(buttons)
        self.stale.setWordWrap(True)
        self.stale.setVisible(False)
        layout.addWidget(self.stale)
        layout.addLayout(choice)
        layout.addWidget(self.plot, 1)


def over_time(table: Mapping[str, Any], name: str) -> dict[int, NDArray[np.float64]]:
    """Return a column as values of shape (T,) by object, NaN where there are none."""
    frames = np.asarray(table["frame"], np.intp)
    objects, values = np.asarray(table["object"]), np.asarray(table[name], np.float64)
    series = {}
    for object_id in np.unique(objects).tolist():
        mine = objects == object_id
        series[object_id] = line = np.full(int(frames.max()) + 1, np.nan)
        line[frames[mine]] = values[mine]
    return series


def object_colours(layer: Labels, table: Mapping[str, Any]) -> dict[int, QColor]:
    """Return the colours that a layer gives to the objects of a table."""
    found = {}
    for object_id in np.unique(table.get("object", ())).tolist():
        colour = layer.get_color(object_id)
        if colour is not None:
            found[int(object_id)] = QColor.fromRgbF(*(float(c) for c in colour))
    return found
