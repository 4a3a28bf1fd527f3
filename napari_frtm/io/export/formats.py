"""The formats that masks can leave in, in one table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_frtm.io.export.masks.ctc import ctc
from napari_frtm.io.export.masks.images import binary_png, indexed_png
from napari_frtm.io.export.masks.ome_zarr import ome_zarr
from napari_frtm.io.export.masks.polygons import coco, yolo
from napari_frtm.io.export.masks.stacks import npz, ome_tiff
from napari_frtm.io.export.mattes.cryptomatte import cryptomatte
from napari_frtm.io.export.mattes.exr import exr, exr_layers
from napari_frtm.io.export.mattes.images import cutout_png, cutout_tiff, matte_png, matte_tiff
from napari_frtm.io.export.movies.encodings import (
    FFV1,
    H264,
    HUFFYUV,
    PRORES_4444,
    VP9,
    odd_sides,
)
from napari_frtm.io.export.movies.shown import (
    cutout_movie,
    matte_only,
    over_checker,
    overlaid,
    shown_movie,
    side_by_side,
)
from napari_frtm.io.export.tables.measurements import csv_table, parquet_table
from napari_frtm.io.export.tables.tracks import geff, tracks_csv

if TYPE_CHECKING:
    from napari_frtm.io.export.job import Writer
    from napari_frtm.io.export.movies.encodings import Encoding


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
    encoding : Encoding or None
        How its pictures are coded, if it is a movie.
    wide : int
        Frames beside each other in its pictures.
    uses : set of str
        Which of ``names``, ``depth``, ``edges``, ``premultiplied``, ``audio`` and ``odd`` of the
        settings make a difference.
    package : str
        What of the optional extra ``export`` must be installed; empty if nothing.
    """

    label: str
    writer: Writer
    suffix: str = ""
    folder: bool = False
    needs_video: bool = False
    encoding: Encoding | None = None
    wide: int = 1
    uses: frozenset[str] = frozenset()
    package: str = ""

    def odd(self, size: tuple[int, int]) -> str:
        """Return what to do about frames of size (H, W) that it cannot have, if anything."""
        height, width = size[0], size[1] * self.wide
        even = self.encoding is not None and self.encoding.even
        return odd_sides((height, width)) if even and (height % 2 or width % 2) else ""


_NAMES = frozenset({"names"})
_MATTES = frozenset({"names", "depth", "edges"})
_CUTOUTS = frozenset({"names", "depth", "edges", "premultiplied"})
_ALPHA_MOVIES = frozenset({"edges", "premultiplied", "audio"})
_EXR = "OpenEXR"

FORMATS = {
    "png": Format(
        label="Indexed PNG (DAVIS colours)",
        writer=indexed_png,
        uses=_NAMES,
    ),
    "png-binary": Format(
        label="Binary PNG, a folder for each object",
        writer=binary_png,
        uses=_NAMES,
    ),
    "tiff": Format(
        label="OME-TIFF stack of labels",
        writer=ome_tiff,
        suffix=".ome.tif",
        uses=frozenset({"depth"}),
    ),
    "zarr": Format(
        label="OME-Zarr labels (NGFF 0.5)", writer=ome_zarr("0.5"), suffix=".zarr", folder=True
    ),
    "zarr-0.4": Format(
        label="OME-Zarr labels (NGFF 0.4)", writer=ome_zarr("0.4"), suffix=".zarr", folder=True
    ),
    "npz": Format(label="NumPy archive", writer=npz, suffix=".npz"),
    "coco": Format(
        label="COCO run lengths (JSON)",
        writer=coco,
        suffix=".json",
        uses=_NAMES,
    ),
    "yolo": Format(
        label="YOLO segmentation",
        writer=yolo,
        uses=_NAMES,
    ),
    "ctc": Format(label="Cell Tracking Challenge", writer=ctc),
    "tracks": Format(label="Centroids for napari Tracks (CSV)", writer=tracks_csv, suffix=".csv"),
    "geff": Format(label="Graph of centroids (GEFF)", writer=geff, suffix=".geff", folder=True),
    "csv": Format(
        label="Measurements (CSV)",
        writer=csv_table,
        suffix=".csv",
        package="skimage",
    ),
    "parquet": Format(
        label="Measurements (Parquet)",
        writer=parquet_table,
        suffix=".parquet",
        package="pyarrow",
    ),
    "matte-png": Format(
        label="Mattes, PNG, a folder for each object",
        writer=matte_png,
        uses=_MATTES,
    ),
    "matte-tiff": Format(
        label="Mattes, TIFF, a folder for each object",
        writer=matte_tiff,
        uses=_MATTES,
    ),
    "exr": Format(
        label="Mattes, EXR, a folder for each object",
        writer=exr,
        uses=_MATTES,
        package=_EXR,
    ),
    "exr-layers": Format(
        label="Mattes, EXR with a layer for each object",
        writer=exr_layers,
        uses=_MATTES,
        package=_EXR,
    ),
    "cryptomatte": Format(
        label="Cryptomatte (EXR)",
        writer=cryptomatte,
        uses=frozenset({"names", "edges"}),
        package=_EXR,
    ),
    "cutout-png": Format(
        label="Cut-outs, RGBA PNG",
        writer=cutout_png,
        needs_video=True,
        uses=_CUTOUTS,
    ),
    "cutout-tiff": Format(
        label="Cut-outs, RGBA TIFF",
        writer=cutout_tiff,
        needs_video=True,
        uses=_CUTOUTS,
    ),
    "prores": Format(
        label="ProRes 4444 with alpha",
        writer=cutout_movie(PRORES_4444),
        encoding=PRORES_4444,
        suffix=".mov",
        needs_video=True,
        uses=_ALPHA_MOVIES,
    ),
    "ffv1": Format(
        label="FFV1 with alpha (lossless)",
        writer=cutout_movie(FFV1),
        encoding=FFV1,
        suffix=".mkv",
        needs_video=True,
        uses=_ALPHA_MOVIES,
    ),
    "huffyuv": Format(
        label="HuffYUV with alpha (lossless)",
        writer=cutout_movie(HUFFYUV),
        encoding=HUFFYUV,
        suffix=".avi",
        needs_video=True,
        uses=_ALPHA_MOVIES,
    ),
    "webm": Format(
        label="VP9 with alpha",
        writer=cutout_movie(VP9),
        encoding=VP9,
        suffix=".webm",
        needs_video=True,
        uses=_ALPHA_MOVIES | {"odd"},
    ),
    "overlay": Format(
        label="Masks over the video, H.264",
        writer=shown_movie(overlaid),
        encoding=H264,
        suffix=".mp4",
        needs_video=True,
        uses=frozenset({"audio", "odd"}),
    ),
    "side-by-side": Format(
        label="Video and masks side by side, H.264",
        writer=shown_movie(side_by_side, 2),
        wide=2,
        encoding=H264,
        suffix=".mp4",
        needs_video=True,
        uses=frozenset({"audio", "odd"}),
    ),
    "matte-movie": Format(
        label="Mattes, H.264",
        writer=shown_movie(matte_only),
        encoding=H264,
        suffix=".mp4",
        uses=frozenset({"edges", "audio", "odd"}),
    ),
    "checker": Format(
        label="Objects over a checkerboard, H.264",
        writer=shown_movie(over_checker),
        encoding=H264,
        suffix=".mp4",
        needs_video=True,
        uses=frozenset({"edges", "audio", "odd"}),
    ),
}
"""By the name that settings and the command line use."""
