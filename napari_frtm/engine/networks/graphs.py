"""F and S written in the operations of OpenVINO; the same functions, apart from rounding.

What goes in and comes out has its channels last, (N, h, w, C), which is how the engine's tensors
lie in memory. Numbers and sizes of images are left open.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
import torch
from torch import fx, nn

from napari_frtm.config import TARGET_STRIDE
from napari_frtm.engine.networks.backbone import STRIDES
from napari_frtm.engine.networks.doubling import convolved_filters, doubling_filters
from napari_frtm.engine.networks.fusion import FusedConvolution
from napari_frtm.engine.networks.untold import openvino, ops

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from torch import Tensor

    from napari_frtm.engine.networks.backbone import Backbone
    from napari_frtm.engine.networks.segmentation import Level, ResidualBlock, SegmentationNetwork

Node: TypeAlias = Any
"""A value of the graph, (N, C, h, w); openvino has no types to check."""

_END = np.iinfo(np.int64).max
_BORDERED = (
    (1, slice(5), slice(1)),
    (0, slice(None), slice(1, -1)),
    (1, slice(-5, None), slice(-1, None)),
)
"""Of the first, inner and last pixels: whether they are outermost, what they are made of, where
they are in that."""


def shallow_graph(backbone: Backbone, strides: Collection[int]) -> Any:
    """Return F down to stride 16 as a model, from images (B, H, W, 3) to features of strides.

    Its batch norms are to be folded; its activations may be fused.
    """
    images, x = _input(3)
    x = ops.multiply(ops.subtract(x, _constant(backbone.mean)), _constant(1 / backbone.std))
    outputs = []
    for stride, stage in zip(STRIDES[:-1], backbone.stages, strict=False):
        x = _traced(stage, x)
        if stride in strides:
            outputs.append(_output(x))
    return openvino.Model(outputs, [images])


def deep_graph(backbone: Backbone) -> Any:
    """Return what is left of F, from features of stride 16, (B, h, w, C), to those of 32."""
    features, x = _input(backbone.channels[TARGET_STRIDE])
    return openvino.Model([_output(_traced(backbone.stages[-1], x))], [features])


def segmentation_graph(segmentation: SegmentationNetwork) -> Any:
    """Return S as a model, from scores and features by stride to logits.

    Scores (M, h, w, 1) are of M objects, all of one frame or each of another: the features are of
    one frame or of M. Logits are (M, 16 h, 16 w, 1).
    """
    given, scores = _input(1)
    inputs, z = {0: given}, None
    for stride in reversed(STRIDES):
        level: Any = segmentation.levels[str(stride)]
        inputs[stride], features = _input(level.encoder.reduce[0].weight.shape[1])
        z = _level(level, features, _resized(scores, TARGET_STRIDE / stride), z)
    hidden, last = segmentation.head
    assert isinstance(last, nn.Conv2d)
    logits = _convolve_doubled(ops.relu(_layer(hidden, _doubled(z))), last)
    return openvino.Model([_output(logits)], [inputs[key] for key in sorted(inputs)])


def read_graph(description: bytes, constants: bytes) -> Any:
    """Return a model from what OpenVINO wrote into a file .xml, and into that beside it."""
    constants = openvino.Tensor(np.frombuffer(constants, np.uint8))
    return openvino.Core().read_model(description, constants)


def _level(level: Level, features: Node, scores: Node, deep: Node | None) -> Node:
    """See `Level`; what is computed for a frame serves all its objects here as well."""
    encoder, attend = level.encoder, cast("Any", level.attention.attend)
    reduced = _sequence(encoder.reduce, features)
    first, width = encoder.first, attend[0].weight.shape[0]
    shared = _convolution(reduced, first.weight[:, :-1], first.bias, (1, 1))
    x = ops.add(_convolution(scores, first.weight[:, -1:], None, (1, 1)), shared)
    x = _block(level.block1, _sequence(encoder.transform[1:], x))
    mean_deep = _mean(reduced if deep is None else deep)
    pooled = ops.add(
        _convolution(_mean(x), attend[0].weight[:, :width], attend[0].bias),
        _convolution(mean_deep, attend[0].weight[:, width:], None),
    )
    weights = ops.sigmoid(_layer(attend[-1], ops.relu(pooled)))
    below = mean_deep if deep is None else _resized(deep, 2)
    return _block(level.block2, ops.add(ops.multiply(weights, x), below))


def _block(block: ResidualBlock, x: Node) -> Node:
    x = _layer(block.project, x)
    return ops.relu(ops.add(x, _sequence(block.residual, x)))


def _sequence(layers: Iterable[nn.Module], x: Node) -> Node:
    for layer in layers:
        x = _layer(layer, x)
    return x


def _layer(layer: nn.Module, x: Node) -> Node:
    """Return what a layer makes of a value."""
    if isinstance(layer, nn.Conv2d):
        assert isinstance(layer.padding, tuple)
        geometry = (layer.padding, layer.stride, layer.dilation, layer.groups)
        return _convolution(x, layer.weight, layer.bias, *geometry)
    if isinstance(layer, FusedConvolution):
        convolved = _convolution(x, layer.weight, layer.bias, *layer.geometry)
        return _layer(layer.activation, convolved)
    if isinstance(layer, nn.ReLU):
        return ops.relu(x)
    if isinstance(layer, nn.ReLU6):
        return ops.clamp(x, 0.0, 6.0)
    if isinstance(layer, nn.MaxPool2d):
        size, stride, padding = ([n, n] for n in (layer.kernel_size, layer.stride, layer.padding))
        pooled = ops.max_pool(x, stride, [1, 1], padding, padding, size)
        return pooled.output(0)
    if isinstance(layer, nn.Identity):
        return x
    raise TypeError(f"{type(layer).__name__} has no graph.")


def _convolution(
    x: Node,
    weight: Tensor,
    bias: Tensor | None,
    padding: Iterable[int] = (0, 0),
    stride: Iterable[int] = (1, 1),
    dilation: Iterable[int] = (1, 1),
    groups: int = 1,
) -> Node:
    geometry = (list(stride), list(padding), list(padding), list(dilation))
    if groups == 1:
        x = ops.convolution(x, _constant(weight), *geometry)
    else:
        weight = weight.reshape(groups, -1, *weight.shape[1:])
        x = ops.group_convolution(x, _constant(weight), *geometry)
    return x if bias is None else ops.add(x, _constant(bias.reshape(1, -1, 1, 1)))


def _traced(stage: nn.Module, x: Node) -> Node:
    """Return what a part of F makes of a value: its layers, and sums of what they make."""
    values: dict[fx.Node, Node] = {}
    for node in _Tracer().trace(stage).nodes:
        given = [values[each] for each in node.all_input_nodes]
        if node.op == "call_module":
            x = _layer(stage.get_submodule(str(node.target)), *given)
        elif node.target in (operator.add, operator.iadd):
            x = ops.add(*given)
        elif node.op == "output":
            (x,) = given
        elif node.op != "placeholder":
            raise TypeError(f"{node.target} has no graph.")
        values[node] = x
    return x


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether a module is taken as one layer."""
        return isinstance(m, FusedConvolution) or super().is_leaf_module(m, module_qualified_name)


