"""What altered copies share with the frame is learned once, and the same is learned."""

from __future__ import annotations

import pytest
import torch

from napari_frtm.config import TargetConfig
from napari_frtm.engine.target.loss import sample_loss
from napari_frtm.engine.target.memory import initial_weights
from napari_frtm.engine.target.merging import FirstSamples, merged
from napari_frtm.engine.target.model import TargetModel, fit_models
from napari_frtm.types import Box

CONFIG = TargetConfig(channels=4, cg_steps=(3, 4), regularisation=(0.3, 1.0))
SIZE = (12, 15)  # scores


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([Box(2, 3, 10, 11), Box(3, 6, 11, 14)], id="inside"),
        pytest.param([Box(0, 0, 8, 8), Box(4, 7, 12, 15)], id="in corners"),
        pytest.param([Box(0, 0, 12, 15)], id="everywhere"),
        pytest.param([], id="no copies"),
    ],
)
def test_the_same_is_learned(parts: list[Box]) -> None:
    """As from copies of the whole frame, in double precision."""
    generator = torch.Generator().manual_seed(0)
    frame = torch.randn(6, *SIZE, generator=generator, dtype=torch.float64).relu()
    masks = torch.zeros(1 + len(parts), 16 * SIZE[0] - 5, 16 * SIZE[1] - 9, dtype=torch.float64)
    masks[0, 70:100, 80:120] = 1
    copies = [frame]
    altered = torch.zeros(0)
    if parts:
        size = (len(parts), 6, *parts[0].size)
        altered = torch.randn(size, generator=generator, dtype=torch.float64).relu()
    samples = (
        FirstSamples(frame, altered, [])
        if not parts
        else FirstSamples.pasted(frame, altered, parts)
    )
    for part, own, mask in zip(parts, samples.altered, masks[1:], strict=True):
        copy = frame.clone()
        copy[:, part.slices[0], part.slices[1]] = own
        copies.append(copy)
        mask[
            16 * part.top + 50 : 16 * part.bottom - 50, 16 * part.left + 50 : 16 * part.right - 50
        ] = 1
    loss, weights = sample_loss(masks, 0.1, SIZE), initial_weights(len(copies))

    def model() -> TargetModel:
        first = TargetModel.initial(6, CONFIG, torch.Generator().manual_seed(1))
        return TargetModel(first.projection.double(), first.taps.double(), CONFIG)

    plain, both = model(), model()
    plain.fit(torch.stack(copies), loss, weights)
    fit_models([both], merged([samples], [loss], weights))

    torch.testing.assert_close(both.projection, plain.projection, rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(both.taps, plain.taps, rtol=1e-7, atol=1e-9)
    projected = samples.projected(both)
    torch.testing.assert_close(projected, both.project(torch.stack(copies)))


def test_objects_with_copies_of_other_sizes_learn_together() -> None:
    """What each learns alone; they share the features of the frame."""
    generator = torch.Generator().manual_seed(0)
    frame = torch.randn(6, *SIZE, generator=generator, dtype=torch.float64).relu()
    samples, losses = [], []
    for part in (Box(2, 3, 10, 11), Box(0, 0, 12, 9), Box(3, 6, 11, 14)):
        altered = torch.randn(1, 6, *part.size, generator=generator, dtype=torch.float64).relu()
        samples.append(FirstSamples.pasted(frame, altered, [part]))
        masks = torch.rand(2, 16 * SIZE[0], 16 * SIZE[1], generator=generator) > 0.8
        losses.append(sample_loss(masks.double(), 0.1, SIZE))
    weights = initial_weights(2)

    def models() -> list[TargetModel]:
        first = TargetModel.initial(6, CONFIG, torch.Generator().manual_seed(1))
        return [
            TargetModel(first.projection.double(), first.taps.double(), CONFIG) for _ in samples
        ]

    alone, together = models(), models()
    for model, each, loss in zip(alone, samples, losses, strict=True):
        fit_models([model], merged([each], [loss], weights))
    fit_models(together, merged(samples, losses, weights))

    for one, other in zip(alone, together, strict=True):
        torch.testing.assert_close(one.projection, other.projection, rtol=1e-7, atol=1e-9)
        torch.testing.assert_close(one.taps, other.taps, rtol=1e-7, atol=1e-9)


def test_a_rim_has_the_features_of_the_frame() -> None:
    """Three scores wide, but not along the sides of the frame."""
    frame, altered = torch.zeros(1, *SIZE), torch.ones(1, 1, 8, 8)

    samples = FirstSamples.pasted(frame, altered, [Box(0, 4, 8, 12)])

    assert samples.altered[0, 0].sum() == 5 * 2
    assert samples.altered[0, 0, :5, 3:5].all()
