"""Sequences of images: all of a folder, or those of a numbered pattern."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
import tifffile
from PIL import Image, ImageOps

from napari_frtm.errors import VideoError
from napari_frtm.io.video.reading import reading

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

IMAGES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".exr")
_PATTERN = re.compile(r"%0?(\d*)d")


@dataclass(frozen=True, slots=True, eq=False)
class ImageSequence:
    """Frames in one image file each.

    Attributes
    ----------
    paths : tuple of Path
        One file per frame.
    shape : tuple of int
        (T, H, W) or (T, H, W, 3), after the first image.
    dtype : numpy.dtype
        Of the first image.
    """

    paths: tuple[Path, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    fps: None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Stem of each image file."""
        return tuple(path.stem for path in self.paths)

    def read(self, index: int) -> NDArray[np.generic]:
        """Return frame `index`, of shape (H, W) or (H, W, 3).

        Raises
        ------
        VideoError
            If the image cannot be read, or is not like the first one.
        """
        path = self.paths[index]
        image = read_image(path)
        if image.ndim == 2 and len(self.shape) == 4:  # some writers save gray pictures as gray
            image = np.repeat(image[..., None], 3, axis=2)
        if image.shape != self.shape[1:]:
            raise VideoError(
                f"{path.name} is {_size(image.shape)}, but {self.paths[0].name} is "
                f"{_size(self.shape[1:])}. All frames must have one size: take it out of the "
                "folder, or scale it."
            )
        if image.dtype != self.dtype:
            raise VideoError(
                f"{path.name} holds {image.dtype}, but {self.paths[0].name} holds {self.dtype}. "
                "Save all images of the sequence in one format."
            )
        return image


def open_sequence(path: Path) -> ImageSequence:
    """Return the images of a folder, or of a pattern like ``shot.%04d.png``, in natural order.

    Raises
    ------
    VideoError
        If there are none, or two of one name.
    """
    paths = find_images(path)
    if not paths:
        kinds = ", ".join(IMAGES)
        raise VideoError(f"{path} has no images. Choose a folder or pattern of {kinds} files.")
    stems: dict[str, Path] = {}
    for image in paths:
        twin = stems.setdefault(image.stem, image)
        if twin is not image:
            raise VideoError(
                f"{path.name} has both {twin.name} and {image.name}. Keep one kind of image in "
                f"the folder, or give a pattern such as {path.name}/%05d{image.suffix}."
            )
    first = read_image(paths[0])
    return ImageSequence(tuple(paths), (len(paths), *first.shape), first.dtype)


def is_pattern(path: Path) -> bool:
    """Whether `path` is a numbered pattern of image files."""
    return bool(_PATTERN.search(path.name)) and path.suffix.lower() in IMAGES


def find_images(path: Path) -> list[Path]:
    """Return the image files of a folder or pattern, in natural order."""
    folder, wanted = path, ".*"
    if not path.is_dir():
        folder, wanted = path.parent, _regex(path.name)
    with reading(folder):
        files = [
            file
            for file in folder.iterdir()
            if file.suffix.lower() in IMAGES
            and not file.name.startswith(".")
            and re.fullmatch(wanted, file.name)
        ]
    return sorted(files, key=_natural)


def read_image(path: Path) -> NDArray[np.generic]:
    """Return an image of shape (H, W) or (H, W, 3), of the depth it is stored in.

    Palettes become RGB, alpha is dropped, EXR is linear float.

    Raises
    ------
    VideoError
        If it cannot be read.
    """
    with reading(path):
        if path.suffix.lower() in (".tif", ".tiff"):
            image = np.asarray(tifffile.imread(path))
        elif path.suffix.lower() == ".exr":
            image = _read_exr(path)
        elif _is_deep_colour(path):
            image = _read_deep_colour(path)
        else:
            image = _read_picture(path)
    if image.ndim == 3 and image.shape[2] == 4:
        image = np.ascontiguousarray(image[..., :3])
    if image.ndim != 2 and not (image.ndim == 3 and image.shape[2] == 3):
        raise VideoError(
            f"{path.name} has the shape {image.shape}; a frame is gray or RGB. If the file holds "
            "several pages, open it by itself, as a stack."
        )
    return image


def _regex(pattern: str) -> str:
    start, end = _PATTERN.split(pattern, maxsplit=1)[::2]
    width = (_PATTERN.search(pattern) or [None, ""])[1]
    digits = rf"\d{{{width},}}" if width else r"\d+"
    return re.escape(start) + digits + re.escape(end)


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort key by which image 2 comes before image 10."""
    parts = re.split(r"(\d+)", path.name.lower())
    return [(int(part), part) if part.isdecimal() else (-1, part) for part in parts]


def _size(shape: Sequence[int]) -> str:
    channels = " in colour" if len(shape) == 3 else " in gray"
    return f"{shape[1]} x {shape[0]} pixels{channels}"


def _read_picture(path: Path) -> NDArray[np.generic]:
    with Image.open(path) as opened:
        image = ImageOps.exif_transpose(opened)
        if image.mode in ("1", "LA", "La"):
            image = image.convert("L")
        elif image.mode == "I" and opened.format == "PNG":  # 16 bit, in older versions of Pillow
            return np.asarray(image).astype(np.uint16)
        elif image.mode not in ("L", "RGB", "F") and not image.mode.startswith("I"):
            image = image.convert("RGB")
        return np.array(image)


def _is_deep_colour(path: Path) -> bool:
    """Whether this is a PNG in colour with 16 bits, which Pillow reads with 8."""
    with path.open("rb") as file:
        header = file.read(26)
    return header[1:4] == b"PNG" and header[24:25] == b"\x10" and header[25:26] in b"\x02\x06"


def _read_deep_colour(path: Path) -> NDArray[np.generic]:
    data = np.frombuffer(path.read_bytes(), np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    if image is None:
        raise VideoError(f"{path.name} is damaged. Write the image again.")
    return np.ascontiguousarray(image[..., ::-1])


def _read_exr(path: Path) -> NDArray[np.float32]:
    """Read an EXR image through FFmpeg: the OpenCV wheels are built without OpenEXR."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    kind = np.float16 if "f16" in frame.format.name else np.float32
    planes = [
        np.frombuffer(bytes(plane), kind).reshape(frame.height, -1)[:, : frame.width]
        for plane in frame.planes[:3]
    ]
    if len(planes) == 1:
        return np.asarray(planes[0], np.float32)
    green, blue, red = planes
    return np.asarray(np.stack([red, green, blue], axis=2), np.float32)
