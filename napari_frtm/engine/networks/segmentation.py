"""Segmentation network S: coarse scores and features to fine masks (paper, section 3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.functional import (
    adaptive_avg_pool2d,
    conv2d,
    interpolate,
    relu,
)

from napari_frtm.engine.networks.backbone import STRIDES
from napari_frtm.engine.networks.doubling import convolve_doubled, double

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_frtm.config import SegmentationConfig
    from napari_frtm.engine.networks.backbone import Features

Prepared: TypeAlias = tuple[Tensor, Tensor]
"""Reduced features (B, width, h, w) and their part of the encoder's first convolution."""


class TargetSegmentationEncoder(nn.Module):
    """TSE block: features and scores of one level to an encoding of the target (figure 3)."""

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.reduce = nn.Sequential(
            nn.Conv2d(features, width, 1), nn.ReLU(), nn.Conv2d(width, width, 1)
        )
        self.transform = nn.Sequential(
            nn.Conv2d(width + 1, width + 1, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width + 1, width + 1, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width + 1, width, 3, padding=1),
            nn.ReLU(),
        )

    @property
    def first(self) -> nn.Conv2d:
        """The convolution over features and scores."""
        first = self.transform[0]
        assert isinstance(first, nn.Conv2d)
        return first

    def prepare(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return what depends on the frame alone, from features of shape (B, C, h, w).

        The reduced features, and their share of the first convolution over features and scores,
        which is linear; both computed once, however many objects there are.
        """
        reduced: Tensor = self.reduce(features)
        weight = self.first.weight[:, :-1]
        return reduced, conv2d(reduced, weight, self.first.bias, padding=1)

    def forward(self, prepared: Tensor, scores: Tensor) -> Tensor:
        """Encode the scores of N objects, (B, N, h, w) -> (B * N, width, h, w)."""
        weight = self.first.weight[:, -1:]
        encoded: Tensor = conv2d(scores.flatten(0, 1)[:, None], weight, padding=1)
        encoded = encoded + prepared.repeat_interleave(scores.shape[1], 0)
        for layer in self.transform[1:]:
            encoded = layer(encoded)
        return encoded


class ResidualBlock(nn.Module):
    """Refinement residual block (figure 3, after [51])."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(width_in, width_out, 1)
        self.residual = nn.Sequential(
            nn.Conv2d(width_out, width_out, 3, padding=1),
            nn.BatchNorm2d(width_out),
            nn.ReLU(),
            nn.Conv2d(width_out, width_out, 3, padding=1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, width_in, h, w) -> (N, width_out, h, w)."""
        x = self.project(x)
        return relu(x + self.residual(x))


class ChannelAttention(nn.Module):
    """Channel attention block (CAB): weighs the encoding by what is seen at the deeper level."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attend = nn.Sequential(
            nn.Conv2d(2 * width, width, 1), nn.ReLU(), nn.Conv2d(width, width, 1)
        )

    def forward(self, shallow: Tensor, deep: Tensor) -> Tensor:
        """(N, width, h, w) and (N, width, h', w') -> (N, width, h, w)."""
        pooled = torch.cat([adaptive_avg_pool2d(shallow, 1), adaptive_avg_pool2d(deep, 1)], 1)
        deep = interpolate(deep, shallow.shape[-2:], mode="bilinear", align_corners=False)
        return torch.sigmoid(self.attend(pooled)) * shallow + deep


class Level(nn.Module):
    """One of the four levels: T^d and R^d of section 3.2."""

    def __init__(self, features: int, width: int, width_out: int) -> None:
        super().__init__()
        self.encoder = TargetSegmentationEncoder(features, width)
        self.block1 = ResidualBlock(width, width)
        self.attention = ChannelAttention(width)
        self.block2 = ResidualBlock(width, width_out)

    def forward(self, prepared: Prepared, scores: Tensor, deep: Tensor | None) -> Tensor:
        """Refine (B, N, h', w') scores with the deeper level's output (B * N, width, h'', w'').

        The deepest level has no deeper output; it takes its own reduced features, averaged.
        Returns (B * N, width_out, h, w).
        """
        reduced, per_frame = prepared
        scores = interpolate(scores, reduced.shape[-2:], mode="bilinear", align_corners=False)
        if deep is None:
            deep = adaptive_avg_pool2d(reduced, 1).repeat_interleave(scores.shape[1], 0)
        encoded = self.block1(self.encoder(per_frame, scores))
        out: Tensor = self.block2(self.attention(encoded, deep))
        return out


class SegmentationNetwork(nn.Module):
    """U-Net over four strides that turns coarse scores into mask logits.

    Parameters
    ----------
    channels : mapping of int to int
        Channels of the backbone's features by stride.
    config : SegmentationConfig
        Width of each level.
    """

    def __init__(self, channels: Mapping[int, int], config: SegmentationConfig) -> None:
        super().__init__()
        width = dict(zip(STRIDES, config.channels, strict=True))
        self.levels = nn.ModuleDict(
            {
                str(stride): Level(channels[stride], width[stride], width[max(stride // 2, 4)])
                for stride in STRIDES
            }
        )
        self.head = nn.ModuleList(
            [
                nn.Conv2d(width[4], max(width[4] // 2, 1), 3, padding=1),
                nn.Conv2d(max(width[4] // 2, 1), 1, 3, padding=1),
            ]
        )

    @property
    def split_convolutions(self) -> list[nn.Conv2d]:
        """The convolutions of which a part is computed once for all objects."""
        return [self._level(s).encoder.first for s in STRIDES]

    def prepare(self, features: Features) -> dict[int, Prepared]:
        """Return, by stride, what all objects of a frame share."""
        return {s: self._level(s).encoder.prepare(features[s]) for s in STRIDES}

    def forward(self, scores: Tensor, prepared: Mapping[int, Prepared]) -> Tensor:
        """Refine the scores of N objects in B frames.

        Parameters
        ----------
        scores : Tensor of shape (B, N, h, w)
            Coarse scores at stride 16.
        prepared : mapping of int to pairs of Tensor
            From `prepare`, for the features of the B frames.

        Returns
        -------
        Tensor of shape (B, N, 16 h, 16 w)
            Logits at image resolution.
        """
        deepest = STRIDES[-1]
        z: Tensor = self._level(deepest)(prepared[deepest], scores, None)
        for stride in reversed(STRIDES[:-1]):
            z = self._level(stride)(prepared[stride], scores, z)
        z = relu(self.head[0](double(z)))
        last = self.head[1]
        assert isinstance(last, nn.Conv2d)
        logits = convolve_doubled(z, last)
        return logits.view(*scores.shape[:2], *logits.shape[-2:])

    def _level(self, stride: int) -> Level:
        level = self.levels[str(stride)]
        assert isinstance(level, Level)
        return level
