"""A share of the training data, and table 4, which trains on some of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_frtm.cli import main
from napari_frtm.training.mixture import DatasetConfig
from napari_frtm.training.prepare import open_source
from napari_frtm.training.share import with_share

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from napari_frtm.training.config import TrainConfig

RECIPE = """
steps = 2
batch = 1
[segmentation]
channels = [4, 4, 4, 4]
[crop]
size = 64
frames = 1
[[datasets]]
kind = "videos"
path = "davis"
references = 1
"""


def test_a_share_is_spread_over_the_names(data: Path, recipe: TrainConfig) -> None:
    """Half of two videos is the first; a third of three images is one; all is all."""
    videos = DatasetConfig(kind="videos", path="davis")
    images = DatasetConfig(kind="images", path="static")
    config = replace(recipe, datasets=(videos, images))

    half = with_share(config, data, 0.5).datasets
    third = with_share(config, data, 1 / 3).datasets

    assert half[0].names == ("one",)
    assert {r.video for r in open_source(data, half[0]).references()} == {"one"}
    assert len({r.video for r in open_source(data, third[1]).references()}) == 1
    assert with_share(config, data, 1) == config


def test_table_4_trains_and_measures(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three trainings and D alone; again, it only prints the table."""
    (tmp_path / "tiny.toml").write_text(RECIPE)
    arguments = ["reproduce", "table4", str(data / "davis"), "--split", "held-out"]
    arguments += ["--recipe", str(tmp_path / "tiny.toml"), "--data", str(data)]
    arguments += ["--out", str(tmp_path / "out"), "--short-side", "48"]

    assert main(arguments) == 0
    first = capsys.readouterr().out
    trained = (tmp_path / "out/table4/training-50/best.safetensors").stat().st_mtime_ns
    assert main(arguments) == 0

    assert "| 50 % | 70.6 | 71.4 | 63.7 | 75.5 | 71.8 |" in first
    assert first == capsys.readouterr().out
    again = (tmp_path / "out/table4/training-50/best.safetensors").stat().st_mtime_ns
    assert again == trained
