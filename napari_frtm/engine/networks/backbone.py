"""Backbone F: frozen ImageNet features at strides 4, 8, 16 and 32 (paper, section 3.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import torch
import torchvision.models
from torch import Tensor, nn

from napari_frtm.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Features: TypeAlias = dict[int, Tensor]
"""Feature maps by stride: (N, C, H / stride, W / stride)."""

STRIDES = (4, 8, 16, 32)
CHANNELS = {
    "resnet18": (64, 128, 256, 512),
    "resnet50": (256, 512, 1024, 2048),
    "resnet101": (256, 512, 1024, 2048),
    "mobilenet_v2": (24, 32, 576, 320),
}
_BAND = 2**18
"""Pixels that go through the first stage at once on a processor."""

_OVERLAP = 32
"""Rows of pixels above and below a band; a pixel of the first stage sees 21 at most."""

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)


class Backbone(nn.Module):
    """Frozen feature extractor.

    Parameters
    ----------
    name : str
        ``resnet18``, ``resnet50``, ``resnet101`` or ``mobilenet_v2``.
    weights : mapping of str to Tensor, optional
        State dict in torchvision's names; the classifier is ignored. Random weights without it.

    Raises
    ------
    CheckpointError
        If the weights are not those of this network.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, name: str, weights: Mapping[str, Tensor] | None = None) -> None:
        super().__init__()
        self.name = name
        self.channels = dict(zip(STRIDES, CHANNELS[name], strict=True))
        self.register_buffer("mean", torch.tensor(_IMAGENET_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(_IMAGENET_STD).view(3, 1, 1), persistent=False)
        body: Any = torchvision.models.get_model(name, weights=None)
        if name == "mobilenet_v2":  # what comes after conv5_x is not used
            del body.classifier, body.features[18]
        else:
            del body.fc
        if weights is not None:
            _load(body, weights, name)
        self._entries = list(body.state_dict())
        self.stages = nn.ModuleList(_mobilenet(body) if name == "mobilenet_v2" else _resnet(body))
        self.requires_grad_(False).eval()

    def forward(self, images: Tensor, strides: Sequence[int] = STRIDES) -> Features:
        """Return the features of images of shape (N, 3, H, W) in [0, 1].

        H and W are multiples of 32. Layers deeper than the largest of `strides` are not run.
        """
        x = (images - self.mean) / self.std
        features = {}
        for stride, stage in zip(STRIDES, self.stages, strict=True):
            if stride > max(strides):
                break
            x = _in_bands(stage, x) if stride == STRIDES[0] else stage(x)
            if stride in strides:
                features[stride] = x
        return features

    def torchvision_state(self) -> dict[str, Tensor]:
        """Return the weights in torchvision's names; not after batch norms were folded."""
        return dict(zip(self._entries, self.stages.state_dict().values(), strict=True))


def fold_batch_norms(module: nn.Module) -> None:
    """Merge every batch norm into the convolution before it; same function, for inference only."""
    previous, previous_name = None, ""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d) and isinstance(previous, nn.Conv2d):
            fused = nn.utils.fusion.fuse_conv_bn_eval(previous.eval(), child.eval())
            setattr(module, previous_name, fused)
            setattr(module, name, nn.Identity())
        fold_batch_norms(child)
        previous, previous_name = child, name


def _in_bands(stage: nn.Module, images: Tensor) -> Tensor:
    """Return the features of the first stage, computed band by band of the images.

    What its layers write is larger than all that comes later: of a whole frame, more than the
    allocator keeps, so that a third of the time would go into asking for memory. The numbers are
    the same, for no layer of this stage sees farther than the overlap.
    """
    count, _, height, width = images.shape
    if images.device.type != "cpu" or count * height * width <= _BAND:
        whole: Tensor = stage(images)
        return whole
    if count > 1:
        some = torch.split(images, max(1, _BAND // (height * width)))
        return torch.cat([_in_bands(stage, each) for each in some])
    rows = max(_OVERLAP, _BAND // width // STRIDES[-1] * STRIDES[-1] - 2 * _OVERLAP)
    bands = []
    for top in range(0, height, rows):
        first, bottom = max(0, top - _OVERLAP), min(height, top + rows)
        seen = stage(images[..., first : bottom + _OVERLAP, :])
        start, stop = ((row - first) // STRIDES[0] for row in (top, bottom))
        bands.append(seen[..., start:stop, :])
    return torch.cat(bands, -2)


def _resnet(body: Any) -> list[nn.Module]:
    """Split a torchvision ResNet after conv2_x, conv3_x, conv4_x and conv5_x."""
    stem = [body.conv1, body.bn1, body.relu, body.maxpool, body.layer1]
    return [nn.Sequential(*stem), body.layer2, body.layer3, body.layer4]


def _mobilenet(body: Any) -> list[nn.Module]:
    """Split a torchvision MobileNetV2; stride 16 ends in the 576-channel expansion of block 14."""
    blocks = list(body.features)
    expansion, *rest = blocks[14].conv
    return [
        nn.Sequential(*blocks[:4]),
        nn.Sequential(*blocks[4:7]),
        nn.Sequential(*blocks[7:14], expansion),
        nn.Sequential(*rest, *blocks[15:18]),
    ]


def _load(body: nn.Module, weights: Mapping[str, Tensor], name: str) -> None:
    wanted = body.state_dict()
    missing = [key for key in wanted if key not in weights and "num_batches" not in key]
    if missing:
        raise CheckpointError(
            f"These are not weights of {name}: {len(missing)} entries are missing, "
            f"for example '{missing[0]}'. Give a state dict as torchvision saves it."
        )
    for key, tensor in wanted.items():
        if key in weights and weights[key].shape != tensor.shape:
            raise CheckpointError(
                f"These are not weights of {name}: '{key}' has shape "
                f"{tuple(weights[key].shape)}, expected {tuple(tensor.shape)}."
            )
    body.load_state_dict({key: weights.get(key, tensor) for key, tensor in wanted.items()})
