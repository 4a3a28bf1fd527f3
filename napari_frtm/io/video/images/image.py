"""Images in files of their own, of any depth."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import cv2
import numpy as np
from PIL import Image, ImageOps

from napari_frtm.errors import VideoError
from napari_frtm.io.video.images.exr import read_exr
from napari_frtm.io.video.picture import decode_picture
from napari_frtm.io.video.reading import check_size, reading
from napari_frtm.io.video.stacks.tiff import open_tiff
from napari_frtm.io.video.stacks.tiff_colour import TIFF

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

IMAGES = (
    *(".png", ".jpg", ".jpeg", *TIFF, ".bmp", ".exr", ".dpx", ".webp", ".tga"),
    *(".jp2", ".j2k", ".avif", ".ppm", ".pgm", ".pnm"),
)
_DEEP = (".jp2", ".j2k", ".ppm", ".pgm", ".pnm")


def read_image(path: Path) -> NDArray[np.generic]:
    """Return an image of shape (H, W) or (H, W, 3), of the depth it is stored in.

    Palettes and inks become RGB, alpha is dropped, EXR is linear float.

    Raises
    ------
    VideoError
        If it cannot be read.
    """
    kind = path.suffix.lower()
    with reading(path):
        if kind in TIFF:
            image = _read_tiff(path)
        elif kind == ".exr":
            image = read_exr(path)
        elif kind == ".dpx":
            image = _read_dpx(path)
        else:
            image = _read_picture(path)
    if image.ndim == 3 and image.shape[2] == 4:
        image = np.ascontiguousarray(image[..., :3])
    if image.ndim != 2 and not (image.ndim == 3 and image.shape[2] == 3):
        _refuse_shape(path, image.shape)
    return image


def _refuse_shape(path: Path, shape: Sequence[int]) -> NoReturn:
    raise VideoError(
        f"{path.name} has the shape {tuple(shape)}; a frame is gray or RGB. If the file holds "
        "several pages, open it by itself, as a stack."
    )


def _read_tiff(path: Path) -> NDArray[np.generic]:
    content = open_tiff(path)
    array = content.arrays[0]
    shape = tuple(n for n in array.shape[:-3] if n > 1) + array.shape[-3:]
    shape = shape[1:] if len(shape) == 3 and shape[0] == 1 else shape
    if len(shape) > 3 or (len(shape) == 3 and shape[2] not in (3, 4)):
        _refuse_shape(path, shape)
    check_size(shape, array.dtype.itemsize, path.name)
    with content.exclusive:
        return np.asarray(array[tuple(slice(None) for _ in array.shape)]).reshape(shape)


def _read_picture(path: Path) -> NDArray[np.generic]:
    with Image.open(path) as opened:
        check_size((opened.height, opened.width, 3), 2, path.name)
        if _is_deep(path, opened):
            return _read_deep(path)
        image = ImageOps.exif_transpose(opened)
        if image.mode in ("1", "LA", "La"):
            image = image.convert("L")
        elif image.mode == "I" and opened.format == "PNG":  # 16 bit, in older versions of Pillow
            return np.asarray(image).astype(np.uint16)
        elif image.mode not in ("L", "RGB", "F") and not image.mode.startswith("I"):
            image = image.convert("RGB")
        return np.array(image)


def _is_deep(path: Path, opened: Image.Image) -> bool:
    """Whether this may be a colour picture with more than 8 bits, which Pillow reads with 8."""
    if opened.mode not in ("RGB", "RGBA"):
        return False
    with path.open("rb") as file:
        header = file.read(26)
    return opened.format in ("PPM", "JPEG2000") or (
        opened.format == "PNG" and header[24:25] == b"\x10" and header[25:26] in b"\x02\x06"
    )


def _read_deep(path: Path) -> NDArray[np.generic]:
    data = np.frombuffer(path.read_bytes(), np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    if image is None:
        raise VideoError(f"{path.name} is damaged. Write the image again.")
    return np.ascontiguousarray(image[..., ::-1])


def _read_dpx(path: Path) -> NDArray[np.generic]:
    """Read through FFmpeg; 10 and 12 bits become 16."""
    frame = decode_picture(path, "dpx")
    gray = len(frame.format.components) == 1
    bits = max(component.bits for component in frame.format.components)
    kind = {True: ("gray", "gray16le"), False: ("rgb24", "rgb48le")}[gray][bits > 8]
    return np.ascontiguousarray(frame.to_ndarray(format=kind))
