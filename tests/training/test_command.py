"""``napari-frtm train`` from its arguments to its messages."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import TYPE_CHECKING

import pytest

from napari_frtm.cli import main, train
from napari_frtm.errors import FrtmError

if TYPE_CHECKING:
    from pathlib import Path

RECIPE = """
steps = 3
batch = 1
[segmentation]
channels = [4, 4, 4, 4]
[crop]
size = 64
[validation]
interval = 2
dataset = { kind = "videos", path = "davis", split = "held-out" }
[[datasets]]
kind = "videos"
path = "davis"
split = "train"
references = 1
"""


def _run(*arguments: str) -> None:
    parser = ArgumentParser()
    train.add_arguments(parser)
    train.run(parser.parse_args(arguments))


@pytest.fixture
def recipe_file(tmp_path: Path) -> str:
    """Return a recipe of three steps."""
    path = tmp_path / "tiny.toml"
    path.write_text(RECIPE)
    return str(path)


def test_a_training_is_run_and_resumed(
    recipe_file: str,
    data: Path,
    tmp_path: Path,
    cached: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With progress, validation scores, and where the weights are."""
    common = [recipe_file, "--data", str(data), "--out", str(tmp_path / "run")]
    common += ["--targets", str(cached), "--device", "cpu"]

    _run(*common)
    told = capsys.readouterr()
    _run(*common, "--resume")

    assert "The best weights are in" in told.out
    assert "step 2: loss" in told.err
    assert "step 3: loss" in told.err
    assert (tmp_path / "run" / "best.safetensors").is_file()


def test_a_training_that_diverges_is_no_success(
    data: Path,
    tmp_path: Path,
    cached: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The command fails and does not say where the best weights are."""
    diverging = tmp_path / "diverging.toml"
    diverging.write_text("optimiser = { learning_rate = 1e30 }\n" + RECIPE)
    common = [str(diverging), "--data", str(data), "--out", str(tmp_path / "run")]

    code = main(["train", *common, "--targets", str(cached), "--device", "cpu"])

    told = capsys.readouterr()
    assert code == 1
    assert "diverged" in told.err
    assert "best weights" not in told.out


def test_a_wrong_data_folder_is_explained(recipe_file: str, tmp_path: Path) -> None:
    """Before anything is computed."""
    with pytest.raises(FrtmError, match=r"There is no folder .*JPEGImages"):
        _run(recipe_file, "--data", str(tmp_path), "--out", str(tmp_path / "o"), "--device", "cpu")


def test_the_time_must_be_positive(recipe_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As wrong usage."""
    with pytest.raises(SystemExit):
        _run(recipe_file, "--data", "d", "--out", "o", "--minutes", "0")

    assert "--minutes" in capsys.readouterr().err
