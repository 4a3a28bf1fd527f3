"""Recipe files (TOML) to `TrainConfig`."""

from __future__ import annotations

import dataclasses
import tomllib
import types
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from napari_frtm.errors import FrtmError
from napari_frtm.training.config import TrainConfig

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")


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
        return _build(TrainConfig, table, "")
    except (TypeError, ValueError) as error:
        raise RecipeError(f"Recipe {path.name}: {error}") from error


def _build(cls: type[T], table: dict[str, Any], where: str) -> T:
    """Make a dataclass from a TOML table, its nested ones as well."""
    assert dataclasses.is_dataclass(cls)
    hints = get_type_hints(cls)
    known = [f.name for f in dataclasses.fields(cls)]
    for key in table:
        if key not in known:
            raise ValueError(f"there is no setting '{where}{key}'; known are {', '.join(known)}.")
    for f in dataclasses.fields(cls):
        needed = f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        if needed and f.name not in table:
            raise ValueError(f"'{where}{f.name}' is missing.")
    values = {key: _convert(hints[key], value, where + key) for key, value in table.items()}
    try:
        built: T = cls(**values)
    except ValueError as error:
        raise ValueError(f"{where}{error}") from error
    return built


def _convert(hint: Any, value: Any, where: str) -> Any:
    """Check a value against the annotation of its field."""
    if isinstance(hint, types.UnionType):
        hint = get_args(hint)[0]
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return _build(hint, value, f"{where}.")  # type: ignore[arg-type]
    if get_origin(hint) is Literal and value in get_args(hint):
        return value
    if get_origin(hint) is tuple and isinstance(value, list):
        return _convert_list(hint, value, where)
    if hint is float and type(value) is int:
        return float(value)
    if isinstance(hint, type) and type(value) is hint:
        return value
    expected = (
        " or ".join(map(repr, get_args(hint))) if get_origin(hint) is Literal else _name(hint)
    )
    raise TypeError(f"'{where}' must be {expected}, got {value!r}.")


def _convert_list(hint: Any, value: list[Any], where: str) -> tuple[Any, ...]:
    kinds = get_args(hint)
    if kinds[-1] is Ellipsis:
        kinds = (kinds[0],) * len(value)
    if len(kinds) != len(value):
        raise TypeError(f"'{where}' must have {len(kinds)} values, got {value!r}.")
    return tuple(
        _convert(kind, v, f"{where}[{i}]")
        for i, (kind, v) in enumerate(zip(kinds, value, strict=True))
    )


def _name(hint: Any) -> str:
    if dataclasses.is_dataclass(hint):
        return "a table"
    return {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}.get(
        hint, "a list"
    )
