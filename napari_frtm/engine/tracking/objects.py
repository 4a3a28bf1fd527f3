"""One object that is followed: its target model, and what the model learns from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from napari_frtm.engine.extensions.confidence import ConfidenceEstimator
from napari_frtm.engine.extensions.location import Location, locations_from_state, locations_state
from napari_frtm.engine.target.memory import SampleMemory, initial_weights
from napari_frtm.engine.target.model import TargetModel, sample_loss
from napari_frtm.engine.target.stencil import Quadratic

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_frtm.config import FrtmConfig


class TrackedObject:
    """A target model with its sample memory (paper, sections 3.1 and 3.4).

    Parameters
    ----------
    model : TargetModel
        What scores the object.
    memory : SampleMemory
        What the model is optimised on.
    kappa_min : float
        Least influence of the object's pixels, eq. (4).
    confidence_estimator : ConfidenceEstimator
        What says how sure its masks are.
    """

    def __init__(
        self,
        model: TargetModel,
        memory: SampleMemory,
        kappa_min: float,
        confidence_estimator: ConfidenceEstimator,
    ) -> None:
        self.model = model
        self.memory = memory
        self.kappa_min = kappa_min
        self.confidence_estimator = confidence_estimator
        self.locations: list[Location] = []

    def location(self, index: int) -> Location:
        """Return where it was seen in the frame nearest to this one."""
        return min(self.locations, key=lambda location: abs(location.index - index))

    def move(self, mask: NDArray[np.float32], index: int) -> None:
        """See a frame's soft mask of shape (H, W), which may be empty: it is there now."""
        if self.locations:
            self.locations = [self.location(index).moved(mask, index)]

    @classmethod
    def start(
        cls, features: Tensor, masks: Tensor, config: FrtmConfig, *, windows: Tensor | None = None
    ) -> TrackedObject:
        """Learn a new object from its first samples (algorithm 1, lines 1-2).

        Parameters
        ----------
        features : Tensor of shape (K, C, h, w)
            Of the annotated frame, then of its altered copies.
        masks : Tensor of shape (K, H, W), in [0, 1]
            Where the object is in them.
        config : FrtmConfig
            The method's numbers.
        windows : Tensor of shape (K, H, W), optional
            What counts of each sample; otherwise all of it.
        """
        size = (features.shape[-2], features.shape[-1])
        loss = sample_loss(masks, config.target.kappa_min, size, windows)
        generator = torch.Generator().manual_seed(config.seed)
        model = TargetModel.initial(features.shape[1], config.learning, generator)
        model = model.to(features.device)
        model.fit(features, loss, initial_weights(len(features)).to(features))
        memory = SampleMemory(model.project(features), loss, config.memory)
        estimator = ConfidenceEstimator(config.variant.refines)
        estimator.observe_annotation(masks[0].cpu().numpy())
        started = cls(model, memory, config.target.kappa_min, estimator)
        started.update()
        return started

    def remember(
        self,
        projected: Tensor,
        masks: Tensor,
        *,
        windows: Tensor | None = None,
        permanent: bool = False,
    ) -> None:
        """Extend the memory by frames (algorithm 1, line 7).

        Parameters
        ----------
        projected : Tensor of shape (B, c, h, w)
            From `TargetModel.project`.
        masks : Tensor of shape (B, H, W), in [0, 1]
            Where the object was found, or drawn.
        windows : Tensor of shape (B, H, W), optional
            What counts of each frame; otherwise all of it.
        permanent : bool
            The masks are the user's; see `SampleMemory.add`.
        """
        size = (projected.shape[-2], projected.shape[-1])
        loss = sample_loss(masks, self.kappa_min, size, windows)
        for b in range(len(projected)):
            if permanent:
                self.confidence_estimator.observe_annotation(masks[b].cpu().numpy())
            one = Quadratic(loss.stencil[b : b + 1], loss.target[b : b + 1])
            self.memory.add(projected[b : b + 1], one, permanent=permanent)

    def update(self) -> None:
        """Optimise w2 over the memory (algorithm 1, line 9)."""
        moments = self.memory.moments if self.model.config.whitening else None
        self.model.update(*self.memory.samples, moments)

    def state_dict(self) -> dict[str, Tensor]:
        """Return all that has been learned; see `from_state`."""
        model = {"projection": self.model.projection, "taps": self.model.taps}
        locations = locations_state(self.locations)
        return model | self.confidence_estimator.state_dict() | self.memory.state_dict() | locations

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor], config: FrtmConfig) -> TrackedObject:
        """Return the object whose `state_dict` this is."""
        model = TargetModel(state["projection"], state["taps"], config.learning)
        memory = SampleMemory.from_state(state, config.memory)
        estimator = ConfidenceEstimator.from_state(state, refined=config.variant.refines)
        restored = cls(model, memory, config.target.kappa_min, estimator)
        restored.locations = locations_from_state(state)
        return restored


def objects_from_state(
    state: Mapping[str, Tensor], config: FrtmConfig, device: torch.device
) -> dict[int, TrackedObject]:
    """Return the objects whose states have the names ``object.part``, by id."""
    parts: dict[int, dict[str, Tensor]] = {}
    for name, tensor in state.items():
        object_id, dot, part = name.partition(".")
        if dot:
            learned = tensor.dtype == torch.float32  # counters and weights stay on the CPU
            moved = tensor.to(device) if learned else tensor
            parts.setdefault(int(object_id), {})[part] = moved
    return {i: TrackedObject.from_state(parts[i], config) for i in sorted(parts)}
