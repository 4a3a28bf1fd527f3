"""Base net and F.-T., the rows of table 1 that the paper compares its own with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from masks import overlap
from torch.nn.functional import interpolate

from napari_frtm.config import FineTuningConfig, LocalityConfig, TargetConfig, Variant
from napari_frtm.engine.networks.network import FrtmNetwork
from napari_frtm.engine.networks.target_encoder import TargetEncoder
from napari_frtm.engine.target.fine_tuning import target_loss
from napari_frtm.engine.target.loss import pixel_weights, sample_loss
from napari_frtm.engine.target.model import TargetModel
from napari_frtm.engine.tracking.baseline import BaselineTracker
from napari_frtm.engine.tracking.propagate import Propagation, propagate
from napari_frtm.errors import FrtmError
from napari_frtm.io.weights.checkpoint import load_network

if TYPE_CHECKING:
    from conftest import Clip

    from napari_frtm.config import FrtmConfig

BASELINES = [Variant.BASE_NET, Variant.FINE_TUNING]


@pytest.fixture(scope="module")
def baseline_network(full_network: FrtmNetwork) -> FrtmNetwork:
    """Return the small network with a target encoder of random weights."""
    torch.manual_seed(1)
    encoder = TargetEncoder(full_network.backbone.channels[16], 6).requires_grad_(False)
    encoder.encoder[0].weight *= 20  # as if trained, so that the mask matters
    parts = (full_network.backbone, full_network.segmentation, encoder, full_network.outlines)
    return FrtmNetwork(*parts)


def _config(full: FrtmConfig, variant: Variant, iterations: int = 3) -> FrtmConfig:
    tuning = FineTuningConfig(samples=3, iterations=iterations, batch=2)
    return replace(full, variant=variant, fine_tuning=tuning, short_side=96, enlarge=1.0)


def test_fine_tuning_follows_an_object(full: FrtmConfig, clip: Clip) -> None:
    """From a random target model and the embedded S, on the first frame alone."""
    config = _config(full, Variant.FINE_TUNING, 25)
    drawn = (clip.truth[0] == 4) * 4

    predictions = list(propagate(load_network(config), config, clip.frames[:4], {0: drawn}))

    assert overlap(predictions[3], clip.truth[3], 4) > 0.85


def test_fine_tuning_leaves_the_network_as_it_is(
    baseline_network: FrtmNetwork, full: FrtmConfig, clip: Clip
) -> None:
    """Every object has a copy; the next video starts from the same weights."""
    before = {k: v.clone() for k, v in baseline_network.state_dict().items()}
    tracker = BaselineTracker(baseline_network, _config(full, Variant.FINE_TUNING))

    tracker.annotate(0, clip.frames[0], clip.truth[0])

    assert all(torch.equal(v, before[k]) for k, v in baseline_network.state_dict().items())
    learned = tracker.state_dict()
    name = "segmentation.levels.4.block1.project.weight"
    assert not torch.equal(learned[f"1.{name}"], learned[f"4.{name}"])


def test_base_net_depends_on_what_was_drawn(
    baseline_network: FrtmNetwork, full: FrtmConfig, clip: Clip
) -> None:
    """Another reference mask gives other scores on the same test frame."""
    seen = []
    for object_id in (1, 4):
        tracker = BaselineTracker(baseline_network, _config(full, Variant.BASE_NET))
        tracker.annotate(0, clip.frames[0], (clip.truth[0] == object_id) * 7)
        (prediction,) = tracker.segment([5], clip.frames[5:6])
        seen.append(torch.from_numpy(prediction.scores))
        assert prediction.object_ids == (7,)

    assert (seen[0] - seen[1]).abs().max() > 1e-3


@pytest.mark.parametrize("variant", BASELINES)
def test_a_stopped_run_goes_on_exactly(
    baseline_network: FrtmNetwork, full: FrtmConfig, clip: Clip, variant: Variant
) -> None:
    """What was learned is in the state; drawn frames come back as drawn."""
    config, drawn = _config(full, variant), {0: clip.truth[0]}
    whole = list(propagate(baseline_network, config, clip.frames[:10], drawn))

    begun = Propagation(baseline_network, config, clip.frames[:10], drawn)
    chunks = begun.chunks()
    first = next(chunks) + next(chunks)
    resumed = Propagation(baseline_network, config, clip.frames[:10], drawn)
    resumed.load_state_dict(begun.state_dict())
    rest = [p for chunk in resumed.chunks() for p in chunk]

    assert (whole[0].labels == clip.truth[0]).all()
    assert [p.index for p in first + rest] == list(range(10))
    for a, b in zip(whole, first + rest, strict=True):
        assert (a.probabilities == b.probabilities).all()


def test_the_loss_is_that_of_the_paper() -> None:
    """Eq. (2) of two samples, taken literally, up to what does not depend on the model."""
    generator = torch.Generator().manual_seed(0)
    config = TargetConfig(channels=3)
    model = TargetModel.initial(5, config, generator)
    features = torch.randn(2, 5, 4, 6, generator=generator)
    masks = (torch.rand(2, 64, 96, generator=generator) > 0.7).float()
    gamma = torch.tensor([2.0, 1.0])
    scores = model.scores(model.project(features))

    found = target_loss(model, scores, sample_loss(masks, 0.1, (4, 6)), gamma)

    up = interpolate(scores[:, None], (64, 96), mode="bilinear", align_corners=False)[:, 0]
    weights = pixel_weights(masks, 0.1)
    literal = (gamma / 3 * (weights * (masks - up) ** 2).sum((1, 2))).sum()
    literal = literal + 1e-8 * model.projection.square().sum() + 1e-4 * model.taps.square().sum()
    constant = (gamma / 3 * (weights * masks**2).sum((1, 2))).sum()
    torch.testing.assert_close(found, literal - constant, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("variant", BASELINES)
def test_what_a_baseline_cannot_do_is_refused(
    baseline_network: FrtmNetwork, full: FrtmConfig, network: FrtmNetwork, variant: Variant
) -> None:
    """Local search; a network that lacks the parts."""
    config = _config(full, variant)

    with pytest.raises(FrtmError, match="leave out --local"):
        BaselineTracker(baseline_network, replace(config, locality=LocalityConfig()))
    with pytest.raises(ValueError, match="needs a segmentation network"):
        BaselineTracker(network, config)
