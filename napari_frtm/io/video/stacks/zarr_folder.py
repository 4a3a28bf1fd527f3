"""Zarr folders: an array, an OME-Zarr image with its levels, a collection of images, a plate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import zarr

from napari_frtm.errors import VideoError
from napari_frtm.io.video.stacks.bounded import Bounded
from napari_frtm.io.video.stacks.pixel_size import of_ome_zarr
from napari_frtm.io.video.stacks.stored import ZARR, Content

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def is_zarr(path: Path) -> bool:
    """Whether a folder holds a zarr array or group."""
    return path.is_dir() and any((path / name).exists() for name in ZARR)


def open_zarr(path: Path) -> Content:
    """Return what a zarr folder holds; no pixels are read yet.

    Of several images, as bioformats2raw and plates have them, it is the first, with a remark; of
    a group of arrays, too.
    """
    node = zarr.open(Bounded(path), mode="r")
    if isinstance(node, zarr.Array):
        return Content([node], _names(node))
    images = _images(node)
    if images:
        node = node[images[0]]
    multiscales = _attributes(node).get("multiscales")
    if multiscales:
        levels = [node[dataset["path"]] for dataset in multiscales[0]["datasets"]]
        axes = multiscales[0].get("axes", "tczyx")  # names alone before version 0.4
        names = [axis if isinstance(axis, str) else axis["name"] for axis in axes]
        return Content(levels, names, of_ome_zarr(multiscales[0]), remarks=_first(path, images))
    arrays = dict(sorted(node.arrays()))
    if not arrays:
        raise VideoError(f"{path.name} holds no array. Choose the folder of a zarr array.")
    array = next(iter(arrays.values()))
    return Content([array], _names(array), remarks=_first(path, [*arrays]))


def _attributes(node: zarr.Group) -> Mapping[str, Any]:
    attributes = dict(node.attrs)
    ome: Mapping[str, Any] = attributes.get("ome", attributes)
    return ome


def _images(node: zarr.Group) -> list[str]:
    """Return where the images of a collection are; none if this is an image itself."""
    attributes = _attributes(node)
    if "plate" in attributes:
        wells = [str(well["path"]) for well in attributes["plate"]["wells"]]
        fields = _attributes(node[wells[0]])["well"]["images"] if wells else []
        return [f"{well}/{field['path']}" for well in wells for field in fields]
    if "well" in attributes:
        return [str(field["path"]) for field in attributes["well"]["images"]]
    if "bioformats2raw.layout" in attributes:
        return sorted((name for name, _ in node.groups() if name.isdecimal()), key=int)
    return []


def _first(path: Path, images: Sequence[str]) -> tuple[str, ...]:
    if len(images) < 2:
        return ()
    return (
        f"{path.name} holds {len(images)} images; this is {images[0]}. For another one open its "
        f"folder, for example {path / images[1]}.",
    )


def _names(array: zarr.Array) -> Sequence[str]:
    names = getattr(array.metadata, "dimension_names", None) or ()
    return [str(name or "") for name in names] or [""] * array.ndim
