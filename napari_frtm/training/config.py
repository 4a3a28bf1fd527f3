"""Every number of a training, as frozen dataclasses; what a recipe file can set."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from napari_frtm.config import (
    PRESETS,
    TARGET_STRIDE,
    FrtmConfig,
    SegmentationConfig,
    Variant,
    preset,
)


def _check(valid: bool, name: str, expected: str, value: object) -> None:
    if not valid:
        raise ValueError(f"{name} must be {expected}, got {value}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetConfig:
    """One data set of the mixture.

    Attributes
    ----------
    kind : str
        ``videos``: folders in the layout of DAVIS or YouTube-VOS; ``images``: folders ``images``
        and ``masks``, from which clips are made; ``stacks``: folders with a ``video.tif``,
        ``labels.tif`` and, optionally, ``labelled_frames.txt``.
    path : str
        Folder below the data root.
    split : str
        Videos to use: a file below ``ImageSets`` without ``.txt``. All without it.
    names : tuple of str
        Videos to use, by name. All without it.
    weight : float
        How often it is drawn, relative to the others.
    references : int
        Reference frames of each video, evenly spaced from the first one on.
    limit : int
        Largest number of images, evenly spaced in the sorted list; 0 for all.
    short_side : int
        Images whose shorter side differs are scaled to it, pixels; 0 leaves them as they are.
    objects : int
        Largest number of objects of a reference frame, evenly spaced by id.
    smallest : float
        Objects that cover less of the reference frame are left out, as a fraction.
    intruders : float
        Share of the clips made of images in which another object comes by, before the target or
        behind it.
    """

    kind: Literal["videos", "images", "stacks"]
    path: str
    split: str = ""
    names: tuple[str, ...] = ()
    weight: float = 1.0
    references: int = 3
    limit: int = 0
    short_side: int = 0
    objects: int = 10
    smallest: float = 0.0005
    intruders: float = 0.5

    def __post_init__(self) -> None:
        _check(self.weight > 0, "weight", "positive", self.weight)
        _check(self.references >= 1, "references", "at least 1", self.references)
        _check(self.objects >= 1, "objects", "at least 1", self.objects)
        _check(0 <= self.intruders <= 1, "intruders", "in [0, 1]", self.intruders)


@dataclass(frozen=True, slots=True, kw_only=True)
class CropConfig:
    """Validation frames of a training sample: crops, as large for all data sets.

    Attributes
    ----------
    size : int
        Side, pixels, a multiple of 32.
    scale : tuple of float
        Range of the change of size.
    frames : int
        Validation frames of a sample; the paper uses 2.
    near : float
        Share of the crops placed around a pixel of the object; the others are anywhere.
    jitter : float
        Largest change of brightness and colour, as a fraction.
    disturbed : float
        Share of the samples whose scores are made worse, so that S learns to correct them.
    poor : float
        Share of the samples that use a poorly fitted target model.
    dropped : float
        Share of the feature channels that S does not see of a crop, so that it relies on the
        scores and not on what the objects of the training data look like.
    """

    size: int = 352
    scale: tuple[float, float] = (0.6, 1.3)
    frames: int = 2
    near: float = 0.9
    jitter: float = 0.1
    disturbed: float = 0.2
    poor: float = 0.1
    dropped: float = 0.0

    def __post_init__(self) -> None:
        _check(0 <= self.dropped < 1, "dropped", "in [0, 1)", self.dropped)
        _check(self.size > 0 and self.size % 32 == 0, "size", "a multiple of 32", self.size)
        _check(0 < self.scale[0] <= self.scale[1], "scale", "an increasing range", self.scale)
        _check(self.frames >= 1, "frames", "at least 1", self.frames)

    @property
    def scores(self) -> int:
        """Side of the coarse scores of a crop."""
        return self.size // TARGET_STRIDE


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
        _check(self.learning_rate > 0, "learning_rate", "positive", self.learning_rate)
        _check(0 <= self.warm_up < 1, "warm_up", "in [0, 1)", self.warm_up)
        _check(0 <= self.ema < 1, "ema", "in [0, 1)", self.ema)


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
        _check(self.rate > 0, "rate", "positive", self.rate)
        _check(self.refit >= 1, "refit", "at least 1", self.refit)


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
        _check(self.interval >= 1, "interval", "at least 1", self.interval)
        _check(self.every >= 1, "every", "at least 1", self.every)
        _check(self.dataset.kind != "images", "kind", "videos or stacks", self.dataset.kind)


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
    steps : int
        Optimiser steps; not looked at where a time budget is given.
    batch : int
        Samples at once, of `crop.frames` crops each.
    accumulate : int
        Batches of one optimiser step.
    dice : float
        Weight of the soft Dice loss beside the binary cross-entropy.
    bfloat16 : bool
        Mixed precision.
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
    crop: CropConfig = field(default_factory=CropConfig)
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    base_net: bool = False
    joint: JointConfig | None = None
    steps: int = 100_000
    batch: int = 8
    accumulate: int = 1
    dice: float = 0.0
    bfloat16: bool = False
    workers: int = 1
    checkpoint_interval: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        _check(self.preset in PRESETS, "preset", f"one of {', '.join(PRESETS)}", self.preset)
        _check(bool(self.datasets), "datasets", "one or more", "none")
        if self.base_net and self.joint is not None:
            raise ValueError("joint needs target models, which base_net has not; leave one out.")
        for name in ("steps", "batch", "accumulate", "workers", "checkpoint_interval"):
            _check(getattr(self, name) >= 1, name, "at least 1", getattr(self, name))

    @property
    def method(self) -> FrtmConfig:
        """The setting with which target models are fitted."""
        return preset(self.preset, Variant.D_ONLY)
