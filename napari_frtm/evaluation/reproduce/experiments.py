"""What the paper measured: the settings of each table and figure, and its own numbers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from napari_frtm.config import Variant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_frtm.config import FrtmConfig

FRTM, BASE_NET = "frtm", "base-net"
"""Names of the weights that settings run with; trainings of table 4 are named by their shares."""

SHARES = {"100 %": 1.0, "50 %": 0.5, "25 %": 0.25}
"""Shares of the training data of table 4."""


class Experiment(StrEnum):
    """A table or figure of the paper."""

    TABLE_1 = "table1"
    TABLE_4 = "table4"
    TABLE_5 = "table5"
    TABLE_6 = "table6"
    FIGURE_7 = "figure7"
    FIGURE_8 = "figure8"
    FIGURE_9 = "figure9"

    @property
    def is_timing(self) -> bool:
        """Whether it is about where the time goes, not about masks."""
        return self in (Experiment.TABLE_5, Experiment.FIGURE_7, Experiment.FIGURE_8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One row of a table, or one point of a figure.

    Attributes
    ----------
    name : str
        Unique in its experiment.
    config : FrtmConfig
        What runs.
    weights : str
        What the network is loaded from: `FRTM`, `BASE_NET`, or a share of the training data.
    curve : str
        The curve that a point belongs to.
    x : float
        Where on it.
    published : mapping of str to float
        The paper's numbers, per cent, by column.
    """

    name: str
    config: FrtmConfig
    weights: str = FRTM
    curve: str = ""
    x: float = 0.0
    published: Mapping[str, float] = field(default_factory=dict)


_TABLE_1 = {
    Variant.BASE_NET: ("Base net", 49.8),
    Variant.FINE_TUNING: ("F.-T.", 58.9),
    Variant.D_ONLY_NO_UPDATE: ("D-only - no update", 58.3),
    Variant.D_ONLY: ("D-only", 59.6),
    Variant.FULL_NO_UPDATE: ("Ours - no update", 67.9),
    Variant.FULL: ("Ours", 71.4),
}
_TABLE_4_COLUMNS = ("G", "J seen", "J unseen", "F seen", "F unseen")
_TABLE_4 = {
    "100 %": (72.1, 72.3, 65.9, 76.2, 74.1),
    "50 %": (70.6, 71.4, 63.7, 75.5, 71.8),
    "25 %": (66.7, 69.7, 58.5, 73.0, 65.6),
    "0 % (D-only)": (59.9, 60.1, 57.0, 58.6, 63.8),
}
TABLE_5 = {"features": 24.0, "segmentation": 10.0, "update": 65.5, "other": 0.6}
"""The paper's per cent of the time of a frame, by part."""
_TABLE_6 = {1: (71.5, 69.4), 5: (71.4, 73.8), 10: (71.2, 72.6), 20: (71.4, 73.1)}
_FIGURE_7 = (1, 5, 10, 15, 20)
_FIGURE_8 = (21, 40, 60, 80)
_RATES = (0.02, 0.05, 0.1, 0.2, 0.4)
_INTERVALS = (1, 2, 4, 8, 16, 32)
_LARGEST = 20  # first samples, where their number is fixed


def settings(experiment: Experiment, base: FrtmConfig) -> list[Setting]:
    """Return the settings of an experiment, in the order of the paper.

    Parameters
    ----------
    experiment : Experiment
        A table or figure.
    base : FrtmConfig
        What they differ from; objects may be anywhere in the next frame, as in the paper.
    """
    base = replace(base, leap=None, outlines=False, locality=None, variant=Variant.FULL)
    if experiment is Experiment.TABLE_1:
        return [
            Setting(
                name=name,
                config=replace(base, variant=variant),
                weights=BASE_NET if variant is Variant.BASE_NET else FRTM,
                published={"J": j},
            )
            for variant, (name, j) in _TABLE_1.items()
        ]
    if experiment is Experiment.TABLE_4:
        return [
            Setting(
                name=name,
                config=base if name in SHARES else replace(base, variant=Variant.D_ONLY),
                weights=name if name in SHARES else FRTM,
                published=dict(zip(_TABLE_4_COLUMNS, values, strict=True)),
            )
            for name, values in _TABLE_4.items()
        ]
    if experiment is Experiment.TABLE_5:
        return [Setting(name="share of the time", config=base)]
    if experiment is Experiment.TABLE_6:
        return [
            Setting(
                name=f"{count} samples",
                config=_with_samples(base, count),
                x=count,
                published={"J (yt, ytv)": yt, "J (yt+dv, dvv)": dv},
            )
            for count, (yt, dv) in _TABLE_6.items()
        ]
    return _points(experiment, base)


def _points(experiment: Experiment, base: FrtmConfig) -> list[Setting]:
    """Return the points of a figure."""
    if experiment is Experiment.FIGURE_7:
        return [
            Setting(name=f"{count} samples", config=_with_samples(base, count), x=count)
            for count in _FIGURE_7
        ]
    if experiment is Experiment.FIGURE_8:
        fixed = _with_samples(base, _LARGEST)
        return [
            Setting(name=f"{size} frames", config=_with_memory(fixed, capacity=size), x=size)
            for size in _FIGURE_8
        ]
    rates = [
        Setting(
            name=f"eta {rate:g}", config=_with_memory(base, learning_rate=rate), curve="eta", x=rate
        )
        for rate in _RATES
    ]
    intervals = [
        Setting(name=f"t_s {n}", config=replace(base, update_interval=n), curve="t_s", x=n)
        for n in _INTERVALS
    ]
    return rates + intervals


def _with_samples(config: FrtmConfig, count: int) -> FrtmConfig:
    return replace(config, augmentation=replace(config.augmentation, samples=count))


def _with_memory(
    config: FrtmConfig, *, capacity: int | None = None, learning_rate: float | None = None
) -> FrtmConfig:
    memory = config.memory
    capacity = memory.capacity if capacity is None else capacity
    rate = memory.learning_rate if learning_rate is None else learning_rate
    return replace(config, memory=replace(memory, capacity=capacity, learning_rate=rate))
