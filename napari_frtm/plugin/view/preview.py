"""Masks over the displayed frame that are not the session's: as a change would leave them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Labels

from napari_frtm.plugin.view.result_layers import mark

if TYPE_CHECKING:
    from napari.components import LayerList

    from napari_frtm.types import Labels as LabelImage


class Preview:
    """A layer that comes with `show` and goes with `remove`.

    Parameters
    ----------
    name : str
        Of the layer.
    contour : int
        Width of the outlines that are shown, pixels; 0 for masks.
    """

    def __init__(self, name: str, contour: int) -> None:
        self._name, self._contour = name, contour
        self._layer: Labels | None = None
        self._layers: LayerList | None = None

    def show(self, labels: LabelImage, masks: Labels, layers: LayerList) -> None:
        """Show labels of shape (H, W) where a masks layer of the list is, in its colours."""
        if self._layer is not None and self._layer in layers:
            self._layer.data = labels
            return
        self._layer, self._layers = _layer(labels, masks, self._name, self._contour), layers
        active = layers.selection.active
        layers.append(self._layer)
        layers.selection.active = active

    def remove(self) -> None:
        """Take the layer away, if it is there."""
        if self._layer is not None and self._layers is not None and self._layer in self._layers:
            self._layers.remove(self._layer)
        self._layer = self._layers = None


def _layer(labels: LabelImage, masks: Labels, name: str, contour: int) -> Labels:
    layer = Labels(
        labels,
        name=name,
        colormap=masks.colormap,
        scale=masks.scale[-2:],
        translate=masks.translate[-2:],
        rotate=masks.rotate[-2:, -2:],
        affine=masks.affine.affine_matrix[-3:, -3:],
        units=masks.units[-2:],
        axis_labels=masks.axis_labels[-2:],
    )
    mark(layer, "preview", masks, [])
    layer.contour = contour
    return layer
