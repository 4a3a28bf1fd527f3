"""Inputs that know napari's layers and frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtWidgets import QWidget

from napari_frtm.plugin.docks.propagate.axes_box import AxesBox
from napari_frtm.plugin.docks.propagate.inputs import RangeBox
from napari_frtm.plugin.source.axes import Take, VideoAxes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot
    from qtpy.QtWidgets import QComboBox


@pytest.fixture
def axes_box(qtbot: QtBot) -> Iterator[AxesBox]:
    """Return an empty box, in a dock that is not shown."""
    dock = QWidget()
    qtbot.addWidget(dock)
    box = AxesBox()
    box.setParent(dock)
    yield box
    box.set_layer(None)


@pytest.fixture
def range_box(qtbot: QtBot) -> RangeBox:
    """Return a box for a video of 65 frames."""
    box = RangeBox()
    qtbot.addWidget(box)
    box.set_length(65)
    return box


def _layer(*shape: int, **options: Any) -> Image:
    return Image(np.zeros(shape, np.uint8), **({"rgb": False} | options))


def _items(box: QComboBox) -> list[str]:
    return [box.itemText(index) for index in range(box.count())]


def test_a_plain_video_needs_no_choice(axes_box: AxesBox) -> None:
    """Nor does none."""
    assert axes_box.isHidden()
    assert axes_box.axes is None

    axes_box.set_layer(_layer(9, 4, 5))

    assert axes_box.isHidden()
    assert axes_box.axes == VideoAxes()


@pytest.mark.parametrize("shape", [(4, 5), (9, 8, 7, 6, 5, 4, 5)], ids=str)
def test_what_is_no_video_has_no_axes(axes_box: AxesBox, shape: tuple[int, ...]) -> None:
    """The reason is said elsewhere."""
    axes_box.set_layer(_layer(*shape))

    assert axes_box.isHidden()
    assert axes_box.axes is None


def test_channels_are_offered_by_number_and_together(axes_box: AxesBox) -> None:
    """Time is clear, and not asked for."""
    axes_box.set_layer(_layer(65, 2, 4, 5))

    assert not axes_box.isHidden()
    assert axes_box.time.isHidden()
    assert axes_box.takes[0].label.text() == "Channel"
    assert _items(axes_box.takes[0]) == ["0", "1", "Maximum", "Mean", "Blend as RGB"]
    chosen = []
    for index in range(5):
        axes_box.takes[0].setCurrentIndex(index)
        chosen.append(axes_box.axes)
    takes = (0, 1, Take.MAX, Take.MEAN, Take.COLOUR)
    assert chosen == [VideoAxes(0, {1: take}, 4) for take in takes]


def test_planes_start_with_their_maximum(axes_box: AxesBox) -> None:
    """They are no colours."""
    axes_box.set_layer(_layer(9, 30, 4, 5, axis_labels=("t", "z", "y", "x")))

    assert axes_box.takes[0].label.text() == "Plane"
    assert axes_box.takes[0].currentText() == "Maximum"
    assert _items(axes_box.takes[0])[-3:] == ["29", "Maximum", "Mean"]


def test_planes_and_channels_are_chosen_each(axes_box: AxesBox, qtbot: QtBot) -> None:
    """Where a file has both."""
    axes_box.set_layer(_layer(9, 6, 2, 4, 5, axis_labels=("t", "z", "c", "y", "x")))
    planes, channels, other = axes_box.takes
    assert [box.label.text() for box in (planes, channels)] == ["Plane", "Channel"]
    assert other.isHidden()
    assert axes_box.axes == VideoAxes(0, {1: Take.MAX, 2: 0}, 5)
    assert _items(channels)[-1] == "Blend as RGB"

    planes.setCurrentText("4")
    with qtbot.waitSignal(axes_box.changed):
        channels.setCurrentText("1")
    assert axes_box.axes == VideoAxes(0, {1: 4, 2: 1}, 5)

    axes_box.set_layer(_layer(9, 2, 4, 5))
    assert channels.isHidden()
    assert axes_box.axes == VideoAxes(0, {1: 0}, 4)


def test_time_is_asked_for_where_it_is_not_clear(axes_box: AxesBox, qtbot: QtBot) -> None:
    """The other axis is then that of the planes."""
    axes_box.set_layer(_layer(9, 30, 4, 5))
    assert not axes_box.time.isHidden()
    assert _items(axes_box.time) == ["axis 0 (9)", "axis 1 (30)"]
    assert axes_box.axes == VideoAxes(0, {1: 0}, 4)

    with qtbot.waitSignal(axes_box.changed):
        axes_box.time.setCurrentIndex(1)

    assert axes_box.axes == VideoAxes(1, {0: 0}, 4)
    assert _items(axes_box.takes[0])[:9] == [str(plane) for plane in range(9)]


def test_colour_is_not_blended_again(axes_box: AxesBox) -> None:
    """Planes of an RGB video."""
    axes_box.set_layer(_layer(65, 2, 4, 5, 3, rgb=True))

    assert _items(axes_box.takes[0]) == ["0", "1", "Maximum", "Mean"]


def test_choice_stays_until_it_makes_no_sense(axes_box: AxesBox, qtbot: QtBot) -> None:
    """Other data in the layer, then of another shape."""
    layer = _layer(9, 30, 4, 5)
    axes_box.set_layer(layer)
    chosen = VideoAxes(1, {0: Take.MEAN}, 4)
    axes_box.axes = chosen
    assert (axes_box.time.currentIndex(), axes_box.takes[0].currentText()) == (1, "Mean")

    with qtbot.waitSignal(axes_box.changed):
        layer.data = np.zeros((9, 31, 4, 5), np.uint8)
    assert axes_box.axes == chosen

    with qtbot.waitSignal(axes_box.changed):
        layer.data = np.zeros((9, 4, 5), np.uint8)
    assert axes_box.axes == VideoAxes()
    assert axes_box.isHidden()


def test_labels_given_later_count(axes_box: AxesBox) -> None:
    """So does that the layer is another one."""
    layer = _layer(9, 30, 4, 5)
    axes_box.set_layer(layer)

    layer.axis_labels = ("z", "t", "y", "x")
    assert axes_box.time.isHidden()
    axes_box.set_layer(_layer(9, 4, 5))
    layer.axis_labels = ("t", "z", "y", "x")

    assert axes_box.axes == VideoAxes()


def test_in_and_out_limit_the_range(range_box: RangeBox) -> None:
    """Pressing the one behind the other gives up the other."""
    range_box.set_first(10)
    assert not range_box.whole.isChecked()
    assert range_box.span == range(10, 65)

    range_box.set_last(20)
    assert range_box.span == range(10, 21)
    range_box.set_first(30)
    assert range_box.span == range(30, 65)
    range_box.set_last(5)

    assert range_box.span == range(6)


def test_buttons_ask_for_the_current_frame(range_box: RangeBox, qtbot: QtBot) -> None:
    """Which the box does not know."""
    with qtbot.waitSignal(range_box.in_pressed):
        range_box.in_button.click()
    with qtbot.waitSignal(range_box.out_pressed):
        range_box.out_button.click()

    assert range_box.whole.isChecked()
