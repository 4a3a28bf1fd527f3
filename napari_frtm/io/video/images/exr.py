"""OpenEXR images: linear light, layers, depth."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import av
import numpy as np

from napari_frtm.errors import VideoError
from napari_frtm.io.video.picture import decode_picture
from napari_frtm.io.video.reading import check_size

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_KINDS = {"f16": np.float16, "f32": np.float32}


def read_exr(path: Path) -> NDArray[np.generic]:
    """Return an image of shape (H, W) or (H, W, 3), float32, or uint32 if it is stored so.

    With the package OpenEXR any file is read: the first part with colours, else the first. Of its
    layers the unnamed one is taken, else the first with colours, else the first channel. The
    picture fills the display window. Without the package FFmpeg reads plain RGB and gray files.

    Raises
    ------
    VideoError
        If it cannot be read.
    """
    if find_spec("OpenEXR") is None:
        return _read_with_ffmpeg(path)
    import OpenEXR

    heads = OpenEXR.File(str(path), separate_channels=True, header_only=True).parts
    number = next((i for i, p in enumerate(heads) if len(chosen(_names(p.header))) == 3), 0)
    head = heads[number].header
    names = chosen(_names(head))
    shown = (*head["displayWindow"], *head["dataWindow"])
    (x0, y0), (x1, y1), corner, end = ([int(n) for n in point] for point in shown)
    size = y1 - y0 + 1, x1 - x0 + 1
    check_size((*size, len(names)), 4, path.name)
    check_size((end[1] - corner[1] + 1, end[0] - corner[0] + 1, len(names)), 4, path.name)
    channels = OpenEXR.File(str(path), separate_channels=True).channels(number)
    planes = [np.asarray(channels[name].pixels) for name in names]
    if any(plane.shape != planes[0].shape for plane in planes):
        raise VideoError(f"{path.name} has channels of several sizes. Convert it to plain RGB.")
    place = corner[1] - y0, corner[0] - x0
    return _placed(np.stack(planes, 2) if len(planes) == 3 else planes[0], place, size)


def chosen(channels: Collection[str]) -> Sequence[str]:
    """Return the channels to look at: those of a colour, or one."""
    layers = sorted({name.rpartition(".")[0] for name in channels})
    for layer in layers:
        stem = f"{layer}." if layer else ""
        colour = [stem + letter for letter in "RGB"]
        if set(colour) <= set(channels):
            return colour
    grays = [name for name in ("Y", *sorted(channels)) if name in channels]
    return [next((name for name in grays if not name.endswith(("A", "RY", "BY"))), grays[0])]


def _names(header: Mapping[str, object]) -> list[str]:
    return [channel.name for channel in header["channels"]]  # type: ignore[attr-defined]


def _placed(
    image: NDArray[np.generic], corner: tuple[int, int], size: tuple[int, int]
) -> NDArray[np.generic]:
    """Put the stored pixels into the display window; what is not stored is black."""
    kind = image.dtype if image.dtype.kind == "u" else np.dtype(np.float32)
    if corner == (0, 0) and image.shape[:2] == size:
        return np.ascontiguousarray(image, kind)
    result = np.zeros((*size, *image.shape[2:]), kind)
    target, source = [], []
    for start, length, room in zip(corner, image.shape[:2], size, strict=True):
        begin, end = max(start, 0), max(min(start + length, room), 0)
        target.append(slice(begin, max(begin, end)))
        source.append(slice(begin - start, max(begin, end) - start))
    result[tuple(target)] = image[tuple(source)]
    return result


def _read_with_ffmpeg(path: Path) -> NDArray[np.generic]:
    try:
        frame = decode_picture(path, "exr")
    except (av.FFmpegError, StopIteration) as error:
        raise VideoError(
            f"{path.name} cannot be read ({error}). If it has several layers or parts, or depth: "
            "pip install OpenEXR."
        ) from error
    kind = _KINDS["f16" if "f16" in frame.format.name else "f32"]
    planes = [
        np.frombuffer(bytes(plane), kind).reshape(frame.height, -1)[:, : frame.width]
        for plane in frame.planes[:3]
    ]
    if len(planes) == 1:
        return np.asarray(planes[0], np.float32)
    green, blue, red = planes
    return np.asarray(np.stack([red, green, blue], axis=2), np.float32)
