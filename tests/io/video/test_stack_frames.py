"""TIFF, zarr and NumPy stacks, with real files."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
import zarr

from napari_frtm.errors import VideoError
from napari_frtm.io.video.stack import open_stack
from napari_frtm.io.video.stack_frames import StackFrames, frame_axes

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

RANDOM = np.random.default_rng(0)
STACK = RANDOM.integers(0, 65536, (6, 20, 30)).astype(np.uint16)
COLOUR = RANDOM.integers(0, 256, (6, 20, 30, 3)).astype(np.uint8)


def write_pages(path: Path, stack: NDArray[np.generic], **options: object) -> None:
    """Write a TIFF page by page."""
    with tifffile.TiffWriter(path) as writer:
        for page in stack:
            writer.write(page, contiguous=False, **options)


def write_ome_zarr(path: Path, array: NDArray[np.generic], axes: str, version: str = "0.4") -> None:
    """Write an OME-Zarr image of one resolution."""
    group = zarr.open_group(path, mode="w")
    group.create_array("0", data=array)
    image = {"axes": [{"name": axis} for axis in axes], "datasets": [{"path": "0"}]}
    if version == "0.5":
        group.attrs["ome"] = {"version": version, "multiscales": [image]}
    else:
        group.attrs["multiscales"] = [image]


TIFFS = [
    pytest.param({"photometric": "minisblack"}, id="plain"),
    pytest.param({"imagej": True, "metadata": {"axes": "TYX"}}, id="imagej-t"),
    pytest.param({"imagej": True, "metadata": {"axes": "ZYX"}}, id="imagej-z"),
    pytest.param({"ome": True, "metadata": {"axes": "TYX"}}, id="ome"),
    pytest.param({"compression": "zlib", "rowsperstrip": 3, "byteorder": ">"}, id="strips"),
    pytest.param({"tile": (16, 16), "bigtiff": True}, id="tiles"),
]


@pytest.mark.parametrize("options", TIFFS)
def test_tiff_frames_are_the_pages(tmp_path: Path, options: dict[str, object]) -> None:
    """In native byte order, whatever the layout in the file."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK, **options)

    stack = StackFrames(path)

    assert stack.shape == STACK.shape
    assert stack.dtype == np.dtype(np.uint16)
    assert stack.names[:2] == ("00000", "00001")
    assert all(np.array_equal(stack.read(i), STACK[i]) for i in (5, 0, 3))


@pytest.mark.parametrize("metadata", [{}, {"metadata": None}], ids=["described", "bare"])
def test_pages_written_one_by_one_are_one_stack(tmp_path: Path, metadata: dict[str, None]) -> None:
    """As loops over `TiffWriter.write` leave them."""
    path = tmp_path / "a.tif"
    write_pages(path, STACK, **metadata)

    stack = StackFrames(path)

    assert np.array_equal(stack.read(4), STACK[4])
    assert stack.shape == STACK.shape


def test_colour_tiffs_lose_their_alpha(tmp_path: Path) -> None:
    """RGB stays; of RGBA the first three channels do."""
    alpha = np.concatenate([COLOUR, COLOUR[..., :1]], axis=3)
    tifffile.imwrite(tmp_path / "rgb.tif", COLOUR, photometric="rgb")
    tifffile.imwrite(tmp_path / "rgba.tif", alpha, photometric="rgb", extrasamples=[2])

    for name in ("rgb.tif", "rgba.tif"):
        stack = StackFrames(tmp_path / name)
        assert stack.shape == COLOUR.shape
        assert np.array_equal(stack.read(2), COLOUR[2])


def test_masks_of_one_bit_become_black_and_white(tmp_path: Path) -> None:
    """Bool is 0 or 255."""
    np.save(tmp_path / "a.npy", STACK > 30000)

    stack = StackFrames(tmp_path / "a.npy")

    assert stack.dtype == np.dtype(np.uint8)
    assert np.array_equal(stack.read(1), (STACK[1] > 30000) * 255)


@pytest.mark.parametrize("kind", ["array", "group", "ome-0.4", "ome-0.5", "named"])
def test_zarr_frames(tmp_path: Path, kind: str) -> None:
    """A bare array, the first array of a group, and the full resolution of OME-Zarr."""
    path = tmp_path / "a.zarr"
    if kind == "array":
        zarr.create_array(path, data=STACK)
    elif kind == "named":
        zarr.create_array(path, data=STACK, dimension_names=("time", "y", "x"))
    elif kind == "group":
        zarr.open_group(path, mode="w").create_array("raw", data=STACK)
    else:
        write_ome_zarr(path, STACK[:, None, None], "tczyx", kind.removeprefix("ome-"))

    stack = StackFrames(path)

    assert stack.shape == STACK.shape
    assert np.array_equal(stack.read(5), STACK[5])


def test_npy_is_not_loaded_as_a_whole(tmp_path: Path) -> None:
    """A sparse file of 40 GB opens at once."""
    path = tmp_path / "a.npy"
    shape = (20_000, 1000, 1000)
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "<u2", "fortran_order": False, "shape": shape}
        )
        file.truncate(file.tell() + 2 * int(np.prod(shape, dtype=np.int64)))

    stack = StackFrames(path)

    assert stack.shape == shape
    assert not stack.read(19_999).any()


