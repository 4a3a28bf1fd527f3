"""One object that is followed: its target model, and what the model learns from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from napari_frtm.engine.extensions.confidence import ConfidenceEstimator
from napari_frtm.engine.extensions.location import Location, locations_from_state, locations_state
from napari_frtm.engine.extensions.windows import groups
from napari_frtm.engine.target.memory import SampleMemory, initial_weights, stacked_samples
from napari_frtm.engine.target.merging import merged
from napari_frtm.engine.target.model import TargetModel, fit_models, update_models

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_frtm.config import FrtmConfig
    from napari_frtm.engine.target.merging import FirstSamples
    from napari_frtm.engine.target.stencil import Quadratic

_AT_ONCE = 2**24
"""Bytes of samples that are optimised together; several are copied for it, and slower if large."""
_IN_CACHE = 8
"""Models that a processor learns together: what CG keeps of them, 2 MB, stays in its cache."""


class TrackedObject:
    """A target model with its sample memory (paper, sections 3.1 and 3.4).

    Parameters
    ----------
    model : TargetModel
        What scores the object.
    memory : SampleMemory
        What the model is optimised on.
    confidence_estimator : ConfidenceEstimator
        What says how sure its masks are.

    Attributes
    ----------
    drawn : TargetModel
        As it is learned from what the user drew alone: so it tells look-alikes that were
        followed by mistake.
    locations : list of Location
        Where it was drawn, or seen last.
    """

    def __init__(
        self,
        model: TargetModel,
        memory: SampleMemory,
        confidence_estimator: ConfidenceEstimator,
    ) -> None:
        self.model = model
        self.memory = memory
        self.confidence_estimator = confidence_estimator
        self.drawn = TargetModel(model.projection, model.taps.clone(), model.config)
        self.locations: list[Location] = []

    def location(self, index: int) -> Location:
        """Return where it was seen in the frame nearest to this one."""
        return min(self.locations, key=lambda location: abs(location.index - index))

    def learn_drawn(self) -> None:
        """Learn what looks like the object from the frames that the user drew."""
        samples = self.memory.drawn_samples
        moments = self.memory.moments if self.model.config.whitening else None
        self.drawn.update(*samples, moments)

    def move(
        self,
        mask: NDArray[np.float32],
        index: int,
        origin: tuple[int, int],
        stage: tuple[float, float],
        likeness: NDArray[np.float32] | None = None,
    ) -> None:
        """See a soft mask of a part of a frame, which may be empty: it is there now."""
        if self.locations:
            last = self.location(index)
            self.locations = [last.moved(mask, index, origin, stage, likeness)]

    def remember(self, projected: Tensor, loss: Quadratic, *, permanent: bool = False) -> None:
        """Extend the memory by a frame (algorithm 1, line 7).

        Parameters
        ----------
        projected : Tensor of shape (c, h, w)
            From `TargetModel.project`.
        loss : Quadratic
            Of the one sample: where the object was found, or drawn.
        permanent : bool
            The mask is the user's; see `SampleMemory.add`.
        """
        self.memory.add(projected[None], loss, permanent=permanent)

    def state_dict(self) -> dict[str, Tensor]:
        """Return all that has been learned; see `from_state`."""
        model = {"projection": self.model.projection, "taps": self.model.taps}
        model["drawn_taps"] = self.drawn.taps
        locations = locations_state(self.locations)
        return model | self.confidence_estimator.state_dict() | self.memory.state_dict() | locations

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor], config: FrtmConfig) -> TrackedObject:
        """Return the object whose `state_dict` this is."""
        model = TargetModel(state["projection"], state["taps"], config.learning)
        whitening = config.learning.whitening
        memory = SampleMemory.from_state(state, config.memory, whitening=whitening)
        estimator = ConfidenceEstimator.from_state(state, refined=config.variant.refines)
        restored = cls(model, memory, estimator)
        restored.drawn.taps = state.get("drawn_taps", model.taps).clone()  # older states have none
        restored.locations = locations_from_state(state)
        return restored


def start_objects(
    samples: Sequence[FirstSamples],
    losses: Sequence[Quadratic],
    masks: Sequence[NDArray[np.float32]],
    config: FrtmConfig,
) -> list[TrackedObject]:
    """Learn N new objects from their first samples, all at once (algorithm 1, lines 1-2).

    Parameters
    ----------
    samples : sequence of FirstSamples
        The annotated frame, and its K - 1 altered copies, by object.
    losses : sequence of Quadratic
        Of these K samples.
    masks : sequence of arrays of shape (H, W), in [0, 1]
        What the user drew.
    config : FrtmConfig
        The method's numbers.
    """
    generator = torch.Generator().manual_seed(config.seed)
    frame = samples[0].frame
    initial = TargetModel.initial(len(frame), config.learning, generator)
    models = [initial.to(frame.device) for _ in losses]
    weights = initial_weights(1 + len(samples[0].parts)).to(frame)
    most = len(models) if frame.is_cuda else _IN_CACHE
    for first in range(0, len(models), most):
        some = slice(first, first + most)
        fit_models(models[some], merged(samples[some], losses[some], weights))
    started = []
    for model, each, loss, mask in zip(models, samples, losses, masks, strict=True):
        whitening = model.config.whitening
        memory = SampleMemory(each.projected(model), loss, config.memory, whitening=whitening)
        estimator = ConfidenceEstimator(config.variant.refines)
        estimator.observe_annotation(mask)
        started.append(TrackedObject(model, memory, estimator))
    update_objects(started)
    for known in started:
        known.drawn.taps = known.model.taps.clone()
    return started


def update_objects(objects: Sequence[TrackedObject]) -> None:
    """Optimise w2 of every object over its memory (algorithm 1, line 9), many at once."""
    for numbers in groups(known.memory.sample_size for known in objects):
        alike = [objects[i] for i in numbers]
        most = max(1, _AT_ONCE // max(known.memory.bytes for known in alike))
        for first in range(0, len(alike), most):
            together = alike[first : first + most]
            whitening = together[0].model.config.whitening
            moments = torch.stack([o.memory.moments for o in together]) if whitening else None
            samples = stacked_samples([known.memory for known in together])
            update_models([known.model for known in together], *samples, moments)


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
