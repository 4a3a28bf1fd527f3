"""The strip along time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QColor, QHelpEvent, QMouseEvent
from qtpy.QtWidgets import QApplication, QToolTip

from napari_frtm.plugin.docks.review.describe import least_sure
from napari_frtm.plugin.docks.review.timeline import TimeStrip, confidence_colours
from napari_frtm.timeline import Timeline

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

DOUBT, SURE = 0.2, 1.0


def _timeline(length: int, objects: int = 2) -> Timeline:
    """Return a timeline that is sure of all frames."""
    timeline = Timeline.empty(length)
    timeline.filled[:] = True
    for object_id in range(1, objects + 1):
        timeline.confidence[object_id] = np.full(length, SURE, np.float32)
        timeline.area[object_id] = np.full(length, 1234, np.float32)
    return timeline


@pytest.fixture
def strip(qtbot: QtBot) -> TimeStrip:
    """Return a strip of 400 pixels."""
    strip = TimeStrip()
    qtbot.addWidget(strip)
    strip.resize(400, 120)
    return strip


def _show(strip: TimeStrip, timeline: Timeline) -> None:
    strip.show_timeline(timeline, range(timeline.length), {1: QColor("red"), 2: QColor("blue")})
    strip.resize(400, strip.sizeHint().height())


def _columns(strip: TimeStrip, row: int) -> list[QColor]:
    """Return the colours along the middle of a row; rows 0 and 1 are ruler and frames."""
    image = strip.grab().toImage()
    y = row * strip.row + strip.row // 2
    return [image.pixelColor(strip.scale.left + x, y) for x in range(strip.scale.width)]


def _is_orange(colour: QColor) -> bool:
    return bool(colour.red() > 150 and colour.blue() < 60)


@pytest.mark.parametrize("length", [2, 97, 3000, 100_000])
def test_one_doubtful_frame_is_seen(strip: TimeStrip, length: int) -> None:
    """However many frames share its column of pixels; in the row of its object alone."""
    timeline = _timeline(length)
    bad = length * 2 // 3
    timeline.confidence[2][bad] = DOUBT
    _show(strip, timeline)

    first, second = (_columns(strip, row) for row in (2, 3))

    orange = [x for x, colour in enumerate(second) if _is_orange(colour)]
    assert orange
    assert not any(_is_orange(colour) for colour in first)
    for x in orange:
        assert strip.frame_at(strip.scale.left + x, 3.5 * strip.row) == bad


def test_frames_without_prediction_have_no_colour(strip: TimeStrip) -> None:
    """They look like the empty track."""
    timeline = _timeline(10)
    timeline.confidence[1][:5] = np.nan
    timeline.filled[:5] = False
    _show(strip, timeline)
    strip.set_current(9)

    colours, frames = _columns(strip, 2), _columns(strip, 1)

    assert colours[60] != colours[-60]
    assert frames[60] == colours[60]
    assert frames[60] != frames[-60]


def test_frozen_frames_and_keyframes_are_marked(strip: TimeStrip) -> None:
    """In the row of the frames."""
    timeline = _timeline(20)
    _show(strip, timeline)
    plain = _columns(strip, 1)
    timeline.frozen[10:14] = True
    timeline.keyframes.add(5)

    _show(strip, timeline)

    frame = strip.scale.width // 20
    changed = [x // frame for x, c in enumerate(_columns(strip, 1)) if c != plain[x]]
    assert 5 in changed
    assert {10, 11, 12, 13} <= set(changed)
    assert not {0, 1, 2, 8, 17, 18} & set(changed)


def test_frames_outside_the_range_are_dimmed(strip: TimeStrip) -> None:
    """Those from In to Out are not."""
    timeline = _timeline(20)
    _show(strip, timeline)
    whole = _columns(strip, 2)

    strip.show_timeline(timeline, range(5, 15), {})

    part = _columns(strip, 2)
    frame = strip.scale.width // 20
    assert part[2 * frame] != whole[2 * frame]
    assert part[18 * frame] != whole[18 * frame]
    assert part[10 * frame] == whole[10 * frame]


def test_clicks_go_to_frames(strip: TimeStrip, qtbot: QtBot) -> None:
    """Without a button nothing happens."""
    _show(strip, _timeline(10))
    picked: list[int] = []
    strip.picked.connect(picked.append)
    places = [QPoint(round(strip.scale.x(f + 0.5)), strip.row + 3) for f in range(10)]

    qtbot.mouseMove(strip, places[1])
    qtbot.mousePress(strip, Qt.MouseButton.LeftButton, pos=places[3])
    assert picked == [3]
    qtbot.mouseRelease(strip, Qt.MouseButton.LeftButton, pos=places[3])
    qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, pos=places[7])

    assert picked == [3, 7]


def test_dragging_goes_along(strip: TimeStrip, qtbot: QtBot) -> None:
    """Frame by frame, each once, and not past the ends."""
    _show(strip, _timeline(4))
    picked: list[int] = []
    strip.picked.connect(picked.append)
    y = strip.row + 3
    strip.set_current(1)

    qtbot.mousePress(strip, Qt.MouseButton.LeftButton, pos=QPoint(round(strip.scale.x(1.5)), y))
    for x in (strip.scale.x(2.2), strip.scale.x(2.8), 5000, -50):
        _drag(strip, QPoint(round(x), y))

    assert picked == [2, 3, 0]


def _drag(strip: TimeStrip, place: QPoint) -> None:
    """Move the mouse with its button down, which qtbot does not."""
    left = Qt.MouseButton.LeftButton
    none = Qt.KeyboardModifier.NoModifier
    event = QMouseEvent(QEvent.Type.MouseMove, QPointF(place), QPointF(place), left, left, none)
    QApplication.sendEvent(strip, event)


def test_a_mark_is_the_way_to_its_keyframe(strip: TimeStrip) -> None:
    """Where many frames share a column of pixels; the ruler and the objects are exact."""
    timeline = _timeline(3000)
    timeline.keyframes |= {1503, 2999}
    _show(strip, timeline)
    x = strip.scale.x(1503.5) + 3
    column = strip.scale.at(x).start

    assert strip.frame_at(x, 1.5 * strip.row) == 1503
    assert strip.frame_at(x, 0.5 * strip.row) == column != 1503
    assert strip.frame_at(strip.scale.x(3000), 1.5 * strip.row) == 2999
    assert (
        strip.frame_at(strip.scale.x(700), 1.5 * strip.row)
        == strip.scale.at(strip.scale.x(700)).start
    )


def test_the_tooltip_tells_of_the_frame_under_the_mouse(strip: TimeStrip, qtbot: QtBot) -> None:
    """Of the object in whose row it is, or of all."""
    timeline = _timeline(10)
    timeline.confidence[2][6] = DOUBT
    _show(strip, timeline)
    strip.show()
    texts = []

    for row in (3, 1):
        place = QPoint(round(strip.scale.x(6.5)), round((row + 0.5) * strip.row))
        QApplication.sendEvent(strip, QHelpEvent(QEvent.Type.ToolTip, place, place))
        texts.append(QToolTip.text())

    assert texts[0] == "Frame 6: object 2: confidence 0.20, area 1,234 px"
    assert texts[1].startswith("Frame 6: object 1: confidence 1.00")


def test_a_strip_without_a_video_is_empty(strip: TimeStrip, qtbot: QtBot) -> None:
    """And clicks do nothing."""
    strip.show_timeline(None, range(0), {})

    with qtbot.assertNotEmitted(strip.picked):
        qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, pos=QPoint(200, 5))
    assert len({colour.rgb() for colour in _columns(strip, 0)}) == 1


def test_a_change_of_the_timeline_is_drawn(strip: TimeStrip) -> None:
    """When it is shown again; the picture is kept until then."""
    timeline = _timeline(10)
    _show(strip, timeline)
    _columns(strip, 2)
    timeline.confidence[1][:] = DOUBT

    _show(strip, timeline)

    assert _is_orange(_columns(strip, 2)[30])


def test_many_objects_leave_the_strip_low(strip: TimeStrip) -> None:
    """Only the least sure have rows, in order."""
    timeline = _timeline(5, objects=200)
    timeline.confidence[150][3] = DOUBT
    timeline.confidence[20][3] = DOUBT

    _show(strip, timeline)

    assert strip.sizeHint().height() == 12 * strip.row
    rows = [strip.object_at((row + 0.5) * strip.row) for row in range(2, 12)]
    assert {20, 150} <= set(rows)
    assert rows == sorted(rows)
    assert least_sure(timeline, 2, frame=3) == [20, 150]


def test_colours_tell_doubt_from_confidence() -> None:
    """Orange to blue, which colour-blind people tell apart as well; nothing for nothing."""
    doubt, sure, nothing = confidence_colours(np.array([0.0, 1.0, np.nan])).tolist()

    assert doubt == [0, 50, 190, 255]  # BGRA
    assert sure == [175, 120, 60, 255]
    assert nothing == [0, 0, 0, 0]
