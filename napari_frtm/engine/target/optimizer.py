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
        Symmetric positive (semi-)definite product; maps shape (..., P) to (..., P).
    rhs : Tensor of shape (..., P)
        Right-hand sides of independent systems.
    steps : int
        Number of iterations; a system whose residual has vanished stays as it is.
    precond : callable
        Product with something near the inverse of `normal`, symmetric and positive definite.
    """
    x = torch.zeros_like(rhs)
    residual = rhs
    direction = z = precond(residual)
    energy = _dot(residual, z)
    going = energy > 0
    for _ in range(steps):
        product = normal(direction)
        curvature = _dot(direction, product)
        going = going & (energy > 0) & (curvature > 0)  # else solved exactly, or nothing to gain
        step = _ratio(energy, curvature, going, rhs)
        x = x + step * direction
        residual = residual - step * product
        z = precond(residual)
        previous, energy = energy, _dot(residual, z)
        direction = z + _ratio(energy, previous, going, rhs) * direction
    return x


def _ratio(a: Tensor, b: Tensor, valid: Tensor, like: Tensor) -> Tensor:
    """Return a / b of each system, 0 where it is not valid."""
    ratio = torch.where(valid, a, 0) / torch.where(valid, b, 1)
    return ratio.to(like)[..., None]


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Return the inner products in double precision.

    The systems are so ill conditioned that rounding in single-precision products shows in the
    first digits of the solution after a few steps.
    """
    if a.device.type == "mps":  # knows no double precision
        a, b = a.cpu(), b.cpu()
    return (a.double() * b.double()).sum(-1)
