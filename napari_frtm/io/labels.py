"""Label images in files: read, check and write.

What becomes an object id:

- indexed pictures: the palette index; void (255 in DAVIS) is an id like any other here;
- grey pictures and integer arrays: the value. Only 0 and the largest value (255, or 65535 in 16
  bits) means a mask of one object, id 1;
- colour pictures: black and transparent are background, a colour of the DAVIS palette is its
  index, each other colour takes the next free id, in the order of (red, green, blue).

Soft (antialiased, feathered, lossy) masks are refused: there is no telling what their greys mean.
"""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import cv2
import numpy as np
import tifffile
from PIL import Image

from napari_frtm.errors import LabelsError
from napari_frtm.io.atomic import write_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_frtm.types import Labels

LIMITS = {".png": 255, ".tif": 65534, ".tiff": 65534}  # 65535 alone reads as a mask
RGB_CODE = np.array([1 << 16, 1 << 8, 1])


def read_labels(path: str | Path) -> NDArray[np.int32]:
    """Read a label image: indexed, grey or coloured picture, TIFF or NPY.

    Returns
    -------
    int32 array of shape (H, W)
        0 is background, every other value an object.

    Raises
    ------
    LabelsError
        If the file is missing, damaged, has several frames, or is no hard label image.
    """
    path = Path(path)
    try:
        return _ids(_pixels(path), path.name)
    except LabelsError:
        raise
    except Exception as error:  # Pillow and tifffile raise nearly anything for damaged files
        raise LabelsError(f"Cannot read the label image {path}: {error}") from error


