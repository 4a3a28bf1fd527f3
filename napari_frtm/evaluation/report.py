"""Scores of a benchmark as CSV, as Markdown, and as pictures of the worst and best frames."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_frtm.io.export.overlay import contact_sheet, overlay, to_uint8
from napari_frtm.io.labels import read_labels
from napari_frtm.io.video.image import read_image
from napari_frtm.io.video.numbering import find_images

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_frtm.evaluation.davis import Sequence
    from napari_frtm.evaluation.metrics import ObjectScores
    from napari_frtm.evaluation.trust import Trust

    Scores = Mapping[str, Mapping[int, ObjectScores]]
    """By sequence and object."""


@dataclass(frozen=True, slots=True)
class Row:
    """Means of a sequence, or of all: over the frames, then over the objects, in [0, 1]."""

    name: str
    objects: int
    jaccard: float
    boundary_f: float

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
    writer.writerow(["sequence", "objects", "J&F", "J", "F", *(["rank correlation"] * bool(trust))])
    for row in table:
        values = [row.mean, row.jaccard, row.boundary_f]
        if trust:
            values.append(trust.sequences.get(row.name, trust.mean))
        writer.writerow([row.name, row.objects, *(f"{v:.6f}" for v in values)])
    return text.getvalue()


def as_markdown(table: list[Row], trust: Trust | None = None) -> str:
    """Return the rows as a Markdown table, three digits, and what confidence is worth below it."""
    lines = ["| sequence | objects | J&F | J | F |", "|---|---|---|---|---|"]
    lines += [
        f"| {r.name} | {r.objects} | {r.mean:.3f} | {r.jaccard:.3f} | {r.boundary_f:.3f} |"
        for r in table
    ]
    if trust:
        lines += [
            "",
            "Rank correlation of confidence with J (Spearman): "
            f"{trust.pooled:.3f} pooled, {trust.mean:.3f} mean of sequences.",
        ]
    return "\n".join(lines) + "\n"


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
        # the last frame is not scored
        found += [
            (overlaps[t], sequence, len(sequence.truth) - 1 - length + t)
            for t in _spread(overlaps, each, best=best)
        ]
    found = sorted(found, key=lambda one: one[0], reverse=best)[:count]
    pictures = [_picture(sequence, t, masks) for _, sequence, t in found]
    captions = [f"{s.name} {s.truth[t].stem}   J {j:.2f}" for j, s, t in found]
    return contact_sheet(pictures, captions)


def _row(name: str, objects: list[ObjectScores]) -> Row:
    j = float(np.mean([np.mean(s.jaccard) for s in objects]))
    f = float(np.mean([np.mean(s.boundary_f) for s in objects]))
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
    return overlay(to_uint8(read_image(image), (0, 255)), labels)
