"""Convolutions with their activations as one."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from napari_frtm.engine.networks import fusion
from napari_frtm.engine.networks.fusion import FusedConvolution, fuse_activations

if TYPE_CHECKING:
    from collections.abc import Iterator


def _sequence() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.Identity(), nn.ReLU6()),
        nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False),
        nn.ReLU(),
        nn.Conv2d(8, 4, 1),
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_numbers_are_the_same(dtype: torch.dtype) -> None:
    """In single precision, and to the last digit in half precision, as rounding is monotonic."""
    plain, fused = _sequence(), _sequence()
    x = 10 * torch.randn(2, 3, 17, 23).contiguous(memory_format=torch.channels_last)

    with torch.inference_mode():
        fuse_activations(fused)
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype is torch.bfloat16):
            expected, found = plain(x), fused(x)

    assert sum(isinstance(m, FusedConvolution) for m in fused.modules()) == 3
    assert found.dtype == dtype
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


def test_what_is_to_be_kept_stays_with_its_activation() -> None:
    """A convolution of which a part is needed by itself."""
    sequence = _sequence()
    kept, activation = sequence[1], sequence[2]

    fuse_activations(sequence, [kept])

    assert sequence[1] is kept
    assert sequence[2] is activation


@pytest.fixture
def _afresh() -> Iterator[None]:
    """Forget what can be computed, which is asked for once."""
    fusion._available.cache_clear()
    yield
    fusion._available.cache_clear()


@pytest.mark.usefixtures("_afresh")
def test_half_precision_without_an_operator_for_it_is_computed_in_two_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on a CPU without AVX-512."""
    plain, fused = _sequence(), _sequence()
    convolve = fusion._convolve

    def single_precision_alone(x: torch.Tensor, *rest: Any) -> torch.Tensor:
        if x.dtype is torch.bfloat16:
            raise RuntimeError("bf16 path needs the cpu support")
        return convolve(x, *rest)

    monkeypatch.setattr(fusion, "_convolve", single_precision_alone)
    fuse_activations(fused)
    assert any(isinstance(m, FusedConvolution) for m in fused.modules())
    x = torch.randn(2, 3, 17, 23)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(fused(x), plain(x))


@pytest.mark.usefixtures("_afresh")
def test_without_the_operator_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch is built without it for some machines."""

    def missing(*_: object) -> None:
        raise RuntimeError("no kernel")

    monkeypatch.setattr(fusion, "_convolve", missing)
    sequence = _sequence()
    fuse_activations(sequence)

    assert not any(isinstance(m, FusedConvolution) for m in sequence.modules())


def test_a_copy_can_learn() -> None:
    """Its result then follows its weights, not those of the original."""
    fused = _sequence()
    fuse_activations(fused)
    x = torch.randn(1, 3, 16, 16)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        before = fused(x)
    copy = deepcopy(fused).requires_grad_(True)
    optimizer = torch.optim.SGD(copy.parameters(), lr=0.5)

    copy(x).square().sum().backward()
    optimizer.step()

    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        assert torch.equal(fused(x), before)
        assert not torch.allclose(copy(x), before)
