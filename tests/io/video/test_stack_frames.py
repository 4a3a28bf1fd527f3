"""TIFF, zarr and NumPy stacks, with real files."""

from __future__ import annotations

import io
import pickle
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
import zarr

from napari_frtm.errors import VideoError
from napari_frtm.io.video.stacks.stack_frames import Section, StackFrames

if TYPE_CHECKING:
    from collections.abc import Callable
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
    pytest.param((5, 20, 30), None, (5, 20, 30), id="plain"),
    pytest.param((5, 20, 30, 3), None, (5, 20, 30, 3), id="colour"),
    pytest.param((1, 5, 1, 20, 30), None, (5, 20, 30), id="axes-of-one"),
    pytest.param((5, 1, 20, 30, 4), "TZYXC", (5, 20, 30, 3), id="colour-last"),
    pytest.param((1, 5, 20, 30), "TZYX", (5, 20, 30), id="one-time-many-planes"),
    pytest.param((5, 1, 30), "tyx", (5, 1, 30), id="one-row"),
    pytest.param((5, 20, 30, 1), None, (5, 20, 30), id="one-channel-last"),
]


@pytest.mark.parametrize(("shape", "axes", "expected"), LAYOUTS)
def test_axes_of_videos(
    tmp_path: Path, shape: tuple[int, ...], axes: str | None, expected: tuple[int, ...]
) -> None:
    """Time, y, x and colour."""
    values = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    zarr.create_array(tmp_path / "a", data=values, dimension_names=axes)

    frames = StackFrames(tmp_path / "a")

    assert frames.shape == expected
    first = values.reshape(5, *expected[1:3], -1)[4, ..., :3]
    assert np.array_equal(frames.read(4), first if len(expected) == 4 else first[..., 0])


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
        StackFrames(tmp_path / "a")


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


SECTIONS = [
    pytest.param({"channel": 1, "plane": 2}, lambda v: v[:, 2, 1], id="channel-and-plane"),
    pytest.param({"channel": 0, "plane": "max"}, lambda v: v[:, :, 0].max(1), id="maximum"),
    pytest.param({"channel": 0, "plane": "mean"}, lambda v: v[:, :, 0].mean(1), id="mean"),
    pytest.param(
        {"axes": "ZTCYX", "channel": 1, "plane": 0}, lambda v: v[0, :, 1], id="other-axes"
    ),
]


@pytest.mark.parametrize("kind", ["ome", "zarr", "npy"])
@pytest.mark.parametrize(("section", "expected"), SECTIONS)
def test_a_channel_and_a_plane_or_projection(
    tmp_path: Path, kind: str, section: dict[str, Any], expected: Callable[[Any], Any]
) -> None:
    """TZCYX; of NumPy the axes have to be said."""
    values = RANDOM.integers(0, 65536, (4, 3, 2, 20, 30)).astype(np.uint16)
    path = tmp_path / {"ome": "a.tif", "zarr": "a.zarr", "npy": "a.npy"}[kind]
    if kind == "ome":
        tifffile.imwrite(path, values, ome=True, metadata={"axes": "TZCYX"})
    elif kind == "zarr":
        write_ome_zarr(path, values, "tzcyx")
    else:
        np.save(path, values)
        section = {"axes": "TZCYX"} | section

    frames = StackFrames(path, Section(**section))

    wanted = expected(values).astype(np.uint16)
    assert frames.shape == wanted.shape
    assert np.array_equal(np.stack([frames.read(t) for t in range(frames.shape[0])]), wanted)
    assert np.array_equal(pickle.loads(pickle.dumps(frames)).read(1), wanted[1])


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"channel": 2, "plane": 0}, "no channel 2: there are 2, counted from 0"),
        ({"channel": -1, "plane": 0}, "no channel -1"),
        ({"channel": 0, "plane": 3}, "no plane 3: there are 3"),
        ({"channel": 0}, r"axes TZCYX .*--plane"),
        ({}, r"axes TZCYX .*--channel"),
        ({"axes": "TCYX"}, "axes cannot be TCYX"),
        ({"axes": "TTCYX"}, "axes cannot be TTCYX"),
    ],
)
def test_sections_that_are_not_there(tmp_path: Path, section: dict[str, Any], message: str) -> None:
    """Said with what there is."""
    write_ome_zarr(tmp_path / "a.zarr", np.zeros((4, 3, 2, 20, 30), np.uint8), "tzcyx")

    with pytest.raises(VideoError, match=message):
        StackFrames(tmp_path / "a.zarr", Section(**section))


def test_projections_are_known() -> None:
    """Misuse of the API."""
    with pytest.raises(ValueError, match="plane must be a number or one of max, mean"):
        Section(plane="median")


def test_archives_of_numpy(tmp_path: Path) -> None:
    """One video among other arrays, compressed or not."""
    np.savez(tmp_path / "a.npz", video=STACK, times=np.arange(6))
    np.savez_compressed(tmp_path / "b.npz", STACK[..., None])
    np.savez(tmp_path / "two.npz", a=STACK, b=STACK)

    for name in ("a.npz", "b.npz"):
        frames = StackFrames(tmp_path / name)
        assert frames.shape == STACK.shape
        assert np.array_equal(frames.read(3), STACK[3])
    with pytest.raises(VideoError, match=r"holds a \(6, 20, 30\), b \(6, 20, 30\)"):
        StackFrames(tmp_path / "two.npz")


def test_an_archive_that_would_fill_memory_is_refused(tmp_path: Path) -> None:
    """By what its header says: 8 GB of zeros take a few kilobytes."""
    header = io.BytesIO()
    shape = {"descr": "<u2", "fortran_order": False, "shape": (4000, 1000, 1000)}
    np.lib.format.write_array_header_1_0(header, shape)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("video.npy", header.getvalue())

    with pytest.raises(VideoError, match="more than 4 GB"):
        StackFrames(tmp_path / "a.npz")


def test_collections_of_images(tmp_path: Path) -> None:
    """A bioformats2raw root and a plate give their first image, and say so."""
    root = zarr.open_group(tmp_path / "a.zarr", mode="w")
    root.attrs["bioformats2raw.layout"] = 3
    for series in range(2):
        write_ome_zarr(tmp_path / "a.zarr" / str(series), STACK + series, "tyx")
    plate = zarr.open_group(tmp_path / "p.zarr", mode="w")
    plate.attrs["plate"] = {"wells": [{"path": "A/1"}, {"path": "B/2"}]}
    for well in ("A/1", "B/2"):
        group = plate.require_group(well)
        group.attrs["well"] = {"images": [{"path": "0"}]}
        write_ome_zarr(tmp_path / "p.zarr" / well / "0", STACK, "tyx")

    series, well = StackFrames(tmp_path / "a.zarr"), StackFrames(tmp_path / "p.zarr")

    assert np.array_equal(series.read(2), STACK[2])
    assert "holds 2 images; this is 0." in series.remarks[0]
    assert str(tmp_path / "a.zarr" / "1") in series.remarks[0]
    assert np.array_equal(well.read(2), STACK[2])
    assert "this is A/1/0" in well.remarks[0]
    assert StackFrames(tmp_path / "p.zarr" / "B" / "2").shape == STACK.shape
