"""Layers of results: how they lie over their video, and how they are told from others."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels
from napari.utils.transforms import Affine

from napari_frtm.config import TARGET_STRIDE
from napari_frtm.plugin.source.layers import placement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari.layers import Layer
    from numpy.typing import NDArray

    from napari_frtm.plugin.source.axes import VideoAxes
    from napari_frtm.session.store.store import Store

METADATA = "napari-frtm"
"""Key of a result's metadata: what it is, of which video, and how it was made."""

PLACEMENT = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
"""What a result has from its video."""

_FOR_LABELS = ("pandas", "scipy.ndimage", "skimage.exposure", "skimage.color.colorconv")


def is_result(layer: Layer) -> bool:
    """Whether a layer shows results of a session; a copy of such a layer does not."""
    mark = layer.metadata.get(METADATA)
    return isinstance(mark, dict) and mark.get("layer") == str(layer.unique_id)


def mark(layer: Layer, kind: str, video: Layer, runs: list[dict[str, Any]]) -> None:
    """Say in a layer's metadata what it is."""
    layer.metadata[METADATA] = {
        "layer": str(layer.unique_id),
        "kind": kind,
        "video": video.name,
        "video_id": str(video.unique_id),
        "runs": runs,
    }


def load_for_labels() -> None:
    """Import what napari imports for its first Labels layer; for a thread, so no layer is made."""
    for name in _FOR_LABELS:
        import_module(name)


def masks_layer(data: Any, video: Image, place: Mapping[str, Any]) -> Labels:
    """Return a layer for object ids, at a place that `over` gives."""
    return Labels(data, name=f"{video.name} masks", **place)


def scores_layer(data: Any, video: Image, place: Mapping[str, Any]) -> Image:
    """Return a layer for coarse scores, at a place that `over` gives."""
    return Image(
        data,
        name=f"{video.name} scores",
        colormap="PiYG",
        contrast_limits=(-0.5, 1.5),
        opacity=0.6,
        interpolation2d="nearest",
        **place,
    )


def probability_layer(data: Any, object_id: int, video: Image, place: Mapping[str, Any]) -> Image:
    """Return a layer for the soft masks of an object, at a place that `over` gives."""
    return Image(
        data,
        name=f"{video.name} probability {object_id}",
        colormap="magma",
        contrast_limits=(0, 255),
        blending="additive",
        visible=False,
        **place,
    )


def over(video: Image, axes: VideoAxes, stretch: NDArray[np.float64]) -> dict[str, Any]:
    """Return where a result lies: over its video; by the names of a layer's attributes.

    napari puts whole coordinates at the centres of pixels, so the centre of the first coarse pixel
    is half of it less half a pixel of the video away from the first pixel's.

    Parameters
    ----------
    video : napari.layers.Image
        Its video.
    axes : VideoAxes
        Of the video.
    stretch : array of shape (2,)
        How many pixels of the video a pixel of the result covers, along both axes.
    """
    options = placement(video, axes)
    factors = np.ones(len(options["scale"]))
    factors[-2:] = stretch
    linear = Affine(
        scale=options["scale"], rotate=options["rotate"], shear=options["shear"]
    ).linear_matrix
    options["translate"] = options["translate"] + linear @ ((factors - 1) / 2)
    options["scale"] = options["scale"] * factors
    return options


def move(layer: Layer, place: Mapping[str, Any]) -> None:
    """Let a layer lie at a place that `over` gives; what is so already is not drawn again."""
    for name in PLACEMENT:
        if not np.array_equal(getattr(layer, name), place[name]):
            setattr(layer, name, place[name])


def score_stretch(store: Store) -> NDArray[np.float64]:
    """Return how many pixels of the video a coarse score covers, along both axes."""
    size = np.array(store.size[1:], float)
    soft = next(iter(store.probabilities.values()), None)
    working = store.working_size if soft is None else soft.shape[1:]
    return np.asarray(TARGET_STRIDE * size / np.array(working or size))
