"""Names and parents of the objects of a session, in ``objects.json``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_frtm.io.atomic import write_json
from napari_frtm.io.session.files import reading

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_NAME = "objects.json"
_DAMAGED = "Delete it to open the session without names and parents; the masks are kept."


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionObject:
    """What the user says of an object.

    Attributes
    ----------
    name : str
        What it is called; empty if it has no name.
    parent : int or None
        Id of the object that it came from by a division.
    """

    name: str = ""
    parent: int | None = None


def save_objects(folder: Path, objects: Mapping[int, SessionObject]) -> None:
    """Write what is known of the objects, by id, or nothing.

    Raises
    ------
    OutputError
        If the file cannot be written; one that was there is as before.
    """
    content = {
        str(object_id): {"name": known.name, "parent": known.parent}
        for object_id, known in sorted(objects.items())
    }
    write_json(folder / _NAME, content, lasting=True)


def load_objects(folder: Path) -> dict[int, SessionObject]:
    """Return what is known of the objects, by id; nothing if nothing was saved.

    Raises
    ------
    SessionError
        If the file is damaged.
    """
    path = folder / _NAME
    if not path.exists():
        return {}
    with reading(path, _DAMAGED):
        return {int(key): _object(value) for key, value in json.loads(path.read_text()).items()}


def _object(value: Mapping[str, object]) -> SessionObject:
    parent = value.get("parent")
    if not (parent is None or isinstance(parent, int)):
        raise ValueError(f"the parent {parent!r} is no object")
    return SessionObject(name=str(value.get("name") or ""), parent=parent)
