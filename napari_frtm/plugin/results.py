"""The layers that a run fills: masks, and the coarse scores under them."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from copy import copy
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels
from napari.utils.transforms import Affine

from napari_frtm.config import TARGET_STRIDE
from napari_frtm.plugin.layers import displayed_frame, placement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_frtm.plugin.request import Plan, Request
    from napari_frtm.types import Prediction

METADATA = "napari-frtm"
IN_MEMORY = 512 * 2**20  # bytes; larger masks go to a temporary zarr


def is_result(layer: Layer) -> bool:
    """Whether a layer was made by this package."""
    return METADATA in layer.metadata


class Results:
    """Masks and scores of a video in the viewer; those of an earlier run are filled further.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where the layers are, or will be.
    video : napari.layers.Image
        The video.
    like : napari.layers.Labels
        Gives the colours of the objects.
    request : Request
        The run that fills the layers.
    plan : Plan
        What that run is going to do.
    """

    def __init__(
        self, viewer: Viewer, video: Image, like: Labels, request: Request, plan: Plan
    ) -> None:
        self._viewer = viewer
        self._video = video
        self._shape: tuple[int, int, int] = request.frames.data.shape[:3]
        self._run = _provenance(request, plan)
        self._stale: set[int] = set()
        self.masks: Labels = self._masks(like, plan.largest_id)
        self.scores: Image | None = None

    def write(self, predictions: Sequence[Prediction]) -> None:
        """Store finished frames; they are shown by `refresh`."""
        for prediction in predictions:
            self.masks.data[prediction.index] = prediction.labels
            self._write_scores(prediction)
            self._stale.add(prediction.index)

    def refresh(self) -> None:
        """Draw the displayed frame again if it has changed."""
        shown = displayed_frame(self.masks, self._viewer.dims.point)
        if shown in self._stale:
            for layer in (self.masks, self.scores):
                if layer is not None:
                    layer.refresh(extent=False, highlight=False)
        self._stale.clear()

    def _write_scores(self, prediction: Prediction) -> None:
        if self.scores is None:
            self.scores = self._score_layer(prediction)
        self.scores.data[prediction.index] = np.fmax.reduce(prediction.scores, axis=0)

    def _masks(self, like: Labels, largest_id: int) -> Labels:
        dtype = np.dtype(np.uint8 if largest_id < 256 else np.uint16)
        layer = self._earlier("masks", self._shape)
        if layer is None or layer.dtype.itemsize < dtype.itemsize:
            layer = Labels(
                _storage(self._shape, dtype),
                name=f"{self._video.name} masks",
                colormap=copy(like.colormap),
                metadata=self._metadata("masks"),
                **placement(self._video),
            )
            self._add(layer)
        layer.metadata[METADATA]["runs"].append(self._run)
        return layer

    def _score_layer(self, prediction: Prediction) -> Image:
        shape = (self._shape[0], *prediction.scores.shape[1:])
        layer = self._earlier("scores", shape)
        if layer is None:
            layer = Image(
                np.full(shape, np.nan, np.float32),
                name=f"{self._video.name} scores",
                colormap="PiYG",
                contrast_limits=(-0.5, 1.5),
                opacity=0.6,
                interpolation2d="nearest",
                visible=False,
                metadata=self._metadata("scores"),
                **self._score_placement(prediction.probabilities.shape[-2:]),
            )
            self._add(layer)
        layer.metadata[METADATA]["runs"].append(self._run)
        return layer

    def _score_placement(self, working: tuple[int, ...]) -> dict[str, Any]:
        """Lay the scores, one per 16 x 16 pixels of the working size, over the video's pixels.

        napari puts whole coordinates at the centres of pixels, so the centre of the first score
        is half a score less half a pixel away from the first pixel's.
        """
        stretch = TARGET_STRIDE * np.array(self._shape[1:]) / working
        place = placement(self._video)
        linear = Affine(
            scale=place["scale"], rotate=place["rotate"], shear=place["shear"]
        ).linear_matrix
        offset = linear @ (0, *((stretch - 1) / 2))
        return place | {
            "scale": place["scale"] * (1, *stretch),
            "translate": place["translate"] + offset,
        }

    def _earlier(self, kind: str, shape: tuple[int, ...]) -> Any:  # a Labels or Image layer
        """Return the layer of an earlier run on this video, if there is one that can be used."""
        for layer in self._viewer.layers:
            known = layer.metadata.get(METADATA, {})
            if (known.get("kind"), known.get("video_id")) != (kind, str(self._video.unique_id)):
                continue
            if layer.data.shape == shape and not hasattr(layer.data, "dask"):
                return layer
        return None

    def _metadata(self, kind: str) -> dict[str, Any]:
        origin = {"kind": kind, "video": self._video.name, "video_id": str(self._video.unique_id)}
        return {METADATA: origin | {"runs": []}}

    def _add(self, layer: Layer) -> None:
        """Add a layer and leave the user's selection as it is."""
        active = self._viewer.layers.selection.active
        self._viewer.add_layer(layer)
        if active is not None:
            self._viewer.layers.selection.active = active


def _storage(shape: tuple[int, int, int], dtype: np.dtype[Any]) -> Any:
    """Return empty masks of shape (T, H, W), in a temporary zarr if they are large."""
    if np.prod(shape, dtype=np.int64) * dtype.itemsize <= IN_MEMORY:
        return np.zeros(shape, dtype)
    import zarr

    folder = Path(tempfile.mkdtemp(prefix="napari-frtm-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return zarr.create_array(
        store=folder / "masks.zarr", shape=shape, dtype=dtype, chunks=(1, *shape[1:]), fill_value=0
    )


def _provenance(request: Request, plan: Plan) -> dict[str, Any]:
    """Return how a run was made, as plain values."""
    settings = request.settings
    return {
        "version": version("napari-frtm"),
        "preset": settings.preset,
        "variant": plan.config.variant.value,
        "config": asdict(plan.config),
        "device": plan.device,
        "contrast": plan.contrast,
        "range": (settings.span.start, settings.span.stop - 1),
        "direction": settings.direction.value,
        "annotated": plan.annotated,
    }
