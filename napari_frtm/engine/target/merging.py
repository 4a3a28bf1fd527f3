"""Altered copies of a frame: what they share with it is learned once.

Away from what was altered, a copy has the frame's features and scores. So the losses of all copies,
eq. (2), are together the loss of the frame, with other weights, and a loss of the altered part of
each. It is the same function of the target model; a part of it has to be computed.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import torch

from napari_frtm.engine.target.model import Samples, TargetModel
from napari_frtm.engine.target.stencil import Quadratic, stacked, windows
from napari_frtm.types import Box

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

RIM = 3
"""Scores along the sides of a part: the frame's features, for the scores that others depend on."""


@dataclass(frozen=True, slots=True, eq=False)
class FirstSamples:
    """Features of an annotated frame, and of what is different in its altered copies.

    Attributes
    ----------
    frame : Tensor of shape (C, h, w)
        Of the frame, or of a window of it.
    altered : Tensor of shape (K - 1, C, h', w')
        Of parts of the copies.
    parts : list of Box
        Where they are in the frame, in scores. Along their sides, `RIM` wide, they have the
        frame's features, unless it ends there.
    """

    frame: Tensor
    altered: Tensor
    parts: list[Box]

    @classmethod
    def pasted(cls, frame: Tensor, altered: Tensor, parts: list[Box]) -> FirstSamples:
        """Return the samples for features as the backbone gave them, without the rims."""
        kept = torch.stack([frame[:, part.slices[0], part.slices[1]] for part in parts])
        whole = Box(0, 0, *frame.shape[1:])
        for part, own, new in zip(parts, kept, altered, strict=True):
            rows, columns = part.without_rim(RIM, whole).within(part)
            own[:, rows, columns] = new[:, rows, columns]
        return cls(frame, kept, parts)

    def projected(self, model: TargetModel) -> Tensor:
        """Return what the sample memory keeps of all K, (K, c, h, w)."""
        whole = model.project(self.frame[None])
        if not self.parts:
            return whole
        projected = whole.repeat(1 + len(self.parts), 1, 1, 1)
        parts = zip(self.parts, projected[1:], model.project(self.altered), strict=True)
        for part, sample, new in parts:
            sample[:, part.slices[0], part.slices[1]] = new
        return projected


def merged(
    samples: Sequence[FirstSamples], losses: Sequence[Quadratic], weights: Tensor
) -> list[Samples]:
    """Return the samples of N objects as `fit_models` takes them: frames, then altered parts.

    Parameters
    ----------
    samples : sequence of FirstSamples
        As many for each object, of frames of one size; those whose altered parts have one size
        are learned together if they follow each other.
    losses : sequence of Quadratic
        Of K samples of the size of the frame, by object.
    weights : Tensor of shape (K,)
        Sample weights gamma.
    """
    shared, own = [], []
    for each, loss in zip(samples, losses, strict=True):
        stencil, target = weights[0] * loss.stencil[0], weights[0] * loss.target[0]
        kept = []
        for part, weight, copy in zip(each.parts, weights[1:], range(1, len(weights)), strict=True):
            other = _of_part(part, target)
            coupled = other | windows(other.to(target)).bool()
            stencil = stencil + weight * loss.stencil[copy].masked_fill(coupled, 0)
            target = target + weight * loss.target[copy].masked_fill(other, 0)
            rows, columns = part.slices
            kept.append(
                Quadratic(
                    loss.stencil[copy].masked_fill(~coupled, 0)[:, rows, columns],
                    loss.target[copy].masked_fill(~other, 0)[rows, columns],
                )
            )
        shared.append(Quadratic(stencil[None], target[None]))
        own.append(kept)
    count = len(samples)
    frames = [each.frame for each in samples]
    if all(frame.is_set_to(frames[0]) for frame in frames):
        frames = frames[:1]
    found = [Samples(torch.stack(frames)[:, None], stacked(shared), weights.new_ones(count, 1))]
    if len(weights) > 1:
        for _, alike in groupby(range(count), lambda number: samples[number].altered.shape):
            numbers = list(alike)
            models = slice(numbers[0], numbers[-1] + 1)
            altered = torch.stack([each.altered for each in samples[models]])
            parts = stacked([stacked(kept) for kept in own[models]])
            found.append(Samples(altered, parts, weights[1:].expand(len(altered), -1), models))
    return found


def _of_part(part: Box, target: Tensor) -> Tensor:
    """Return which scores (h, w) of a copy are not those of the frame."""
    other = torch.zeros_like(target, dtype=torch.bool)
    other[part.without_rim(RIM - 1, Box(0, 0, *target.shape)).slices] = True
    return other
