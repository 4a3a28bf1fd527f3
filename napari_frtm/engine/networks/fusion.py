"""Convolutions that apply their activation as they write: on a CPU, half of the time of F.

An activation by itself reads and writes all that the convolution has just written, and the first
layers write more than the caches hold. The numbers are the same.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

if TYPE_CHECKING:
    from collections.abc import Collection

_Geometry: TypeAlias = tuple[list[int], list[int], list[int], int]
"""Padding, stride, dilation and groups."""
_Activation: TypeAlias = tuple[str, list[float], str]
"""Its name and limits, as the operator wants them."""

_ACTIVATIONS: dict[type[nn.Module], tuple[str, tuple[float, ...]]] = {
    nn.ReLU: ("relu", ()),
    nn.ReLU6: ("hardtanh", (0.0, 6.0)),
}


class FusedConvolution(nn.Module):
    """A convolution with its activation, for inference on a CPU.

    Parameters
    ----------
    convolution : Conv2d
        Without padding other than with zeros.
    activation : ReLU or ReLU6, optional
        What follows it.
    """

    def __init__(self, convolution: nn.Conv2d, activation: nn.Module | None) -> None:
        super().__init__()
        assert isinstance(convolution.padding, tuple)
        self.weight = convolution.weight
        self.bias = convolution.bias
        self.geometry: _Geometry = (
            list(convolution.padding),
            list(convolution.stride),
            list(convolution.dilation),
            convolution.groups,
        )
        name, limits = ("none", ()) if activation is None else _ACTIVATIONS[type(activation)]
        self._activation: _Activation = (name, list(limits), "")
        self.activation = activation or nn.Identity()
        self._cast: dict[torch.dtype, tuple[int, Tensor, Tensor | None]] = {}

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) -> (N, C', h', w'), in the precision of the enclosing autocast.

        Where it is to be learned from, on another device than the CPU, and in a precision that
        this one has no such operator for, one after the other.
        """
        learned = torch.is_grad_enabled() and (x.requires_grad or self.weight.requires_grad)
        dtype = self.weight.dtype
        if torch.is_autocast_enabled("cpu"):
            dtype = torch.get_autocast_dtype("cpu")
        if learned or x.device.type != "cpu" or not _available(dtype):
            padding, stride, dilation, count = self.geometry
            convolved = conv2d(x, self.weight, self.bias, stride, padding, dilation, count)
            plain: Tensor = self.activation(convolved)
            return plain
        out: Tensor = _convolve(
            x.to(dtype), *self._parameters_as(dtype), self.geometry, self._activation
        )
        return out

    def _parameters_as(self, dtype: torch.dtype) -> tuple[Tensor, Tensor | None]:
        """Return weight and bias, cast once as long as they stay the same."""
        version = 0 if self.weight.is_inference() else self.weight._version
        if dtype not in self._cast or self._cast[dtype][0] != version:
            bias = None if self.bias is None else self.bias.detach().to(dtype)
            self._cast[dtype] = version, self.weight.detach().to(dtype), bias
        return self._cast[dtype][1:]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_cast": {}}  # a copy may learn


def fuse_activations(module: nn.Module, keep: Collection[nn.Module] = ()) -> None:
    """Replace convolutions in sequences by fused ones, in place; nothing where torch has none.

    Parameters
    ----------
    module : nn.Module
        All sequences below it are changed; batch norms are to be folded before.
    keep : collection of Module
        Convolutions to leave as they are.
    """
    if not _available():
        return
    for child in module.modules():
        if isinstance(child, nn.Sequential):
            _fuse_sequence(child, keep)


def _fuse_sequence(sequence: nn.Sequential, keep: Collection[nn.Module]) -> None:
    layers = [(n, m) for n, m in sequence.named_children() if not isinstance(m, nn.Identity)]
    following = [*layers[1:], ("", nn.Identity())]
    for (name, layer), (next_name, after) in zip(layers, following, strict=True):
        if not isinstance(layer, nn.Conv2d) or any(layer is kept for kept in keep):
            continue
        activation = after if type(after) in _ACTIVATIONS else None
        setattr(sequence, name, FusedConvolution(layer, activation))
        if activation is not None:
            setattr(sequence, next_name, nn.Identity())


def _convolve(
    x: Tensor, weight: Tensor, bias: Tensor | None, geometry: _Geometry, activation: _Activation
) -> Tensor:
    convolved: Tensor = torch.ops.mkldnn._convolution_pointwise(
        x, weight, bias, *geometry, *activation
    )
    return convolved


@cache
def _available(dtype: torch.dtype = torch.float32) -> bool:
    """Whether this build of torch and this CPU can do it; the operator is not documented.

    In half precision not every CPU can.
    """
    if not (torch.backends.mkldnn.is_available() and hasattr(torch.ops, "mkldnn")):  # type: ignore[no-untyped-call]
        return False
    x, weight = torch.zeros(1, 1, 2, 2, dtype=dtype), torch.zeros(1, 1, 1, 1, dtype=dtype)
    try:
        _convolve(x, weight, None, ([0, 0], [1, 1], [1, 1], 1), ("relu", [], ""))
    except (AttributeError, RuntimeError, TypeError):
        return False
    return True
