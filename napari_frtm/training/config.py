"""Every number of a training, as frozen dataclasses; what a recipe file can set."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from napari_frtm.config import PRESETS, FrtmConfig, SegmentationConfig, Variant, check, preset
from napari_frtm.training.mixture import ClipConfig, CropConfig, DatasetConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimiserConfig:
    """Adam and its schedule (paper, section 3.3).

    Attributes
    ----------
    learning_rate : float
        The largest.
    schedule : str
        ``drop``: a tenth after two thirds, as in the paper; ``cosine``: down to zero.
    warm_up : float
        Share of the training during which the learning rate rises linearly.
    betas : tuple of float
        Decay rates of the moments.
    weight_decay : float
        Strength of the decay; decoupled from the gradient (AdamW) if `decoupled`.
    ema : float
        Decay of the running mean of the weights, which is what is validated and kept.
    """

    learning_rate: float = 1e-3
    schedule: Literal["drop", "cosine"] = "drop"
    warm_up: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 1e-5
    decoupled: bool = False
    ema: float = 0.999

    def __post_init__(self) -> None:
        check(self.learning_rate > 0, "learning_rate", "positive", self.learning_rate)
        check(0 <= self.warm_up < 1, "warm_up", "in [0, 1)", self.warm_up)
        check(0 <= self.ema < 1, "ema", "in [0, 1)", self.ema)


@dataclass(frozen=True, slots=True, kw_only=True)
class JointConfig:
    """Training the backbone beside S, which the paper does not do.

    Attributes
    ----------
    rate : float
        Its learning rate, relative to that of S.
    refit : int
        Steps after which target models are fitted anew, on the mean of its weights.
    """

    rate: float = 0.02
    refit: int = 500

    def __post_init__(self) -> None:
        check(self.rate > 0, "rate", "positive", self.rate)
        check(self.refit >= 1, "refit", "at least 1", self.refit)


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowsConfig:
    """Training in windows of a crop, as the network is used (`FrtmConfig.windows`).

    Attributes
    ----------
    margin : tuple of int
        Pixels around what the target model suspects, between these.
    least : tuple of int
        Pixels of a window's side at least, between these.
    """

    margin: tuple[int, int] = (32, 64)
    least: tuple[int, int] = (96, 320)

    def __post_init__(self) -> None:
        for name in ("margin", "least"):
            low, high = getattr(self, name)
            check(0 <= low <= high, name, "from low to high", (low, high))


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationConfig:
    """What the network is measured on while it learns; never trained on.

    Attributes
    ----------
    dataset : DatasetConfig
        Its first frames are the references.
    interval : int
        Steps between two measurements.
    every : int
        Frames between two that are measured.
    """

    dataset: DatasetConfig
    interval: int = 500
    every: int = 10

    def __post_init__(self) -> None:
        check(self.interval >= 1, "interval", "at least 1", self.interval)
        check(self.every >= 1, "every", "at least 1", self.every)
        check(self.dataset.kind != "images", "kind", "videos or stacks", self.dataset.kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """One complete recipe.

    Attributes
    ----------
    preset : str
        Setting of the method: backbone, target model, augmentation.
    segmentation : SegmentationConfig
        Widths of the network; one that starts from given weights has theirs.
    base_net : bool
        Train Base net of section 4.1: S with a target encoder in place of target models.
    joint : JointConfig or None
        How the backbone is trained as well; None leaves it frozen, as in the paper.
    windows : WindowsConfig or None
        How S learns in windows; None for whole crops. Its batch norms then keep their statistics.
    steps : int
        Optimiser steps; not looked at where a time budget is given.
    batch : int
        Samples at once, of `crop.frames` crops each.
    accumulate : int
        Batches of one optimiser step.
    dice : float
        Weight of the soft Dice loss beside the binary cross-entropy.
    outline : float
        Weight, beyond that of others, of pixels near an outline in the binary cross-entropy.
    bfloat16 : bool
        Mixed precision, where the device computes faster in it.
    workers : int
        Threads that make samples.
    checkpoint_interval : int
        Steps after which the state is saved.
    seed : int
        Of the first weights and of the samples.
    """

    preset: str = "lite"
    datasets: tuple[DatasetConfig, ...]
    validation: ValidationConfig | None = None
    segmentation: SegmentationConfig = field(default_factory=SegmentationConfig)
    clips: ClipConfig = field(default_factory=ClipConfig)
    crop: CropConfig = field(default_factory=CropConfig)
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    base_net: bool = False
    joint: JointConfig | None = None
    windows: WindowsConfig | None = None
    steps: int = 100_000
    batch: int = 8
    accumulate: int = 1
    dice: float = 0.0
    outline: float = 0.0
    bfloat16: bool = False
    workers: int = 1
    checkpoint_interval: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        check(self.preset in PRESETS, "preset", f"one of {', '.join(PRESETS)}", self.preset)
        check(bool(self.datasets), "datasets", "one or more", "none")
        if self.base_net and self.joint is not None:
            raise ValueError("joint needs target models, which base_net has not; leave one out.")
        if self.windows is not None and (self.base_net or self.joint is not None):
            raise ValueError("windows need target models and a frozen backbone; leave them out.")
        for name in ("teacher", "sketched"):
            if self.windows is None and any(getattr(each, name) for each in self.datasets):
                raise ValueError(f"{name} needs windows; add a table [windows] to the recipe.")
        for name in ("steps", "batch", "accumulate", "workers", "checkpoint_interval"):
            check(getattr(self, name) >= 1, name, "at least 1", getattr(self, name))

    @property
    def method(self) -> FrtmConfig:
        """The setting with which target models are fitted; local ones on frames as they are."""
        method = replace(preset(self.preset, Variant.D_ONLY), outlines=False)
        if method.locality is None:
            return method
        return replace(method, locality=replace(method.locality, scale=1.0))