def write_labels(path: str | Path, labels: Labels) -> None:
    """Write a label image: ``.png`` indexed with the DAVIS palette, or ``.tif`` with 16 bits.

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
    ids = _integers(labels, path.name)
    if ids.max() > limit:
        raise LabelsError(f"{path.name} has no room for the id {ids.max()}, only up to {limit}.")
    buffer = io.BytesIO()
    if path.suffix.lower() == ".png":
        picture = Image.fromarray(ids.astype(np.uint8))
        picture.putpalette(davis_palette().tobytes())
        picture.save(buffer, "PNG")
    else:
        tifffile.imwrite(buffer, ids.astype(np.uint16), compression="deflate")
    write_bytes(path, buffer.getvalue())


def labels_suffix(largest_id: int) -> str:
    """Return the suffix of the format with room for ids up to `largest_id`."""
    return ".png" if largest_id <= LIMITS[".png"] else ".tif"


def davis_palette() -> NDArray[np.uint8]:
    """Return the colours of DAVIS and PASCAL VOC, of shape (256, 3), RGB.

    Bits 0, 3, 6 of the index are the highest bits of red, from the top; bits 1, 4, 7 those of
    green; bits 2, 5 those of blue.
    """
    index, channel = np.ogrid[:256, :3]
    bits = [((index >> (3 * step + channel)) & 1) << (7 - step) for step in range(3)]
    return np.asarray(np.bitwise_or.reduce(bits), np.uint8)


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
    if not _integers(labels, name).any():
        raise LabelsError(f"{name} is empty: no object is painted. Paint at least one.")


def _pixels(path: Path) -> NDArray[Any]:
    """Return what the file holds: ids of shape (H, W), or colours of shape (H, W, 3 or 4)."""
    if path.suffix.lower() == ".npy":
        array = np.lib.format.open_memmap(path, mode="r")
        return array if array.ndim != 3 else _refuse_frames(path.name, len(array))
    if path.suffix.lower() in (".tif", ".tiff"):
        return _tiff(path)
    with Image.open(path) as image:
        if image.format in ("JPEG", "MPO"):
            raise LabelsError(f"{path.name} is a JPEG, which blurs labels; give a PNG or TIFF.")
        frames = int(getattr(image, "n_frames", 1))
        return _picture(image) if frames == 1 else _refuse_frames(path.name, frames)


def _tiff(path: Path) -> NDArray[Any]:
    with tifffile.TiffFile(path) as tiff:
        if len(tiff.series) != 1:
            _refuse_frames(path.name, len(tiff.pages))
        series = tiff.series[0]
        shape = series.shape[-3 if series.axes.endswith("S") else -2 :]
        if series.size != math.prod(shape):
            _refuse_frames(path.name, series.size // math.prod(shape))
        try:
            return np.asarray(series.asarray().reshape(shape))
        except ValueError:  # compressions such as LZW, for which tifffile wants imagecodecs
            with Image.open(path) as image:
                return _picture(image)


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


def _ids(pixels: NDArray[Any], name: str) -> NDArray[np.int32]:
    """Return the object ids that pixels stand for, by the rules at the top."""
    if pixels.ndim == 3:
        return _from_colours(pixels, name)
    if pixels.dtype.kind == "u" and pixels.dtype.itemsize <= 2:
        return _from_grey(pixels, name)
    if pixels.dtype.kind == "f":
        if not np.isfinite(pixels).all() or (pixels != np.rint(pixels)).any():
            raise _soft(name, len(np.unique(pixels)), "threshold at half of the largest value")
        pixels = np.clip(pixels, -1, np.iinfo(np.int32).max + 1.0).astype(np.int64)
    return _integers(pixels, name)


def _integers(ids: NDArray[Any], name: str) -> NDArray[np.int32]:
    if ids.ndim != 2 or ids.size == 0 or ids.dtype.kind not in "biu":
        raise LabelsError(
            f"{name} must be a two-dimensional integer image, got {ids.dtype} of shape {ids.shape}."
        )
    low, high = int(ids.min()), int(ids.max())
    if low < 0 or high > np.iinfo(np.int32).max:
        raise LabelsError(f"{name} has ids from {low} to {high}; they must be in [0, 2^31).")
    return ids.astype(np.int32)


def _from_grey(values: NDArray[Any], name: str) -> NDArray[np.int32]:
    """Read unsigned 8- or 16-bit values: one mask (0 and top), ids, or ids with void (top).

    Values other than 1..N, N at most 64, are soft beside top, or if they are 8-bit and thin.
    """
    top = np.iinfo(values.dtype).max
    levels = np.unique(values)
    levels = levels[levels > 0]
    if levels.tolist() == [top]:
        return _integers(values == top, name)
    others = levels[levels < top]
    numbered = others.size == others.max(initial=0) <= 64
    if not numbered and (others.size < levels.size or (top == 255 and _thin(values))):
        raise _soft(name, levels.size, f"threshold at {(top + 1) // 2}")
    return _integers(values, name)


def _from_colours(colours: NDArray[Any], name: str) -> NDArray[np.int32]:
    """Read colours: palette ids, else greys as a grey picture, else new ids."""
    if colours.dtype != np.uint8 or colours.shape[-1] not in (3, 4):
        raise LabelsError(f"{name} must be 8-bit RGB or RGBA, got {colours.dtype}.")
    rgb = colours[..., :3].astype(np.int32)
    if colours.shape[-1] == 4:
        rgb[colours[..., 3] == 0] = 0
        if _thin(colours[..., 3]):
            raise _soft(name, len(np.unique(colours[..., 3])), "with a hard brush")
    known = (davis_palette() @ RGB_CODE).tolist()
    codes, inverse = np.unique(rgb @ RGB_CODE, return_inverse=True)
    if (rgb == rgb[..., :1]).all() and not set(codes.tolist()) <= set(known):
        return _from_grey(rgb[..., 0].astype(np.uint8), name)
    if codes.size > 256:
        raise _soft(name, codes.size, "save it without JPEG or blur")
    taken = [known.index(code) for code in codes if code in known]
    free = iter(sorted(set(range(1, codes.size + 256)).difference(taken)))
    ids = [known.index(code) if code in known else next(free) for code in codes]
    image = np.array(ids, np.int32)[inverse].reshape(rgb.shape[:2])
    if _thin(image.astype(np.uint8)):
        raise _soft(name, codes.size, "save it without antialiasing")
    return image


def _thin(values: NDArray[np.uint8]) -> bool:
    """Whether most values, and more than 8, nowhere fill a 3 x 3 square, as in a soft edge."""
    square = np.ones((3, 3), np.uint8)
    solid = cv2.erode(values, square) == cv2.dilate(values, square)
    levels = np.unique(values[values > 0])
    thin = np.setdiff1d(levels, values[solid])
    return thin.size > 8 and 2 * thin.size > levels.size


def _soft(name: str, levels: int, remedy: str) -> LabelsError:
    what = f"{name} has soft values ({levels} distinct grey levels or colours)"
    return LabelsError(f"{what}; give a hard mask, e.g. {remedy}.")
