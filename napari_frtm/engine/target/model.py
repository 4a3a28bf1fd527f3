"""Target model D: a linear model of one object, learned while the video runs (section 3.1).

Its two layers ``w2 * (w1 * x)`` act as a single 3x3 filter with the taps ``E = w2' w1`` of shape
(9, C). So a Gauss-Newton step needs, for each CG iteration, only two products with the (9, C)
taps, whatever the number of channels c between the layers, and no automatic differentiation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from napari_frtm.engine.target.optimizer import conjugate_gradient
from napari_frtm.engine.target.stencil import TAPS, Quadratic, gather, scatter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_frtm.config import TargetConfig


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Samples that N models learn from, K each.

    Attributes
    ----------
    features : Tensor of shape (N, K, C, h, w)
        Feature maps; (1, K, C, h, w) if they are the same for all: one product for N models.
    loss : Quadratic
        Labels and pixel weights of these N x K samples.
    weights : Tensor of shape (N, K)
        Sample weights gamma.
    models : slice
        Which models they are, of those that learn together.
    """

    features: Tensor
    loss: Quadratic
    weights: Tensor
    models: slice = field(default_factory=lambda: slice(None))


class TargetModel:
    """Scores of one object from the features at stride 16, ``s = w2 * (w1 * x)``, eq. (1).

    Parameters
    ----------
    projection : Tensor of shape (c, C)
        w1, a 1x1 convolution without bias.
    taps : Tensor of shape (9, c)
        w2, a 3x3 convolution to one channel without bias, tap by tap, row by row.
    config : TargetConfig
        How it is optimised.
    """

    def __init__(self, projection: Tensor, taps: Tensor, config: TargetConfig) -> None:
        self.projection = projection
        self.taps = taps
        self.config = config

    @classmethod
    def initial(
        cls, features: int, config: TargetConfig, generator: torch.Generator
    ) -> TargetModel:
        """Return a random model for feature maps with this many channels (section 3.5)."""
        # uniform within 1 / sqrt(fan-in), as convolutions are usually initialised
        projection = torch.rand(config.channels, features, generator=generator) * 2 - 1
        taps = torch.rand(TAPS, config.channels, generator=generator) * 2 - 1
        return cls(projection / features**0.5, taps / (TAPS * config.channels) ** 0.5, config)

    def to(self, device: torch.device) -> TargetModel:
        """Return the model on this device."""
        return TargetModel(self.projection.to(device), self.taps.to(device), self.config)

    def project(self, features: Tensor) -> Tensor:
        """Return ``w1 * x``, (K, C, h, w) -> (K, c, h, w): what the sample memory keeps."""
        return torch.einsum("dc,kchw->kdhw", self.projection, features)

    def scores(self, projected: Tensor) -> Tensor:
        """Return the coarse scores of projected features, (K, c, h, w) -> (K, h, w)."""
        return filter_scores(self.taps[None], projected[None])[0]

    def fit(self, features: Tensor, loss: Quadratic, weights: Tensor) -> None:
        """Optimise both layers by Gauss-Newton on the first samples (sections 3.1, 3.5).

        Parameters
        ----------
        features : Tensor of shape (K, C, h, w)
            Feature maps of the samples.
        loss : Quadratic
            Labels and pixel weights of the samples.
        weights : Tensor of shape (K,)
            Sample weights gamma, summing to one.
        """
        one = Quadratic(loss.stencil[None], loss.target[None])
        fit_models([self], [Samples(features[None], one, weights[None])])

    def update(
        self,
        projected: Tensor,
        loss: Quadratic,
        weights: Tensor,
        moments: Tensor | None = None,
    ) -> None:
        """Optimise w2 alone over the sample memory, a linear problem (section 3.4).

        Parameters
        ----------
        projected : Tensor of shape (K, c, h, w)
            Projected feature maps of the samples.
        loss, weights
            As for `fit`.
        moments : Tensor of shape (c, c), optional
            `SampleMemory.moments`, for whitening; without it, the paper's preconditioner is used.
        """
        one = Quadratic(loss.stencil[None], loss.target[None])
        each = None if moments is None else moments[None]
        update_models([self], projected[None], one, weights[None], each)

    def _diagonals(self) -> tuple[Tensor, Tensor]:
        """Return lambda and the preconditioner for the parameters (w1, w2), flattened."""
        root1, root2 = self.config.regularisation
        precond = torch.cat(
            [
                torch.full_like(self.projection, root1).flatten(),
                torch.full_like(self.taps, root2).flatten(),
            ]
        )
        return precond**2, precond


