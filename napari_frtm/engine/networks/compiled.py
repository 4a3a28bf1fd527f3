"""F and S computed by OpenVINO, on a CPU where it is faster than torch; nothing is learned so."""

from __future__ import annotations

import logging
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

import torch
from torch import Tensor

from napari_frtm.config import TARGET_STRIDE
from napari_frtm.engine.networks.backbone import STRIDES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from napari_frtm.engine.networks.backbone import Backbone, Features
    from napari_frtm.engine.networks.segmentation import SegmentationNetwork

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
Size: TypeAlias = tuple[int, int, int, int]
"""Of a tensor (N, C, h, w)."""

Part: TypeAlias = Literal["F", "S"]

PARTS: tuple[Part, ...] = ("F", "S")

GRAPHS: dict[Part, tuple[str, ...]] = {"F": ("shallow", "deep"), "S": ("S",)}
"""What each is computed by."""

_OPTIONS = {
    "INFERENCE_PRECISION_HINT": "f32",  # half precision is slower but with AMX
    "NUM_STREAMS": 1,
    "ENABLE_CPU_PINNING": False,  # or processes side by side would all sit on the same cores
}
_FAILS = (RuntimeError, ImportError, AttributeError, TypeError, ValueError, OSError)


class CompiledNetworks:
    """F and S of a network, each compiled when it is first needed, for any size.

    Whatever is not to be computed here, or cannot be, is None: torch does it.

    Parameters
    ----------
    backbone : Backbone
        F, ready for inference; its weights are not to change from now on.
    segmentation : SegmentationNetwork or None
        S, likewise.
    parts : collection of Part
        Which of them are computed by OpenVINO.
    in_8_bits : mapping of str to callable
        What builds graphs of whole parts, by name (`GRAPHS`), to be taken in place of those that
        the weights give.
    """

    def __init__(
        self,
        backbone: Backbone,
        segmentation: SegmentationNetwork | None = None,
        parts: Collection[Part] = PARTS,
        in_8_bits: Mapping[str, Callable[[], Any]] | None = None,
    ) -> None:
        self.parts = frozenset(parts)
        self._in_8_bits = dict(in_8_bits or {})
        self._backbone, self._segmentation = backbone, segmentation
        self._graphs: dict[str, CompiledGraph] = {}
        self._lock = Lock()

    @property
    def in_8_bits(self) -> frozenset[Part]:
        """Which of the parts are computed in 8 bits."""
        return frozenset(p for p in self.parts if self._in_8_bits.keys() >= {*GRAPHS[p]})

    def features(self, images: Tensor, *, refine: bool) -> Features | None:
        """Return what `FrtmNetwork.features` does."""
        if refine and self._segmentation is None:
            return None
        shallow = (TARGET_STRIDE,) if self._segmentation is None else STRIDES[:-1]

        def compute() -> Features:
            from napari_frtm.engine.networks.graphs import deep_graph, shallow_graph

            first = self._compiled("shallow", lambda: shallow_graph(self._backbone, shallow))
            found = dict(zip(shallow, first([images], self._sizes(images, shallow)), strict=True))
            if not refine:
                return {TARGET_STRIDE: found[TARGET_STRIDE]}
            last = self._compiled("deep", lambda: deep_graph(self._backbone))
            (deep,) = last([found[TARGET_STRIDE]], self._sizes(images, STRIDES[-1:]))
            return found | {STRIDES[-1]: deep}

        return self._unless_it_fails("F", compute, images)

    def refine(self, scores: Tensor, features: Features) -> Tensor | None:
        """Return what `FrtmNetwork.refine` does, of one frame or of one object in each of many."""
        frames, objects, h, w = scores.shape
        segmentation = self._segmentation
        if segmentation is None or min(frames, objects) != 1:
            return None
        size = (frames * objects, 1, h * TARGET_STRIDE, w * TARGET_STRIDE)
        given = [scores.flatten(0, 1)[:, None], *(features[stride] for stride in STRIDES)]

        def compute() -> Tensor:
            from napari_frtm.engine.networks.graphs import segmentation_graph

            graph = self._compiled("S", lambda: segmentation_graph(segmentation))
            return graph(given, [size])[0].view(frames, objects, *size[2:])

        return self._unless_it_fails("S", compute, *given)

    def _compiled(self, name: str, build: Callable[[], Any]) -> CompiledGraph:
        if name not in self._graphs and name in self._in_8_bits:
            try:
                self._graphs[name] = CompiledGraph(self._in_8_bits[name]())
            except _FAILS as error:
                logger.warning("OpenVINO does without 8 bits: %s", error)
                self._in_8_bits, self._graphs = {}, {}
        if name not in self._graphs:
            self._graphs[name] = CompiledGraph(build())
        return self._graphs[name]

    def _sizes(self, images: Tensor, strides: Sequence[int]) -> list[Size]:
        count, _, height, width = images.shape
        channels = self._backbone.channels
        return [(count, channels[s], height // s, width // s) for s in strides]

    def _unless_it_fails(
        self, part: Part, compute: Callable[[], Result], *given: Tensor
    ) -> Result | None:
        """Return what is computed, or None where torch is to do it."""
        if part not in self.parts or any(t.requires_grad or not t.numel() for t in given):
            return None
        try:
            with self._lock:
                return compute()
        except _FAILS as error:
            logger.warning("OpenVINO fails, so torch computes %s instead: %s", part, error)
            self.parts -= {part}
            return None


class CompiledGraph:
    """A graph that is compiled for as many threads as torch has; not for two callers at once."""

    def __init__(self, graph: Any) -> None:
        from napari_frtm.engine.networks.untold import openvino

        threads = {"INFERENCE_NUM_THREADS": torch.get_num_threads()}
        compiled = openvino.Core().compile_model(graph, "CPU", _OPTIONS | threads)
        self._tensor = openvino.Tensor
        self._request = compiled.create_infer_request()

    def __call__(self, given: Sequence[Tensor], sizes: Sequence[Size]) -> list[Tensor]:
        """Return tensors of these sizes, which nothing else writes to later."""
        found = [torch.empty(count, h, w, channels) for count, channels, h, w in sizes]
        for number, tensor in enumerate(found):
            into = self._tensor(tensor.numpy(), shared_memory=True)
            self._request.set_output_tensor(number, into)
        arrays = [_channels_last(tensor).numpy() for tensor in given]
        self._request.infer(arrays, share_inputs=True, share_outputs=True)
        return [tensor.permute(0, 3, 1, 2) for tensor in found]


def _channels_last(tensor: Tensor) -> Tensor:
    return tensor.detach().float().permute(0, 2, 3, 1).contiguous()