LAYOUTS = [
    pytest.param((5, 20, 30), None, (0, 1, 2), id="plain"),
    pytest.param((5, 20, 30, 3), None, (0, 1, 2, 3), id="colour"),
    pytest.param((5, 1, 1, 20, 30), None, (0, 3, 4), id="axes-of-one"),
    pytest.param((5, 1, 20, 30, 4), "TZYXC", (0, 2, 3, 4), id="colour-last"),
    pytest.param((1, 5, 20, 30), "TZYX", (1, 2, 3), id="one-time-many-planes"),
    pytest.param((5, 1, 30), "tyx", (0, 1, 2), id="one-row"),
]


@pytest.mark.parametrize(("shape", "axes", "expected"), LAYOUTS)
def test_axes_of_videos(
    tmp_path: Path, shape: tuple[int, ...], axes: str | None, expected: tuple[int, ...]
) -> None:
    """Positions of time, y, x and colour."""
    zarr.create_array(tmp_path / "a", shape=shape, dtype="u1", dimension_names=axes)

    assert frame_axes(open_stack(tmp_path / "a")) == expected


BAD_LAYOUTS = [
    pytest.param((5, 7, 20, 30), "TZYX", "axes TZYX", id="planes"),
    pytest.param((5, 2, 20, 30), "TCYX", "axes TCYX", id="channels"),
    pytest.param((3, 20, 30), "CYX", "axes CYX", id="channels-only"),
    pytest.param((5, 3, 20, 30), "TSYX", "axes TCYX", id="planar-colour"),
    pytest.param((5, 2, 20, 30), None, r"axes \?\?YX", id="unnamed"),
    pytest.param((5, 20, 30, 2), "TYXC", "axes TYXC", id="two-channels"),
    pytest.param((5, 20, 30), "TXY", "axes TXY", id="transposed"),
    pytest.param((7,), None, "shape", id="a-row"),
    pytest.param((1, 20, 30), "TYX", "one frame; nothing to follow", id="one-frame"),
    pytest.param((20, 30), None, "one frame", id="an-image"),
    pytest.param((20, 30, 3), None, "one frame", id="a-colour-image"),
]


@pytest.mark.parametrize(("shape", "axes", "message"), BAD_LAYOUTS)
def test_axes_that_are_no_video_are_named(
    tmp_path: Path, shape: tuple[int, ...], axes: str | None, message: str
) -> None:
    """The user has to choose a channel or plane."""
    zarr.create_array(tmp_path / "a", shape=shape, dtype="u1", dimension_names=axes)

    with pytest.raises(VideoError, match=rf"^a has (the )?{message}"):
        frame_axes(open_stack(tmp_path / "a"))


def test_threads_share_and_processes_reopen_a_stack(tmp_path: Path) -> None:
    """With the file open, also after pickling."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK, photometric="minisblack", compression="zlib")
    stack = StackFrames(path)

    copy = pickle.loads(pickle.dumps(stack))
    with ThreadPoolExecutor(4) as pool:
        frames = list(pool.map(copy.read, [*range(6)] * 5))

    assert all(np.array_equal(frame, STACK[i % 6]) for i, frame in enumerate(frames))


@pytest.mark.parametrize("name", ["a.tif", "a.npy"])
def test_files_that_are_no_stack_are_refused(tmp_path: Path, name: str) -> None:
    """A text, nothing, and a stack whose end is missing."""
    path = tmp_path / name
    for content in (b"a text\n" * 50, b""):
        path.write_bytes(content)
        with pytest.raises(VideoError, match=rf"{name} cannot be read"):
            StackFrames(path)


def test_a_tiff_without_its_end_gives_the_frames_it_has(tmp_path: Path) -> None:
    """Contiguous pages, cut in the fourth; the error names the file."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK, photometric="minisblack")
    path.write_bytes(path.read_bytes()[: -2 * STACK[0].nbytes - 100 - 16 * 200])

    stack = StackFrames(path)

    assert np.array_equal(stack.read(0), STACK[0])
    with pytest.raises(VideoError, match=r"a\.tif cannot be read"):
        stack.read(5)


def test_numbers_that_are_no_intensities_are_refused(tmp_path: Path) -> None:
    """Complex values, and objects."""
    np.save(tmp_path / "complex.npy", STACK.astype(complex))
    np.save(tmp_path / "objects.npy", np.array([None, {}]), allow_pickle=True)

    with pytest.raises(VideoError, match="values of type complex128"):
        StackFrames(tmp_path / "complex.npy")
    with pytest.raises(VideoError, match=r"objects\.npy cannot be read"):
        StackFrames(tmp_path / "objects.npy")


def test_a_zarr_group_without_arrays_is_refused(tmp_path: Path) -> None:
    """With a hint what to choose."""
    zarr.open_group(tmp_path / "a.zarr", mode="w")

    with pytest.raises(VideoError, match=r"a\.zarr holds no array"):
        StackFrames(tmp_path / "a.zarr")
