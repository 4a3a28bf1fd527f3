"""Arrays with one file a frame, which a kill or a full disk cannot harm."""

from __future__ import annotations

import shutil
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import uuid4

import numpy as np

from napari_frtm.io.atomic import reporting
from napari_frtm.io.session.array_reading import frames_in
from napari_frtm.io.session.files import reading

if TYPE_CHECKING:
    from pathlib import Path

    import zarr
    from numpy.typing import DTypeLike, NDArray

_DAMAGED = "Restore it from a backup, or delete it and run the propagation again."


class FrameArray:
    """A zarr array of shape (T, H, W) on disk, made when it is first written.

    A chunk is a frame and a file in one folder. zarr writes it beside the old one and then
    replaces that (since its version 3.1.3). The array is in a folder called by its dtype, so that a
    wider one can be made while the narrower is still there.

    Parameters
    ----------
    path : Path
        Its place and name, to which dtype and ``.zarr`` are added; the folder must exist.
    dtypes : sequence of dtype
        What it may be of, narrowest first.
    fill : float
        What stands in frames that were not written.

    Attributes
    ----------
    array : zarr array or None
        The array; None before it is made.
    lost : list of int
        Frames whose files were empty when the array was opened, as a power cut may leave them.
    """

    def __init__(self, path: Path, dtypes: tuple[DTypeLike, ...], fill: float = 0) -> None:
        self._path = path
        self._dtypes = [np.dtype(dtype) for dtype in dtypes]
        self._fill = fill
        self.array: zarr.Array | None = None
        self.lost: list[int] = []

    def load(self, length: int, size: tuple[int, int] | None = None) -> None:
        """Open the array, if it was made; tidy up behind a killed program.

        Parameters
        ----------
        length : int
            Number of frames that it must have.
        size : tuple of int, optional
            The (H, W) that it must have.

        Raises
        ------
        SessionError
            If it is damaged or of another shape.
        """
        self._tidy()
        path = next((p for p in map(self._folder, self._dtypes[::-1]) if p.exists()), None)
        if path is None:
            return
        with reading(path, _DAMAGED):
            self.lost = _without_empty(path)
            self.array = _opened(path)
            if self.array.shape != (length, *(size or self.array.shape[1:])):
                raise ValueError(f"its shape is {self.array.shape}")

    def require(self, shape: tuple[int, int, int], dtype: DTypeLike | None = None) -> zarr.Array:
        """Return the array; a new one if there is none of this shape that can hold `dtype`.

        Frames are taken over if the shape stays. Without `dtype`, it is the narrowest.

        Raises
        ------
        OutputError
            If it cannot be written; one that was there is as before.
        """
        wanted = self._dtypes[0] if dtype is None else np.dtype(dtype)
        wide = [each for each in self._dtypes if each.itemsize >= wanted.itemsize]
        dtype = wide[0] if wide else self._dtypes[-1]
        old = self.array
        if old is not None and old.shape == shape and old.dtype.itemsize >= dtype.itemsize:
            return old
        path = self._folder(dtype)
        with reporting(path):
            self.array = self._new(path, shape, dtype)
        return self.array

    def write(self, index: int, values: NDArray[np.generic]) -> None:
        """Replace a frame of the array, which must have been made.

        Raises
        ------
        OutputError
            If it cannot be written; the frame is as before.
        """
        assert self.array is not None
        path = self._folder(self.array.dtype)
        with reporting(path):
            (path / "zarr.json").stat()  # or zarr makes the folder again, beneath a lost drive
            self.array[index] = values

    def clear(self, index: int) -> None:
        """Let a frame be as if it had not been written.

        Raises
        ------
        OutputError
            If it cannot be removed.
        """
        if self.array is not None:
            path = self._folder(self.array.dtype)
            with reporting(path):
                (path / f"c.{index}.0.0").unlink(missing_ok=True)

    def written(self) -> list[int]:
        """Return the frames that were written and not cleared."""
        if self.array is None:
            return []
        return frames_in(self._folder(self.array.dtype))

    def _folder(self, dtype: np.dtype[np.generic]) -> Path:
        return self._path.with_name(f"{self._path.name}-{dtype.name}.zarr")

    def _new(self, path: Path, shape: tuple[int, int, int], dtype: DTypeLike) -> zarr.Array:
        """Make an array beside what is there, with its frames if they fit, and put it in place."""
        import zarr
        from zarr.codecs import ZstdCodec

        temporary = path.with_name(f".{uuid4().hex}.zarr")
        path.parent.stat()
        try:
            array = zarr.create_array(
                temporary,
                shape=shape,
                dtype=dtype,
                chunks=(1, *shape[1:]),
                fill_value=self._fill,
                compressors=ZstdCodec(level=1, checksum=True),  # of 4 bytes: damage is found
                chunk_key_encoding={"name": "default", "separator": "."},
                dimension_names=("t", "y", "x"),
                config={"write_empty_chunks": True},
            )
            if self.array is not None and self.array.shape == shape:
                for index in self.written():
                    array[index] = self.array[index]
            if path.exists():
                path.rename(path.with_name(f".{uuid4().hex}.zarr"))
            temporary.rename(path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        self._remove_hidden()  # a narrower one may still be on display
        return _opened(path)

    def _remove_hidden(self) -> None:
        for path in self._path.parent.glob(f".{'[0-9a-f]' * 32}.zarr"):
            shutil.rmtree(path, ignore_errors=True)

    def _tidy(self) -> None:
        """Remove arrays that were replaced, and the temporaries of a killed program."""
        self._remove_hidden()
        made = [path for path in map(self._folder, self._dtypes) if (path / "zarr.json").exists()]
        old = [path for path in map(self._folder, self._dtypes) if made and path != made[-1]]
        for path in old:
            shutil.rmtree(path, ignore_errors=True)
        for partial in [path for folder in made for path in folder.glob("*.partial")]:
            with suppress(OSError):
                partial.unlink()


def _opened(path: Path) -> zarr.Array:
    import zarr

    # to look whether a chunk is empty takes zarr several times as long as to write it
    with zarr.config.set({"array.write_empty_chunks": True}):
        return zarr.open_array(path, mode="r+")


def _without_empty(path: Path) -> list[int]:
    """Remove the files of frames that hold nothing; return the frames."""
    names = [f"c.{index}.0.0" for index in frames_in(path)]
    empty = [path / name for name in names if not (path / name).stat().st_size]
    for chunk in empty:
        chunk.unlink()
    return [int(chunk.name.split(".")[1]) for chunk in empty]
