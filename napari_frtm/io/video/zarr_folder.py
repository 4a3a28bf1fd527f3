"""Zarr folders: an array, an OME-Zarr image with its levels, or the first array of a group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import zarr

from napari_frtm.errors import VideoError
from napari_frtm.io.video.pixel_size import of_ome_zarr
from napari_frtm.io.video.stored import Content

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_FILES = ("zarr.json", ".zarray", ".zgroup")


def is_zarr(path: Path) -> bool:
    """Whether a folder holds a zarr array or group."""
    return path.is_dir() and any((path / name).exists() for name in _FILES)


def open_zarr(path: Path) -> Content:
    """Return what a zarr folder holds; no pixels are read yet."""
    node = zarr.open(path, mode="r")
    if isinstance(node, zarr.Array):
        return Content([node], _names(node))
    attributes = dict(node.attrs)
    images = attributes.get("ome", attributes).get("multiscales")
    if images:
        levels = [node[dataset["path"]] for dataset in images[0]["datasets"]]
        axes = images[0].get("axes", "tczyx")  # names alone before version 0.4
        names = [axis if isinstance(axis, str) else axis["name"] for axis in axes]
        return Content(levels, names, of_ome_zarr(images[0]))
    arrays = sorted(node.arrays())
    if not arrays:
        raise VideoError(f"{path.name} holds no array. Choose the folder of a zarr array.")
    return Content([arrays[0][1]], _names(arrays[0][1]))


def _names(array: zarr.Array) -> Sequence[str]:
    names = getattr(array.metadata, "dimension_names", None) or ()
    return [str(name or "") for name in names] or [""] * array.ndim
