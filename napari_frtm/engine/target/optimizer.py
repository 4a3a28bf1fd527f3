"""Gauss-Newton steps solved by preconditioned conjugate gradients (paper, section 3.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

Operator: TypeAlias = Callable[[Tensor], Tensor]


def conjugate_gradient(normal: Operator, rhs: Tensor, steps: int, precond: Operator) -> Tensor:
    """Return an approximate solution x of ``normal(x) = rhs``, starting from zero.

    Parameters
    ----------
    normal : callable
        Symmetric positive (semi-)definite product; maps shape (P,) to (P,).
    rhs : Tensor of shape (P,)
        Right-hand side.
    steps : int
        Largest number of iterations; fewer if the residual vanishes.
    precond : callable
        Product with something near the inverse of `normal`, symmetric and positive definite.
    """
    x = torch.zeros_like(rhs)
    residual = rhs
    direction = z = precond(residual)
    energy = _dot(residual, z)
    for _ in range(steps):
        product = normal(direction)
        curvature = _dot(direction, product)
        if energy <= 0 or curvature <= 0:  # solved exactly, or nothing left to gain
            break
        step = (energy / curvature).to(rhs.dtype).to(rhs.device)
        x = x + step * direction
        residual = residual - step * product
        z = precond(residual)
        previous, energy = energy, _dot(residual, z)
        direction = z + (energy / previous).to(rhs.dtype).to(rhs.device) * direction
    return x


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Return the inner product in double precision.

    The systems are so ill conditioned that rounding in single-precision products shows in the
    first digits of the solution after a few steps.
    """
    if a.device.type == "mps":  # knows no double precision
        a, b = a.cpu(), b.cpu()
    return a.double() @ b.double()
