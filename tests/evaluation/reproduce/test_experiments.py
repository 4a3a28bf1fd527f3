"""The settings of the paper's tables and figures."""

from __future__ import annotations

import pytest

from napari_frtm.config import Variant, preset
from napari_frtm.evaluation.metrics import ObjectScores
from napari_frtm.evaluation.reproduce.experiments import Experiment, settings
from napari_frtm.evaluation.reproduce.runs import Measured
from napari_frtm.evaluation.reproduce.tables import charts, tabulate

BASE = preset("accurate")


def _quality(j: float, seconds: float) -> dict[str, Measured]:
    scores = {1: ObjectScores((j, j), (0.5, 0.5))}
    return {"one": Measured(scores, [seconds, seconds], {})}


@pytest.mark.parametrize("experiment", Experiment)
def test_every_setting_can_run(experiment: Experiment) -> None:
    """None is refused by the checks of the config; names are unique; nothing beyond the paper."""
    found = settings(experiment, BASE)

    assert len({setting.name for setting in found}) == len(found)
    assert all(setting.config.leap is None for setting in found)


def test_table_1_has_all_variants_in_the_order_of_the_paper() -> None:
    """Its marks say which parts run; what was not run is left out."""
    found = settings(Experiment.TABLE_1, BASE)
    run = [s for s in found if s.config.variant is not Variant.BASE_NET]
    results = {s.name: _quality(0.6, 0.1) for s in run}

    table = tabulate(Experiment.TABLE_1, found, results)

    assert [s.config.variant for s in found] == list(Variant)
    assert table.rows[0] == ["Base net", "", "x", "", "49.8", "-", "-", "-", "-"]
    assert table.rows[3][1:4] == ["x", "", "x"]
    assert table.rows[5] == ["Ours", "x", "x", "x", "71.4", "60.0", "50.0", "55.0", "100"]
    assert table.as_csv().splitlines()[0] == ',D,S,update,"J, paper",J,F,J&F,ms a frame'
    assert table.as_markdown().splitlines()[-1].startswith("| Ours | x | x | x | 71.4 | 60.0 |")


def test_table_5_is_in_per_cent() -> None:
    """Of the sum of all parts, mean over the sequences."""
    parts = [{"features": f, "segmentation": 1.0, "update": 2.0, "other": 0.0} for f in (4.0, 6.0)]
    results = {"share of the time": {str(n): Measured({}, [], p) for n, p in enumerate(parts)}}

    table = tabulate(Experiment.TABLE_5, settings(Experiment.TABLE_5, BASE), results)

    assert [row[1:3] for row in table.rows] == [
        ["24.0", "62.5"],
        ["10.0", "12.5"],
        ["65.5", "25.0"],
        ["0.6", "0.0"],
    ]


def test_figure_8_is_relative_to_the_largest() -> None:
    """As a table, and as bars."""
    found = settings(Experiment.FIGURE_8, BASE)
    results = {
        s.name: {"one": Measured({}, [], {"features": 0.01, "update": 0.001 * s.x})} for s in found
    }

    table = tabulate(Experiment.FIGURE_8, found, results)
    (chart,) = charts(Experiment.FIGURE_8, found, results)

    assert [s.config.memory.capacity for s in found] == [21, 40, 60, 80]
    assert {s.config.augmentation.samples for s in found} == {20}
    assert table.rows[-1] == ["80 frames", "10.0", "80.0", "90.0", "1.000"]
    assert table.rows[0][-1] == "0.344"
    assert chart.stacked
    assert chart.series[1].y[-1] == pytest.approx(80 / 90)


def test_figure_9_has_a_curve_for_each_parameter() -> None:
    """The other one stays as it is."""
    found = settings(Experiment.FIGURE_9, BASE)
    results = {s.name: _quality(0.7, 0.1) for s in found}

    rates, intervals = charts(Experiment.FIGURE_9, found, results)

    assert list(rates.series[0].x) == [0.02, 0.05, 0.1, 0.2, 0.4]
    assert list(intervals.series[0].x) == [1, 2, 4, 8, 16, 32]
    assert rates.series[0].y == pytest.approx([70] * 5)
    assert {s.config.update_interval for s in found if s.curve == "eta"} == {8}
