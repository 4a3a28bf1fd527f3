"""Line and stacked bar charts as SVG, which every browser shows; no plotting library is needed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999")
_WIDTH, _HEIGHT = 420, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 14, 30, 44
_STYLE = "font-family='sans-serif' font-size='11'"
_TICKS = 5
_MANY = 8
_LEGEND_ROW = 0.07


@dataclass(frozen=True, slots=True)
class Series:
    """A line, or the parts of the bars that have one colour: a value for each x.

    Values that are not finite are left out.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One chart.

    Attributes
    ----------
    title, x_label, y_label : str
        What is shown; an axis without a label has an empty one.
    series : sequence of Series
        In the order of the legend; with `stacked`, from below, with the same x each.
    stacked : bool
        Bars on top of each other, evenly spaced, in place of lines.
    limits : pair of float, optional
        Of the y axis, in place of what the values fill.
    """

    title: str
    x_label: str
    y_label: str
    series: Sequence[Series]
    stacked: bool = False
    limits: tuple[float, float] | None = None


def to_svg(charts: Sequence[Chart], columns: int = 3) -> str:
    """Return charts side by side, in rows, as the text of an SVG file."""
    columns = min(columns, max(1, len(charts)))
    width = columns * _WIDTH
    height = math.ceil(len(charts) / columns) * _HEIGHT
    drawn = [
        f"<g transform='translate({n % columns * _WIDTH} {n // columns * _HEIGHT})'>\n"
        + "\n".join(_draw(chart))
        + "\n</g>"
        for n, chart in enumerate(charts)
    ]
    head = f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' {_STYLE}>"
    paper = f"<rect width='{width}' height='{height}' fill='white'/>"
    return "\n".join([head, paper, *drawn, "</svg>"]) + "\n"


@dataclass(frozen=True, slots=True)
class _Axis:
    """A range of values, and the pixels that its ends lie on."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    @property
    def ticks(self) -> list[float]:
        """Round numbers within the range."""
        step = 10.0 ** math.floor(math.log10((self.high - self.low) / _TICKS))
        step *= next(f for f in (1, 2, 5, 10) if f * step * _TICKS >= (self.high - self.low) * 0.85)
        first = math.ceil(self.low / step - 1e-6)
        last = math.floor(self.high / step + 1e-6)
        return [n * step for n in range(first, last + 1)]


def _draw(chart: Chart) -> list[str]:
    across, up = _axes(chart)
    lines = [_text(_WIDTH / 2, 18, chart.title, "middle", "font-weight='bold'")]
    for tick in up.ticks:
        y = up(tick)
        lines.append(_line(_LEFT, y, _WIDTH - _RIGHT, y, "#dddddd"))
        lines.append(_text(_LEFT - 6, y + 4, f"{tick:g}", "end"))
    names = chart.series[0].x if chart.stacked else across.ticks
    for place, value in enumerate(names):
        x = across(place if chart.stacked else value)
        lines.append(_text(x, _HEIGHT - _BOTTOM + 16, f"{value:g}", "middle"))
    lines += _bars(chart, across, up) if chart.stacked else _curves(chart, across, up)
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    lines += [_line(_LEFT, _TOP, _LEFT, bottom), _line(_LEFT, bottom, right, bottom)]
    lines.append(_text((_LEFT + right) / 2, _HEIGHT - 8, chart.x_label, "middle"))
    middle = (_TOP + bottom) / 2
    turned = f"transform='rotate(-90 14 {middle:g})'"
    lines.append(_text(14, middle, chart.y_label, "middle", turned))
    return [*lines, *_legend(chart)]


def _axes(chart: Chart) -> tuple[_Axis, _Axis]:
    values = [np.asarray(s.y, np.float64) for s in chart.series]
    if chart.stacked:
        values = [np.nansum(values, 0), np.zeros(1)]
        low, high = -0.6, len(chart.series[0].x) - 0.4
    else:
        places = np.concatenate([np.asarray(s.x, np.float64) for s in chart.series])
        low, high = float(places.min()), float(places.max())
    found = np.concatenate(values)
    found = found[np.isfinite(found)]
    bottom, top = chart.limits or _around(found)
    if chart.stacked and chart.limits is None:
        top *= 1 + _LEGEND_ROW * len(chart.series)  # room for the names above the bars
    if low == high:
        low, high = low - 0.5, high + 0.5
    across = _Axis(low, high, _LEFT + 6 * (not chart.stacked), _WIDTH - _RIGHT - 6)
    return across, _Axis(bottom, top, _HEIGHT - _BOTTOM, _TOP)


def _around(values: np.typing.NDArray[np.float64]) -> tuple[float, float]:
    """Return a range with some room above and below the values."""
    if not values.size:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    room = 0.08 * (high - low) or 0.05 * abs(high) or 1.0
    return (0.0 if low == 0 else low - room), high + room


def _curves(chart: Chart, across: _Axis, up: _Axis) -> list[str]:
    lines = []
    for number, series in enumerate(chart.series):
        colour = _COLOURS[number % len(_COLOURS)]
        known = [(x, y) for x, y in zip(series.x, series.y, strict=True) if math.isfinite(y)]
        points = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in known)
        lines.append(
            f"<polyline points='{points}' fill='none' stroke='{colour}' stroke-width='1.5'/>"
        )
        if len(known) <= 2 * _MANY:
            lines += [
                f"<circle cx='{across(x):.1f}' cy='{up(y):.1f}' r='2.5' fill='{colour}'/>"
                for x, y in known
            ]
    return lines


def _bars(chart: Chart, across: _Axis, up: _Axis) -> list[str]:
    lines = []
    for place in range(len(chart.series[0].x)):
        below, left = 0.0, across(place - 0.3)
        for number, series in enumerate(chart.series):
            value = series.y[place] if math.isfinite(series.y[place]) else 0.0
            top, colour = up(below + value), _COLOURS[number % len(_COLOURS)]
            lines.append(
                f"<rect x='{left:.1f}' y='{top:.1f}' width='{across(place + 0.3) - left:.1f}' "
                f"height='{max(up(below) - top, 0):.1f}' fill='{colour}'/>"
            )
            below += value
    return lines


def _legend(chart: Chart) -> list[str]:
    """Return names beside their colours, the top one of bars first; none for a single series."""
    if len(chart.series) < 2 or len(chart.series) > _MANY:
        return []
    lines = []
    entries = list(enumerate(chart.series))
    for row, (number, series) in enumerate(entries[::-1] if chart.stacked else entries):
        y = _TOP + 6 + 14 * row if chart.stacked else _HEIGHT - _BOTTOM - 10 - 14 * row
        colour = _COLOURS[number % len(_COLOURS)]
        lines.append(f"<rect x='{_LEFT + 10}' y='{y - 4}' width='12' height='6' fill='{colour}'/>")
        lines.append(_text(_LEFT + 28, y + 3, series.name, "start"))
    return lines


def _line(x1: float, y1: float, x2: float, y2: float, colour: str = "black") -> str:
    return f"<line x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}' stroke='{colour}'/>"


def _text(x: float, y: float, text: str, anchor: str, more: str = "") -> str:
    place = f"x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}'"
    return f"<text {place} {more}>{escape(text)}</text>"
