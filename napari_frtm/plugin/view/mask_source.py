"""Masks as exports read them: of a session as it is now, or of any Labels layer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pint

from napari_frtm.errors import LabelsError
from napari_frtm.io.export.source import MaskSource
from napari_frtm.io.video.opening import Video
from napari_frtm.io.video.stacks.pixel_size import PixelSize
from napari_frtm.plugin.source.axes import LayerFrames, VideoAxes, guess_axes
from napari_frtm.plugin.source.layers import layer_shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    import dask.array as da
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_frtm.plugin.view.session_view import SessionView
    from napari_frtm.session.store.store import Store

_KNOWN = ("micrometer", "nanometer", "millimeter")


def of_session(view: SessionView) -> MaskSource:
    """Return the masks of a session, with all that is known about them.

    Keyframes, timeline and names are those of now; a frame of the masks is read when it is its
    turn. Strokes of just now are in it.
    """
    if view.painting is not None:
        view.painting.settle()
    session, store = view.session, view.session.store
    source, video = session.source, view.video
    time = source.axes.time
    return MaskSource(
        masks=_Masks(store),
        path=None if store.folder is None else store.folder.path,
        probabilities=dict(store.probabilities),
        timeline=store.timeline_copy(),
        keyframes=dict(store.keyframes),
        complete=frozenset(store.complete),
        objects=dict(store.objects),
        video=Video(
            frames=cast("da.Array", source.frames),
            fps=video.metadata.get("fps"),
            names=(),
            contrast=source.contrast,
            axes=(),
            pixel_aspect=float(video.metadata.get("pixel_aspect", 1.0)),
        ),
        video_path=source.path,
        pixel_size=pixel_size(video.scale, video.units, time),
    )


def of_layer(layer: Labels) -> MaskSource:
    """Return the masks of a Labels layer.

    Raises
    ------
    LabelsError
        If it has more axes than time, height and width.
    """
    data = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    path = layer.source.path or layer.metadata.get("source")
    source = of_array(data, layer.name, layer.scale, layer.units)
    return source if path is None else replace(source, path=Path(path))


def axes_of(layer: Labels) -> VideoAxes:
    """Return which axis of a Labels layer is time.

    Raises
    ------
    LabelsError
        If it has more axes than time, height and width.
    """
    return _axes(layer_shape(layer), layer.name)


def of_array(data: Any, name: str, scale: Sequence[float], units: Sequence[Any]) -> MaskSource:
    """Return the masks of an array, with the scale and units of its axes.

    It is of shape (T, H, W), or (H, W) for one frame, or has more axes of one position.

    Raises
    ------
    LabelsError
        If it has others.
    """
    if data.ndim == 2:
        data = np.asarray(data)[None]
    axes = _axes(data.shape, name)
    return MaskSource(masks=LayerFrames(data, axes), pixel_size=pixel_size(scale, units, axes.time))


def pixel_size(scale: Sequence[float], units: Sequence[Any], time: int) -> PixelSize:
    """Return the size of pixels and the interval of frames that a layer says.

    Parameters
    ----------
    scale, units : sequence
        Of the layer's axes; of a single image, or an image in colour, without that.
    time : int
        Axis of the frames.
    """
    found = [pint.Unit(str(unit)) for unit in units]
    lengths = {}
    for axis, name in ((-2, "y"), (-1, "x")):
        if found[axis].is_compatible_with("micrometer"):
            known = str(found[axis]) if str(found[axis]) in _KNOWN else _KNOWN[0]
            size = pint.Quantity(abs(float(scale[axis])), found[axis])
            lengths[name] = (float(size.to(known).magnitude), known)
    interval = None
    if len(found) > 2 and found[time].is_compatible_with("second"):
        interval = float(pint.Quantity(float(scale[time]), found[time]).to("second").magnitude)
    return PixelSize(lengths, interval)


class _Masks:
    """The masks of a store, whichever array holds them when a frame is read."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.shape = store.size

    def __getitem__(self, index: int) -> NDArray[Any]:
        return self._store.labels(index)


def _axes(shape: Sequence[int], name: str) -> VideoAxes:
    """Return which axis is time, where all others but height and width have one position."""
    if len(shape) < 3:
        return VideoAxes()
    guess = guess_axes(tuple(shape))
    if guess is None or guess.axes.takes:
        raise LabelsError(
            f"'{name}' has the shape {tuple(shape)}; label images have time, height and width. "
            "Split it: right-click the layer, Split Stack."
        )
    return guess.axes
