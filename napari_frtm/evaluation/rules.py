"""Rules of the benchmarks: which pixels, frames and objects count."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from napari_frtm.io.labels import read_labels

if TYPE_CHECKING:
    from pathlib import Path

    from napari_frtm.types import Labels


class Rules(StrEnum):
    """A benchmark.

    ``davis2016`` takes all objects for one, whatever their ids. In ``davis2017``
    (semi-supervised) each object counts by itself, and pixels of value 255 do not count. Both leave
    the first and the last frame out. In ``youtube-vos`` objects start at any time, and each counts
    from the frame after its first on.
    """

    DAVIS_2016 = "davis2016"
    DAVIS_2017 = "davis2017"
    YOUTUBE_VOS = "youtube-vos"

    def read(self, path: Path) -> Labels:
        """Return a label image as the rules take it."""
        labels = read_labels(path)
        return (labels != 0).astype(np.uint8) if self is Rules.DAVIS_2016 else labels


def guess_rules(root: Path, split: str | None) -> Rules:
    """Return the rules of a benchmark folder.

    Parameters
    ----------
    root : Path
        Of YouTube-VOS if it has a ``meta.json``.
    split : str or None
        Of DAVIS 2016 if its name starts with ``2016``.
    """
    if (root / "meta.json").is_file():
        return Rules.YOUTUBE_VOS
    if split is not None and split.startswith("2016"):
        return Rules.DAVIS_2016
    return Rules.DAVIS_2017
