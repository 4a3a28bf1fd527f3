"""Label images in files: read, check and write.

See `object_ids` for what becomes an object id.
"""

from __future__ import annotations

import io
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import tifffile
from PIL import Image

from napari_frtm.errors import FrtmError, LabelsError
from napari_frtm.io.atomic import write_bytes
from napari_frtm.io.object_ids import (
    SoftMaskError,
    davis_palette,
    integers,
    object_ids,
    thresholded,
    without_blur,
)
from napari_frtm.io.video.images.exr import read_exr
from napari_frtm.io.video.reading import check_size
from napari_frtm.io.video.stacks.lzw import LZW, check_lzw
from napari_frtm.io.video.stacks.tiff_colour import RGB, TIFF, Look

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_frtm.types import Labels

_ID_BYTES = 4
LIMITS = {".png": 255, ".tif": 65534, ".tiff": 65534}  # 65535 alone reads as a mask


def read_labels(path: str | Path, threshold: float | None = None) -> NDArray[np.int32]:
    """Read a label image: indexed, grey or coloured picture, TIFF, EXR or NPY.

    Parameters
    ----------
    path : str or Path
        The file.
    threshold : float, optional
        For soft (antialiased, feathered, lossy) masks of one object: from which part of full
        strength, in (0, 1], a pixel belongs to it. Without it they are refused. Hard masks are
        read as ever.

    Returns
    -------
    int32 array of shape (H, W)
        0 is background, every other value an object.

    Raises
    ------
    LabelsError
        If the file is missing, damaged, has several frames, or is no label image.
    ValueError
        If the threshold is not in (0, 1].
    """
    if threshold is not None and not 0 < threshold <= 1:
        raise ValueError(f"threshold must be in (0, 1], got {threshold}.")
    path = Path(path)
    try:
        pixels, lossy = _pixels(path)
        try:
            return object_ids(without_blur(pixels, path.name) if lossy else pixels, path.name)
        except SoftMaskError:
            if threshold is None:
                raise
            return thresholded(pixels, threshold)
    except FrtmError as error:
        raise error if isinstance(error, LabelsError) else LabelsError(str(error)) from error
    except Exception as error:  # Pillow and tifffile raise nearly anything for damaged files
        raise LabelsError(f"Cannot read the label image {path}: {error}") from error


def write_labels(path: str | Path, labels: Labels, *, lasting: bool = False) -> None:
    """Write a label image: ``.png`` indexed with the DAVIS palette, or ``.tif`` with 16 bits.

    If it must be `lasting`, it is forced to the disk; see `napari_frtm.io.atomic.replacing`.

    Raises
    ------
    LabelsError
        If the labels are no label image, or the format has no room for their ids.
    OutputError
        If the file cannot be written; a file that was there is as before.
    """
    path = Path(path)
    if path.suffix.lower() not in LIMITS:
        raise LabelsError(f"Cannot write labels as '{path.suffix}'; choose .png or .tif.")
    limit = LIMITS[path.suffix.lower()]
    ids = integers(labels, path.name)
    if ids.max() > limit:
        raise LabelsError(f"{path.name} has no room for the id {ids.max()}, only up to {limit}.")
    buffer = io.BytesIO()
    if path.suffix.lower() == ".png":
        picture = Image.fromarray(ids.astype(np.uint8))
        picture.putpalette(davis_palette().tobytes())
        picture.save(buffer, "PNG")
    else:
        tifffile.imwrite(buffer, ids.astype(np.uint16), compression="deflate")
    write_bytes(path, buffer.getvalue(), lasting=lasting)


def labels_suffix(largest_id: int) -> str:
    """Return the suffix of the format with room for ids up to `largest_id`."""
    return ".png" if largest_id <= LIMITS[".png"] else ".tif"


def check_labels(labels: Labels, size: tuple[int, int], name: str) -> None:
    """Check that labels can annotate a video with frames of `size` (H, W).

    Raises
    ------
    LabelsError
        If their size is another, an id is negative, or no object is painted.
    """
    if labels.shape != size:
        raise LabelsError(
            f"{name} is of size {labels.shape}, the video of {size} (height, width); "
            "give a label image of the video's size."
        )
    if not integers(labels, name).any():
        raise LabelsError(f"{name} is empty: no object is painted. Paint at least one.")


def _pixels(path: Path) -> tuple[NDArray[Any], bool]:
    """Return what a file holds, and whether it is lossy.

    That are ids of shape (H, W), or colours of shape (H, W, 3 or 4).
    """
    kind = path.suffix.lower()
    if kind == ".npy":
        return _one_frame(np.lib.format.open_memmap(path, mode="r"), path.name), False
    if kind in TIFF:
        return _tiff(path), False
    if kind == ".exr":
        return read_exr(path), False
    with Image.open(path) as image:
        check_size((image.height, image.width), _ID_BYTES, path.name)
        lossy = image.format in ("JPEG", "MPO")
        frames = int(getattr(image, "n_frames", 1))
        if frames > 1 and not lossy:
            _refuse_frames(path.name, frames)
        return _picture(image), lossy


def _one_frame(array: NDArray[Any], name: str) -> NDArray[Any]:
    """Return an array of shape (H, W) from (1, H, W) or (H, W, 1)."""
    if array.ndim == 3 and array.shape[0] > 1 and array.shape[2] > 1:
        _refuse_frames(name, len(array))
    check_size(array.shape[-2:], _ID_BYTES, name)
    if array.ndim != 3:
        return array
    return array[0] if array.shape[0] == 1 else array[..., 0]


def _tiff(path: Path) -> NDArray[Any]:
    with tifffile.TiffFile(path) as tiff:
        if len(tiff.series) != 1:
            _refuse_frames(path.name, len(tiff.pages))
        series = tiff.series[0]
        # of a palette the numbers count, not the colours
        look = replace(Look.of(series.keyframe, path.name), palette=None)
        height, width = series.keyframe.imagelength, series.keyframe.imagewidth
        shape: tuple[int, ...] = (height, width)
        if look.samples > 1:
            shape = (look.samples, *shape) if look.planar else (*shape, look.samples)
        if series.size != math.prod(shape):
            _refuse_frames(path.name, series.size // math.prod(shape))
        check_size((height, width, look.samples), _ID_BYTES, path.name)
        if int(series.keyframe.compression) == LZW:
            for page in series.pages:
                check_lzw(page, path.name)
        plane = series.asarray().reshape(shape)
    with_alpha = look.photometric == RGB and look.samples == 4 and not look.planar
    return np.asarray(plane if look.plain or with_alpha else look.apply(plane))


def _picture(image: Image.Image) -> NDArray[Any]:
    if image.mode == "P":
        return _indexed(image)
    if image.mode in ("1", "L", "F") or image.mode.startswith("I"):
        return np.asarray(image)
    return np.asarray(image.convert("RGBA"))


def _indexed(image: Image.Image) -> NDArray[Any]:
    """Return the indices as int32, or colours where index 0 is clearly not the background."""
    indices = np.asarray(image)
    palette = np.zeros((256, 3), np.uint8)
    colours = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
    palette[: len(colours)] = colours
    used = np.unique(indices)
    if (palette[used] == used[:, None]).all():  # a grey picture in other words
        return indices
    if palette[0].any() and not palette[used].any(axis=1).all():
        return np.asarray(palette[indices])
    return indices.astype(np.int32)


def _refuse_frames(name: str, frames: int) -> NoReturn:
    raise LabelsError(f"{name} is a stack of {frames} frames; give one frame.")
