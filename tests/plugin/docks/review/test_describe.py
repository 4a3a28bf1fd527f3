"""What is known of a frame, in words."""

from __future__ import annotations

import numpy as np

from napari_frtm.plugin.docks.review.describe import describe
from napari_frtm.timeline import Timeline


def _timeline(length: int, objects: int) -> Timeline:
    """Return a timeline that is sure of all frames."""
    timeline = Timeline.empty(length)
    timeline.filled[:] = True
    for object_id in range(1, objects + 1):
        timeline.confidence[object_id] = np.ones(length, np.float32)
        timeline.area[object_id] = np.full(length, 1234, np.float32)
    return timeline


def test_what_is_known_of_a_frame() -> None:
    """In words."""
    timeline = _timeline(50, objects=2)
    timeline.keyframes.add(41)
    timeline.frozen[41] = True
    timeline.confidence[2][41] = 0.434
    timeline.confidence[1][41] = np.nan
    timeline.area[1][41] = np.nan
    timeline.filled[0] = False

    assert describe(timeline, 41) == (
        "Frame 41: keyframe, frozen; object 2: confidence 0.43, area 1,234 px"
    )
    assert describe(timeline, 7, 1) == "Frame 7: object 1: confidence 1.00, area 1,234 px"
    assert describe(timeline, 0, 9) == "Frame 0: no masks"


def test_of_many_objects_the_least_sure_are_told() -> None:
    """And how many there are besides."""
    timeline = _timeline(5, objects=30)
    timeline.confidence[17][2] = 0.2

    text = describe(timeline, 2)

    assert text.startswith("Frame 2: object 17: confidence 0.20")
    assert text.endswith("25 more objects")
