"""TIFF and zarr images of any number of axes, with real files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import pytest
import tifffile
import zarr

from napari_frtm.errors import VideoError
from napari_frtm.io.video.opening import open_video
from napari_frtm.io.video.stacks.pixel_size import PixelSize
from napari_frtm.io.video.stacks.stack import is_stack, open_stack

if TYPE_CHECKING:
    from pathlib import Path

RANDOM = np.random.default_rng(0)
STACK = RANDOM.integers(0, 65536, (6, 2, 20, 30)).astype(np.uint16)
MICRONS = PixelSize(dict.fromkeys("yx", (0.325, "micrometer")), 2.5)
OME = {"PhysicalSizeX": 0.325, "PhysicalSizeY": 0.325, "TimeIncrement": 2500}
OME |= {"PhysicalSizeXUnit": "µm", "PhysicalSizeYUnit": "µm", "TimeIncrementUnit": "ms"}


@pytest.mark.parametrize(
    ("options", "axes", "size"),
    [
        pytest.param({"photometric": "minisblack"}, ("", "", "y", "x"), PixelSize(), id="plain"),
        pytest.param(
            {
                "imagej": True,
                "resolution": (40 / 13, 40 / 13),
                "metadata": {"axes": "TCYX", "unit": "\\u00B5m", "finterval": 2.5},
            },
            ("t", "c", "y", "x"),
            MICRONS,
            id="imagej",
        ),
        pytest.param(
            {"ome": True, "metadata": {"axes": "ZTYX", **OME}},
            ("z", "t", "y", "x"),
            MICRONS,
            id="ome",
        ),
        pytest.param(
            {"byteorder": ">", "compression": "zlib", "tile": (16, 16), "metadata": None},
            ("t", "y", "x"),
            PixelSize(),
            id="bare",
        ),
    ],
)
def test_tiff_stacks(
    tmp_path: Path, options: dict[str, Any], axes: tuple[str, ...], size: PixelSize
) -> None:
    """One chunk per page, in native byte order; lengths and times with their units."""
    tifffile.imwrite(tmp_path / "a.tif", STACK, **options)

    stack = open_stack(tmp_path / "a.tif")

    (data,) = stack.levels
    assert data.chunksize[-2:] == (20, 30)
    assert data.npartitions == 12
    assert data.dtype == np.dtype(np.uint16)
    np.testing.assert_array_equal(np.asarray(data).reshape(STACK.shape), STACK)
    assert (stack.axes, stack.rgb) == (axes, False)
    lengths = {axis: (pytest.approx(n), unit) for axis, (n, unit) in size.lengths.items()}
    assert stack.pixel_size.lengths == lengths
    assert stack.pixel_size.interval == size.interval


def test_colour_and_single_images(tmp_path: Path) -> None:
    """Planes of a colour stack, and one picture; colour is the last axis."""
    colour = RANDOM.integers(0, 256, (5, 20, 30, 3)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", colour, photometric="rgb")
    tifffile.imwrite(tmp_path / "b.tif", colour[0], photometric="rgb")

    several, one = open_stack(tmp_path / "a.tif"), open_stack(tmp_path / "b.tif")

    assert (several.axes, several.rgb) == (("t", "y", "x"), True)
    assert (one.axes, one.rgb) == (("y", "x"), True)
    np.testing.assert_array_equal(several.levels[0][3], colour[3])
    np.testing.assert_array_equal(one.levels[0], colour[0])


def test_a_tiff_larger_than_memory_opens_at_once(tmp_path: Path) -> None:
    """40 GB, sparse on disk."""
    path = tmp_path / "large.tif"
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        writer.write(shape=(20_000, 1000, 1000), dtype=np.uint16, photometric="minisblack")
    pages = tifffile.memmap(path)
    pages[15_000] = 7
    pages.flush()

    (data,) = open_stack(path).levels

    assert isinstance(data, da.Array)
    assert data.npartitions == 20_000
    assert (np.asarray(data[15_000]) == 7).all()


def _ome_zarr(path: Path, version: str) -> None:
    group = zarr.open_group(path, mode="w")
    group.create_array("full", data=STACK, chunks=(1, 1, 20, 30))
    group.create_array("half", data=STACK[..., ::2, ::2], chunks=(1, 1, 10, 15))
    kinds = {"t": "second", "c": None, "y": "micrometer", "x": "micrometer"}
    axes = [{"name": a} | ({"unit": unit} if unit else {}) for a, unit in kinds.items()]
    datasets = [
        {
            "path": name,
            "coordinateTransformations": [{"type": "scale", "scale": [2.5, 1, size, size]}],
        }
        for name, size in (("full", 0.325), ("half", 0.65))
    ]
    image = {"axes": axes, "datasets": datasets}
    if version == "0.5":
        group.attrs["ome"] = {"version": version, "multiscales": [image]}
    else:
        group.attrs["multiscales"] = [image]


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr_has_its_levels_axes_and_sizes(tmp_path: Path, version: str) -> None:
    """The largest level first."""
    _ome_zarr(tmp_path / "a.zarr", version)

    stack = open_stack(tmp_path / "a.zarr")

    assert [level.shape for level in stack.levels] == [(6, 2, 20, 30), (6, 2, 10, 15)]
    np.testing.assert_array_equal(stack.levels[0][4], STACK[4])
    assert stack.axes == ("t", "c", "y", "x")
    assert stack.pixel_size == MICRONS


def test_other_zarr_folders(tmp_path: Path) -> None:
    """A bare array, one with named axes, and a group of arrays, also without the suffix."""
    zarr.create_array(tmp_path / "a.zarr", data=STACK[:, 0], chunks=(2, 20, 30))
    names = ("time", "channel", "y", "x")
    zarr.create_array(tmp_path / "b", data=STACK, dimension_names=names)
    zarr.open_group(tmp_path / "c", mode="w").create_array("raw", data=STACK)

    bare, named, group = (open_stack(tmp_path / name) for name in ("a.zarr", "b", "c"))

    assert (bare.axes, bare.levels[0].chunksize) == (("t", "y", "x"), (2, 20, 30))
    assert named.axes == ("t", "c", "y", "x")
    assert group.axes == ("", "", "y", "x")
    np.testing.assert_array_equal(group.levels[0][5], STACK[5])


def test_what_is_a_stack(tmp_path: Path) -> None:
    """TIFF and NumPy files and zarr folders, by name."""
    zarr.create_array(tmp_path / "a", data=STACK)

    assert is_stack(tmp_path / "a")
    assert is_stack("b.ome.TIF")
    assert not is_stack(tmp_path)
    assert not is_stack("b.mp4")


def test_what_cannot_be_opened_says_why(tmp_path: Path) -> None:
    """Damage, numbers that are no intensities, and nothing at all."""
    (tmp_path / "broken.tif").write_bytes(b"no tiff")
    zarr.create_array(tmp_path / "waves.zarr", data=np.zeros((3, 4, 5), np.complex64))
    zarr.open_group(tmp_path / "empty.zarr", mode="w")

    for name, message in {
        "broken.tif": r"broken\.tif cannot be read",
        "waves.zarr": "values of type complex64",
        "empty.zarr": "holds no array",
    }.items():
        with pytest.raises(VideoError, match=message):
            open_stack(tmp_path / name)


def test_sizes_that_no_file_has_are_refused(tmp_path: Path) -> None:
    """A damaged header; to list the planes alone would fill memory."""
    zarr.create_array(tmp_path / "a", shape=(10**9, 4, 5), dtype="u1", chunks=(1, 4, 5))
    zarr.create_array(tmp_path / "b", shape=(2, 4, 10**8), dtype="u1", chunks=(1, 4, 5))

    for name in ("a", "b"):
        with pytest.raises(VideoError, match=r"says that it has .* planes of"):
            open_stack(tmp_path / name)


def test_planes_of_many_small_tiles_are_taken_by_more_of_them(tmp_path: Path) -> None:
    """Dask is slow with millions of chunks."""
    shape, chunks = (2, 100_000, 100_000), (1, 16, 16)
    zarr.create_array(tmp_path / "a", shape=shape, dtype="u1", chunks=chunks)

    (data,) = open_stack(tmp_path / "a").levels

    assert data.npartitions < 2 * 5_000
    assert data.chunksize[0] == 1
    assert data.chunksize[1] % 16 == 0
    assert not np.asarray(data[1, 5000:5010, 7:9]).any()


def test_frames_of_a_lost_drive_are_not_black(tmp_path: Path) -> None:
    """Of a folder that is gone, zarr says that its files were never written."""
    array = zarr.create_array(
        tmp_path / "v.zarr", shape=(4, 20, 30), chunks=(1, 20, 30), dtype="u1"
    )
    array[:] = 7
    frames = open_video(tmp_path / "v.zarr").frames
    first = np.asarray(frames[0])
    (tmp_path / "v.zarr").rename(tmp_path / "elsewhere")

    assert (first == 7).all()
    with pytest.raises(VideoError, match=r"v\.zarr is not there"):
        np.asarray(frames[1])


def test_a_file_that_is_changed_in_mid_run_is_told(tmp_path: Path) -> None:
    """Frames of two videos would be mixed: of the file that was opened, and of what it is now."""
    path = tmp_path / "v.tif"
    before = np.arange(6 * 40 * 50, dtype=np.uint16).reshape(6, 40, 50)
    tifffile.imwrite(path, before)
    frames = open_video(path).frames
    first = np.asarray(frames[0])
    tifffile.imwrite(path, before[::-1])

    with pytest.raises(VideoError, match=r"v\.tif has been changed since it was opened\. Bring"):
        np.asarray(frames[1])

    np.testing.assert_array_equal(first, before[0])
    np.testing.assert_array_equal(np.asarray(open_video(path).frames[1]), before[4])
