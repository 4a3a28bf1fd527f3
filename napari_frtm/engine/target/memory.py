"""Sample memory of one target: what the target model is optimised on (paper, section 3.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from napari_frtm.engine.target.stencil import TAPS, Quadratic

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_frtm.config import MemoryConfig


BUDGET = 96 * 2**20
"""Bytes that the samples of one object take at most; presets stay below it."""


class SampleMemory:
    """At most K_max samples: projected features, their loss at stride 16, and their weight.

    Fewer than K_max are kept where they would take more than `BUDGET`.

    Parameters
    ----------
    projected : Tensor of shape (K, c, h, w)
        Samples at start: the first frame, then its altered copies.
    loss : Quadratic
        Their labels and pixel weights.
    config : MemoryConfig
        Capacity and update rate.
    whitening : bool
        Whether `moments` will be asked for.
    """

    def __init__(
        self,
        projected: Tensor,
        loss: Quadratic,
        config: MemoryConfig,
        *,
        whitening: bool = True,
    ) -> None:
        count, channels, h, w = projected.shape
        per_sample = projected.element_size() * (channels + TAPS + 1) * h * w
        capacity = min(config.capacity, max(count + 1, BUDGET // per_sample))
        self.config = config
        self.whitening = whitening
        self.capacity = capacity
        self.count = 0
        self.latest = 0.0
        self.weights = projected.new_zeros(capacity, device="cpu", dtype=torch.float64)
        self.permanent = torch.zeros(capacity, dtype=torch.bool)
        self._projected = projected.new_empty(count, channels, h, w)
        self._stencil = projected.new_empty(count, TAPS, h, w)
        self._target = projected.new_empty(count, h, w)
        kept = channels if whitening else 0
        self._moments = projected.new_empty(count, kept, kept)

        for k in range(count):
            self._write(k, projected[k], loss.stencil[k], loss.target[k])
        self.weights[:count] = initial_weights(count)
        self.permanent[0] = True

    @property
    def samples(self) -> tuple[Tensor, Quadratic, Tensor]:
        """Projected features, loss and weights of the samples held, for `TargetModel.update`.

        The samples that the user drew have at least their share of the weights; without it, each
        new frame makes them count less, and what went wrong once is soon all there is to learn.
        """
        n = self.count
        loss = Quadratic(self._stencil[:n], self._target[:n])
        weights, drawn = self.weights[:n], self.permanent[:n]
        share = weights[drawn].sum()
        if share < self.config.drawn:
            least = self.config.drawn
            weights = weights * torch.where(drawn, least / share, (1 - least) / (1 - share))
        return self._projected[:n], loss, weights.to(self._projected)

    @property
    def drawn_samples(self) -> tuple[Tensor, Quadratic, Tensor]:
        """Those of `samples` that the user drew, with weights that sum to one."""
        projected, loss, weights = self.samples
        drawn = self.permanent[: self.count].to(weights.device)
        share = weights[drawn] / weights[drawn].sum()
        return projected[drawn], Quadratic(loss.stencil[drawn], loss.target[drawn]), share

    @property
    def sample_size(self) -> tuple[int, int]:
        """Scores (h, w) that a sample covers."""
        return self._target.shape[1], self._target.shape[2]

    @property
    def bytes(self) -> int:
        """What the samples held take."""
        per_sample = self._projected[0].numel() + self._stencil[0].numel() + self._target[0].numel()
        return self.count * per_sample * self._projected.element_size()

    @property
    def moments(self) -> Tensor:
        """Weighted second moments (c, c) of the samples' channels: what one tap of w2 sees."""
        return torch.einsum("k,kde->de", self.samples[2], self._moments[: self.count])

    def add(self, projected: Tensor, loss: Quadratic, *, permanent: bool = False) -> None:
        """Take in one sample, in place of the one with the smallest weight.

        Parameters
        ----------
        projected : Tensor of shape (1, c, h, w)
            Projected features of the frame.
        loss : Quadratic
            Of one sample.
        permanent : bool
            The mask is the user's: the sample counts double, and only others of its kind ever
            replace it, once they fill the memory.
        """
        if not permanent and self.count == self.capacity and self.permanent.all():
            return  # keyframes alone fill the memory
        keep = 1 - self.config.learning_rate
        slot = self._smallest()
        if self.latest == 0:
            self.weights /= keep
            weight = self.config.learning_rate
        else:
            weight = self.latest / keep
        self.weights[slot] = 2 * weight if permanent else weight
        self.permanent[slot] = permanent
        total = self.weights.sum()
        self.weights /= total
        self.latest = float(weight / total)
        self._write(slot, projected[0], loss.stencil[0], loss.target[0])

    def state_dict(self) -> dict[str, Tensor]:
        """Return all that is needed to go on later; see `from_state`."""
        projected, loss, _ = self.samples
        return {
            "projected": projected,
            "stencil": loss.stencil,
            "target": loss.target,
            "weights": self.weights,
            "permanent": self.permanent,
            "latest": torch.tensor(self.latest, dtype=torch.float64),
        }

    @classmethod
    def from_state(
        cls, state: Mapping[str, Tensor], config: MemoryConfig, *, whitening: bool = True
    ) -> SampleMemory:
        """Return the memory whose `state_dict` this is."""
        loss = Quadratic(state["stencil"], state["target"])
        memory = cls(state["projected"], loss, config, whitening=whitening)
        memory.capacity = len(state["weights"])
        memory.weights = state["weights"].cpu().clone()
        memory.permanent = state["permanent"].cpu().clone()
        memory.latest = float(state["latest"])
        return memory

    def _smallest(self) -> int:
        """Return the first free slot, or the replaceable one of smallest weight."""
        if self.count < self.capacity:
            return self.count
        candidates = self.weights.masked_fill(self.permanent, torch.inf)
        if self.permanent.all():  # more keyframes than slots: the one of smallest weight goes
            candidates = self.weights
        return int(candidates.argmin())

    def _write(self, slot: int, projected: Tensor, stencil: Tensor, target: Tensor) -> None:
        """Put a sample into a slot; a smaller one than the others is filled up with no weight."""
        h, w = target.shape
        self._make_room(slot + 1, h, w)
        for held, new in (
            (self._projected, projected),
            (self._stencil, stencil),
            (self._target, target),
        ):
            if held.shape[-2:] != new.shape[-2:]:
                held[slot] = 0
            held[slot, ..., :h, :w] = new
        if self.whitening:
            pixels = projected.flatten(1)
            self._moments[slot] = (pixels * stencil.sum(0).flatten()) @ pixels.T
        self.count = max(self.count, slot + 1)

    def _make_room(self, slots: int, h: int, w: int) -> None:
        """Grow to hold so many samples of this size: by half each time, within the capacity."""
        held, *size = self._target.shape
        if slots <= held and h <= size[0] and w <= size[1]:
            return
        if slots > held:
            slots = min(self.capacity, max(slots, held + held // 2))
        slots, height, width = max(slots, held), max(h, size[0]), max(w, size[1])
        self._projected = _grown(self._projected, slots, height, width)
        self._stencil = _grown(self._stencil, slots, height, width)
        self._target = _grown(self._target, slots, height, width)
        self._moments = _grown(self._moments, slots, *self._moments.shape[1:])


def _grown(held: Tensor, slots: int, height: int, width: int) -> Tensor:
    """Return a larger tensor with the same content, zero elsewhere."""
    larger = held.new_zeros(slots, *held.shape[1:-2], height, width)
    larger[: len(held), ..., : held.shape[-2], : held.shape[-1]] = held
    return larger


def stacked_samples(memories: Sequence[SampleMemory]) -> tuple[Tensor, Quadratic, Tensor]:
    """Return the `samples` of N memories with samples of one size, filled up with no weight."""
    if len(memories) == 1:
        projected, loss, weights = memories[0].samples
        return projected[None], Quadratic(loss.stencil[None], loss.target[None]), weights[None]
    most = max(memory.count for memory in memories)
    parts = []
    for memory in memories:
        projected, loss, weights = memory.samples
        each = (projected, loss.stencil, loss.target, weights)
        parts.append([_filled(part, most) for part in each])
    projected, stencil, target, weights = (torch.stack(p) for p in zip(*parts, strict=True))
    return projected, Quadratic(stencil, target), weights


def _filled(part: Tensor, count: int) -> Tensor:
    if len(part) == count:
        return part
    return torch.cat([part, part.new_zeros(count - len(part), *part.shape[1:])])


def initial_weights(count: int) -> Tensor:
    """Return the weights of the first samples: the frame itself counts double (supplement, 6)."""
    weights = torch.ones(count, dtype=torch.float64)
    weights[0] = 2
    return weights / weights.sum()
