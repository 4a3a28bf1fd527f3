"""Recipe files (TOML) to `TrainConfig`."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from napari_frtm.errors import FrtmError
from napari_frtm.structure import structured
from napari_frtm.training.config import TrainConfig

if TYPE_CHECKING:
    from pathlib import Path


class RecipeError(FrtmError):
    """A recipe file cannot be read, or says something that cannot be done."""


def read_recipe(path: Path) -> TrainConfig:
    """Return what a recipe file asks for; what it does not name has its default.

    Raises
    ------
    RecipeError
        If the file is missing, no TOML, or has a wrong entry; the message names it.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"Cannot read the recipe {path}: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path.name} is no TOML file: {error}.") from error
    try:
        return structured(TrainConfig, table)
    except (TypeError, ValueError) as error:
        raise RecipeError(f"Recipe {path.name}: {error}") from error
