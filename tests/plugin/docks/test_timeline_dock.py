"""The dock *Timeline*: zoom, In and Out, playback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication, QDockWidget

from napari_frtm.plugin.docks.timeline import Timeline
from napari_frtm.plugin.source.axes import VideoAxes
from napari_frtm.plugin.view import playback
from napari_frtm.plugin.view.workspace_view import workspace_view

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot

    from napari_frtm.plugin.docks.review.timeline import TimeStrip
    from napari_frtm.plugin.view.session_view import SessionView

T, H, W = 20, 16, 24


@pytest.fixture
def view(make_napari_viewer: Callable[[], Viewer]) -> Iterator[SessionView]:
    """Return a view of a video with masks."""
    viewer = make_napari_viewer()
    video = viewer.add_image(np.zeros((T, H, W), np.uint8), name="clip", metadata={"fps": 50.0})
    view = workspace_view(viewer).open(video, VideoAxes())
    for frame in range(T):
        view.session.store.put(frame, np.ones((H, W), np.uint8))
        view.session.timeline.record(frame, {1: 0.9}, {1: H * W})
    view.show()
    yield view
    if playback.is_playing(viewer):
        playback.stop(view)
    workspace_view(viewer).close()


@pytest.fixture
def dock(view: SessionView) -> Timeline:
    """Return the dock, 500 pixels wide."""
    dock = Timeline(view.viewer)
    view.viewer.window.add_dock_widget(dock, name="Timeline", area="right")
    dock.area.resize(500, 100)
    dock._fit()
    return dock


def _mouse(strip: TimeStrip, kind: QEvent.Type, x: float) -> None:
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    place = QPointF(x, strip.row / 2)
    held = none if kind is QEvent.Type.MouseButtonRelease else left
    button = none if kind is QEvent.Type.MouseMove else left
    modifier = Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(strip, QMouseEvent(kind, place, place, button, held, modifier))


def _drag(strip: TimeStrip, start: float, end: float) -> None:
    _mouse(strip, QEvent.Type.MouseButtonPress, start)
    _mouse(strip, QEvent.Type.MouseMove, end)
    _mouse(strip, QEvent.Type.MouseButtonRelease, end)


def test_in_and_out_are_dragged(dock: Timeline, view: SessionView) -> None:
    """They stop at each other; the displayed frame stays."""
    strip, session = dock.strip, view.session
    here = view.current

    _drag(strip, strip.scale.x(0), strip.scale.x(5))
    assert session.span == range(5, T)
    _drag(strip, strip.scale.x(T), strip.scale.x(12))
    assert session.span == range(5, 12)
    _drag(strip, strip.scale.x(5), strip.scale.x(18))
    assert session.span == range(11, 12)
    _drag(strip, strip.scale.x(12), strip.scale.x(T) + 50)
    assert session.span == range(11, T)
    assert view.current == here
    session.announce()
    assert dock.span.text() == "In 11, Out 19: 9 frames"


def test_a_click_beside_the_marks_goes_to_a_frame(dock: Timeline, view: SessionView) -> None:
    """Also on the ruler."""
    _drag(dock.strip, dock.strip.scale.x(8.5), dock.strip.scale.x(8.5))

    assert view.current == 8
    assert view.session.span == range(T)


def test_zoom_widens_the_strip_around_the_frame(view: SessionView, qtbot: QtBot) -> None:
    """The displayed frame stays in sight, and no picture is too large for Qt."""
    dock = Timeline(view.viewer)
    qtbot.addWidget(dock)
    dock.resize(500, 150)
    dock.show()
    before = dock.strip.width()
    view.go_to(15)

    dock.zoom.setValue(8)  # twice twice

    assert dock.strip.width() == pytest.approx(4 * before, abs=4)
    x, left = dock.strip.scale.x(15.5), dock.area.horizontalScrollBar().value()
    assert left <= x <= left + dock.area.viewport().width()
    dock.zoom.setValue(dock.zoom.maximum())
    assert dock.strip.width() <= 30_000


def test_in_to_out_is_played_over_and_over(dock: Timeline, view: SessionView, qtbot: QtBot) -> None:
    """At the rate of the video; other frames as soon as In or Out are dragged; until stopped."""
    view.session.set_span(range(3, 6))
    view.go_to(3)
    seen: list[int] = []
    around, dims = workspace_view(view.viewer), view.viewer.dims

    def look() -> None:
        seen.append(view.current)
        dims._play_ready = True  # as napari has it once a frame is drawn, which is nowhere here

    around.moved.connect(look)

    dock.loop_button.click()
    qtbot.waitUntil(lambda: len(seen) > 6, timeout=20_000)
    assert set(seen) == {3, 4, 5}
    slider = view.viewer.window._qt_viewer.dims.slider_widgets[0]
    assert (slider.fps, slider.frame_range) == (50, (3, 5))
    dock.strip.span_dragged.emit(range(8, 11))
    qtbot.waitUntil(lambda: {8, 9, 10} <= set(seen), timeout=20_000)

    dock.loop_button.click()
    qtbot.waitUntil(lambda: not playback.is_playing(view.viewer))
    assert not dock.loop_button.isChecked()
    assert slider.frame_range == (0, 0)
    around.moved.disconnect(look)


def test_one_frame_cannot_be_played(dock: Timeline, view: SessionView, messages: list[str]) -> None:
    """It is said, and the button comes up again."""
    view.session.set_span(range(3, 4))

    dock.loop_button.click()

    assert messages == ["In to Out is one frame. Drag them apart to play what is between them."]
    assert not dock.loop_button.isChecked()


def test_it_lies_along_the_bottom(view: SessionView, qtbot: QtBot) -> None:
    """Though napari opens docks of plugins at the right."""
    around, dock = view.viewer.window.add_plugin_dock_widget("napari-frtm", "Timeline")
    window = view.viewer.window._qt_window

    assert isinstance(around, QDockWidget)
    bottom = Qt.DockWidgetArea.BottomDockWidgetArea
    qtbot.waitUntil(lambda: window.dockWidgetArea(around) == bottom)
    assert dock.strip.isVisibleTo(dock)


def test_without_a_video_it_says_what_to_do(make_napari_viewer: Callable[[], Viewer]) -> None:
    """And follows one that comes."""
    viewer = make_napari_viewer()
    dock = Timeline(viewer)
    viewer.window.add_dock_widget(dock, name="Timeline", area="bottom")
    assert not dock.note.isHidden()
    assert dock.area.isHidden()

    video = viewer.add_image(np.zeros((T, H, W), np.uint8))
    workspace_view(viewer).open(video, VideoAxes())

    assert dock.note.isHidden()
    assert not dock.area.isHidden()
