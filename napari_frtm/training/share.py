"""A recipe with a share of its data (paper, supplement, table 4)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_frtm.training.data.sources import evenly
from napari_frtm.training.prepare import open_source

if TYPE_CHECKING:
    from pathlib import Path

    from napari_frtm.training.config import TrainConfig
    from napari_frtm.training.mixture import DatasetConfig


def with_share(config: TrainConfig, data: Path, share: float) -> TrainConfig:
    """Return a recipe that trains on a share of the videos or images of each of its data sets.

    Parameters
    ----------
    config : TrainConfig
        The recipe; what it is validated on stays.
    data : Path
        Folder that the paths of its data sets start from.
    share : float
        In (0, 1]; the kept ones are spread evenly over the sorted names, at least one is.

    Raises
    ------
    DataError
        If a data set is missing.
    """
    if share == 1:
        return config
    return replace(config, datasets=tuple(_part(d, data, share) for d in config.datasets))


def _part(dataset: DatasetConfig, data: Path, share: float) -> DatasetConfig:
    source = open_source(data, dataset)
    names = list(dict.fromkeys(reference.video for reference in source.references()))
    count = max(1, round(share * len(names)))
    if dataset.kind == "images":
        return replace(dataset, limit=count)
    return replace(dataset, names=tuple(names[i] for i in evenly(len(names), count)), split="")
