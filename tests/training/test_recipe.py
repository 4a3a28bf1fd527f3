"""Recipe files: what they may say, and what is said about those that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_frtm.training.mixture import DatasetConfig
from napari_frtm.training.recipe import RecipeError, read_recipe

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.toml"))
DATASET = '[[datasets]]\nkind = "videos"\npath = "davis"\n'
WRONG = [
    pytest.param("steps = = 3", "is no TOML file", id="syntax"),
    pytest.param("steps = 3", "'datasets' is missing", id="no-datasets"),
    pytest.param("datasets = []", "datasets must be one or more", id="empty"),
    pytest.param("stepz = 3\n" + DATASET, "no setting 'stepz'", id="unknown"),
    pytest.param("steps = 0\n" + DATASET, "steps must be at least 1, got 0", id="range"),
    pytest.param('steps = "3"\n' + DATASET, "'steps' must be a whole number, got '3'", id="type"),
    pytest.param("dice = true\n" + DATASET, "'dice' must be a number", id="bool"),
    pytest.param('preset = "huge"\n' + DATASET, "preset must be one of", id="preset"),
    pytest.param("crop = 3\n" + DATASET, "'crop' must be a table", id="table"),
    pytest.param("[crop]\nsize = 100\n" + DATASET, "crop.size must be a multiple", id="nested"),
    pytest.param("[crop]\nscale = [1.0]\n" + DATASET, "'crop.scale' must have 2", id="length"),
    pytest.param(
        DATASET.replace("videos", "film"), r"'datasets\[0\].kind' must be 'videos' or", id="kind"
    ),
    pytest.param(DATASET + "teacher = 0.5\n", "teacher needs windows", id="teacher"),
    pytest.param(DATASET + "sketched = 0.5\n", "sketched needs windows", id="sketched"),
    pytest.param(
        "base_net = true\n[windows]\n" + DATASET, "windows need target models", id="windows"
    ),
    pytest.param(
        "[windows]\nleast = [96, 64]\n" + DATASET, "windows.least must be from low", id="least"
    ),
    pytest.param(
        DATASET + '[validation]\ndataset = { kind = "images", path = "x" }',
        "validation.kind must be videos or stacks",
        id="validation",
    ),
]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_shipped_recipes_are_valid(path: Path) -> None:
    """Those in the repository can be read, and do not train on what they validate with."""
    config = read_recipe(path)

    held_out = config.validation and config.validation.dataset.split
    assert held_out not in [dataset.split for dataset in config.datasets]


def test_the_recipe_of_clips_keeps_a_selection_set_aside() -> None:
    """Sixteen videos and every tenth image, on which it does not train."""
    selection = (RECIPES[0].parent / "selection.txt").read_text().split()

    config = read_recipe(RECIPES[0].parent / "lite-clips.toml")

    assert len(set(selection)) == 16
    for dataset in config.datasets:
        assert not {*selection} & {*dataset.names}
        assert dataset.names if dataset.kind == "videos" else dataset.part == "training"


def test_a_recipe_says_what_it_says(tmp_path: Path) -> None:
    """Whole numbers do for numbers, lists become tuples, the rest has its defaults."""
    path = tmp_path / "mine.toml"
    path.write_text("dice = 1\n[crop]\nscale = [1, 2]\n" + DATASET + 'names = ["bear"]\n')

    config = read_recipe(path)

    assert config.dice == 1.0
    assert config.crop.scale == (1.0, 2.0)
    assert config.datasets == (DatasetConfig(kind="videos", path="davis", names=("bear",)),)


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_wrong_recipes_are_explained(tmp_path: Path, text: str, message: str) -> None:
    """The message names the entry."""
    path = tmp_path / "mine.toml"
    path.write_text(text)

    with pytest.raises(RecipeError, match=message):
        read_recipe(path)


def test_a_missing_recipe_is_explained(tmp_path: Path) -> None:
    """No traceback for a mistyped name."""
    with pytest.raises(RecipeError, match=r"none\.toml: No such file"):
        read_recipe(tmp_path / "none.toml")
