"""Hard masks as one array in a file: OME-TIFF and NPZ."""

from __future__ import annotations

import zipfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from napari_frtm.errors import LabelsError
from napari_frtm.io.atomic import replacing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_frtm.io.export.job import Job, WriteFrame

_UNITS = {"micrometer": "µm", "nanometer": "nm", "millimeter": "mm"}


@contextmanager
def ome_tiff(job: Job) -> Iterator[WriteFrame]:
    """Write an OME-TIFF of axes TYX: values are ids; with pixel size and interval if known."""
    dtype = tiff_type(job)
    with replacing(job.path) as temporary, tifffile.TiffWriter(temporary, bigtiff=True) as tiff:
        first = True

        def write(index: int) -> None:
            nonlocal first
            description = ome_xml(job, dtype) if first else ""
            tiff.write(
                job.labels(index).astype(dtype),
                compression="zlib",
                photometric="minisblack",
                description=description,
                metadata=None,
            )
            first = False

        yield write


def tiff_type(job: Job) -> np.dtype[Any]:
    """Return the type of a stack: as asked for, else as small as possible.

    Raises
    ------
    LabelsError
        If ids have no room in it.
    """
    depth = job.settings.depth or max(8, 8 * job.dtype.itemsize)
    largest = max(job.object_ids, default=0)
    if depth == 32 or largest >= 1 << depth:
        raise LabelsError(
            f"A TIFF of {min(depth, 16)} bits has no room for the id {largest} of the labels. "
            "Choose 16 bits, or OME-Zarr for ids above 65535."
        )
    return np.dtype(f"uint{depth}")


def ome_xml(job: Job, dtype: np.dtype[Any]) -> str:
    """Return the OME metadata of a stack of axes TYX, in ASCII."""
    height, width = job.source.size
    lengths, interval = job.source.pixel_size.lengths, job.source.pixel_size.interval
    sizes = {
        f"PhysicalSize{axis.upper()}": f'{value!r}" PhysicalSize{axis.upper()}Unit="{_UNITS[unit]}'
        for axis, (value, unit) in lengths.items()
        if axis in "xy"
    }
    if interval is None and job.source.fps:
        interval = 1 / job.source.fps
    if interval is not None:
        sizes["TimeIncrement"] = f'{interval!r}" TimeIncrementUnit="s'
    known = "".join(f' {key}="{value}"' for key, value in sizes.items())
    count = len(job.span)
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        f'<Image ID="Image:0" Name="labels"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" '
        f'Type="{dtype.name}" SizeX="{width}" SizeY="{height}" SizeC="1" SizeZ="1" '
        f'SizeT="{count}"{known}>'
        '<Channel ID="Channel:0:0" SamplesPerPixel="1"/>'
        f'<TiffData IFD="0" PlaneCount="{count}"/></Pixels></Image></OME>'
    )
    return xml.encode("ascii", "xmlcharrefreplace").decode()


@contextmanager
def npz(job: Job) -> Iterator[WriteFrame]:
    """Write a NumPy archive: ``labels`` (T, H, W), ``frames`` (T,), ``object_ids``, ``names``."""
    height, width = job.source.size
    header = {"descr": job.dtype.str, "fortran_order": False}
    header["shape"] = (len(job.span), height, width)
    with (
        replacing(job.path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
    ):
        _member(archive, "frames", np.array([job.number(t) for t in job.span]))
        _member(archive, "object_ids", np.array(job.object_ids, np.int64))
        _member(archive, "names", np.array([job.object_name(i) for i in job.object_ids], str))
        with archive.open("labels.npy", "w", force_zip64=True) as member:
            np.lib.format.write_array_header_2_0(member, header)

            def write(index: int) -> None:
                member.write(np.ascontiguousarray(job.labels(index)).data)

            yield write


def _member(archive: zipfile.ZipFile, name: str, array: NDArray[Any]) -> None:
    with archive.open(f"{name}.npy", "w") as member:
        np.lib.format.write_array(member, array, allow_pickle=False)
