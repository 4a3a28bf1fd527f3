"""Hard masks as images: one indexed picture a frame, or a black and white one for each object."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_frtm.errors import LabelsError
from napari_frtm.io.atomic import reporting, write_bytes
from napari_frtm.io.labels import LIMITS, write_labels

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_frtm.io.export.job import Job, WriteFrame


@contextmanager
def indexed_png(job: Job) -> Iterator[WriteFrame]:
    """Write a picture a frame: values are ids, shown in the colours of DAVIS."""
    if max(job.object_ids, default=0) > LIMITS[".png"]:
        raise LabelsError(
            f"Indexed PNG has room for ids up to {LIMITS['.png']}, not for {job.object_ids[-1]}. "
            "Choose TIFF, or fewer objects."
        )
    make_folder(job.path)

    def write(index: int) -> None:
        write_labels(job.path / f"{job.stem(index)}.png", job.labels(index))

    yield write


@contextmanager
def binary_png(job: Job) -> Iterator[WriteFrame]:
    """Write a folder for each object, with a picture a frame: 255 in the object."""
    for object_id in job.object_ids:
        make_folder(job.path / job.object_name(object_id))

    def write(index: int) -> None:
        labels = job.labels(index)
        for object_id in job.object_ids:
            picture = (labels == object_id).astype(np.uint8) * np.uint8(255)
            path = job.path / job.object_name(object_id) / f"{job.stem(index)}.png"
            write_png(path, picture)

    yield write


def write_png(path: Path, image: NDArray[np.generic]) -> None:
    """Write a picture of 8 or 16 bits, grey (H, W), RGB (H, W, 3) or RGBA (H, W, 4).

    Raises
    ------
    OutputError
        If it cannot be written; a file that was there is as before.
    """
    order = {3: [2, 1, 0], 4: [2, 1, 0, 3]}
    if image.ndim == 3:
        image = image[..., order[image.shape[2]]]
    _, data = cv2.imencode(".png", np.ascontiguousarray(image))
    write_bytes(path, data.tobytes())


def make_folder(path: Path) -> None:
    """Make a folder and those that it is in.

    Raises
    ------
    OutputError
        If it cannot be made.
    """
    with reporting(path):
        path.mkdir(parents=True, exist_ok=True)