def fit_models(models: Sequence[TargetModel], samples: Sequence[Samples]) -> None:
    """Fit N models of one configuration at once; see `TargetModel.fit`.

    Parameters
    ----------
    models : sequence of TargetModel
        Changed in place.
    samples : sequence of Samples
        For all of them; some may be larger than others.
    """
    config = models[0].config
    w1 = torch.stack([model.projection for model in models])
    w2 = torch.stack([model.taps for model in models])
    split = models[0].projection.numel()
    ridge, precond = models[0]._diagonals()

    for steps in config.cg_steps:

        def transpose(residuals: list[Tensor], w1: Tensor = w1, w2: Tensor = w2) -> Tensor:
            gradient = w2.new_zeros(len(w2), TAPS, w1.shape[2])
            for of, part in zip(samples, residuals, strict=True):
                gradient[of.models] += _correlate(of.weights[..., None, None] * part, of.features)
            return torch.cat([(w2.mT @ gradient).flatten(1), (gradient @ w1.mT).flatten(1)], 1)

        def normal(v: Tensor, w1: Tensor = w1, w2: Tensor = w2) -> Tensor:
            change = w2 @ v[:, :split].reshape(w1.shape) + v[:, split:].reshape(w2.shape) @ w1
            moved = [
                of.loss.product(filter_scores(change[of.models], of.features)) for of in samples
            ]
            return transpose(moved, w1, w2) + ridge * v

        answers = [filter_scores((w2 @ w1)[of.models], of.features) for of in samples]
        residuals = [
            of.loss.target - of.loss.product(answer)
            for of, answer in zip(samples, answers, strict=True)
        ]
        rhs = transpose(residuals) - ridge * torch.cat([w1.flatten(1), w2.flatten(1)], 1)
        step = conjugate_gradient(normal, rhs, steps, lambda residual: residual / precond)
        w1 = w1 + step[:, :split].reshape(w1.shape)
        w2 = w2 + step[:, split:].reshape(w2.shape)
    for model, projection, taps in zip(models, w1, w2, strict=True):
        model.projection, model.taps = projection, taps


def update_models(
    models: Sequence[TargetModel],
    projected: Tensor,
    loss: Quadratic,
    weights: Tensor,
    moments: Tensor | None = None,
) -> None:
    """Update N models of one configuration at once; see `TargetModel.update`.

    Parameters
    ----------
    models : sequence of TargetModel
        Changed in place.
    projected : Tensor of shape (N, K, c, h, w)
        Projected feature maps of the samples of each.
    loss, weights
        As of `Samples`; samples without weight do not count.
    moments : Tensor of shape (N, c, c), optional
        For whitening.
    """
    config = models[0].config
    taps = torch.stack([model.taps for model in models])
    root = config.regularisation[1]
    ridge = root**2
    gamma = weights[..., None, None]

    def normal(v: Tensor) -> Tensor:
        moved = loss.product(filter_scores(v.view_as(taps), projected))
        return _correlate(gamma * moved, projected).flatten(1) + ridge * v

    residuals = loss.target - loss.product(filter_scores(taps, projected))
    rhs = _correlate(gamma * residuals, projected) - ridge * taps
    whitened = None if moments is None else _inverse(moments, ridge)

    def precond(residual: Tensor) -> Tensor:
        if whitened is None:
            return residual / root
        return (residual.view_as(taps) @ whitened).flatten(1)

    step = conjugate_gradient(normal, rhs.flatten(1), config.update_cg_steps, precond)
    for model, updated in zip(models, taps + step.view_as(taps), strict=True):
        model.taps = updated


def filter_scores(taps: Tensor, features: Tensor) -> Tensor:
    """Apply 3x3 filters with zero padding: (N, 9, C), (N, K, C, h, w) -> (N, K, h, w).

    Features of shape (1, K, C, h, w) are those of all N.
    """
    k, _, h, w = features.shape[1:]
    if len(features) < len(taps):
        answers = (taps.flatten(0, 1) @ features[0].flatten(2)).transpose(0, 1)
        return gather(answers.reshape(len(taps), TAPS, k, h, w).transpose(1, 2))
    return gather((taps[:, None] @ features.flatten(3)).view(-1, k, TAPS, h, w))


def _inverse(moments: Tensor, ridge: float) -> Tensor:
    """Return the inverses of (N, c, c) moments with `ridge` on their diagonals.

    Moments of frames that show nothing are singular, and below zero by rounding.
    """
    values, vectors = torch.linalg.eigh(moments.cpu().double())
    inverse: Tensor = (vectors / (values.clamp(min=0) + ridge)[:, None]) @ vectors.mT
    return inverse.to(moments)


def _correlate(residuals: Tensor, features: Tensor) -> Tensor:
    """Return the transpose of `filter_scores`: (N, K, h, w), (N, K, C, h, w) -> (N, 9, C)."""
    seen = scatter(residuals).flatten(3)
    if len(features) < len(seen):
        each = seen.transpose(0, 1).flatten(1, 2) @ features[0].flatten(2).mT
        return each.sum(0).view(len(seen), TAPS, -1)
    return (seen @ features.flatten(3).mT).sum(1)
