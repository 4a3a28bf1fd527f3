"""Where a training stands: all that is needed to go on exactly, and the log of its steps."""

from __future__ import annotations

import csv
import io
import math
import pickle
from copy import deepcopy
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from napari_frtm.engine.networks.network import FrtmNetwork
from napari_frtm.errors import FrtmError
from napari_frtm.io.atomic import replacing, reporting, write_bytes
from napari_frtm.training.weights import for_inference

if TYPE_CHECKING:
    from pathlib import Path

    from napari_frtm.training.config import OptimiserConfig, TrainConfig

_EMA_START = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainStep:
    """What one step of a training did.

    Attributes
    ----------
    step : int
        Its number, from 1.
    loss : float
        Of its batches, before the step.
    learning_rate : float
        Of the step.
    seconds : float
        Time taken so far, that of earlier runs included.
    progress : float
        How much of the training is done, in [0, 1].
    jaccard, boundary_f : float or None
        Validation scores in [0, 1], after steps that measure them.
    """

    step: int
    loss: float
    learning_rate: float
    seconds: float
    progress: float
    jaccard: float | None = None
    boundary_f: float | None = None


class TrainState:
    """The network that learns, the running mean of its weights, the optimiser, the counters.

    There is no random state: what a step sees depends on the seed and its number alone.

    Parameters
    ----------
    network : FrtmNetwork
        Trained in place: S, and the backbone too if the recipe says so. The statistics of the
        backbone's batch norms stay as they are.
    config : TrainConfig
        Saved with the state, so that no other recipe goes on with it.

    Attributes
    ----------
    mean : FrtmNetwork
        With the running mean of the weights.
    fitted : FrtmNetwork
        With the backbone that target models are fitted on.
    teacher : FrtmNetwork or None
        With the first weights, whose answers to whole crops are learned in windows of them.
    """

    def __init__(self, network: FrtmNetwork, config: TrainConfig) -> None:
        assert network.segmentation is not None
        self.config = config
        self.network = network.eval().requires_grad_(False)
        self.mean = deepcopy(network)
        self.fitted = FrtmNetwork(self.mean.backbone)
        windowed = config.windows is not None
        self.teacher = for_inference(network, refine=True) if windowed else None
        _learned(network).train(not windowed).requires_grad_(True)
        if config.joint is not None:
            self.fitted = FrtmNetwork(deepcopy(network.backbone))
            network.backbone.requires_grad_(True)
        self.optimiser = _optimiser(network, config)
        self.step = 0
        self.seconds = 0.0
        self.best = -1.0

    def advance(self, learning_rate: float) -> None:
        """Take a step along the gradients, and move the mean of the weights."""
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate * group["share"]
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.step += 1
        decay = min(self.config.optimiser.ema, (1 + self.step) / (_EMA_START + self.step))
        new = self._changing["network"].state_dict()
        for name, mean in self._changing["mean"].state_dict().items():
            if mean.is_floating_point():
                mean.lerp_(new[name], 1 - decay)
        if self.is_refitting:
            self.fitted.load_state_dict(self.mean.state_dict(), strict=False)

    @property
    def is_finite(self) -> bool:
        """Whether all gradients are."""
        parameters = self._changing["network"].parameters()
        gradients = [p.grad for p in parameters if p.grad is not None]
        return bool(torch.stack([g.isfinite().all() for g in gradients]).all())

    @property
    def is_refitting(self) -> bool:
        """Whether target models are to be fitted anew from here on."""
        joint = self.config.joint
        return joint is not None and self.step % joint.refit == 0

    @property
    def _changing(self) -> dict[str, nn.Module]:
        """All that a training changes, by name."""
        if self.config.joint is not None:
            return {"network": self.network, "mean": self.mean, "fitted": self.fitted}
        return {"network": _learned(self.network), "mean": _learned(self.mean)}

    def save(self, path: Path) -> None:
        """Write the state, or nothing.

        Raises
        ------
        OutputError
            If the file cannot be written; a file that was there is as before.
        """
        parts: dict[str, Any] = {
            "config": repr(self.config),
            **{name: module.state_dict() for name, module in self._changing.items()},
            "optimiser": self.optimiser.state_dict(),
            "counters": {"step": self.step, "seconds": self.seconds, "best": self.best},
        }
        with replacing(path) as temporary:
            torch.save(parts, temporary)

    def load(self, path: Path) -> None:
        """Go on where a saved training stood.

        Raises
        ------
        FrtmError
            If the file is damaged, or belongs to another recipe.
        """
        try:
            parts = torch.load(path, map_location=self.network.device, weights_only=True)
        except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
            raise FrtmError(f"{path} is damaged ({error}); start anew.") from error
        if parts["config"] != repr(self.config):
            raise FrtmError(
                f"The training in {path.parent} was begun with another recipe. "
                "Use that one to resume it, or another folder for a new one."
            )
        for name, module in self._changing.items():
            module.load_state_dict(parts[name])
        self.optimiser.load_state_dict(parts["optimiser"])
        self.step = parts["counters"]["step"]
        self.seconds = parts["counters"]["seconds"]
        self.best = parts["counters"]["best"]


class Log:
    """A CSV file with one row a step.

    Parameters
    ----------
    path : Path
        The file; what it says of later steps than `step` is removed, and a row that is cut off.
    step : int
        Where the training stands.
    """

    def __init__(self, path: Path, step: int) -> None:
        self.path = path
        kept: list[dict[str, str]] = []
        if step and path.is_file():
            with path.open(newline="") as file:
                rows = [row for row in csv.DictReader(file) if None not in row.values()]
            kept = [row for row in rows if int(row["step"] or 0) <= step]
        text = io.StringIO()
        writer = csv.DictWriter(text, [*TrainStep.__dataclass_fields__], lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept)
        write_bytes(path, text.getvalue().encode())

    def add(self, step: TrainStep) -> None:
        """Append a row."""
        values = asdict(step).values()
        row = [f"{v:.6g}" if isinstance(v, float) else v for v in values]
        with reporting(self.path), self.path.open("a", newline="") as file:
            csv.writer(file, lineterminator="\n").writerow(row)


def learning_rate(config: OptimiserConfig, progress: float) -> float:
    """Return the learning rate where this share of the training, in [0, 1], is done."""
    rate = config.learning_rate
    if progress < config.warm_up:
        return rate * max(progress / config.warm_up, 0.01)
    if config.schedule == "drop":
        return rate if progress < 2 / 3 else rate / 10
    return rate * (1 + math.cos(math.pi * min(progress, 1))) / 2


def _learned(network: FrtmNetwork) -> nn.Module:
    """Return what is trained beside the backbone: S, for Base net with its target encoder."""
    assert network.segmentation is not None
    if network.encoder is None:
        return network.segmentation
    return nn.ModuleList([network.segmentation, network.encoder])


def _optimiser(network: FrtmNetwork, config: TrainConfig) -> torch.optim.Optimizer:
    settings = config.optimiser
    kind = torch.optim.AdamW if settings.decoupled else torch.optim.Adam
    groups: list[dict[str, Any]] = [{"params": _learned(network).parameters(), "share": 1.0}]
    if config.joint is not None:
        groups.append({"params": network.backbone.parameters(), "share": config.joint.rate})
    return kind(
        groups, settings.learning_rate, betas=settings.betas, weight_decay=settings.weight_decay
    )
