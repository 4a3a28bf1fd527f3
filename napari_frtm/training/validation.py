"""Measuring the network while it learns: single frames, target models without update."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from torch.nn.functional import interpolate

from napari_frtm.config import TARGET_STRIDE
from napari_frtm.engine.frames.images import Geometry, to_images
from napari_frtm.engine.frames.labels import to_masks
from napari_frtm.engine.networks.network import FrtmNetwork
from napari_frtm.evaluation.metrics import boundary_f, jaccard
from napari_frtm.io.atomic import write_bytes
from napari_frtm.io.export.overlay import contact_sheet, overlay
from napari_frtm.training.data.sources import Videos
from napari_frtm.training.data.targets import scores
from napari_frtm.types import Box

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_frtm.config import FrtmConfig
    from napari_frtm.training.config import TrainConfig
    from napari_frtm.training.data.targets import Target, TargetCache


@dataclass(frozen=True, slots=True)
class Measured:
    """How good the masks of the validation videos are.

    Attributes
    ----------
    jaccard, boundary_f : float
        Means over the objects of the means over their frames, in [0, 1].
    pictures : dict of str to uint8 array of shape (H, W, 3)
        The last frame of each object with its mask, by a caption.
    """

    jaccard: float
    boundary_f: float
    pictures: dict[str, NDArray[np.uint8]]

    @property
    def mean(self) -> float:
        """J&F, what the best weights are chosen by."""
        return (self.jaccard + self.boundary_f) / 2


@torch.inference_mode()
def validate(
    cache: TargetCache,
    learned: FrtmNetwork,
    targets: Sequence[Target],
    config: TrainConfig,
) -> Measured:
    """Measure what has been learned, in evaluation mode, on the videos of these targets."""
    assert config.validation is not None
    whole = FrtmNetwork(cache.network.backbone, learned.segmentation, learned.encoder)
    whole.half_precision = cache.network.half_precision
    every = config.validation.every
    means, pictures = [], {}
    for target in targets:
        assert isinstance(target.source, Videos)
        video = target.reference.video
        frames = len(target.source.frames[video])
        guide = _guide(cache, whole, target, config.method)
        found = []
        for index in range(min(every, frames - 1), frames, every):
            image, labels = target.source.read(video, index)
            mask = predict(whole, guide, image, config.method)
            truth = labels == target.object_id
            found.append((jaccard(mask, truth), boundary_f(mask, truth)))
        means.append(np.mean(found, axis=0))
        caption = f"{video} {target.object_id}: J {means[-1][0]:.2f} F {means[-1][1]:.2f}"
        pictures[caption] = overlay(image, mask.astype(np.uint8))
    j, f = np.mean(means, axis=0)
    return Measured(float(j), float(f), pictures)


def predict(
    network: FrtmNetwork,
    guide: Callable[[Tensor], Tensor],
    image: NDArray[np.uint8],
    method: FrtmConfig,
) -> NDArray[np.bool_]:
    """Return a mask in a frame of shape (H, W, 3).

    `guide` returns the coarse scores (1, h, w) for features (1, C, h, w) at stride 16.
    """
    geometry = _geometry(image, method)
    images = to_images([image], (0.0, 255.0), geometry, network.device)
    features = network.features(images, refine=True)
    coarse = guide(features[TARGET_STRIDE].float())
    logits = geometry.crop(network.refine(coarse[:, None], features))
    if geometry.working != geometry.video:
        logits = interpolate(logits, geometry.video, mode="bilinear", align_corners=False)
    return np.asarray((logits[0, 0] > 0).cpu().numpy())


def _guide(
    cache: TargetCache, network: FrtmNetwork, target: Target, method: FrtmConfig
) -> Callable[[Tensor], Tensor]:
    """Return what gives coarse scores of an object: its target model, or Base net's encoder."""
    device, encoder = network.device, network.encoder
    if encoder is None:
        taps = cache.filter(target)[None].to(device)
        return lambda deep: scores(taps, deep)
    image, labels = target.source.reference(target.reference)
    geometry = _geometry(image, method)
    images = to_images([image], (0.0, 255.0), geometry, device)
    drawn = to_masks(labels, [target.object_id], geometry)[target.object_id]
    mask = torch.from_numpy(drawn.within(Box(0, 0, *geometry.working))).to(device)
    deep = network.features(images, refine=False)[TARGET_STRIDE].float()
    encoding = encoder.encode(deep, mask[None])
    return lambda deep: encoder(deep, encoding)


def _geometry(image: NDArray[np.uint8], method: FrtmConfig) -> Geometry:
    size = (image.shape[0], image.shape[1])
    return Geometry.scaled(size, method.scale(size))


def save_sheet(path: Path, measured: Measured) -> None:
    """Write the pictures side by side, as PNG.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    sheet = contact_sheet(list(measured.pictures.values()), list(measured.pictures))
    _, data = cv2.imencode(".png", np.ascontiguousarray(sheet[..., ::-1]))
    write_bytes(path, data.tobytes())
