"""One run of *Propagate*: what it needs, and the generator that does it in a thread."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_frtm.plugin.layers import painted_frames
from napari_frtm.plugin.preload import prepare_for_torch

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from napari_frtm.config import Direction, FrtmConfig
    from napari_frtm.plugin.layers import LayerFrames
    from napari_frtm.types import Labels, Prediction


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the form says.

    Attributes
    ----------
    preset : str
        Name of the preset that `config` comes from.
    config : FrtmConfig
        The method's numbers.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    span : range
        Frames to fill.
    direction : Direction
        Which way to go.
    """

    preset: str
    config: FrtmConfig
    device: str
    span: range
    direction: Direction


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Request:
    """Everything that a run reads.

    Attributes
    ----------
    frames : LayerFrames
        The video.
    labels : array of shape (T, H, W) or (H, W)
        The user's labels; an image without time belongs to the frame `current`.
    labels_name : str
        Of the user's layer, for messages.
    current : int
        The frame that is displayed.
    contrast : tuple of float, optional
        Intensities that count as black and white; found from the frames if not given.
    """

    frames: LayerFrames
    labels: Any
    labels_name: str
    current: int
    contrast: tuple[float, float] | None
    settings: Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run is going to do, known once everything is loaded.

    Attributes
    ----------
    total : int
        Frames that will come.
    annotated : tuple of int
        Frames that the user painted.
    largest_id : int
        Of the painted objects.
    config : FrtmConfig
        The method's numbers, with the variant that there are weights for.
    device : str
        Where it runs.
    contrast : tuple of float
        Intensities that count as black and white.
    """

    total: int
    annotated: tuple[int, ...]
    largest_id: int
    config: FrtmConfig
    device: str
    contrast: tuple[float, float]


def carry_out(request: Request) -> Generator[Plan | list[Prediction], None, None]:
    """Yield the plan of a run, then its predictions, chunk by chunk.

    Raises
    ------
    FrtmError
        If nothing is painted, weights are missing, or a frame cannot be read.
    """
    prepare_for_torch()
    from napari_frtm.engine.propagate import Propagation
    from napari_frtm.io.checkpoint import available_variant, load_network
    from napari_frtm.io.video import robust_contrast

    settings = request.settings
    annotations = _annotations(request)
    contrast = request.contrast or robust_contrast(request.frames)
    config = available_variant(settings.config, None)
    run = Propagation(
        load_network(config, device=settings.device),
        config,
        request.frames,
        annotations,
        contrast=contrast,
        span=settings.span,
        direction=settings.direction,
    )
    yield Plan(
        total=len(run.order),
        annotated=tuple(annotations),
        largest_id=max(int(labels.max()) for labels in annotations.values()),
        config=config,
        device=str(run.network.device),
        contrast=contrast,
    )
    for chunk in run.chunks():
        yield [_light(prediction) for prediction in chunk]


def _light(prediction: Prediction) -> Prediction:
    """Drop the probabilities, which nobody shows: a slow viewer would let them pile up."""
    none = np.empty((0, *prediction.probabilities.shape[1:]), np.float32)
    return replace(prediction, probabilities=none)


def _annotations(request: Request) -> Mapping[int, Labels]:
    if request.labels.ndim == 3:
        return painted_frames(request.labels, request.settings.span, request.labels_name)
    image = np.asarray(request.labels)[None]
    return {request.current: painted_frames(image, range(1), request.labels_name)[0]}
