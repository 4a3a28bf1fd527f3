"""Sample memory of one target: what the target model is optimised on (paper, section 3.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from napari_frtm.engine.target.stencil import TAPS, Quadratic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_frtm.config import MemoryConfig


class SampleMemory:
    """At most K_max samples: projected features, their loss at stride 16, and their weight.

    Parameters
    ----------
    projected : Tensor of shape (K, c, h, w)
        Samples at start: the first frame, then its altered copies.
    loss : Quadratic
        Their labels and pixel weights.
    config : MemoryConfig
        Capacity and update rate.
    """

    def __init__(self, projected: Tensor, loss: Quadratic, config: MemoryConfig) -> None:
        count, capacity = len(projected), config.capacity
        h, w = projected.shape[-2:]
        self.config = config
        self.count = 0
        self.latest = 0.0
        self.weights = projected.new_zeros(capacity, device="cpu", dtype=torch.float64)
        self.permanent = torch.zeros(capacity, dtype=torch.bool)
        self._projected = projected.new_empty(capacity, *projected.shape[1:])
        self._stencil = projected.new_empty(capacity, TAPS, h, w)
        self._target = projected.new_empty(capacity, h, w)
        self._moments = projected.new_empty(capacity, projected.shape[1], projected.shape[1])

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
        if not permanent and self.count == self.config.capacity and self.permanent.all():
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
    def from_state(cls, state: Mapping[str, Tensor], config: MemoryConfig) -> SampleMemory:
        """Return the memory whose `state_dict` this is."""
        loss = Quadratic(state["stencil"], state["target"])
        memory = cls(state["projected"], loss, config)
        memory.weights = state["weights"].cpu().clone()
        memory.permanent = state["permanent"].cpu().clone()
        memory.latest = float(state["latest"])
        return memory

    def _smallest(self) -> int:
        """Return the first free slot, or the replaceable one of smallest weight."""
        if self.count < self.config.capacity:
            return self.count
        candidates = self.weights.masked_fill(self.permanent, torch.inf)
        if self.permanent.all():  # more keyframes than slots: the one of smallest weight goes
            candidates = self.weights
        return int(candidates.argmin())

    def _write(self, slot: int, projected: Tensor, stencil: Tensor, target: Tensor) -> None:
        self._projected[slot] = projected
        self._stencil[slot] = stencil
        self._target[slot] = target
        pixels = projected.flatten(1)
        self._moments[slot] = (pixels * stencil.sum(0).flatten()) @ pixels.T
        self.count = max(self.count, slot + 1)


def initial_weights(count: int) -> Tensor:
    """Return the weights of the first samples: the frame itself counts double (supplement, 6)."""
    weights = torch.ones(count, dtype=torch.float64)
    weights[0] = 2
    return weights / weights.sum()
