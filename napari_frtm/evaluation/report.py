"""Scores of a benchmark as tables, as curves, and as pictures of the worst and best frames."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_frtm.evaluation.charts import Chart, Series, to_svg
from napari_frtm.evaluation.statistics import Statistics
from napari_frtm.io.export.overlay import contact_sheet, overlay, to_uint8
from napari_frtm.io.labels import read_labels
from napari_frtm.io.video.images.image import read_image
from napari_frtm.io.video.images.numbering import find_images
from napari_frtm.types import BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_frtm.evaluation.davis import Sequence
    from napari_frtm.evaluation.metrics import ObjectScores
    from napari_frtm.evaluation.trust import Trust

    Scores = Mapping[str, Mapping[int, ObjectScores]]
    """By sequence and object."""


_MEASURES = ("J", "F", "J recall", "J decay", "F recall", "F decay")
_MOST_CURVES = 36


@dataclass(frozen=True, slots=True)
class Row:
    """Statistics of a sequence, or of all: over the frames, then their means over the objects."""

    name: str
    objects: int
    j: Statistics
    f: Statistics

    @property
    def jaccard(self) -> float:
        """Mean J, in [0, 1]."""
        return self.j.mean

    @property
    def boundary_f(self) -> float:
        """Mean F, in [0, 1]."""
        return self.f.mean

    @property
    def values(self) -> tuple[float, ...]:
        """J&F, then all measures in the order of the tables."""
        j, f = self.j, self.f
        return (self.mean, j.mean, f.mean, j.recall, j.decay, f.recall, f.decay)

    @property
    def mean(self) -> float:
        """J&F."""
        return (self.jaccard + self.boundary_f) / 2


def rows(scores: Scores) -> list[Row]:
    """Return a row for each sequence, then one for the mean over all objects, as DAVIS has it."""
    table = [_row(name, list(objects.values())) for name, objects in scores.items()]
    every = [s for objects in scores.values() for s in objects.values()]
    return [*table, _row("mean", every)]


def as_csv(table: list[Row], trust: Trust | None = None) -> str:
    """Return the rows as CSV, six digits; with the rank correlation of confidence, if given."""
    text = io.StringIO()
    writer = csv.writer(text)
    more = ["rank correlation"] if trust else []
    writer.writerow(["sequence", "objects", "J&F", *_MEASURES, *more])
    for row in table:
        values = [*row.values]
        if trust:
            values.append(trust.sequences.get(row.name, trust.mean))
        writer.writerow([row.name, row.objects, *(f"{v:.6f}" for v in values)])
    return text.getvalue()


def as_markdown(table: list[Row], trust: Trust | None = None) -> str:
    """Return the rows as a Markdown table, three digits, and what confidence is worth below it."""
    heads = ["sequence", "objects", "J&F", *_MEASURES]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for row in table:
        cells = " | ".join(f"{value:.3f}" for value in row.values)
        lines.append(f"| {row.name} | {row.objects} | {cells} |")
    if trust:
        lines += [
            "",
            "Rank correlation of confidence with J (Spearman): "
            f"{trust.pooled:.3f} pooled, {trust.mean:.3f} mean of sequences.",
        ]
    return "\n".join(lines) + "\n"


def as_toolkit(scores: Scores) -> tuple[str, str]:
    """Return the tables of the DAVIS 2017 toolkit as CSV: of all objects, and of each one."""
    row = rows(scores)[-1]
    j, f = row.j, row.f
    values = (row.mean, j.mean, j.recall, j.decay, f.mean, f.recall, f.decay)
    heads = "J&F-Mean,J-Mean,J-Recall,J-Decay,F-Mean,F-Recall,F-Decay"
    lines = ["Sequence,J-Mean,F-Mean"]
    for name, objects in scores.items():
        for i, its in objects.items():
            means = np.mean(its.jaccard), np.mean(its.boundary_f)
            lines.append(f"{name}_{i},{means[0]:.3f},{means[1]:.3f}")
    return f"{heads}\n{','.join(f'{v:.3f}' for v in values)}\n", "\n".join(lines) + "\n"


def curves(scores: Scores) -> str:
    """Return J over time as SVG, a chart for each sequence, those of lowest J first."""
    table = sorted(rows(scores)[:-1], key=lambda row: row.jaccard)
    charts = []
    for row in table[:_MOST_CURVES]:
        objects = scores[row.name]
        length = max(len(its.jaccard) for its in objects.values())
        series = [
            Series(f"object {i}", range(length - len(its.jaccard), length), its.jaccard)
            for i, its in objects.items()
        ]
        title = f"{row.name}: J {row.jaccard:.3f}"
        charts.append(
            Chart(title=title, x_label="frame", y_label="J", series=series, limits=(0, 1.02))
        )
    return to_svg(charts)


def extreme_frames(
    scores: Scores,
    sequences: list[Sequence],
    masks: Path,
    *,
    best: bool = False,
    count: int = 12,
    each: int = 2,
) -> NDArray[np.uint8]:
    """Return a sheet with the frames of lowest or highest J, at most `each` of a sequence.

    Parameters
    ----------
    scores : mapping
        By sequence and object.
    sequences : list of Sequence
        The same sequences.
    masks : Path
        Folder with a folder of label images for each sequence.
    best : bool
        The highest, first, in place of the lowest.
    count, each : int
        Frames in all, and of one sequence.
    """
    found: list[tuple[float, Sequence, int]] = []
    for sequence in sequences:
        objects = scores[sequence.name].values()
        length = max(len(s.jaccard) for s in objects)
        overlaps = [
            float(np.mean([s.jaccard[t - length] for s in objects if len(s.jaccard) >= length - t]))
            for t in range(length)
        ]
        found += [
            (overlaps[t], sequence, len(sequence.counted) - length + t)
            for t in _spread(overlaps, each, best=best)
        ]
    found = sorted(found, key=lambda one: one[0], reverse=best)[:count]
    pictures = [_picture(sequence, t, masks) for _, sequence, t in found]
    captions = [f"{s.name} {s.truth[t].stem}   J {j:.2f}" for j, s, t in found]
    return contact_sheet(pictures, captions)


def _row(name: str, objects: list[ObjectScores]) -> Row:
    j = Statistics.mean_of([Statistics.of(s.jaccard) for s in objects])
    f = Statistics.mean_of([Statistics.of(s.boundary_f) for s in objects])
    return Row(name, len(objects), j, f)


def _spread(overlaps: list[float], each: int, *, best: bool) -> list[int]:
    """Return the places of extreme values, none within a tenth of the video of another."""
    chosen: list[int] = []
    for t in np.argsort(-np.array(overlaps) if best else overlaps, kind="stable").tolist():
        if len(chosen) < each and all(abs(t - c) > len(overlaps) / 10 for c in chosen):
            chosen.append(t)
    return chosen


def _picture(sequence: Sequence, t: int, masks: Path) -> NDArray[np.uint8]:
    truth = sequence.truth[t]
    image = next(p for p in find_images(sequence.images) if p.stem == truth.stem)
    labels = read_labels(masks / sequence.name / truth.name)
    return overlay(to_uint8(read_image(image), BYTES), labels)
