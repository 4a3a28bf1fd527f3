"""Training samples: validation crops with the target models of their reference frames."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from napari_frtm.config import TARGET_STRIDE
from napari_frtm.engine.target.stencil import TAPS
from napari_frtm.training.data.crops import (
    cut,
    disturbed,
    jittered,
    random_window,
    search_region,
)
from napari_frtm.training.data.prompts import simulated
from napari_frtm.training.data.targets import FITTED, POOR

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_frtm.engine.networks.backbone import Features
    from napari_frtm.training.config import TrainConfig
    from napari_frtm.training.data.prompts import SimulatedPrompts
    from napari_frtm.training.data.targets import Target, TargetCache
    from napari_frtm.training.mixture import DatasetConfig


@dataclass(frozen=True, slots=True)
class Batch:
    """Crops of several samples.

    Attributes
    ----------
    images : uint8 Tensor of shape (N, 3, size, size)
    masks : bool Tensor of shape (N, size, size)
    filters : Tensor of shape (N, 9, C), or None
        Target models, each as one filter, zero where there are prompts; none for Base net.
    seeds : tuple of (int or None)
        Of what makes the scores of a crop worse; None leaves them as they are.
    number : int
        Of the batch.
    prompts : tuple of (SimulatedPrompts or None)
        What is drawn of an object whose mask nobody has given; None where the filter counts.
    regions : bool Tensor of shape (N, h, w), or None
        Which scores count, where objects are looked for near their last place.
    teacher : Tensor of shape (N,), in [0, 1], or None
        How much the first weights' answers count beside the masks; see `DatasetConfig.teacher`.
    references : pair of Tensor, or None
        For Base net: the same part of the reference frames as of the others, and its mask; in
        shape and type as `images` and `masks`.
    """

    images: Tensor
    masks: Tensor
    filters: Tensor | None
    seeds: tuple[int | None, ...]
    number: int
    prompts: tuple[SimulatedPrompts | None, ...]
    regions: Tensor | None = None
    teacher: Tensor | None = None
    references: tuple[Tensor, Tensor] | None = None


class Samples:
    """Endless samples; which ones depends on the seed and the number of the batch alone.

    So the position in the data is the number of the step, and a resumed training goes on with
    exactly the samples that an uninterrupted one would have seen.

    Parameters
    ----------
    targets : sequence of sequence of Target
        By data set.
    cache : TargetCache
        Has their target models.
    config : TrainConfig
        The weights of the data sets, the seed, the crops.
    """

    def __init__(
        self, targets: Sequence[Sequence[Target]], cache: TargetCache, config: TrainConfig
    ) -> None:
        self.targets = targets
        self.cache = cache
        self.config = config
        weights = np.array([dataset.weight for dataset in config.datasets])
        self._shares = weights / weights.sum()

    def batch(self, number: int) -> Batch:
        """Return a batch by its number."""
        crops: list[_Crop] = []
        filters, seeds, prompts, teacher = [], [], [], []
        for i in range(self.config.batch):
            rng = np.random.default_rng((self.config.seed, number, i))
            target, dataset = self._target(rng)
            kind = POOR if rng.random() < self.config.crop.poor else FITTED
            sketched = dataset.sketched > 0 and rng.random() < dataset.sketched
            for crop in self._crops(target, rng, itself=sketched):
                worse = rng.random() < self.config.crop.disturbed
                crops.append(crop)
                drawn = simulated(crop.mask, rng) if sketched else None
                prompts.append(drawn)
                teacher.append(0.0 if sketched else dataset.teacher)
                if not self.config.base_net:
                    filters.append(self.cache.filter(target, kind) if drawn is None else None)
                seeds.append(int(rng.integers(2**31)) if worse else None)
        references = [crop.reference for crop in crops if crop.reference is not None]
        regions = [torch.from_numpy(crop.region) for crop in crops if crop.region is not None]
        return Batch(
            *_stacked([(crop.image, crop.mask) for crop in crops]),
            self._filters(filters) if filters else None,
            tuple(seeds),
            number,
            tuple(prompts),
            torch.stack(regions) if regions else None,
            None if self.config.windows is None else torch.tensor(teacher),
            _stacked(references) if references else None,
        )

    def batches(self, first: int) -> Generator[Batch, None, None]:
        """Yield the batches from a number on, made ahead in threads."""
        workers = self.config.workers
        with ThreadPoolExecutor(workers) as pool:
            numbers = count(first)
            waiting = deque(pool.submit(self.batch, next(numbers)) for _ in range(2 * workers))
            try:
                while True:
                    yield waiting.popleft().result()
                    waiting.append(pool.submit(self.batch, next(numbers)))
            finally:
                pool.shutdown(cancel_futures=True)

    def _filters(self, filters: Sequence[Tensor | None]) -> Tensor:
        """Return filters (N, 9, C); those that are fitted later are zero."""
        later = torch.zeros(TAPS, self.cache.network.backbone.channels[TARGET_STRIDE])
        return torch.stack([later if one is None else one for one in filters])

    def _target(self, rng: np.random.Generator) -> tuple[Target, DatasetConfig]:
        number = int(rng.choice(len(self.targets), p=self._shares))
        of_dataset = self.targets[number]
        return of_dataset[int(rng.integers(len(of_dataset)))], self.config.datasets[number]

    def _crops(self, target: Target, rng: np.random.Generator, *, itself: bool) -> Iterator[_Crop]:
        """Yield crops of other frames, or of the reference frame itself."""
        crop, locality = self.config.crop, self.config.method.locality
        if itself:
            crop = replace(crop, near=1.0)
            image, labels = target.source.reference(target.reference)
            others = [(image, labels == target.object_id)] * crop.frames
        else:
            others = target.source.others(target.reference, target.object_id, crop.frames, rng)
        for image, mask in others:
            window = random_window(mask, crop, rng)
            part, part_mask = cut(image, mask, window, crop.size)
            part, reference = jittered(part, crop.jitter, rng), None
            region = None if locality is None else search_region(part_mask, locality.reach, rng)
            if self.config.base_net:
                first, labels = target.source.reference(target.reference)
                then, its_mask = cut(first, labels == target.object_id, window, crop.size)
                reference = jittered(then, crop.jitter, rng), its_mask
            yield _Crop(part, part_mask, region, reference)


@dataclass(frozen=True, slots=True)
class _Crop:
    """Part of a frame, where its object is looked for, and for Base net that of the reference."""

    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    region: NDArray[np.bool_] | None
    reference: tuple[NDArray[np.uint8], NDArray[np.bool_]] | None


def _stacked(
    pictures: Sequence[tuple[NDArray[np.uint8], NDArray[np.bool_]]],
) -> tuple[Tensor, Tensor]:
    """Return images (N, 3, size, size) and masks (N, size, size)."""
    images = [torch.from_numpy(np.ascontiguousarray(i)).permute(2, 0, 1) for i, _ in pictures]
    return torch.stack(images), torch.stack([torch.from_numpy(mask) for _, mask in pictures])


def disturb(scores: Tensor, seeds: Sequence[int | None]) -> Tensor:
    """Return scores of shape (N, h, w), some of them made worse."""
    worse = scores.clone()
    for i, seed in enumerate(seeds):
        if seed is not None:
            changed = disturbed(scores[i].cpu().numpy(), np.random.default_rng(seed))
            worse[i] = torch.from_numpy(changed)
    return worse


def without_some(features: Features, share: float, seed: int) -> Features:
    """Return features of N crops with a share of each one's channels set to zero.

    The others grow, so that sums over channels stay as large on average.
    """
    if not share:
        return features
    rng = np.random.default_rng(seed)
    kept = {}
    for stride, maps in features.items():
        factors = (rng.random(maps.shape[:2]) >= share) / (1 - share)
        kept[stride] = maps * torch.from_numpy(factors).to(maps)[..., None, None]
    return kept
