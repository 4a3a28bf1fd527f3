"""Writers of Labels layers, for *Save Selected Layers* and `viewer.layers.save`; frame by frame."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_frtm.io.export.export import export
from napari_frtm.io.export.settings import ExportSettings
from napari_frtm.io.labels import write_labels
from napari_frtm.plugin.view.mask_source import of_array

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_frtm.io.export.source import MaskSource


def write_tiff(path: str, data: Any, meta: Mapping[str, Any]) -> list[str]:
    """Write an OME-TIFF of axes TYX with pixel size and interval; return its path."""
    return _write("tiff", Path(path), data, meta)


def write_zarr(path: str, data: Any, meta: Mapping[str, Any]) -> list[str]:
    """Write OME-Zarr labels (NGFF 0.5), which must not be there yet; return the folder's path."""
    return _write("zarr", Path(path), data, meta)


def write_npz(path: str, data: Any, meta: Mapping[str, Any]) -> list[str]:
    """Write a NumPy archive with ``labels``, ``frames``, ``object_ids``; return its path."""
    return _write("npz", Path(path), data, meta)


def write_coco(path: str, data: Any, meta: Mapping[str, Any]) -> list[str]:
    """Write run lengths as JSON; return its path."""
    return _write("coco", Path(path), data, meta)


def write_png(path: str, data: Any, meta: Mapping[str, Any]) -> list[str]:
    """Write indexed PNGs in the colours of DAVIS; return their paths.

    One of a single image; of several frames, one each, in a new folder that is called as the file
    without its suffix.
    """
    place = Path(path)
    source = _source(data, meta)
    if source.length == 1:
        write_labels(place, source.labels(0))
        return [str(place)]
    folder = place.with_suffix("")
    _export(source, ExportSettings(format="png", destination=folder))
    return [str(folder / f"{index:05d}.png") for index in range(source.length)]


def _write(form: str, path: Path, data: Any, meta: Mapping[str, Any]) -> list[str]:
    """Export to a file, which napari has asked about if it is there; or to a new folder."""
    replaces = not path.is_dir()
    settings = ExportSettings(format=form, destination=path, overwrite=replaces)
    _export(_source(data, meta), settings)
    return [str(path)]


def _export(source: MaskSource, settings: ExportSettings) -> None:
    for _ in export(source, settings):
        pass


def _source(data: Any, meta: Mapping[str, Any]) -> MaskSource:
    if isinstance(data, list | tuple) or not hasattr(data, "ndim"):  # levels, the largest first
        data = data[0]
    scale, units = meta.get("scale"), meta.get("units")
    return of_array(
        data,
        str(meta.get("name", "labels")),
        (1.0,) * data.ndim if scale is None else scale,
        ("pixel",) * data.ndim if units is None else units,
    )
