"""First-frame fine-tuning, F.-T.: D and S trained together by Adam (paper, section 4.1)."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from napari_frtm.config import TARGET_STRIDE
from napari_frtm.engine.target.loss import sample_loss
from napari_frtm.engine.target.memory import initial_weights
from napari_frtm.engine.target.model import TargetModel
from napari_frtm.engine.target.stencil import Quadratic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from napari_frtm.config import FrtmConfig
    from napari_frtm.engine.networks.backbone import Features
    from napari_frtm.engine.networks.segmentation import SegmentationNetwork


@dataclass(frozen=True, slots=True, eq=False)
class FineTuned:
    """What belongs to one target: a target model, and a segmentation network of its own."""

    model: TargetModel
    segmentation: SegmentationNetwork

    @classmethod
    def restored(
        cls, model: TargetModel, like: SegmentationNetwork, state: Mapping[str, Tensor]
    ) -> FineTuned:
        """Return it with the state dict of its segmentation network, built like another one."""
        segmentation = deepcopy(like).float().eval()
        segmentation.load_state_dict(state)
        return cls(model, segmentation)


def fine_tune(
    features: Features, masks: Tensor, pretrained: SegmentationNetwork, config: FrtmConfig
) -> FineTuned:
    """Train a random target model and a copy of S on the samples of the first frame.

    The loss is eq. (2) over the number of pixels, plus the binary cross-entropy of the masks.

    Parameters
    ----------
    features : Features
        Of K samples; computed without gradients, but not in inference mode.
    masks : Tensor of shape (K, H, W), in [0, 1]
        Their targets; as large as the frames, or without their padding.
    pretrained : SegmentationNetwork
        Where S starts from; not changed.
    config : FrtmConfig
        Its `fine_tuning` says how long; its `seed` makes the first weights and the batches.
    """
    settings = config.fine_tuning
    generator = torch.Generator().manual_seed(config.seed)
    deep = features[TARGET_STRIDE].float()
    model = TargetModel.initial(deep.shape[1], config.target, generator).to(deep.device)
    segmentation = deepcopy(pretrained).float().eval().requires_grad_(True)
    size = (deep.shape[-2], deep.shape[-1])
    loss = sample_loss(masks, config.target.kappa_min, size)
    gamma = initial_weights(len(masks)).to(deep)
    with torch.enable_grad():
        layers = [model.projection.requires_grad_(True), model.taps.requires_grad_(True)]
        adam = torch.optim.Adam([*layers, *segmentation.parameters()], settings.learning_rate)
        for _ in range(settings.iterations):
            order = torch.randperm(len(masks), generator=generator)
            batch = order[: settings.batch].to(deep.device)
            scores = model.scores(model.project(deep[batch]))
            parts = Quadratic(loss.stencil[batch], loss.target[batch])
            data = target_loss(model, scores, parts, gamma[batch]) / masks[0].numel()
            prepared = segmentation.prepare({s: f[batch].float() for s, f in features.items()})
            logits = segmentation(scores[:, None], prepared)[:, 0]
            visible = logits[:, : masks.shape[1], : masks.shape[2]]
            total = data + binary_cross_entropy_with_logits(visible, masks[batch])
            adam.zero_grad()
            total.backward()  # type: ignore[no-untyped-call]
            adam.step()
    final = TargetModel(model.projection.detach(), model.taps.detach(), config.target)
    return FineTuned(final, segmentation.requires_grad_(False))


def target_loss(model: TargetModel, scores: Tensor, loss: Quadratic, weights: Tensor) -> Tensor:
    """Return eq. (2) up to a constant, for the scores (K, h, w) that the model gave K samples.

    The sample weights of shape (K,) are normalised to sum to one.
    """
    each = (scores * (loss.product(scores) - 2 * loss.target)).sum((1, 2))
    root1, root2 = model.config.regularisation
    ridge = root1**2 * model.projection.square().sum() + root2**2 * model.taps.square().sum()
    return (weights / weights.sum() * each).sum() + ridge
