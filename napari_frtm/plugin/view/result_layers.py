"""The layers in which the results of a session are shown."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels
from napari.utils.transforms import Affine

from napari_frtm.config import TARGET_STRIDE
from napari_frtm.plugin.source.layers import placement
from napari_frtm.plugin.work.arrays import with_axes

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_frtm.plugin.work.session import Session

METADATA = "napari-frtm"


def is_result(layer: Layer) -> bool:
    """Whether a layer was made by this package."""
    return METADATA in layer.metadata


class ResultLayers:
    """Masks, coarse scores and soft masks of a session, as layers over its video.

    Attributes
    ----------
    masks : napari.layers.Labels or None
        Object ids; None as long as there are none, or if the user removed the layer.
    scores : napari.layers.Image or None
        Coarse scores.
    probabilities : dict of int to napari.layers.Image
        Soft masks by object.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._masks: Labels | None = None
        self._scores: Image | None = None
        self._probabilities: dict[int, Image] = {}
        self.runs: list[dict[str, Any]] = []
        self.like: Labels | None = None

    @property
    def masks(self) -> Labels | None:
        """The layer with the masks."""
        return self._masks if self._masks in self._session.viewer.layers else None

    @property
    def scores(self) -> Image | None:
        """The layer with the coarse scores."""
        return self._scores if self._scores in self._session.viewer.layers else None

    @property
    def probabilities(self) -> dict[int, Image]:
        """The layers with the soft masks."""
        shown = self._session.viewer.layers
        return {i: layer for i, layer in self._probabilities.items() if layer in shown}

    def owns(self, layer: Layer) -> bool:
        """Whether a layer, perhaps removed by now, shows the masks."""
        return layer is self._masks

    def show(self) -> None:
        """Add layers for all arrays that have none yet, and give wider arrays to those there."""
        results = self._session.results
        if results.masks is not None:
            self._show_masks(with_axes(results.masks, self._session.axes))
        if results.scores is not None and self.scores is None:
            self._scores = self._score_layer(with_axes(results.scores, self._session.axes))
            self._add(self._scores)
        for object_id, array in results.probabilities.items():
            if object_id not in self.probabilities:
                layer = self._soft_layer(object_id, with_axes(array, self._session.axes))
                self._probabilities[object_id] = layer
                self._add(layer)

    def refresh(self) -> None:
        """Draw the displayed frame of all layers again."""
        for layer in (self.masks, self.scores, *self.probabilities.values()):
            if layer is not None and layer.visible:
                layer.refresh(extent=False, highlight=False, thumbnail=False)

    def _show_masks(self, data: Any) -> None:
        layer = self.masks
        if layer is not None:
            if layer.dtype != data.dtype:
                layer.data = data
            return
        options: dict[str, Any] = {}
        if self.like is not None:
            options["colormap"] = copy(self.like.colormap)
        self._masks = Labels(
            data,
            name=f"{self._session.video.name} masks",
            metadata=self._metadata("masks"),
            **placement(self._session.video, self._session.axes),
            **options,
        )
        self._add(self._masks)
        self._session.painting.watch(self._masks)

    def _score_layer(self, data: Any) -> Image:
        return Image(
            data,
            name=f"{self._session.video.name} scores",
            colormap="PiYG",
            contrast_limits=(-0.5, 1.5),
            opacity=0.6,
            interpolation2d="nearest",
            visible=False,
            metadata=self._metadata("scores"),
            **self._stretched(self._score_stretch(data.shape[-2:])),
        )

    def _soft_layer(self, object_id: int, data: Any) -> Image:
        size = np.array(self._session.results.size[1:])
        return Image(
            data,
            name=f"{self._session.video.name} probability {object_id}",
            colormap="magma",
            contrast_limits=(0, 255),
            blending="additive",
            visible=False,
            metadata=self._metadata("probability"),
            **self._stretched(size / data.shape[-2:]),
        )

    def _score_stretch(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return how many pixels of the video a score covers, along both axes."""
        size = np.array(self._session.results.size[1:])
        soft = next(iter(self._session.results.probabilities.values()), None)
        if soft is not None:
            working = np.array(soft.shape[1:])
        else:
            working = np.array(self._session.results.working or size)
        return np.asarray(TARGET_STRIDE * size / working)

    def _stretched(self, stretch: np.ndarray) -> dict[str, Any]:
        """Lay coarser pixels over those of the video.

        napari puts whole coordinates at the centres of pixels, so the centre of the first coarse
        pixel is half of it less half a pixel of the video away from the first pixel's.
        """
        place = placement(self._session.video, self._session.axes)
        factors = np.ones(len(place["scale"]))
        factors[-2:] = stretch
        linear = Affine(
            scale=place["scale"], rotate=place["rotate"], shear=place["shear"]
        ).linear_matrix
        offset = linear @ ((factors - 1) / 2)
        return place | {
            "scale": place["scale"] * factors,
            "translate": place["translate"] + offset,
        }

    def _metadata(self, kind: str) -> dict[str, Any]:
        video = self._session.video
        origin = {"kind": kind, "video": video.name, "video_id": str(video.unique_id)}
        return {METADATA: origin | {"runs": self.runs}}

    def _add(self, layer: Layer) -> None:
        """Add a layer and leave the user's selection as it is."""
        layers = self._session.viewer.layers
        active = layers.selection.active
        self._session.viewer.add_layer(layer)
        if active is not None:
            layers.selection.active = active
