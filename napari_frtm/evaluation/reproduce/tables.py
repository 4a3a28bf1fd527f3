"""Measured again, beside what the paper printed: tables and charts."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from napari_frtm.evaluation.charts import Chart, Series
from napari_frtm.evaluation.report import rows
from napari_frtm.evaluation.reproduce.experiments import TABLE_5, Experiment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_frtm.evaluation.reproduce.experiments import Setting
    from napari_frtm.evaluation.reproduce.runs import Measured

Results: TypeAlias = "Mapping[str, Mapping[str, Measured]]"
"""By setting and sequence."""

_NO = "-"
_STEPS = {
    "features": "4. Feature extraction",
    "segmentation": "6. Segmentation",
    "update": "9. Target model update",
    "other": "Other",
}


@dataclass(frozen=True, slots=True)
class Table:
    """Heads of the columns, and rows of as many cells."""

    heads: list[str]
    rows: list[list[str]]

    def as_csv(self) -> str:
        """Return it as CSV."""
        text = io.StringIO()
        csv.writer(text).writerows([self.heads, *self.rows])
        return text.getvalue()

    def as_markdown(self) -> str:
        """Return it as Markdown."""
        lines = [self.heads, ["---"] * len(self.heads), *self.rows]
        return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def tabulate(experiment: Experiment, settings: Sequence[Setting], results: Results) -> Table:
    """Return the table of an experiment.

    Parameters
    ----------
    experiment : Experiment
        Which one.
    settings : sequence of Setting
        All of its settings, in order.
    results : Results
        Of those that were run; the others have empty cells.
    """
    if experiment is Experiment.TABLE_5:
        return _shares(results[settings[0].name])
    if experiment.is_timing:
        return _times(settings, results)
    published = list(dict.fromkeys(column for s in settings for column in s.published))
    ticks = ["D", "S", "update"] if experiment is Experiment.TABLE_1 else []
    heads = ["", *ticks, *(f"{column}, paper" for column in published)]
    heads += ["J", "F", "J&F", "ms a frame"]
    lines = []
    for setting in settings:
        printed = [setting.published.get(column) for column in published]
        cells = [_NO if value is None else f"{value:.1f}" for value in printed]
        marks = _marks(setting) if ticks else []
        lines.append([setting.name, *marks, *cells, *_scores(results.get(setting.name))])
    return Table(heads, lines)


def charts(experiment: Experiment, settings: Sequence[Setting], results: Results) -> list[Chart]:
    """Return the charts of an experiment; none for most tables."""
    known = [s for s in settings if results.get(s.name)]
    if experiment in (Experiment.FIGURE_7, Experiment.FIGURE_8):
        return [_stacked(experiment, known, results)] if known else []
    if experiment is Experiment.TABLE_6:
        return [_curve("J and first samples", "|M0|", known, results)]
    if experiment is Experiment.FIGURE_9:
        titles = {"eta": "J and update rate", "t_s": "J and update interval"}
        labels = {"eta": "eta", "t_s": "t_s (frames)"}
        of_curves = {c: [s for s in known if s.curve == c] for c in titles}
        return [_curve(titles[c], labels[c], its, results) for c, its in of_curves.items() if its]
    return []


def _marks(setting: Setting) -> list[str]:
    """Return which parts run, as table 1 marks them."""
    variant = setting.config.variant
    there = (not variant.is_baseline, variant.refines, variant.updates)
    return ["x" if one else "" for one in there]


def _scores(results: Mapping[str, Measured] | None) -> list[str]:
    """Return J, F and J&F in per cent, and the time of a frame."""
    if not results:
        return [_NO] * 4
    row = rows({name: measured.scores for name, measured in results.items()})[-1]
    each = np.mean([np.mean(measured.seconds) for measured in results.values()])
    values = (row.jaccard, row.boundary_f, row.mean)
    return [*(f"{100 * value:.1f}" for value in values), f"{1000 * each:.0f}"]


def _parts(results: Mapping[str, Measured]) -> dict[str, float]:
    """Return the mean seconds of each part over the sequences."""
    each = [measured.parts for measured in results.values()]
    return {part: float(np.mean([parts[part] for parts in each])) for part in each[0]}


def _shares(results: Mapping[str, Measured]) -> Table:
    parts = _parts(results)
    whole = sum(parts.values())
    lines = [
        [
            _STEPS[part],
            f"{TABLE_5[part]:.1f}",
            f"{100 * seconds / whole:.1f}",
            f"{1000 * seconds:.1f}",
        ]
        for part, seconds in parts.items()
    ]
    return Table(["step", "per cent, paper", "per cent", "ms a frame"], lines)


def _times(settings: Sequence[Setting], results: Results) -> Table:
    known = [s for s in settings if results.get(s.name)]
    parts = {s.name: _parts(results[s.name]) for s in known}
    largest = sum(parts[known[-1].name].values())
    names = list(parts[known[0].name])
    lines = []
    for setting in known:
        its = parts[setting.name]
        whole = sum(its.values())
        cells = [f"{1000 * its[part]:.1f}" for part in names]
        lines.append([setting.name, *cells, f"{1000 * whole:.1f}", f"{whole / largest:.3f}"])
    return Table(["", *(f"{part} (ms)" for part in names), "all (ms)", "relative"], lines)


def _stacked(experiment: Experiment, settings: Sequence[Setting], results: Results) -> Chart:
    parts = {s.name: _parts(results[s.name]) for s in settings}
    largest = sum(parts[settings[-1].name].values())
    x = [s.x for s in settings]
    series = [
        Series(part, x, [parts[s.name][part] / largest for s in settings])
        for part in parts[settings[0].name]
    ]
    first = experiment is Experiment.FIGURE_7
    return Chart(
        title="Time of the first frame" if first else "Time of a frame",
        x_label="|M0|" if first else "K_max",
        y_label="relative to the largest",
        series=series,
        stacked=True,
    )


def _curve(title: str, label: str, settings: Sequence[Setting], results: Results) -> Chart:
    means = []
    for setting in settings:
        scores = {name: measured.scores for name, measured in results[setting.name].items()}
        means.append(100 * rows(scores)[-1].jaccard)
    series = [Series("J", [s.x for s in settings], means)]
    return Chart(title=title, x_label=label, y_label="mean J (per cent)", series=series)
