"""Target models of reference frames, fitted as in inference and cached on disk (section 3.3)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from napari_frtm.engine.target.stencil import TAPS, gather
from napari_frtm.engine.tracking.tracker import Tracker
from napari_frtm.io.weights.tensors import save_tensors
from napari_frtm.training.data.sources import Picture, Reference, evenly, object_ids

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_frtm.config import FrtmConfig
    from napari_frtm.engine.networks.network import FrtmNetwork
    from napari_frtm.training.data.sources import Source
    from napari_frtm.training.mixture import DatasetConfig

FITTED, POOR = "fitted", "poor"


@dataclass(frozen=True, slots=True)
class Target:
    """An object on a reference frame of a data set; its model is in a `TargetCache`."""

    source: Source
    reference: Reference
    object_id: int
    dataset: DatasetConfig


class TargetCache:
    """Fits target models that are not on disk yet.

    Parameters
    ----------
    folder : Path
        Where they are kept, in a folder for this backbone and these settings.
    network : FrtmNetwork
        Its backbone gives the features.
    config : FrtmConfig
        How target models are fitted; a D-only variant.
    """

    def __init__(self, folder: Path, network: FrtmNetwork, config: FrtmConfig) -> None:
        self.network = network
        self.config = config
        self.folder = folder / _fingerprint(network, config)
        few = replace(config.target, cg_steps=(3,), update_cg_steps=1, whitening=False)
        alone = replace(config.augmentation, samples=1)
        self._kinds = {FITTED: config, POOR: replace(config, target=few, augmentation=alone)}

    def targets(self, source: Source, config: DatasetConfig) -> Iterator[list[Target]]:
        """Fit what is missing; yield the objects of each reference frame in turn.

        Where every sample is a sketch, target models are fitted then, and nothing is missing.
        """
        if config.sketched == 1:
            yield from _unfitted(source, config)
            return
        for reference in source.references():
            path = self._path(source.name, reference, config)
            ids = _cached_ids(path)
            if ids is None:
                ids = self._fit_into(path, source, reference, config)
            yield [Target(source, reference, i, config) for i in ids]

    def filter(self, target: Target, kind: str = FITTED) -> Tensor:
        """Return a target model as one 3x3 filter over features, of shape (9, C).

        Parameters
        ----------
        target : Target
            Fitted now if it is not on disk: that of another cache, with another backbone.
        kind : str
            ``fitted`` as in inference, or ``poor``: after a few steps, without augmentation.
        """
        path = self._path(target.source.name, target.reference, target.dataset)
        if not path.is_file():
            self._fit_into(path, target.source, target.reference, target.dataset)
        with safe_open(path, framework="pt") as file:
            tensor: Tensor = file.get_tensor(f"{target.object_id}.{kind}")
        return tensor

    def _fit_into(
        self, path: Path, source: Source, reference: Reference, config: DatasetConfig
    ) -> list[int]:
        """Fit the objects of a reference frame, and return their ids."""
        picture = source.reference(reference)
        ids = chosen_ids(picture, config)
        path.parent.mkdir(parents=True, exist_ok=True)
        save_tensors(path, self.fit(picture, reference.index, ids))
        return ids

    def fit(self, picture: Picture, index: int, ids: list[int]) -> dict[str, Tensor]:
        """Return the filters of some objects, by ``id.kind``."""
        image, labels = picture
        wanted = np.where(np.isin(labels, ids), labels, 0)
        filters = {}
        for kind, config in self._kinds.items() if ids else ():
            tracker = Tracker(self.network, config)
            tracker.annotate(index, image, wanted)
            state = tracker.state_dict()
            for i in ids:
                taps = state[f"{i}.taps"] @ state[f"{i}.projection"]
                filters[f"{i}.{kind}"] = taps.cpu()
        return filters

    def _path(self, name: str, reference: Reference, config: DatasetConfig) -> Path:
        kept = f"{config.short_side}-{config.objects}-{config.smallest:g}"
        if config.sizes:  # before other images, of the same part
            kept += f"-{config.sizes[0]:g}-{config.sizes[1]:g}-{config.part.replace(' ', '-')}"
        folder = self.folder / f"{name.replace('/', '_')}-{kept}"
        return folder / f"{reference.video}_{reference.index}.safetensors"


class Unfitted(TargetCache):
    """The same objects without target models, for Base net."""

    def targets(self, source: Source, config: DatasetConfig) -> Iterator[list[Target]]:
        """Yield the objects of each reference frame in turn."""
        yield from _unfitted(source, config)


def chosen_ids(picture: Picture, config: DatasetConfig) -> list[int]:
    """Return the objects of a reference frame that are trained on."""
    ids = object_ids(picture[1], config.smallest)
    return [ids[i] for i in evenly(len(ids), config.objects)]


def scores(filters: Tensor, features: Tensor) -> Tensor:
    """Return the coarse scores of N crops, each by its own target model.

    Parameters
    ----------
    filters : Tensor of shape (N, 9, C)
        From `TargetCache.filter`.
    features : Tensor of shape (N, C, h, w)
        At stride 16.

    Returns
    -------
    Tensor of shape (N, h, w)
    """
    count, _, h, w = features.shape
    return gather((filters @ features.flatten(2)).view(count, TAPS, h, w))


def _unfitted(source: Source, config: DatasetConfig) -> Iterator[list[Target]]:
    """Yield the objects of each reference frame in turn, whether they have models or not."""
    for reference in source.references():
        ids = chosen_ids(source.reference(reference), config)
        yield [Target(source, reference, i, config) for i in ids]


def _cached_ids(path: Path) -> list[int] | None:
    """Return the objects in a file; None if it is missing or damaged."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            return sorted({int(name.split(".")[0]) for name in file.keys()})  # noqa: SIM118
    except (SafetensorError, OSError, ValueError):
        return None


def _fingerprint(network: FrtmNetwork, config: FrtmConfig) -> str:
    """Return a short hash of all that a target model depends on."""
    unrelated = ("variant", "leap", "windows", "outlines", "fine_tuning", "weights")
    settings = {k: v for k, v in asdict(config).items() if k not in unrelated}
    settings["half_precision"] = network.half_precision
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for tensor in network.backbone.state_dict().values():
        digest.update(tensor.cpu().to(torch.float32).numpy().tobytes())
    return f"{config.backbone}-{digest.hexdigest()[:12]}"
