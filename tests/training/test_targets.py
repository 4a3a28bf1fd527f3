"""Target models for training: fitted as in inference, and kept."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_frtm.engine.frames.images import Geometry, to_images
from napari_frtm.engine.tracking.tracker import Tracker
from napari_frtm.training.data.sources import Reference, open_videos
from napari_frtm.training.data.targets import FITTED, POOR, Target, TargetCache, scores
from napari_frtm.training.mixture import DatasetConfig

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from conftest import Clip
    from torch import Tensor

    from napari_frtm.config import FrtmConfig
    from napari_frtm.engine.networks.network import FrtmNetwork
    from napari_frtm.training.data.sources import Picture

DAVIS = DatasetConfig(kind="videos", path="davis", split="train", references=1)


def _targets(cache: TargetCache, data: Path, config: DatasetConfig = DAVIS) -> list[Target]:
    return [t for found in cache.targets(open_videos(data, config), config) for t in found]


def test_scores_are_those_of_inference(
    data: Path, cached: Path, network: FrtmNetwork, lite: FrtmConfig
) -> None:
    """On the reference frame, by the file, as the tracker predicts them after learning."""
    source = open_videos(data, DAVIS)
    image, labels = source.reference(Reference("one", 0))
    tracker = Tracker(network, lite)
    expected = tracker.annotate(0, image, labels).scores
    geometry = Geometry.scaled((120, 160), lite.scale((120, 160)))
    images = to_images([image], (0, 255), geometry, network.device)
    with torch.inference_mode():
        features = network.features(images, refine=False)[16]

    cache = TargetCache(cached, network, lite)
    for i, target in enumerate(_targets(cache, data)):
        found = scores(cache.filter(target)[None], features.float())

        height, width = geometry.visible_scores
        np.testing.assert_allclose(found[0, :height, :width], expected[i], atol=1e-4)


def test_cached_models_equal_fresh_ones(
    data: Path, cached: Path, tmp_path: Path, network: FrtmNetwork, lite: FrtmConfig
) -> None:
    """Bit by bit; the poor one is another."""
    old, new = TargetCache(cached, network, lite), TargetCache(tmp_path, network, lite)
    targets = _targets(old, data)

    assert [t.object_id for t in targets] == [1, 4]
    for target in targets:  # the new cache fits when it is asked
        good, poor = old.filter(target, FITTED), old.filter(target, POOR)
        assert torch.equal(good, new.filter(target, FITTED))
        assert torch.equal(poor, new.filter(target, POOR))
        assert not torch.allclose(good, poor, atol=1e-2)
    assert len(list(tmp_path.rglob("*.safetensors"))) == 1


def test_what_is_on_disk_is_not_fitted_again(
    data: Path,
    cached: Path,
    network: FrtmNetwork,
    lite: FrtmConfig,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Except where the file is damaged."""
    cache = TargetCache(cached, network, lite)
    targets = _targets(cache, data)
    fit, fits = cache.fit, []

    def counted(picture: Picture, index: int, ids: list[int]) -> dict[str, Tensor]:
        fits.append(index)
        return fit(picture, index, ids)

    monkeypatch.setattr(cache, "fit", counted)
    _targets(cache, data)
    before = len(fits)
    first = targets[0].reference
    for path in cache.folder.glob(f"*/{first.video}_{first.index}.safetensors"):
        path.write_bytes(b"damaged")

    assert before == 0
    assert [t.object_id for t in _targets(cache, data)] == [1, 4]
    assert fits == [0]


def test_other_settings_have_other_files(
    cached: Path, network: FrtmNetwork, lite: FrtmConfig
) -> None:
    """So that no model of another target model or augmentation is taken."""
    more = replace(lite, augmentation=replace(lite.augmentation, samples=3))

    folders = {TargetCache(cached, network, config).folder for config in (lite, more)}

    assert len(folders) == 2


def test_small_and_surplus_objects_are_left_out(
    data: Path, cached: Path, network: FrtmNetwork, lite: FrtmConfig, clip: Clip
) -> None:
    """By the share of the frame, and by number."""
    cache = TargetCache(cached, network, lite)
    area = np.mean(clip.truth[0] == 1)

    assert [t.object_id for t in _targets(cache, data, replace(DAVIS, objects=1))] == [1]
    assert _targets(cache, data, replace(DAVIS, smallest=float(area) * 1.01)) == []
