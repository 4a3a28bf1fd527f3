"""Every number of the method, as frozen dataclasses; the only home of a default."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

BACKBONES = ("resnet18", "resnet50", "resnet101", "mobilenet_v2")
TARGET_STRIDE = 16
"""Pixels between two scores of the target model (paper, section 3.5)."""


def check(valid: bool, name: str, expected: str, value: object) -> None:
    """Refuse a value, saying what is expected."""
    if not valid:
        raise ValueError(f"{name} must be {expected}, got {value}.")


class Direction(StrEnum):
    """Which way an annotation is carried through the video."""

    FORWARD = "forward"
    BACKWARD = "backward"
    BOTH = "both"


class Variant(StrEnum):
    """Which parts of the method run (paper, section 4.1, table 1), in the order of the table.

    ``base-net`` has a learned target encoder in place of the target model D; ``fine-tuning``
    trains D and S together on the first frame, by gradient descent.
    """

    BASE_NET = "base-net"
    FINE_TUNING = "fine-tuning"
    D_ONLY_NO_UPDATE = "d-only-no-update"
    D_ONLY = "d-only"
    FULL_NO_UPDATE = "full-no-update"
    FULL = "full"

    @property
    def refines(self) -> bool:
        """Whether the segmentation network S refines the coarse scores."""
        return self not in (Variant.D_ONLY, Variant.D_ONLY_NO_UPDATE)

    @property
    def updates(self) -> bool:
        """Whether the target model learns from its own predictions."""
        return self in (Variant.FULL, Variant.D_ONLY)

    @property
    def is_baseline(self) -> bool:
        """Whether it is one of the two methods that the paper compares its own with."""
        return self in (Variant.BASE_NET, Variant.FINE_TUNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetConfig:
    """Target model D and its optimisation (paper, sections 3.1 and 3.5).

    Attributes
    ----------
    channels : int
        Channels c after the projection w1.
    kappa_min : float
        Least influence of the target pixels, eq. (4), in (0, 1).
    regularisation : tuple of float
        Square roots of lambda for w1 and w2, eq. (2); they precondition CG as well.
    cg_steps : tuple of int
        CG steps of each Gauss-Newton step on the first frame: (N_CGi, N_CG, N_CG, ...).
    update_cg_steps : int
        CG steps N_CGu of an update.
    whitening : bool
        Whether updates take what the channels have in common out of the way of CG, so that a few
        steps do for many; not in the paper. Never used where objects are looked for locally: among
        look-alikes, models that learn slowly keep to their objects for longer.
    """

    channels: int = 96
    kappa_min: float = 0.1
    regularisation: tuple[float, float] = (1e-4, 1e-2)
    cg_steps: tuple[int, ...] = (5, 10, 10, 10, 10)
    update_cg_steps: int = 10
    whitening: bool = False

    def __post_init__(self) -> None:
        check(self.channels >= 1, "channels", "at least 1", self.channels)
        check(0 < self.kappa_min < 1, "kappa_min", "in (0, 1)", self.kappa_min)
        check(min(self.regularisation) > 0, "regularisation", "positive", self.regularisation)
        check(min(self.cg_steps, default=0) > 0, "cg_steps", "positive", self.cg_steps)
        check(self.update_cg_steps >= 1, "update_cg_steps", "at least 1", self.update_cg_steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryConfig:
    """Sample memory of one target model (paper, section 3.4).

    Attributes
    ----------
    capacity : int
        Largest number of samples K_max.
    learning_rate : float
        Update rate eta, in (0, 1): the share of a new sample.
    drawn : float
        Least share of what the user drew, in [0, 1); 0 as in the paper, where it fades.
    """

    capacity: int = 80
    learning_rate: float = 0.1
    drawn: float = 0.0

    def __post_init__(self) -> None:
        check(self.capacity >= 2, "capacity", "at least 2", self.capacity)
        check(0 < self.learning_rate < 1, "learning_rate", "in (0, 1)", self.learning_rate)
        check(0 <= self.drawn < 1, "drawn", "in [0, 1)", self.drawn)


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentationConfig:
    """Initial sample generation (paper, supplement, section 6).

    Attributes
    ----------
    samples : int
        Samples of the first frame in all: the frame itself and `samples` - 1 altered copies.
    rotation : float
        Largest rotation of the target, degrees.
    scale : tuple of float
        Range of the target's change of size.
    shear : float
        Largest shear, as a fraction.
    shift : float
        Largest displacement, as a fraction of the image size.
    blur : float
        Largest standard deviation of the Gaussian blur of the pasted target, pixels.
    inpaint_radius : float
        Neighbourhood of the inpainting, pixels.
    """

    samples: int = 5
    rotation: float = 20.0
    scale: tuple[float, float] = (0.8, 1.25)
    shear: float = 0.1
    shift: float = 0.15
    blur: float = 1.5
    inpaint_radius: float = 3.0

    def __post_init__(self) -> None:
        check(self.samples >= 1, "samples", "at least 1", self.samples)
        low, high = self.scale
        check(0 < low <= high, "scale", "an increasing positive range", self.scale)


@dataclass(frozen=True, slots=True, kw_only=True)
class FineTuningConfig:
    """First-frame fine-tuning, the variant ``fine-tuning`` (paper, section 4.1).

    Attributes
    ----------
    samples : int
        The first frame and its altered copies, in all.
    iterations : int
        Steps of Adam.
    batch : int
        Samples of a step.
    learning_rate : float
        Of Adam; the paper does not say which. This is that of the offline training.
    """

    samples: int = 20
    iterations: int = 100
    batch: int = 4
    learning_rate: float = 1e-3

    def __post_init__(self) -> None:
        for name in ("samples", "iterations", "batch"):
            check(getattr(self, name) >= 1, name, "at least 1", getattr(self, name))
        check(self.learning_rate > 0, "learning_rate", "positive", self.learning_rate)

    def augmentation(self, config: AugmentationConfig) -> AugmentationConfig:
        """Return how the samples are made: as for the target model, but as many as here."""
        return replace(config, samples=self.samples)


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentationConfig:
    """Segmentation network S (paper, section 3.2).

    Attributes
    ----------
    channels : tuple of int
        Width of the levels at strides 4, 8, 16 and 32.
    """

    channels: tuple[int, int, int, int] = (64, 64, 64, 64)

    def __post_init__(self) -> None:
        check(min(self.channels) >= 1, "channels", "positive", self.channels)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalityConfig:
    """Looking for objects only near where they were last seen; not in the paper.

    Attributes
    ----------
    reach : float
        How far from its last mask an object is looked for, in its sizes: square roots of its area.
    growth : float
        Share by which the reach grows with each frame in which the object was not seen.
    size : float
        Frames are enlarged until objects typically have this size, pixels.
    enlarge, pixels : float
        Enlargement, and pixels of an enlarged frame, at most.
    scale : float or None
        Working size of the frames over their own; None to choose it from the annotations.
    """

    reach: float = 0.4
    growth: float = 0.1
    size: float = 80.0
    enlarge: float = 4.0
    pixels: float = 1e6
    scale: float | None = None

    def __post_init__(self) -> None:
        least = min(self.reach, self.size, self.pixels, 1 if self.scale is None else self.scale)
        check(least > 0, "reach, size, pixels and scale", "positive", least)
        check(self.growth >= 0, "growth", "at least 0", self.growth)
        check(self.enlarge >= 1, "enlarge", "at least 1", self.enlarge)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrtmConfig:
    """One complete setting of the method.

    Attributes
    ----------
    backbone : str
        ``resnet18``, ``resnet50``, ``resnet101`` or ``mobilenet_v2``.
    locality : LocalityConfig or None
        How near to its last place an object is looked for; None for everywhere, as in the paper.
    leap : float or None
        How far from its last mask an object may be in the next frame, in its sizes: what is found
        farther away is dropped, unless nothing is found nearer. None to keep it, as in the paper.
    windows : bool
        Whether the segmentation network looks only at a window around what the target model
        suspects and the last mask, and what is altered on the first frame goes through the
        backbone in one; False for whole frames, as in the paper. On a GPU the segmentation network
        looks at whole frames all the same, several at once.
    outlines : bool
        Whether a network of its own corrects the outlines of masks by the edges and colours of
        the frame; False to keep them as they are, as in the paper.
    update_interval : int
        Frames t_s between two updates of the target models.
    short_side : int
        Working resolution: frames are scaled until their shorter side has this many pixels.
    enlarge : float
        How many times larger than they are frames are made for that, at most; 1 as in the paper.
    seed : int
        Of the initial weights and of the augmentation.
    weights : str
        Name of the embedded segmentation network; empty for that of the backbone, if there is one.
    """

    backbone: str = "resnet101"
    variant: Variant = Variant.FULL
    target: TargetConfig = field(default_factory=TargetConfig)
    memory: MemoryConfig = field(default_factory=MemoryConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    fine_tuning: FineTuningConfig = field(default_factory=FineTuningConfig)
    locality: LocalityConfig | None = None
    leap: float | None = 0.5
    windows: bool = False
    outlines: bool = False
    update_interval: int = 8
    short_side: int = 480
    enlarge: float = 1.0
    seed: int = 0
    weights: str = ""

    def __post_init__(self) -> None:
        check(self.backbone in BACKBONES, "backbone", f"one of {BACKBONES}", self.backbone)
        check(self.leap is None or self.leap > 0, "leap", "positive", self.leap)
        check(self.update_interval >= 1, "update_interval", "at least 1", self.update_interval)
        check(self.short_side >= 32, "short_side", "at least 32 pixels", self.short_side)
        check(self.enlarge >= 1, "enlarge", "at least 1", self.enlarge)
        check(
            self.memory.capacity > self.augmentation.samples,
            "memory.capacity",
            "larger than augmentation.samples",
            self.memory.capacity,
        )

    @property
    def learning(self) -> TargetConfig:
        """How target models are optimised, locality considered."""
        return replace(self.target, whitening=self.target.whitening and self.locality is None)

    def scale(self, size: tuple[int, int]) -> float:
        """Return the working size of frames of this size (H, W), pixels, over their own."""
        if self.locality and self.locality.scale:
            return self.locality.scale
        return min(self.enlarge, self.short_side / min(size))


@dataclass(frozen=True, slots=True, kw_only=True)
class SketchConfig:
    """Masks of one frame from a few strokes; not in the paper.

    Attributes
    ----------
    share : float
        The part of the weights that strokes on the object have; the background has the rest.
    prior : float
        The part of the background's weights that pixels far from a single stroke have; it fades
        with the square of the number of strokes.
    near : float
        Where far begins: this part of the frame's shorter side is half way.
    cg_steps : tuple of int
        As of `TargetConfig`; fewer, for more of them fit a few strokes too well.
    repeats : int
        How often the target model is fitted again on the answer.
    answer, before, box : float
        The part of all weights that the answer has when that is done, that masks have which are
        corrected, and that a box has beside strokes.
    band : float
        How far outlines may be wrong that are to be tidied, in sizes of the object.
    """

    share: float = 0.5
    prior: float = 0.5
    near: float = 0.5
    cg_steps: tuple[int, ...] = (5, 10)
    repeats: int = 1
    answer: float = 0.5
    before: float = 0.5
    box: float = 0.3
    band: float = 0.1

    def __post_init__(self) -> None:
        for name in ("share", "answer", "before", "box"):
            check(0 < getattr(self, name) < 1, name, "in (0, 1)", getattr(self, name))
        check(0 <= self.prior < 1, "prior", "in [0, 1)", self.prior)
        check(min(self.near, self.band) > 0, "near and band", "positive", (self.near, self.band))
        check(min(self.cg_steps, default=0) > 0, "cg_steps", "positive", self.cg_steps)
        check(self.repeats >= 0, "repeats", "at least 0", self.repeats)


_LITE = FrtmConfig(
    backbone="mobilenet_v2",
    target=TargetConfig(channels=64, update_cg_steps=4, whitening=True),
    memory=MemoryConfig(capacity=32, drawn=0.25),
    windows=True,
    outlines=True,
    update_interval=2,
    short_side=600,
    enlarge=1.25,
)
_PRESETS = {
    "lite": _LITE,
    "cells": replace(_LITE, locality=LocalityConfig(), weights="cells"),
    "fast": FrtmConfig(
        backbone="resnet18", target=TargetConfig(cg_steps=(5, 10, 10, 10), update_cg_steps=5)
    ),
    "accurate": FrtmConfig(backbone="resnet101"),
}
PRESETS = tuple(_PRESETS)


def preset(name: str, variant: Variant | str = Variant.FULL) -> FrtmConfig:
    """Return a preset by its name, for a variant of the method.

    ``accurate`` and ``fast`` are the paper's *Ours* and *Ours-fast* (section 3.5), but for `leap`;
    ``lite`` runs with the embedded weights, without network and GPU; ``cells`` does as well, with
    a segmentation network for microscopy, and looks for objects only near their last place.

    Raises
    ------
    ValueError
        If there is no such preset or variant.
    """
    if name not in PRESETS:
        raise ValueError(f"There is no preset '{name}'; choose one of {', '.join(PRESETS)}.")
    return replace(_PRESETS[name], variant=Variant(variant))
