"""Videos of any kind of file, as lazy arrays with one chunk per frame."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import dask.array as da
import numpy as np

from napari_frtm.errors import VideoError
from napari_frtm.io.drive import DOES_NOT_ANSWER, unreachable
from napari_frtm.io.video.contrast import robust_contrast
from napari_frtm.io.video.images.image import IMAGES
from napari_frtm.io.video.images.numbering import find_images, is_pattern
from napari_frtm.io.video.images.sequence import open_sequence
from napari_frtm.io.video.movies.index import is_movie
from napari_frtm.io.video.movies.movie import open_movie
from napari_frtm.io.video.reading import reading
from napari_frtm.io.video.stacks.stack import STACKS, is_stack_file
from napari_frtm.io.video.stacks.stack_frames import StackFrames
from napari_frtm.io.video.stacks.zarr_folder import is_zarr

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_frtm.io.video.stacks.stack_frames import Section
    from napari_frtm.types import Contrast


logger = logging.getLogger(__name__)

MOVIES = (
    *(".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".ts", ".m2ts", ".mts"),
    *(".wmv", ".asf", ".flv", ".f4v", ".3gp", ".mxf", ".ogv", ".ogg", ".vob", ".gif", ".nut"),
    *(".dv", ".y4m", ".h264", ".264", ".hevc", ".265", ".m2v", ".mjpeg", ".mjpg", ".ivf"),
)
_MICROSCOPES = (".lif", ".oir", ".oib", ".oif", ".vsi", ".ims", ".sld", ".lof", ".xlef")


@dataclass(frozen=True, slots=True, eq=False)
class Video:
    """A video on disk.

    Attributes
    ----------
    frames : dask array of shape (T, H, W) or (T, H, W, 3)
        One chunk per frame, read when computed; of the type stored.
    fps : float or None
        Frames per second, where the file says.
    names : tuple of str
        One per frame, to name outputs after: the image file's stem, else the index.
    contrast : Contrast
        How to see its intensities.
    axes : tuple of str
        ``("t", "y", "x")``, and ``"c"`` in colour.
    remarks : tuple of str
        What the user should know: images left out, numbers missing. They are logged, too.
    pixel_aspect : float
        Width of a pixel over its height, to be shown with; frames are as stored.
    section : Section or None
        The channel, plane or projection of a stack that it is, where that was chosen.
    """

    frames: da.Array
    fps: float | None
    names: tuple[str, ...]
    contrast: Contrast
    axes: tuple[str, ...]
    remarks: tuple[str, ...] = ()
    pixel_aspect: float = 1.0
    section: Section | None = None


def open_video(path: str | Path, section: Section | None = None) -> Video:
    """Open a movie, an image folder or numbered pattern, or a TIFF, zarr, NumPy, CZI or ND2 stack.

    Parameters
    ----------
    path : str or Path
        A file, a folder, or a pattern like ``shot.%04d.png`` or ``shot.####.png``.
    section : Section, optional
        Channel, plane or projection of a stack of more axes.

    Returns
    -------
    Video
        No frames are read yet, except a few to find the contrast of other types than uint8.

    Raises
    ------
    VideoError
        If there is no video at `path`, or it has a single frame.
    """
    with reading(Path(path)):
        source = _open_source(Path(path), section)
    count = source.shape[0]
    if count < 2:
        raise VideoError(
            f"{Path(path).name} has one frame; nothing to follow. Choose a movie, a stack or a "
            "folder with two or more frames."
        )
    for remark in source.remarks:
        logger.warning(remark)  # names may hold a %: nothing to fill in
    chunks = ((1,) * count, *((n,) for n in source.shape[1:]))
    frames = da.from_array(_LazyFrames(source), chunks=chunks, name=False, asarray=False)
    return Video(
        frames=frames,
        fps=source.fps,
        names=source.names,
        contrast=robust_contrast(frames).but(gamma=getattr(source, "gamma", 1.0)),
        axes=("t", "y", "x", "c")[: len(source.shape)],
        remarks=source.remarks,
        pixel_aspect=getattr(source, "pixel_aspect", 1.0),
        section=section or None,
    )


def supported(path: str | Path) -> bool:
    """Whether `open_video` is likely to open `path`, judged by names alone."""
    path = Path(path)
    if path.is_dir():
        return is_zarr(path) or bool(find_images(path))
    if is_pattern(path):
        return path.parent.is_dir() and bool(find_images(path))
    return path.suffix.lower() in (*MOVIES, *STACKS)


class _Source(Protocol):
    """Frames of a file, to be read one by one; picklable and safe to share between threads."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    @property
    def fps(self) -> float | None: ...

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def remarks(self) -> tuple[str, ...]: ...

    def read(self, index: int) -> NDArray[Any]: ...


def _open_source(path: Path, section: Section | None) -> _Source:
    kind = path.suffix.lower()
    if is_zarr(path):
        return StackFrames(path, section)
    if path.is_dir() or (is_pattern(path) and not path.exists()):
        return open_sequence(path)
    if unreachable(path):  # which Path.exists tells until Python 3.13
        raise VideoError(f"{path} cannot be read: {DOES_NOT_ANSWER}.")
    if not path.exists():
        raise VideoError(f"There is no file or folder {path}. Check the path.")
    if kind in STACKS or (kind not in MOVIES and is_stack_file(path)):
        return StackFrames(path, section)
    if kind in IMAGES:
        raise VideoError(
            f"{path.name}: one image is not a video. Give the folder of the sequence, "
            f"{path.parent}, or a pattern such as shot.%04d{kind}."
        )
    if kind in _MICROSCOPES:
        raise VideoError(
            f"{path.name} is in a format of a microscope that is not read. Convert it to OME-TIFF "
            "or OME-Zarr, with Fiji or bioformats2raw; or open it in napari with another plugin, "
            "whose layer can be followed."
        )
    if kind not in MOVIES and not is_movie(path):
        known = ", ".join((*MOVIES, *STACKS, ".zarr"))
        raise VideoError(
            f"{path.name} is not a video that can be opened. Choose a file of one of the kinds "
            f"{known}, or a folder of images."
        )
    return open_movie(path)


class _LazyFrames:
    """What dask needs to see of a source: an array that is read when it is indexed."""

    def __init__(self, source: _Source) -> None:
        self._source = source
        self.shape = source.shape
        self.dtype = source.dtype
        self.ndim = len(source.shape)

    def __getitem__(self, key: tuple[Any, ...]) -> NDArray[Any]:
        time, *rest = key
        chosen = np.arange(self.shape[0])[time]
        if np.ndim(chosen) == 0:
            return np.asarray(self._source.read(int(chosen))[tuple(rest)])
        frames = [self._source.read(int(i))[tuple(rest)] for i in chosen]
        return frames[0][None] if len(frames) == 1 else np.stack(frames)
