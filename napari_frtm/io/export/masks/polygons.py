"""Hard masks for detectors: COCO (run-length encoded) and YOLO segmentation."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_frtm.io.atomic import replacing, write_bytes
from napari_frtm.io.export.masks.images import make_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_frtm.io.export.job import Job, WriteFrame


@contextmanager
def coco(job: Job) -> Iterator[WriteFrame]:
    """Write one JSON file: an image a frame, an annotation for each object in it."""
    height, width = job.source.size
    categories = [{"id": i, "name": job.object_name(i)} for i in job.object_ids]
    images, count = [], 0
    with replacing(job.path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write('{"annotations": [')

        def write(index: int) -> None:
            nonlocal count
            image = {"id": index, "file_name": f"{job.stem(index)}.png"}
            images.append({**image, "width": width, "height": height})
            for annotation in _annotations(job, index):
                file.write(",\n" if count else "\n")
                count += 1
                file.write(json.dumps({"id": count, **annotation}))

        yield write
        rest = {"info": {"description": "napari-frtm"}, "images": images, "categories": categories}
        file.write("],\n" + json.dumps(rest)[1:] + "\n")


def _annotations(job: Job, index: int) -> Iterator[dict[str, Any]]:
    labels = job.labels(index)
    for object_id in job.object_ids:
        mask = (labels == object_id).view(np.uint8)
        if not mask.any():
            continue
        yield {
            "image_id": index,
            "category_id": object_id,
            "track_id": object_id,
            "iscrowd": 0,
            "area": int(np.count_nonzero(mask)),
            "bbox": list(cv2.boundingRect(mask)),
            "segmentation": {"size": list(mask.shape), "counts": compressed(mask)},
        }


def compressed(mask: NDArray[np.uint8]) -> str:
    """Return COCO's compressed run lengths of a mask of shape (H, W).

    Runs go down the columns and begin with zeros. From the fourth on, each is written as the
    difference to the run two before, in groups of five bits with the lowest first and a sixth
    that says whether more follow, as characters from ``0`` on.
    """
    flat = mask.ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    if flat[0]:
        runs.insert(0, 0)
    text = bytearray()
    for i, run in enumerate(runs):
        rest = run - runs[i - 2] if i > 2 else run
        more = True
        while more:
            group = rest & 31
            rest >>= 5
            more = rest != (-1 if group & 16 else 0)
            text.append(48 + (group | 32 if more else group))
    return text.decode()


@contextmanager
def yolo(job: Job) -> Iterator[WriteFrame]:
    """Write a text file a frame with a line for each object: class, then corners in [0, 1].

    An object in pieces is one line: they are joined by lines there and back. Holes are filled: the
    format has none. ``data.yaml`` has the names of the classes.
    """
    folder = job.path / "labels"
    make_folder(folder)

    def write(index: int) -> None:
        labels = job.labels(index)
        lines = [
            f"{number} " + " ".join(f"{value:.6g}" for value in outline.ravel())
            for number, object_id in enumerate(job.object_ids)
            if len(outline := _outline((labels == object_id).view(np.uint8)))
        ]
        write_bytes(folder / f"{job.stem(index)}.txt", "".join(f"{x}\n" for x in lines).encode())

    yield write
    names = "".join(
        f"  {k}: {json.dumps(job.object_name(i))}\n" for k, i in enumerate(job.object_ids)
    )
    write_bytes(job.path / "data.yaml", f"path: .\nnames:\n{names}".encode())


def _outline(mask: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the corners (x, y) of an object in [0, 1], of shape (N, 2), as one closed line.

    Corners are centres of pixels: filling the polygon with its border gives the mask again.
    """
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    pieces = [contour[:, 0] for contour in contours]
    if not pieces:
        return np.empty((0, 2))
    line = pieces[0]
    for piece in pieces[1:]:  # go there from a near corner, around, and back
        here = int(((line - piece[0]) ** 2).sum(1).argmin())
        there = int(((piece - line[here]) ** 2).sum(1).argmin())
        around = np.roll(piece, -there, axis=0)
        line = np.concatenate([line[: here + 1], around, around[:1], line[here:]])
    line = np.concatenate([line] * -(-3 // len(line))) if len(line) < 3 else line
    height, width = mask.shape
    return np.asarray((line + 0.5) / (width, height))
