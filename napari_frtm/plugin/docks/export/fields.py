"""Inputs made from the metadata of a configuration: one for each field that has a label."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QFormLayout, QSpinBox, QWidget

from napari_frtm.io.export.settings import EdgeSettings

if TYPE_CHECKING:
    from collections.abc import Mapping


class EdgesBox(QWidget):  # type: ignore[misc]
    """What is done to the edges of mattes.

    Attributes
    ----------
    inputs : dict of str to QWidget
        By the name of the field.
    """

    def __init__(self) -> None:
        super().__init__()
        self.inputs: dict[str, Any] = {}
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for field in fields(EdgeSettings):
            if "label" in field.metadata:
                self.inputs[field.name] = widget = _input(field.default, field.metadata)
                label = "" if isinstance(widget, QCheckBox) else field.metadata["label"]
                layout.addRow(label, widget)

    @property
    def edges(self) -> EdgeSettings:
        """What is chosen."""
        return EdgeSettings(**{name: _value(widget) for name, widget in self.inputs.items()})


def _input(default: object, metadata: Mapping[str, Any]) -> QWidget:
    if isinstance(default, bool):
        widget = QCheckBox(metadata["label"])
        widget.setChecked(default)
    else:
        widget = QDoubleSpinBox() if isinstance(default, float) else QSpinBox()
        widget.setRange(metadata["min"], metadata["max"])
        widget.setValue(default)
        widget.setSuffix(" px" if isinstance(default, float) else " frames")
    if isinstance(default, float):
        widget.setDecimals(1)
        widget.setSingleStep(0.5)
    widget.setToolTip(metadata["tooltip"])
    return widget


def _value(widget: Any) -> Any:  # bool, int or float, as the field has it
    return widget.isChecked() if isinstance(widget, QCheckBox) else widget.value()
