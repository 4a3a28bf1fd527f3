"""Charts as SVG."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from napari_frtm.evaluation.charts import Chart, Series, to_svg


def _lines(svg: str) -> list[list[tuple[float, float]]]:
    found = re.findall(r"points='([^']*)'", svg)
    return [[tuple(map(float, p.split(","))) for p in points.split()] for points in found]


def test_a_line_goes_up_where_values_do() -> None:
    """And leaves out what is not known; the file is well-formed, whatever the title."""
    series = [Series("a", [0, 1, 2], [0.1, 0.2, 0.4]), Series("b", [0, 2], [0.3, float("nan")])]

    svg = to_svg([Chart(title="J < F & so on", x_label="t", y_label="J", series=series)])

    assert ElementTree.fromstring(svg).tag.endswith("svg")
    first, second = _lines(svg)
    assert first[0][0] < first[1][0] < first[2][0]
    assert first[0][1] > first[1][1] > first[2][1]
    assert first[1][1] - first[2][1] == pytest.approx(2 * (first[0][1] - first[1][1]), abs=0.2)
    assert len(second) == 1


def test_bars_are_stacked() -> None:
    """Their heights are in proportion, each stands on the one below."""
    series = [Series("below", [1, 5], [0.5, 1.0]), Series("above", [1, 5], [0.25, 0.5])]
    chart = Chart(title="", x_label="", y_label="", series=series, stacked=True)

    svg = to_svg([chart])

    bars = re.findall(r"y='([\d.]+)' width='[\d.]+' height='([\d.]+)'", svg)
    (y1, h1), (y2, h2), (y3, h3), (_, h4) = (tuple(map(float, bar)) for bar in bars[:4])
    assert (h2, h4) == pytest.approx((h1 / 2, h3 / 2), abs=0.2)
    assert y2 + h2 == pytest.approx(y1, abs=0.2)
    assert h3 == pytest.approx(2 * h1, abs=0.2)
    assert y3 < y1


def test_many_charts_are_laid_out_in_rows() -> None:
    """Three beside each other, however many objects there are in one."""
    series = [Series(str(n), [0, 1], [n, n]) for n in range(12)]
    charts = [Chart(title=str(n), x_label="", y_label="", series=series) for n in range(7)]

    svg = to_svg(charts)

    root = ElementTree.fromstring(svg)
    assert (int(root.get("width", 0)), int(root.get("height", 0))) == (3 * 420, 3 * 280)
    assert svg.count("<polyline") == 7 * 12
