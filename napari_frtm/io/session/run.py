"""The unfinished run of a session: what it is and where it stands, in one file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from napari_frtm.io.atomic import reporting
from napari_frtm.io.drive import exists
from napari_frtm.io.session.files import reading
from napari_frtm.io.weights.tensors import save_tensors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

_NAME = "run.safetensors"
_DAMAGED = "Delete it and start the run anew; finished frames are kept."


def save_run(folder: Path, description: Mapping[str, Any], state: Mapping[str, Tensor]) -> None:
    """Write description and state of a run, or nothing.

    Raises
    ------
    OutputError
        If they cannot be written; a file that was there is as before.
    """
    save_tensors(folder / _NAME, state, {"description": json.dumps(description)})


def has_run(folder: Path) -> bool:
    """Whether there is a run."""
    return exists(folder / _NAME)


def load_run(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
    """Return description and state of the run; None if there is none.

    Raises
    ------
    SessionError
        If the file is damaged.
    """
    path = folder / _NAME
    if not exists(path):
        return None
    from safetensors import safe_open  # here, because it loads torch

    with reading(path, _DAMAGED), safe_open(path, "pt") as saved:
        description = json.loads(saved.metadata()["description"])
        return description, {name: saved.get_tensor(name) for name in saved.keys()}  # noqa: SIM118


def delete_run(folder: Path) -> None:
    """Remove the run, if there is one.

    Raises
    ------
    OutputError
        If its file cannot be removed.
    """
    with reporting(folder / _NAME):
        (folder / _NAME).unlink(missing_ok=True)
