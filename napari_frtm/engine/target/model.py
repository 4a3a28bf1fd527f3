"""Target model D: a linear model of one object, learned while the video runs (section 3.1).

Its two layers ``w2 * (w1 * x)`` act as a single 3x3 filter with the taps ``E = w2' w1`` of shape
(9, C). So a Gauss-Newton step needs, for each CG iteration, only two products with the (9, C)
taps, whatever the number of channels c between the layers, and no automatic differentiation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from napari_frtm.engine.target.optimizer import conjugate_gradient
from napari_frtm.engine.target.stencil import TAPS, Quadratic, gather, quadratic, scatter

if TYPE_CHECKING:
    from napari_frtm.config import TargetConfig


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
        return _filter(self.taps, projected)

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
        split = self.projection.numel()
        ridge, precond = self._diagonals()
        gamma = weights[:, None, None]

        for steps in self.config.cg_steps:
            w1, w2 = self.projection, self.taps

            def transpose(residuals: Tensor, w1: Tensor = w1, w2: Tensor = w2) -> Tensor:
                gradient = _correlate(residuals, features)
                return torch.cat([(w2.T @ gradient).flatten(), (gradient @ w1.T).flatten()])

            def normal(v: Tensor, w1: Tensor = w1, w2: Tensor = w2) -> Tensor:
                change = w2 @ v[:split].view_as(w1) + v[split:].view_as(w2) @ w1
                moved = loss.product(_filter(change, features))
                return transpose(gamma * moved, w1, w2) + ridge * v

            residuals = loss.target - loss.product(_filter(w2 @ w1, features))
            rhs = transpose(gamma * residuals) - ridge * torch.cat([w1.flatten(), w2.flatten()])
            step = conjugate_gradient(normal, rhs, steps, lambda residual: residual / precond)
            self.projection = w1 + step[:split].view_as(w1)
            self.taps = w2 + step[split:].view_as(w2)

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
        root = self.config.regularisation[1]
        ridge = root**2
        gamma = weights[:, None, None]

        def normal(v: Tensor) -> Tensor:
            moved = loss.product(_filter(v.view_as(self.taps), projected))
            return _correlate(gamma * moved, projected).flatten() + ridge * v

        residuals = loss.target - loss.product(_filter(self.taps, projected))
        rhs = _correlate(gamma * residuals, projected) - ridge * self.taps
        whitened = None if moments is None else _inverse(moments, ridge)

        def precond(residual: Tensor) -> Tensor:
            if whitened is None:
                return residual / root
            return (residual.view_as(self.taps) @ whitened).flatten()

        step = conjugate_gradient(normal, rhs.flatten(), self.config.update_cg_steps, precond)
        self.taps = self.taps + step.view_as(self.taps)

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


def sample_loss(
    masks: Tensor,
    kappa_min: float,
    scores_size: tuple[int, int],
    windows: Tensor | None = None,
) -> Quadratic:
    """Return the loss of samples with these masks of shape (K, H, W), soft or hard, in [0, 1].

    Of samples with windows of shape (K, H, W), only the pixels where these are above 0 count.
    """
    if windows is None:
        weights = pixel_weights(masks, kappa_min)
    else:
        weights = windowed_weights(masks, windows > 0, kappa_min)
    return quadratic(masks, weights, scores_size)


def pixel_weights(masks: Tensor, kappa_min: float) -> Tensor:
    """Return the weights of the squared residuals, eq. (4), for masks of shape (K, H, W).

    The target (mask above one half) gets at least the share `kappa_min` of the influence.
    """
    target = masks > 0.5
    actual = target.to(masks.dtype).mean((1, 2), keepdim=True)
    desired = actual.clamp(min=kappa_min)
    tiny = 0.5 / masks[0].numel()  # less than one pixel: only where a side is empty
    inside = desired / actual.clamp(min=tiny)
    outside = (1 - desired) / (1 - actual).clamp(min=tiny)
    return torch.where(target, inside, outside)


def windowed_weights(masks: Tensor, inside: Tensor, kappa_min: float) -> Tensor:
    """Return the weights of eq. (4) as if what is `inside`, (K, H, W) bool, were the image."""
    weights = torch.zeros_like(masks)
    for mask, within, weight in zip(masks, inside, weights, strict=True):
        if within.any():
            weight[within] = pixel_weights(mask[within][None, None], kappa_min)[0, 0]
    return weights


def _filter(taps: Tensor, features: Tensor) -> Tensor:
    """Apply a 3x3 filter with zero padding: (9, C), (K, C, h, w) -> (K, h, w)."""
    k, _, h, w = features.shape
    return gather((taps @ features.flatten(2)).view(k, TAPS, h, w))


def _inverse(moments: Tensor, ridge: float) -> Tensor:
    """Return the inverse of (c, c) moments with `ridge` on their diagonal.

    Moments of frames that show nothing are singular, and below zero by rounding.
    """
    values, vectors = torch.linalg.eigh(moments.cpu().double())
    inverse: Tensor = (vectors / (values.clamp(min=0) + ridge)) @ vectors.T
    return inverse.to(moments)


def _correlate(residuals: Tensor, features: Tensor) -> Tensor:
    """Return the transpose of `_filter` in its taps: (K, h, w), (K, C, h, w) -> (9, C)."""
    return (scatter(residuals).flatten(2) @ features.flatten(2).mT).sum(0)
