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
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

if TYPE_CHECKING:
    from collections.abc import Iterator

GPU = torch.device("cuda", 0)
_PACKAGE = Path(__file__).parents[1] / "napari_frtm"
_CROSSING = {torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default}
_WAITING = {  # the size of the result depends on the values
    torch.ops.aten.nonzero.default,
    torch.ops.aten.masked_select.default,
    torch.ops.aten._unique2.default,
    torch.ops.aten.unique_dim.default,
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
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Run an operation on the values, as a GPU would or would not."""
    if func is torch.ops.prim.device.default:
        return GPU
    if func.overloadpacket is torch.ops.aten.to:  # comes whole in inference mode
        return func.decompose(*args, **kwargs)
    tensors = [t for t in tree_flatten((args, kwargs))[0] if isinstance(t, Tensor)]
    ours = [t for t in tensors if isinstance(t, _OnGpu)]
    strangers = [t for t in tensors if not isinstance(t, _OnGpu) and t.dim()]
    if ours and strangers and func not in _CROSSING:
        raise AssertionError(f"{func} mixes tensors of the GPU and of the CPU.")
    there = _cross(func, args, kwargs.get("device"), bool(ours))
    plain = {k: v for k, v in kwargs.items() if k != "pin_memory"}
    if kwargs.get("device") is not None:
        plain["device"] = torch.device("cpu")
    result = func(*tree_map(_values, args), **tree_map(_values, plain))
    if ours and _waits(func, ours, result):
        _current[-1].note()
    known = {id(t.inner): t for t in ours}

    def wrap(value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        if id(value) in known:
            return known[id(value)]
        return _OnGpu(value) if there else value

    return tree_map(wrap, result)


def _waits(func: Any, ours: list[_OnGpu], result: Any) -> bool:
    """Whether the host has to wait for the device, to know a value or the size of a tensor."""
    masked = func == torch.ops.aten.index.Tensor and ours[-1].dtype == torch.bool
    return masked or func in _WAITING or isinstance(result, bool | int | float)


def _cross(func: Any, args: Any, target: Any, there: bool) -> bool:
    """Return whether the result is on the device; note a copy from or to it."""
    gpu = _current[-1]
    if target is not None:
        there = torch.device(target).type == GPU.type
    if func not in _CROSSING:
        return there
    source = args[0]
    if func is torch.ops.aten.copy_.default:
        source, there = args[1], isinstance(args[0], _OnGpu)
    if isinstance(source, _OnGpu) and not there:
        gpu.note()
    gpu.uploads += there and isinstance(source, Tensor) and not isinstance(source, _OnGpu)
    return there


def _values(value: Any) -> Any:
    return value.inner if isinstance(value, _OnGpu) else value


class _Mode(TorchDispatchMode):
    """Makes tensors that are asked for on the device; leaves the others alone."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        target = kwargs.get("device")
        if target is not None and torch.device(target).type == GPU.type:
            return _run(func, args, kwargs)
        if any(isinstance(t, _OnGpu) for t in tree_flatten((args, kwargs))[0]):
            return _run(func, args, kwargs)
        return func(*args, **kwargs)


class _Asking(TorchFunctionMode):
    """Answers for the device before torch looks for a driver."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func is Tensor.to:
            places = [a for a in (*args[1:], kwargs.get("device")) if _is_place(a)]
            source = args[0]
            if places and torch.device(places[0]).type == GPU.type:
                rest = [a for a in args[1:] if not _is_place(a)]
                kwargs.pop("device", None)
                return self._upload(source, rest, kwargs)
            others = [a for a in args[1:] if isinstance(a, Tensor)]
            if others and isinstance(others[0], _OnGpu):
                return self._upload(source, [others[0].dtype], kwargs)
        elif func is Tensor.tolist and isinstance(args[0], _OnGpu):
            _current[-1].note()
            return args[0].inner.tolist()
        elif _is_place(kwargs.get("device")) and torch.device(kwargs["device"]).type == GPU.type:
            made = func(*args, **(kwargs | {"device": "cpu", "pin_memory": False}))
            return _OnGpu(made)
        return func(*args, **kwargs)

    def _upload(self, source: Tensor, rest: list[Any], kwargs: dict[str, Any]) -> Tensor:
        kwargs.pop("non_blocking", None)
        if isinstance(source, _OnGpu):
            return source.to(*rest, **kwargs) if rest or kwargs else source
        _current[-1].uploads += 1
        return _OnGpu(source.to(*rest, **kwargs) if rest or kwargs else source.clone())


def _is_place(value: Any) -> bool:
    named = isinstance(value, str) and value.startswith(("cuda", "cpu"))
    return named or isinstance(value, torch.device)


@contextmanager
def pretended_gpu() -> Iterator[Gpu]:
    """Have a GPU for a while."""
    if not torch.cuda.is_available():  # as torch's own fake tensors do
        torch._C._ensureCUDADeviceGuardSet()
    gpu = Gpu()
    _current.append(gpu)
    try:
        with _Asking(), _Mode():
            yield gpu
    finally:
        _current.pop()


@torch.inference_mode()
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
