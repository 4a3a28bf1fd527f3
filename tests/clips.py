"""Small clips in files, jobs on them, and what a single run makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from console import contents

from napari_frtm.io.labels import write_labels

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FAST = 'variant = "d-only-no-update"\nshort_side = 48\ndevice = "cpu"\n'


def write_clip(folder: Path, name: str, count: int, masks: Sequence[int] = (0,)) -> None:
    """Write a stack of two squares that drift, ids 1 and 2, and label images of some frames."""
    rng = np.random.default_rng(len(name))
    frames = np.repeat(rng.integers(60, 130, (1, 64, 96, 3), np.uint8), count, 0)
    for t in range(count):
        labels = np.zeros((64, 96), np.uint8)
        for object_id, (y, x) in {1: (6 + t % 12, 8 + t % 40), 2: (40, 70 - t % 40)}.items():
            place = slice(y, y + 18), slice(x, x + 18)
            frames[t][place] = (230, 60 * object_id, 30)
            labels[place] = object_id
        if t in masks:
            write_labels(folder / f"{name}-{t}.png", labels)
    np.save(folder / f"{name}.npy", frames)


def write_job(folder: Path, clips: str, settings: str = FAST, more: str = "") -> Path:
    """Write a job file."""
    path = folder / "job.toml"
    path.write_text(f'out = "out"\n{more}\n[settings]\n{settings}\n{clips}')
    return path


def clip_table(name: str, masks: Sequence[int] = (0,), more: str = "") -> str:
    """Return the table of a clip of `write_clip`."""
    entries = ", ".join(f'"{t}:{name}-{t}.png"' for t in masks)
    return f'[[clips]]\nvideo = "{name}.npy"\nmasks = [{entries}]\n{more}\n'


def masks_of(session: Path) -> dict[str, bytes]:
    """Return the files of a session that say what was found, as bytes."""
    return {
        name: data
        for name, data in contents(session).items()
        if name != "session.json" and not name.startswith(".")
    }
