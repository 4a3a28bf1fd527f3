"""A GPU that is not there: tensors that say they are on it, and are computed on the CPU.

What would fail or stall on a real one is found without one: operations on tensors of both devices,
arrays taken from the device without a copy, and every point at which the host waits for it.
"""

from __future__ import annotations

import traceback
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

if TYPE_CHECKING:
    from collections.abc import Iterator

GPU = torch.device("cuda", 0)
_PACKAGE = Path(__file__).parents[1] / "napari_frtm"
_CROSSING = {torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default}
_WAITING = {  # the host needs a value, or the size of the result
    torch.ops.aten._local_scalar_dense.default,
    torch.ops.aten.nonzero.default,
    torch.ops.aten.masked_select.default,
    torch.ops.aten._unique2.default,
    torch.ops.aten.unique_dim.default,
    torch.ops.aten.equal.default,
}


@dataclass
class Gpu:
    """What the host did with the device.

    Attributes
    ----------
    waits : list of str
        Where the host waited for a value, or fetched a tensor: the line of the package.
    uploads : int
        How many tensors were copied to the device.
    """

    waits: list[str] = field(default_factory=list)
    uploads: int = 0

    def note(self) -> None:
        """Note that the host waits here."""
        ours = [f for f in traceback.extract_stack() if f.filename.startswith(str(_PACKAGE))]
        place = ours[-1] if ours else None
        self.waits.append(f"{Path(place.filename).name}:{place.name}" if place else "test")


_current: list[Gpu] = []


class _OnGpu(Tensor):
    """A tensor that says it is on the device; `inner` has its values."""

    inner: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, inner: Tensor) -> _OnGpu:
        made = Tensor._make_wrapper_subclass(
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            layout=inner.layout,
            device="cpu",  # where torch takes it for; what it says is answered below
            requires_grad=inner.requires_grad,
            dispatch_device=True,
        )
        made.inner = inner
        return made

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return _run(func, args, kwargs or {})


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Run an operation on the values, as a GPU would or would not."""
    if func is torch.ops.prim.device.default:
        return GPU
    tensors = [t for t in tree_flatten((args, kwargs))[0] if isinstance(t, Tensor)]
    ours = [t for t in tensors if isinstance(t, _OnGpu)]
    target = kwargs.get("device")
    there = bool(ours) if target is None else torch.device(target).type == GPU.type
    strangers = [t for t in tensors if not isinstance(t, _OnGpu) and t.dim()]
    if ours and strangers and func not in _CROSSING:
        raise AssertionError(f"{func} mixes tensors of the GPU and of the CPU.")
    gpu = _current[-1]
    if func in _CROSSING:
        there = _cross(func, args, there, gpu)
    masks = ours if func == torch.ops.aten.index.Tensor else []
    if ours and (func in _WAITING or any(t.dtype == torch.bool for t in masks[1:])):
        gpu.note()
    plain_kwargs = {k: v for k, v in kwargs.items() if k != "device"}
    if target is not None:
        plain_kwargs["device"] = torch.device("cpu")
    plain_kwargs.pop("pin_memory", None)
    result = func(*tree_map(_values, args), **tree_map(_values, plain_kwargs))
    known = {id(t.inner): t for t in ours}

    def wrap(value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        if id(value) in known:
            return known[id(value)]
        return _OnGpu(value) if there else value

    return tree_map(wrap, result)


def _cross(func: Any, args: Any, there: bool, gpu: Gpu) -> bool:
    """Note a copy from or to the device; return whether the result is on it."""
    source = args[1] if func is torch.ops.aten.copy_.default else args[0]
    if func is torch.ops.aten.copy_.default:
        there = isinstance(args[0], _OnGpu)
    if isinstance(source, _OnGpu) and not there:
        gpu.note()
    gpu.uploads += there and isinstance(source, Tensor) and not isinstance(source, _OnGpu)
    return there


def _values(value: Any) -> Any:
    return value.inner if isinstance(value, _OnGpu) else value


class _Mode(TorchDispatchMode):
    """Makes tensors that are asked for on the device; leaves the others alone."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        target = kwargs.get("device")
        if target is not None and torch.device(target).type == GPU.type:
            return _run(func, args, kwargs)
        if any(isinstance(t, _OnGpu) for t in tree_flatten((args, kwargs))[0]):
            return _run(func, args, kwargs)
        return func(*args, **kwargs)


@contextmanager
def pretended_gpu() -> Iterator[Gpu]:
    """Have a GPU for a while."""
    if not torch.cuda.is_available():  # torch would look for a driver before it lets us answer
        torch.cuda._lazy_init = lambda: None  # type: ignore[assignment]
    gpu = Gpu()
    _current.append(gpu)
    try:
        with _Mode():
            yield gpu
    finally:
        _current.pop()


def to_gpu(module: nn.Module) -> nn.Module:
    """Move the parameters and buffers of a module, in place, to the pretended GPU."""
    for part in module.modules():
        for name, tensor in list(part._parameters.items()):
            if tensor is not None:
                part._parameters[name] = nn.Parameter(_OnGpu(tensor.data), requires_grad=False)
        for name, tensor in list(part._buffers.items()):
            if tensor is not None:
                part._buffers[name] = _OnGpu(tensor)
    return module
