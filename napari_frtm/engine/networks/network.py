"""FrtmNetwork: the backbone and the segmentation network, what a checkpoint holds."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from napari_frtm.config import TARGET_STRIDE
from napari_frtm.engine.networks.backbone import STRIDES, fold_batch_norms
from napari_frtm.engine.networks.fusion import fuse_activations

if TYPE_CHECKING:
    from napari_frtm.engine.networks.backbone import Backbone, Features
    from napari_frtm.engine.networks.compiled import CompiledNetworks
    from napari_frtm.engine.networks.outline import OutlineNetwork
    from napari_frtm.engine.networks.segmentation import SegmentationNetwork
    from napari_frtm.engine.networks.target_encoder import TargetEncoder

_OBJECTS_AT_ONCE = 8


class FrtmNetwork(nn.Module):
    """The parts that do not learn during inference.

    Parameters
    ----------
    backbone : Backbone
        Feature extractor F.
    segmentation : SegmentationNetwork or None
        Segmentation network S; without it only the D-only variants run.
    encoder : TargetEncoder or None
        Target encoder of Base net; without it that variant does not run.
    outlines : OutlineNetwork or None
        What corrects the outlines of masks; without it they are kept. It stays on the CPU, where
        what it sees is made.

    Attributes
    ----------
    half_precision : bool
        Whether F and S run in half precision; D never does.
    compiled : CompiledNetworks or None
        F and S as OpenVINO computes them, if it does.
    """

    def __init__(
        self,
        backbone: Backbone,
        segmentation: SegmentationNetwork | None = None,
        encoder: TargetEncoder | None = None,
        outlines: OutlineNetwork | None = None,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.segmentation = segmentation
        self.encoder = encoder
        self._outlines = (outlines,)  # no part of the module: it stays on the CPU
        self.half_precision = False
        self.compiled: CompiledNetworks | None = None

    @property
    def outlines(self) -> OutlineNetwork | None:
        """What corrects the outlines of masks, on the CPU."""
        return self._outlines[0]

    @property
    def device(self) -> torch.device:
        """Where the network computes."""
        device: torch.device = self.backbone.mean.device
        return device

    @property
    def place(self) -> str:
        """Where the network computes, and by what if not by torch alone; for the user."""
        if self.compiled is None or not self.compiled.parts:
            return str(self.device)
        form = ", 8 bits" if self.compiled.in_8_bits else ""
        return f"{self.device} (OpenVINO{form})"

    def for_inference(self, device: str = "cpu") -> FrtmNetwork:
        """Make it fast on a device and move it there; returns itself.

        Batch norms are folded, activations fused and the memory layout is chosen, which changes
        nothing but rounding; F and S run in half precision where the device has arithmetic for it.
        """
        self.eval().requires_grad_(False)
        fold_batch_norms(self)
        self.half_precision = has_half_precision(device)
        if device == "cpu":
            keep = [] if self.segmentation is None else self.segmentation.split_convolutions
            fuse_activations(self, keep)
        if self.outlines is not None:
            self.outlines.eval().requires_grad_(False)
            fuse_activations(self.outlines)
            self.outlines.to(memory_format=torch.channels_last)
        return self.to(memory_format=torch.channels_last).to(device)

    def features(self, images: Tensor, *, refine: bool) -> Features:
        """Return features of images of shape (B, 3, H, W); down to stride 16 unless `refine`."""
        images = images.contiguous(memory_format=torch.channels_last)
        if self.compiled is not None:
            found = self.compiled.features(images, refine=refine)
            if found is not None:
                return found
        with self._half():
            features: Features = self.backbone(images, STRIDES if refine else (TARGET_STRIDE,))
        return features

    def refine(self, scores: Tensor, features: Features) -> Tensor:
        """Return mask logits (B, N, H, W) for scores (B, N, h, w) of N objects."""
        if self.segmentation is None:
            raise ValueError("This network has no segmentation network; use a D-only variant.")
        groups = torch.split(scores, _OBJECTS_AT_ONCE, 1)
        if self.compiled is not None:
            found = [self.compiled.refine(some, features) for some in groups]
            logits = [one for one in found if one is not None]
            if len(logits) == len(groups):
                return torch.cat(logits, 1)
        with self._half():
            prepared = self.segmentation.prepare(features)
            logits = [self.segmentation(some, prepared) for some in groups]
        return torch.cat(logits, 1).float()

    def frames_at_once(self, size: tuple[int, int], objects: int) -> int:
        """Return how many frames of this padded size may go through together.

        On a CPU one frame at a time is fastest, since its layers fit the caches better; on a GPU
        as many as a quarter of its memory holds, whatever else is in it, so that runs repeat.
        """
        if self.device.type != "cuda":
            return 1
        per_pixel = 600 + 1000 * min(objects, _OBJECTS_AT_ONCE)  # bytes, roughly
        memory = torch.cuda.get_device_properties(self.device).total_memory
        return max(1, memory // 4 // (size[0] * size[1] * per_pixel))

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"compiled": None}  # a copy may learn

    def _half(self) -> AbstractContextManager[object]:
        if not self.half_precision:
            return nullcontext()
        device = self.device.type
        half = torch.bfloat16 if device == "cpu" else torch.float16
        return torch.autocast(device, half)


def has_half_precision(device: str) -> bool:
    """Whether a device computes convolutions faster in half precision: CUDA, and some CPUs.

    Those with AMX, and AMD's with AVX-512 BF16. Intel's of the years of AMX have slower vector
    instructions for it: where a virtual machine hides AMX, S takes half as long again as in single
    precision, and F no less. They are told from AMD's by AVX-512 FP16.
    """
    if device.startswith("cuda"):
        return True
    if device != "cpu" or not hasattr(torch.cpu, "get_capabilities"):
        return False
    found = torch.cpu.get_capabilities()
    fast_vectors = found.get("avx512_bf16") and not found.get("avx512_fp16")
    return bool(found.get("amx_bf16") or fast_vectors)
