"""Training samples: what they hold, and that their number is all that they depend on."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

import pytest
import torch

from napari_frtm.training.data.samples import Samples, disturb, without_some
from napari_frtm.training.data.targets import TargetCache
from napari_frtm.training.mixture import DatasetConfig
from napari_frtm.training.prepare import prepare

if TYPE_CHECKING:
    from pathlib import Path

    from napari_frtm.engine.networks.network import FrtmNetwork
    from napari_frtm.training.config import TrainConfig
    from napari_frtm.training.data.samples import Batch


@pytest.fixture
def mixed(recipe: TrainConfig) -> TrainConfig:
    """Return a recipe with all kinds of data sets."""
    more = [
        DatasetConfig(kind="images", path="static", limit=1, short_side=120),
        DatasetConfig(kind="stacks", path="cells", references=1),
    ]
    return replace(recipe, datasets=(*recipe.datasets, *more), batch=6)


@pytest.fixture
def samples(mixed: TrainConfig, data: Path, cached: Path, network: FrtmNetwork) -> Samples:
    """Return the samples of that recipe."""
    return _samples(mixed, data, TargetCache(cached, network, mixed.method))


def _samples(recipe: TrainConfig, data: Path, cache: TargetCache) -> Samples:
    preparing = prepare(recipe, data, cache)
    while True:
        try:
            next(preparing)
        except StopIteration as end:
            return Samples(end.value.training, cache, recipe)


def _equal(a: Batch, b: Batch) -> bool:
    tensors = zip((a.images, a.masks, a.filters), (b.images, b.masks, b.filters), strict=True)
    return a.seeds == b.seeds and all(torch.equal(x, y) for x, y in tensors)


def test_a_batch_has_the_crops_of_its_samples(samples: Samples) -> None:
    """Two of each; they share the target model."""
    batch = samples.batch(0)

    assert batch.images.shape == (12, 3, 96, 96)
    assert batch.masks.shape == (12, 96, 96)
    assert batch.filters.shape == (12, 9, 576)
    assert torch.equal(batch.filters[::2], batch.filters[1::2])
    assert batch.masks.flatten(1).any(1).sum() >= 9


def test_scores_count_near_the_object_where_it_is_looked_for_locally(
    mixed: TrainConfig, data: Path, cached: Path, network: FrtmNetwork, samples: Samples
) -> None:
    """On it and around it, but nowhere in a crop that does not show it."""
    assert samples.batch(0).regions is None
    local = replace(mixed, preset="cells", crop=replace(mixed.crop, near=0.5))
    near = _samples(local, data, TargetCache(cached, network, local.method))
    batches = [near.batch(i) for i in range(3)]
    regions = torch.cat([b.regions for b in batches if b.regions is not None])
    masks = torch.cat([batch.masks for batch in batches])
    assert regions.shape == (36, 6, 6)
    on_grid = masks.view(36, 6, 16, 6, 16).amax((2, 4))
    shown = on_grid.flatten(1).any(1)
    assert (regions.flatten(1).any(1) == shown).float().mean() > 0.9  # it may have left the crop
    assert (regions & on_grid).sum() / on_grid.sum() > 0.9
    assert not regions.all()


def test_batches_depend_on_seed_and_number_alone(samples: Samples, mixed: TrainConfig) -> None:
    """In any order, made ahead or not; another seed gives others."""
    other = Samples(samples.targets, samples.cache, replace(mixed, seed=1))

    with closing(samples.batches(2)) as batches:
        ahead = list(islice(batches, 2))

    assert _equal(ahead[1], samples.batch(3))
    assert _equal(ahead[0], samples.batch(2))
    assert not _equal(ahead[0], ahead[1])
    assert not _equal(ahead[0], other.batch(2))


def test_threads_do_not_change_the_order(samples: Samples, mixed: TrainConfig) -> None:
    """Nor what is in the batches."""
    parallel = Samples(samples.targets, samples.cache, replace(mixed, workers=3))

    with closing(parallel.batches(0)) as batches:
        found = list(islice(batches, 4))

    assert all(_equal(batch, samples.batch(i)) for i, batch in enumerate(found))


def test_failures_in_threads_are_raised(samples: Samples) -> None:
    """Where the batch is asked for."""
    target = samples.targets[0][0]
    paths = samples.cache.folder.glob(f"*/{target.reference.video}_{target.reference.index}.*")
    for path in paths:
        path.write_bytes(b"")
    config = replace(samples.config, datasets=samples.config.datasets[:1])
    lost = Samples([[target]], samples.cache, config)

    with closing(lost.batches(0)) as batches, pytest.raises(Exception, match="header"):
        next(batches)


def test_only_scores_with_a_seed_are_disturbed() -> None:
    """The others stay as they are."""
    scores = torch.rand(3, 5, 5)

    worse = disturb(scores, (None, 3, None))

    assert torch.equal(worse[[0, 2]], scores[[0, 2]])
    assert not torch.equal(worse[1], scores[1])


def test_dropped_channels_are_zero_and_the_others_grow() -> None:
    """Other channels for each crop and each batch; the mean stays."""
    features = {4: torch.ones(2, 200, 3, 3), 16: torch.ones(2, 400, 1, 1)}

    kept = without_some(features, 0.2, seed=5)
    again = without_some(features, 0.2, seed=5)

    assert set(kept[4].unique().tolist()) == {0.0, 1.25}
    assert (kept[4].amax((2, 3)) == kept[4].amin((2, 3))).all()
    assert not torch.equal(kept[4][0], kept[4][1])
    assert kept[16].mean().item() == pytest.approx(1, abs=0.1)
    assert torch.equal(kept[16], again[16])
    assert without_some(features, 0.0, seed=5) is features
