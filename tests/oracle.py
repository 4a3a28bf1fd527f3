"""The target model taken literally: full-resolution residuals, automatic differentiation.

Slow and obvious on purpose; the engine is held against it. Sections 3.1 and 3.4 of the paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.autograd import grad
from torch.nn.functional import conv2d, interpolate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass
class LiteralTarget:
    """w1 of shape (c, C, 1, 1) and w2 of shape (1, c, 3, 3), as convolutions hold them.

    If `cropped`, scores are upsampled by 16 and cut to the size of the masks; else they are
    stretched to it. The two are the same where the size is a multiple of 16.
    """

    w1: Tensor
    w2: Tensor
    regularisation: tuple[float, float] = (1e-4, 1e-2)
    kappa_min: float = 0.1
    cropped: bool = False

    def scores(self, features: Tensor) -> Tensor:
        """Eq. (1): (K, C, h, w) -> (K, 1, h, w)."""
        return conv2d(conv2d(features, self.w1), self.w2, padding=1)

    def fit(
        self, features: Tensor, masks: Tensor, weights: Tensor, cg_steps: Sequence[int]
    ) -> None:
        """Gauss-Newton on w1 and w2; masks (K, 1, H, W), sample weights (K,)."""
        shapes = (self.w1.shape, self.w2.shape)
        sizes = (self.w1.numel(), self.w2.numel())

        def residuals(w: Tensor) -> Tensor:
            w1, w2 = (part.view(shape) for part, shape in zip(w.split(sizes), shapes, strict=True))
            scores = conv2d(conv2d(features, w1), w2, padding=1)
            ridge = (self.regularisation[0] * w1.flatten(), self.regularisation[1] * w2.flatten())
            return torch.cat([self._data(scores, masks, weights), *ridge])

        precond = torch.cat(
            [features.new_full((n,), r) for n, r in zip(sizes, self.regularisation, strict=True)]
        )
        w = torch.cat([self.w1.flatten(), self.w2.flatten()])
        w = gauss_newton(residuals, w, cg_steps, precond)
        self.w1, self.w2 = (p.view(s) for p, s in zip(w.split(sizes), shapes, strict=True))

    def update(self, features: Tensor, masks: Tensor, weights: Tensor, steps: int) -> None:
        """Conjugate gradients on w2 alone."""
        projected = conv2d(features, self.w1)

        def residuals(w: Tensor) -> Tensor:
            scores = conv2d(projected, w.view_as(self.w2), padding=1)
            return torch.cat([self._data(scores, masks, weights), self.regularisation[1] * w])

        w = gauss_newton(residuals, self.w2.flatten(), [steps], self.regularisation[1])
        self.w2 = w.view_as(self.w2)

    def _data(self, scores: Tensor, masks: Tensor, weights: Tensor) -> Tensor:
        """First term of eq. (2)."""
        size = masks.shape[-2:]
        if self.cropped:
            h, w = scores.shape[-2:]
            up = interpolate(scores, (16 * h, 16 * w), mode="bilinear", align_corners=False)
            up = up[..., : size[0], : size[1]]
        else:
            up = interpolate(scores, size, mode="bilinear", align_corners=False)
        v = literal_pixel_weights(masks, self.kappa_min).sqrt()
        return (weights.view(-1, 1, 1, 1).sqrt() * v * (up - masks)).flatten()


def literal_pixel_weights(masks: Tensor, kappa_min: float) -> Tensor:
    """Eq. (4), one mask at a time."""
    weights = torch.ones_like(masks)
    for mask, weight in zip(masks, weights, strict=True):
        target = mask > 0.5
        actual = target.sum().item() / target.numel()
        desired = max(kappa_min, actual)
        if actual > 0:
            weight[target] = desired / actual
        if actual < 1:
            weight[~target] = (1 - desired) / (1 - actual)
    return weights


def gauss_newton(
    residuals: Callable[[Tensor], Tensor],
    w: Tensor,
    cg_steps: Sequence[int],
    precond: Tensor | float,
) -> Tensor:
    """Minimise ||residuals(w)||^2, one CG solve per linearisation."""
    for steps in cg_steps:
        w = w.detach().requires_grad_(True)
        r = residuals(w)
        u = r.detach().clone().requires_grad_(True)
        (jtu,) = grad(r, w, u, create_graph=True)

        def normal(
            v: Tensor, r: Tensor = r, w: Tensor = w, u: Tensor = u, jtu: Tensor = jtu
        ) -> Tensor:
            (jv,) = grad(jtu, u, v, retain_graph=True)
            return grad(r, w, jv, retain_graph=True)[0]

        w = w.detach() + _solve(normal, -jtu.detach(), steps, precond)
    return w


def _solve(
    normal: Callable[[Tensor], Tensor], b: Tensor, steps: int, precond: Tensor | float
) -> Tensor:
    x, r, p, rho = torch.zeros_like(b), b.clone(), None, 1.0
    for _ in range(steps):
        z = r / precond
        rho_before, rho = rho, float(r @ z)
        if rho == 0:
            break
        p = z if p is None else z + (rho / rho_before) * p
        q = normal(p)
        alpha = rho / float(p @ q)
        x, r = x + alpha * p, r - alpha * q
    return x