def _doubled(x: Node) -> Node:
    """Return a value at twice its size; see `double`."""
    channels = x.get_output_partial_shape(0)[1].get_length()
    filters = doubling_filters(torch.device("cpu")).view(4, 1, 5, 5).repeat(channels, 1, 1, 1)
    phases = _convolution(_repeated(x), filters, None, groups=channels)
    return ops.depth_to_space(phases, "depth_first", 2)


def _convolve_doubled(x: Node, convolution: nn.Conv2d) -> Node:
    """Return the convolution of a value at twice its size; see `convolve_doubled`."""
    filters = convolved_filters(convolution.weight, torch.device("cpu"))
    assert convolution.bias is not None
    bias, padded, lines = convolution.bias.expand(4), _repeated(x), []
    for outermost_row, rows, row in _BORDERED:
        line = []
        for outermost_column, columns, column in _BORDERED:
            weight = filters[outermost_row, outermost_column]
            four = _convolution(_cut(_cut(padded, rows, 2), columns, 3), weight, bias)
            pixels = ops.depth_to_space(four, "depth_first", 2)
            line.append(_cut(_cut(pixels, row, 2), column, 3))
        lines.append(ops.concat(line, 3))
    return ops.concat(lines, 2)


def _repeated(x: Node) -> Node:
    """Return a value with its border repeated twice on each side."""
    return ops.pad(x, [0, 0, 2, 2], [0, 0, 2, 2], "edge")


def _cut(x: Node, part: slice, axis: int) -> Node:
    start, stop = part.start or 0, _END if part.stop is None else part.stop
    if (start, stop) == (0, _END):
        return x
    return ops.slice(x, *(np.array([n]) for n in (start, stop, 1, axis)))


def _resized(x: Node, scale: float) -> Node:
    """Return a value at a multiple of its size, bilinear."""
    if scale == 1:
        return x
    scales = np.array([scale, scale], np.float32)
    return ops.interpolate(x, scales, "linear_onnx", "scales", axes=np.array([2, 3]))


def _mean(x: Node) -> Node:
    return ops.reduce_mean(x, np.array([2, 3]), keep_dims=True)


def _input(channels: int) -> tuple[Node, Node]:
    """Return an input with its channels last, and the same with them where the layers want them."""
    given = ops.parameter([-1, -1, -1, channels], np.float32)
    return given, ops.transpose(given, np.array([0, 3, 1, 2]))


def _output(x: Node) -> Node:
    return ops.transpose(x, np.array([0, 2, 3, 1]))


def _constant(tensor: Tensor) -> Node:
    return ops.constant(tensor.detach().float().contiguous().numpy())
