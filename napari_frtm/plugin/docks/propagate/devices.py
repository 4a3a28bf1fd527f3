"""The GPUs of this machine, by name and with what memory is free; without loading torch."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

_TOOL = "nvidia-smi"
_COLUMNS = ("uuid", "name", "memory.free", "memory.total")
_PATIENCE = 20  # seconds


class Gpu(NamedTuple):
    """A GPU that torch can use.

    Attributes
    ----------
    device : str
        How torch calls it, such as ``cuda:0``.
    name : str
        Of the model.
    free, total : float
        Memory, GiB.
    """

    device: str
    name: str
    free: float
    total: float

    def __str__(self) -> str:
        return f"{self.name} ({self.free:.0f} of {self.total:.0f} GB free)"


def may_have_gpus() -> bool:
    """Whether it is worth looking for GPUs."""
    return shutil.which(_TOOL) is not None


def find_gpus() -> Generator[list[Gpu], None, None]:
    """Yield the GPUs once; for a thread, as the driver may take a second to answer."""
    # from here on CUDA counts as nvidia-smi does, if torch has not begun to count
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    command = [_TOOL, f"--query-gpu={','.join(_COLUMNS)}", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):  # no driver, or one that hangs
        answer = ""
    yield parse(answer, os.environ.get("CUDA_VISIBLE_DEVICES"))


def parse(answer: str, visible: str | None = None) -> list[Gpu]:
    """Return the GPUs that nvidia-smi lists.

    Parameters
    ----------
    answer : str
        A line for each: uuid, name, free and total memory in MiB.
    visible : str, optional
        Value of ``CUDA_VISIBLE_DEVICES``: numbers or beginnings of uuids.
    """
    rows = [[cell.strip() for cell in line.split(",")] for line in answer.splitlines() if line]
    rows = [row for row in rows if len(row) == len(_COLUMNS) and row[2].isdigit()]
    chosen = rows if visible is None else _chosen(rows, visible)
    return [
        Gpu(f"cuda:{i}", name, float(free) / 1024, float(total) / 1024)
        for i, (_, name, free, total) in enumerate(chosen)
    ]


def _chosen(rows: Sequence[list[str]], visible: str) -> list[list[str]]:
    """Return the rows that CUDA shows, in its order: up to the first that is none."""
    chosen = []
    for entry in (part.strip() for part in visible.split(",")):
        by_number = entry.isdigit() and int(entry) < len(rows)
        found = (
            [rows[int(entry)]]
            if by_number
            else [row for row in rows if entry and row[0].startswith(entry)]
        )
        if not found:
            break
        chosen.append(found[0])
    return chosen
