"""What is known of a frame, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari_frtm.timeline import Timeline

_TOLD = 5  # objects in one text


def describe(timeline: Timeline, frame: int, object_id: int | None = None) -> str:
    """Return what is known of a frame, and there of one object or of all."""
    marks = {
        "keyframe": frame in timeline.keyframes,
        "frozen": timeline.frozen[frame],
        "no masks": not timeline.filled[frame],
    }
    parts = [", ".join(mark for mark, there in marks.items() if there)]
    ids = least_sure(timeline, _TOLD, frame) if object_id is None else [object_id]
    for known in ids:
        of_object = []
        if known in timeline.confidence and not np.isnan(timeline.confidence[known][frame]):
            of_object.append(f"confidence {timeline.confidence[known][frame]:.2f}")
        if known in timeline.area and not np.isnan(timeline.area[known][frame]):
            of_object.append(f"area {timeline.area[known][frame]:,.0f} px")
        if of_object:
            parts.append(f"object {known}: {', '.join(of_object)}")
    if object_id is None and len(timeline.object_ids) > len(ids):
        parts.append(f"{len(timeline.object_ids) - len(ids)} more objects")
    return f"Frame {frame}: {'; '.join(part for part in parts if part)}"


def least_sure(timeline: Timeline, most: int, frame: int | None = None) -> list[int]:
    """Return up to `most` objects, of more those of least confidence, anywhere or on a frame."""
    ids = timeline.object_ids
    if len(ids) <= most:
        return ids
    where = slice(None) if frame is None else slice(frame, frame + 1)
    lowest = {i: np.fmin.reduce(timeline.confidence[i][where]) for i in timeline.confidence}
    return sorted(ids, key=lambda i: np.nan_to_num(lowest.get(i, np.nan), nan=2.0))[:most]
