"""The table of objects, without a viewer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor

from napari_frtm.plugin.docks.review.object_table import AreaPlot, ObjectTable, in_figures
from napari_frtm.plugin.docks.review.timescale import time_scale
from napari_frtm.timeline import Timeline

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

T = 6


@pytest.fixture
def table(qtbot: QtBot) -> ObjectTable:
    """Return an empty table."""
    table = ObjectTable()
    qtbot.addWidget(table)
    return table


def _view(unit: str = "pixel", scale: float = 1.0) -> SimpleNamespace:
    """Return a view at frame 2: object 1 grows, 7 shrinks and is doubtful on frame 4."""
    timeline = Timeline.empty(T)
    for frame in range(T):
        sure = 0.25 if frame == 4 else 0.85
        timeline.record(frame, {1: 0.9, 7: sure}, {1: 100 * frame, 7: 20000 - frame})
    video = SimpleNamespace(units=("pixel", unit, unit), scale=np.array([1, scale, scale]))
    session = SimpleNamespace(timeline=timeline, store=SimpleNamespace(objects={}))
    return SimpleNamespace(session=session, current=2, video=video)


def _rows(table: ObjectTable) -> list[list[str]]:
    widget = table.table
    return [[widget.item(r, c).text() for c in range(4)] for r in range(widget.rowCount())]


def test_it_says_what_is_known_of_each_object(table: ObjectTable) -> None:
    """Number, area on the displayed frame, mean confidence, lowest with its frame."""
    table.show_session(_view(), {1: QColor("red"), 7: QColor("blue")})

    assert _rows(table) == [
        ["1", "200 px", "0.90", "0.90 @ 0"],
        ["7", "19,998 px", "0.75", "0.25 @ 4"],
    ]


def test_areas_are_in_the_unit_of_the_video(table: ObjectTable) -> None:
    """Where its pixels have a size."""
    table.show_session(_view("micrometer", 0.5), {})

    assert [row[1] for row in _rows(table)] == ["50 µm²", "5,000 µm²"]


def test_areas_follow_the_displayed_frame(table: ObjectTable) -> None:
    """Nothing is said where nothing is known."""
    view = _view()
    table.show_session(view, {})
    view.session.timeline.clear([5])

    view.current = 5
    table.show_frame(view)

    assert [row[1] for row in _rows(table)] == ["", ""]


def test_a_double_click_asks_for_the_least_sure_frame(table: ObjectTable, qtbot: QtBot) -> None:
    """And a click for the object."""
    table.show_session(_view(), {})

    with qtbot.waitSignal(table.chosen) as chosen:
        table.table.cellClicked.emit(1, 2)
    with qtbot.waitSignal(table.frame_wanted) as wanted:
        table.table.cellDoubleClicked.emit(1, 3)

    assert chosen.args == [7]
    assert wanted.args == [4]


def test_the_area_of_the_chosen_object_is_drawn(table: ObjectTable) -> None:
    """Object 1 grows from left to right; 7 shrinks by little."""
    view = _view()
    table.resize(300, 300)
    table.show_session(view, {})
    one = table.plot.grab().toImage()
    table.table.setCurrentCell(1, 0)

    table.show_frame(view)

    assert table.selected == 7
    assert table.plot.grab().toImage() != one


def test_the_line_is_broken_where_nothing_is_known(table: ObjectTable) -> None:
    """Not drawn from one side of a gap to the other."""
    plot = table.plot
    plot.resize(300, 60)
    known = np.full(100, 5.0)
    plot.show_area(known, 0, "")
    whole = _drawn_columns(plot)
    known[40:60] = np.nan

    plot.show_area(known, 0, "")

    gap = whole - _drawn_columns(plot)
    scale = time_scale(plot, 100, [])
    assert min(gap) == pytest.approx(scale.x(40), abs=2)
    assert max(gap) == pytest.approx(scale.x(60), abs=2)
    assert len(gap) == 1 + max(gap) - min(gap)


def _drawn_columns(plot: AreaPlot) -> set[int]:
    """Return the columns of pixels where there is a line, right of the mark of frame 0."""
    image = plot.grab().toImage()
    blank = image.pixelColor(plot.width() - 1, plot.height() - 1)
    top = plot.fontMetrics().height() + 1
    rows = range(top, top + 5)
    return {
        x for x in range(40, plot.width()) if any(image.pixelColor(x, y) != blank for y in rows)
    }


def test_an_object_stays_chosen_when_others_come(table: ObjectTable, qtbot: QtBot) -> None:
    """Its row is another one then; nobody has chosen anything."""
    view = _view()
    table.show_session(view, {})
    table.table.setCurrentCell(1, 0)
    assert table.selected == 7
    view.session.timeline.record(0, {1: 0.9, 3: 0.9, 7: 0.9}, {})

    with qtbot.assertNotEmitted(table.chosen):
        table.show_session(view, {})

    assert table.selected == 7
    assert table.table.currentRow() == 2


def test_objects_are_chosen_by_key_too(table: ObjectTable, qtbot: QtBot) -> None:
    """With the arrows."""
    table.show_session(_view(), {})
    table.table.setCurrentCell(0, 0)

    with qtbot.waitSignal(table.chosen) as chosen:
        qtbot.keyClick(table.table, Qt.Key.Key_Down)

    assert chosen.args == [7]


def test_a_long_table_scrolls(table: ObjectTable) -> None:
    """A short one leaves no empty space."""
    view = _view()
    table.show_session(view, {})
    short = table.table.maximumHeight()
    least = table.minimumSizeHint().height()
    view.session.timeline.record(0, dict.fromkeys(range(1, 101), 0.9), {})

    table.show_session(view, {})

    assert table.minimumSizeHint().height() == least
    assert table.table.maximumHeight() > 10 * short
    assert _rows(table)[99][0] == "100"


def test_without_a_session_the_table_is_empty(table: ObjectTable) -> None:
    """Also after one."""
    table.show_session(_view(), {})

    table.show_session(None, {})

    assert _rows(table) == []
    assert table.selected is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, "0"), (0.1234, "0.123"), (12.34, "12.3"), (123.4, "123"), (1234567.0, "1,234,567")],
)
def test_figures(value: float, expected: str) -> None:
    """Three, or all before the point; no powers of ten."""
    assert in_figures(value) == expected
