"""Cell Tracking Challenge: ``mask000.tif`` of 16 bits a frame, and a table of the tracks.

After "Cell Tracking Challenge: naming and file content conventions": a line of the table says
L B E P, that is label, first frame, last frame and parent (0 if it has none). Frames are counted
from 0, files have three digits or as many as are needed. The table of results is called
``res_track.txt``, that of truth ``man_track.txt``: the same lines are written to both, as the masks
are the one to some tools and the other to others.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import tifffile

from napari_frtm.errors import LabelsError
from napari_frtm.io.atomic import replacing, write_bytes
from napari_frtm.io.export.masks.images import make_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_frtm.io.export.job import Job, WriteFrame

TABLES = ("res_track.txt", "man_track.txt")
_LARGEST = np.iinfo(np.uint16).max


@contextmanager
def ctc(job: Job) -> Iterator[WriteFrame]:
    """Write the folder; a track that pauses goes on under a new label, with itself as parent.

    The format asks for it: a track has its label in every frame from its first to its last.
    """
    digits = max(3, len(str(len(job.span) - 1)))
    tracks = _Tracks(job)
    make_folder(job.path)

    def write(index: int) -> None:
        frame = index - job.span.start
        labels = job.labels(index)
        here = [int(i) for i in np.unique(labels) if i]
        numbers = tracks.advance(frame, here)
        relabelled = np.zeros(labels.shape, np.uint16)
        for object_id in here:
            relabelled[labels == object_id] = numbers[object_id]
        with replacing(job.path / f"mask{frame:0{digits}}.tif") as temporary:
            tifffile.imwrite(temporary, relabelled, compression="zlib")

    yield write
    for name in TABLES:
        write_bytes(job.path / name, tracks.table().encode())


class _Tracks:
    """Which label each object has, from frame to frame."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._free = max(job.object_ids, default=0) + 1
        self._now: dict[int, int] = {}
        self._rows: dict[int, tuple[int, int, int]] = {}

    def advance(self, frame: int, here: list[int]) -> dict[int, int]:
        """Return the label of each object in a frame, by id."""
        for object_id in here:
            label = self._now.get(object_id)
            if label is not None and self._rows[label][1] == frame - 1:
                first, _, parent = self._rows[label]
                self._rows[label] = first, frame, parent
            else:
                self._start(object_id, label, frame)
        return {object_id: self._now[object_id] for object_id in here}

    def _start(self, object_id: int, before: int | None, frame: int) -> None:
        label = object_id
        if before is not None:
            label, self._free = self._free, self._free + 1
        if label > _LARGEST:
            raise LabelsError(
                f"The Cell Tracking Challenge has room for labels up to {_LARGEST}, and {label} "
                "is needed. Choose fewer objects."
            )
        self._now[object_id] = label
        self._rows[label] = frame, frame, before or self._parent(object_id, frame)

    def _parent(self, object_id: int, frame: int) -> int:
        """Return the label that the object came from; 0 if that had not ended before."""
        known = self._job.source.objects.get(object_id)
        label = self._now.get(known.parent) if known and known.parent is not None else None
        return label if label is not None and self._rows[label][1] < frame else 0

    def table(self) -> str:
        """Return the lines of the table."""
        rows = sorted((label, *row) for label, row in self._rows.items())
        return "".join(f"{label} {first} {last} {p}\n" for label, first, last, p in rows)
