"""Hard masks as OME-Zarr labels (NGFF 0.4 and 0.5), with smaller copies for viewers."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from napari_frtm.io.atomic import replacing_folder
from napari_frtm.io.export.masks.images import make_folder
from napari_frtm.io.object_ids import davis_palette

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    import zarr

    from napari_frtm.io.export.job import Job, WriteFrame

_SMALLEST = 256
"""Pixels of the shorter side; copies are not made smaller than that."""
_TILE = 1024


def ome_zarr(version: str) -> Callable[[Job], AbstractContextManager[WriteFrame]]:
    """Return the writer of a version of NGFF, ``0.4`` (zarr 2) or ``0.5`` (zarr 3).

    It writes a group ``labels`` with the label image ``masks`` of axes t, y, x.
    """

    @contextmanager
    def writer(job: Job) -> Iterator[WriteFrame]:
        make_folder(job.path.parent)
        with replacing_folder(job.path) as temporary:
            import zarr

            formats = {"0.4": 2, "0.5": 3}
            root = zarr.create_group(temporary, zarr_format=formats[version])
            labels = root.create_group("labels")
            image = labels.create_group("masks")
            levels = [_level(image, job, k) for k in range(_levels(job.source.size))]
            _describe(root, version, {})
            _describe(labels, version, {"labels": ["masks"]})
            _describe(image, version, _image(job, version, len(levels)))

            def write(index: int) -> None:
                frame = job.labels(index)
                for k, level in enumerate(levels):
                    level[index - job.span.start] = frame[:: 1 << k, :: 1 << k]

            yield write

    return writer


def _levels(size: tuple[int, int]) -> int:
    return max(1, (min(size) // _SMALLEST).bit_length())


def _level(image: zarr.Group, job: Job, k: int) -> zarr.Array:
    height, width = (-(-side // (1 << k)) for side in job.source.size)
    three = image.metadata.zarr_format == 3
    return image.create_array(
        str(k),
        shape=(len(job.span), height, width),
        dtype=job.dtype,
        chunks=(1, min(height, _TILE), min(width, _TILE)),
        fill_value=0,
        chunk_key_encoding={"name": "default" if three else "v2", "separator": "/"},
        dimension_names=("t", "y", "x") if three else None,
    )


def _describe(group: zarr.Group, version: str, content: dict[str, Any]) -> None:
    """Write the metadata where the version has them."""
    if version == "0.4":
        group.attrs.update(content)
    else:
        group.attrs["ome"] = {"version": version, **content}


def _image(job: Job, version: str, levels: int) -> dict[str, Any]:
    """Return the metadata of the label image: axes, scales, names and colours."""
    lengths, interval = job.source.pixel_size.lengths, job.source.pixel_size.interval
    seconds = interval or (1 / job.source.fps if job.source.fps else None)
    time: dict[str, Any] = {"name": "t", "type": "time"}
    if seconds:
        time["unit"] = "second"
    space = [
        {"name": axis, "type": "space", **({"unit": lengths[axis][1]} if axis in lengths else {})}
        for axis in "yx"
    ]
    scale = [lengths[axis][0] if axis in lengths else 1.0 for axis in "yx"]
    datasets = []
    for k in range(levels):
        # every 2^k-th pixel is kept, so that the centres of the first ones stay where they are
        steps = [seconds or 1.0, *(each * (1 << k) for each in scale)]
        datasets.append(
            {"path": str(k), "coordinateTransformations": [{"type": "scale", "scale": steps}]}
        )
    multiscale = {"name": "masks", "axes": [time, *space], "datasets": datasets}
    palette = davis_palette()
    return {
        "multiscales": [{**multiscale, **({"version": version} if version == "0.4" else {})}],
        "image-label": {
            **({"version": version} if version == "0.4" else {}),
            "colors": [
                {"label-value": i, "rgba": [*palette[1 + (i - 1) % 255].tolist(), 255]}
                for i in job.object_ids
            ],
            "properties": [{"label-value": i, "name": job.object_name(i)} for i in job.object_ids],
        },
    }
