"""The formats that masks can leave in, in one table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_frtm.io.export.ctc import ctc
from napari_frtm.io.export.label_images import binary_png, indexed_png
from napari_frtm.io.export.ome_zarr import ome_zarr
from napari_frtm.io.export.polygons import coco, yolo
from napari_frtm.io.export.stacks import npz, ome_tiff

if TYPE_CHECKING:
    from napari_frtm.io.export.job import Writer


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One of them.

    Attributes
    ----------
    label : str
        What people see.
    writer : callable
        Writes it.
    suffix : str
        Of the file; empty if a folder of files is written.
    folder : bool
        Whether it is a folder even though it has a suffix.
    needs_video : bool
        Whether the pixels of the video are needed.
    """

    label: str
    writer: Writer
    suffix: str = ""
    folder: bool = False
    needs_video: bool = False


FORMATS = {
    "png": Format(label="Indexed PNG (DAVIS colours)", writer=indexed_png),
    "png-binary": Format(label="Binary PNG, a folder for each object", writer=binary_png),
    "tiff": Format(label="OME-TIFF stack of labels", writer=ome_tiff, suffix=".ome.tif"),
    "zarr": Format(
        label="OME-Zarr labels (NGFF 0.5)", writer=ome_zarr("0.5"), suffix=".zarr", folder=True
    ),
    "zarr-0.4": Format(
        label="OME-Zarr labels (NGFF 0.4)", writer=ome_zarr("0.4"), suffix=".zarr", folder=True
    ),
    "npz": Format(label="NumPy archive", writer=npz, suffix=".npz"),
    "coco": Format(label="COCO run lengths (JSON)", writer=coco, suffix=".json"),
    "yolo": Format(label="YOLO segmentation", writer=yolo),
    "ctc": Format(label="Cell Tracking Challenge", writer=ctc),
}
"""By the name that settings and the command line use."""
