"""What a user says of one frame without drawing the masks: strokes, points and boxes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_frtm.types import Box, Labels

NOT_IT = 255
"""Label of strokes that belong to no object; so no object of a sketch has this id."""

_POINT = 0.008
"""Radius of a point, as a part of the shorter side."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prompts:
    """What is known of one frame.

    Attributes
    ----------
    strokes : integer array of shape (H, W)
        Object ids where a user has drawn a stroke, `NOT_IT` where no object is, 0 where nothing is
        said.
    boxes : mapping of int to Box
        Boxes around whole objects, by id, pixels.
    """

    strokes: Labels
    boxes: Mapping[int, Box] = field(default_factory=dict)

    @property
    def object_ids(self) -> list[int]:
        """The objects that anything is said of."""
        drawn = set(ids_of(self.strokes)) - {NOT_IT}
        return sorted(drawn | set(self.boxes))

    @property
    def is_empty(self) -> bool:
        """Whether nothing is said at all."""
        return not self.boxes and not self.strokes.any()


def with_points(strokes: Labels, points: Sequence[tuple[float, float, int]]) -> Labels:
    """Return strokes with a small disc for each point.

    Parameters
    ----------
    strokes : integer array of shape (H, W)
        As in `Prompts`.
    points : sequence of (row, column, label)
        Pixels; object ids or `NOT_IT`.
    """
    drawn = np.array(strokes, np.int32)
    radius = max(1, round(_POINT * min(drawn.shape)))
    for row, column, label in points:
        cv2.circle(drawn, (round(column), round(row)), radius, int(label), cv2.FILLED)
    return drawn


def ids_of(labels: Labels) -> list[int]:
    """Return what is in a label image besides 0, sorted; much of it being 0, quickly."""
    return [int(i) for i in np.unique(labels[labels != 0])]
