"""Mattes and cut-outs as images: PNG and TIFF of 8 or 16 bits."""

from __future__ import annotations

import struct
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import tifffile

from napari_frtm.errors import OutputError
from napari_frtm.io.atomic import replacing, write_bytes
from napari_frtm.io.export.box import box_around
from napari_frtm.io.export.masks.images import make_folder, write_png
from napari_frtm.io.export.mattes.alpha import Mattes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_frtm.io.export.job import Job, WriteFrame

_AROUND = 17
"""Width of the square around a pixel of an object in which straight colours are kept."""


@contextmanager
def matte_png(job: Job) -> Iterator[WriteFrame]:
    """Write a folder for each object, with a grey picture a frame: white in the object."""
    with _folders(job) as (mattes, depth):

        def write(index: int) -> None:
            for object_id in job.object_ids:
                path = job.path / job.object_name(object_id) / f"{job.stem(index)}.png"
                write_png(path, quantised(mattes.alpha(index, object_id), depth))

        yield write


@contextmanager
def matte_tiff(job: Job) -> Iterator[WriteFrame]:
    """Write a folder for each object, with a grey TIFF a frame: white in the object."""
    with _folders(job) as (mattes, depth):

        def write(index: int) -> None:
            for object_id in job.object_ids:
                path = job.path / job.object_name(object_id) / f"{job.stem(index)}.tif"
                with replacing(path) as temporary:
                    tifffile.imwrite(
                        temporary,
                        quantised(mattes.alpha(index, object_id), depth),
                        photometric="minisblack",
                        compression="zlib",
                        metadata=None,
                    )

        yield write


@contextmanager
def cutout_png(job: Job) -> Iterator[WriteFrame]:
    """Write RGBA pictures of the objects together; the text ``Alpha`` says what colours are."""
    mattes, depth = Mattes(job), depth_of(job)
    make_folder(job.path)

    def write(index: int) -> None:
        picture = cutout(mattes, job, index, depth)
        _, data = cv2.imencode(".png", np.ascontiguousarray(picture[..., [2, 1, 0, 3]]))
        write_bytes(job.path / f"{job.stem(index)}.png", _noted(data.tobytes(), alpha_kind(job)))

    yield write


@contextmanager
def cutout_tiff(job: Job) -> Iterator[WriteFrame]:
    """Write RGBA TIFFs of the objects together; the tag ``ExtraSamples`` says what colours are."""
    mattes, depth = Mattes(job), depth_of(job)
    make_folder(job.path)

    def write(index: int) -> None:
        with replacing(job.path / f"{job.stem(index)}.tif") as temporary:
            tifffile.imwrite(
                temporary,
                cutout(mattes, job, index, depth),
                photometric="rgb",
                extrasamples=["assocalpha" if job.settings.premultiplied else "unassalpha"],
                compression="zlib",
                metadata=None,
            )

    yield write


def cutout(mattes: Mattes, job: Job, index: int, depth: int) -> NDArray[Any]:
    """Return the objects of a frame as RGBA of shape (H, W, 4), of 8 or 16 bits."""
    whole = mattes.together(index)
    picture = np.zeros((*whole.shape, 4), f"uint{depth}")
    box = box_around(whole > 0, _AROUND)
    alpha, colours = whole[box], mattes.colours(index, whole, depth)[box]
    if not alpha.size:
        return picture
    if job.settings.premultiplied:
        colours = np.rint(colours * alpha[..., None]).astype(picture.dtype)
    else:  # a little around the objects, so that scaling does not draw black into their edges
        near = cv2.dilate((alpha > 0).view(np.uint8), np.ones((_AROUND, _AROUND), np.uint8))
        colours = colours * near[..., None]
    picture[box] = np.dstack([colours, quantised(alpha, depth)])
    return picture


def alpha_kind(job: Job) -> str:
    """Return what the colours of cut-outs are, in the word that files say it with."""
    return "premultiplied" if job.settings.premultiplied else "straight"


def quantised(values: NDArray[np.float32], depth: int) -> NDArray[Any]:
    """Return values in [0, 1] as integers of 8 or 16 bits."""
    if depth == 8:
        once = cv2.convertScaleAbs(np.ascontiguousarray(values), alpha=255)  # in one pass
        return np.asarray(once, np.uint8)
    return np.rint(values * ((1 << depth) - 1)).astype(f"uint{depth}")


def depth_of(job: Job) -> int:
    """Return the bits of a channel: 8 or 16.

    Raises
    ------
    OutputError
        If others are asked for.
    """
    depth = job.settings.depth or 8
    if depth not in (8, 16):
        raise OutputError(f"PNG and TIFF have mattes of 8 or 16 bits, not {depth}. Choose EXR.")
    return depth


@contextmanager
def _folders(job: Job) -> Iterator[tuple[Mattes, int]]:
    depth = depth_of(job)
    for object_id in job.object_ids:
        make_folder(job.path / job.object_name(object_id))
    yield Mattes(job), depth


def _noted(png: bytes, kind: str) -> bytes:
    """Return a PNG with a text chunk about its alpha behind the header, which takes 33 bytes."""
    content = b"tEXtAlpha\0" + kind.encode()
    chunk = struct.pack(">I", len(content) - 4) + content
    return png[:33] + chunk + struct.pack(">I", zlib.crc32(content)) + png[33:]
