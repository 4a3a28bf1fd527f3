"""Dataclasses from plain values, as TOML and JSON give them."""

from __future__ import annotations

import dataclasses
import types
from enum import Enum
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def structured(cls: type[T], table: dict[str, Any], where: str = "") -> T:
    """Make a dataclass from a table of plain values, its nested ones as well.

    Parameters
    ----------
    cls : type
        A dataclass whose fields are numbers, texts, truth values, enums, paths, literals, tuples
        of them, further dataclasses, or one of these or None.
    table : dict
        Values by the names of the fields; those with a default may be left out.
    where : str
        What to put before the name of a field in messages, such as ``"crop."``.

    Raises
    ------
    ValueError, TypeError
        If a field is missing, not known, or its value is not what it must be; the message names it.
    """
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
    if get_origin(hint) in (types.UnionType, Union):  # the latter of literals
        if value is None and type(None) in get_args(hint):
            return None
        hint = get_args(hint)[0]
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return structured(hint, value, f"{where}.")  # type: ignore[arg-type]
    if get_origin(hint) is Literal and value in get_args(hint):
        return value
    if get_origin(hint) is tuple and isinstance(value, list):
        return _convert_list(hint, value, where)
    if hint is float and type(value) is int:
        return float(value)
    if isinstance(hint, type) and issubclass(hint, Enum) and value in [*hint]:
        return hint(value)
    if hint is Path and isinstance(value, str):
        return Path(value)
    if isinstance(hint, type) and type(value) is hint:
        return value
    raise TypeError(f"'{where}' must be {_expected(hint)}, got {value!r}.")


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


def _expected(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return " or ".join(map(repr, get_args(hint)))
    if dataclasses.is_dataclass(hint):
        return "a table"
    if isinstance(hint, type) and issubclass(hint, Enum):
        return f"one of {', '.join(repr(member.value) for member in hint)}"
    if hint is Path:
        return "a path"
    names = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
    return names.get(hint, "a list")
