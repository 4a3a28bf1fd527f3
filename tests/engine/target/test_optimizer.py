"""Conjugate gradients against worked-out systems."""

from __future__ import annotations

import pytest
import torch

from napari_frtm.engine.target.optimizer import conjugate_gradient


def _plain(residual: torch.Tensor) -> torch.Tensor:
    return residual


def test_two_steps_solve_two_unknowns() -> None:
    """[[4, 1], [1, 3]] x = [1, 2] has the solution [1/11, 7/11]."""
    matrix = torch.tensor([[4.0, 1.0], [1.0, 3.0]])

    x = conjugate_gradient(lambda v: matrix @ v, torch.tensor([1.0, 2.0]), 2, _plain)

    assert x.tolist() == pytest.approx([1 / 11, 7 / 11])


def test_the_first_step_goes_down_the_gradient() -> None:
    """With b = [1, 2]: step |b|^2 / b'Ab = 5 / 20."""
    matrix = torch.tensor([[4.0, 1.0], [1.0, 3.0]])

    x = conjugate_gradient(lambda v: matrix @ v, torch.tensor([1.0, 2.0]), 1, _plain)

    assert x.tolist() == pytest.approx([0.25, 0.5])


def test_a_perfect_preconditioner_needs_one_step() -> None:
    """A diagonal system, divided by its own diagonal."""
    diagonal = torch.tensor([1.0, 10.0, 1000.0])

    x = conjugate_gradient(lambda v: diagonal * v, torch.ones(3), 1, lambda v: v / diagonal)

    assert torch.allclose(x, 1 / diagonal)


def test_nothing_to_solve_gives_zero() -> None:
    """A right-hand side of zero, without a division by zero."""
    x = conjugate_gradient(lambda v: v, torch.zeros(3), 5, _plain)

    assert x.tolist() == [0, 0, 0]
