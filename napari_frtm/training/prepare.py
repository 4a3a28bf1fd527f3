"""Before the first step: open the data sets, fit the target models that are not cached."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_frtm.training.clips.synthetic import open_images
from napari_frtm.training.data.sources import DataError, open_videos
from napari_frtm.training.data.stacks import open_stacks

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from napari_frtm.training.config import TrainConfig
    from napari_frtm.training.data.sources import Source
    from napari_frtm.training.data.targets import Target, TargetCache
    from napari_frtm.training.mixture import ClipConfig, DatasetConfig


def open_source(data: Path, dataset: DatasetConfig, clips: ClipConfig | None = None) -> Source:
    """Return a data set of a recipe, below a folder.

    Raises
    ------
    DataError
        If it is missing, or not in its layout.
    """
    if dataset.kind == "images":
        return open_images(data, dataset, clips)
    return (open_videos if dataset.kind == "videos" else open_stacks)(data, dataset)


@dataclass(frozen=True, slots=True)
class Preparing:
    """How many reference frames have their target models."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Targets:
    """Objects with their target models.

    Attributes
    ----------
    training : list of list of Target
        By data set of the recipe.
    validation : list of Target
        Objects on the first frames of the validation videos.
    """

    training: list[list[Target]]
    validation: list[Target]


def prepare(
    config: TrainConfig, data: Path, cache: TargetCache
) -> Generator[Preparing, None, Targets]:
    """Fit what is missing; yield after each reference frame, return the targets.

    Parameters
    ----------
    config : TrainConfig
        Names the data sets.
    data : Path
        Folder that their paths start from.
    cache : TargetCache
        Where target models are kept.

    Raises
    ------
    DataError
        If a data set is missing, not in its layout, or without objects.
    """
    datasets = list(config.datasets)
    if config.validation is not None:
        datasets.append(replace(config.validation.dataset, references=1))
    sources = [open_source(data, dataset, config.clips) for dataset in datasets]
    total = sum(len(source.references()) for source in sources)
    done = 0
    found: list[list[Target]] = []
    for source, dataset in zip(sources, datasets, strict=True):
        found.append([])
        for targets in cache.targets(source, dataset):
            found[-1] += targets
            done += 1
            yield Preparing(done, total)
        if not found[-1]:
            raise DataError(f"No object on any reference frame of {source.name}.")
    validation = found.pop() if config.validation is not None else []
    return Targets(found, validation)
