"""Writers of Labels layers, through napari."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import dask.array as da
import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from napari_frtm.errors import FrtmError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari.layers import Labels
    from napari.viewer import Viewer

T, H, W = 5, 30, 40


def labels() -> np.ndarray:
    """Return two objects, of which one moves."""
    frames = np.zeros((T, H, W), np.uint16)
    for t in range(T):
        frames[t, 5:12, 2 + 4 * t : 10 + 4 * t] = 1
    frames[:, 20:25, 10:30] = 300
    return frames


@pytest.fixture
def layer(make_napari_viewer: Callable[[], Viewer]) -> tuple[Viewer, Labels]:
    """Return a viewer, and a lazy layer with a physical scale."""
    viewer = make_napari_viewer()
    data = da.from_array(labels(), chunks=(1, H, W))
    units = ("second", "micrometer", "micrometer")
    return viewer, viewer.add_labels(data, name="mine", scale=(2, 0.5, 0.25), units=units)


def test_tiff_with_scale(layer: tuple[Viewer, Labels], tmp_path: Path) -> None:
    """Read by tifffile; by its long suffix it is the one that napari takes."""
    path = tmp_path / "a.ome.tif"

    assert layer[0].layers.save(path) == [str(path)]

    with tifffile.TiffFile(path) as file:
        np.testing.assert_array_equal(file.asarray(), labels())
        for said in ('PhysicalSizeX="0.25"', 'PhysicalSizeY="0.5"', 'TimeIncrement="2.0"'):
            assert said in file.ome_metadata


def test_zarr(layer: tuple[Viewer, Labels], tmp_path: Path) -> None:
    """OME-Zarr with its scale."""
    path = tmp_path / "a.zarr"

    assert layer[0].layers.save(path) == [str(path)]

    arrays = [array for _, array in zarr.open_group(path, mode="r").members(None)]
    largest = max((a for a in arrays if isinstance(a, zarr.Array)), key=lambda a: a.size)
    np.testing.assert_array_equal(largest[:], labels())


def test_npz_and_coco(layer: tuple[Viewer, Labels], tmp_path: Path) -> None:
    """By the name of the plugin, where napari has a writer of its own."""
    layer[0].layers.save(tmp_path / "a.npz", plugin="napari-frtm")
    layer[0].layers.save(tmp_path / "a.json")

    with np.load(tmp_path / "a.npz") as archive:
        np.testing.assert_array_equal(archive["labels"], labels())
    coco = json.loads((tmp_path / "a.json").read_text())
    assert {each["track_id"] for each in coco["annotations"]} == {1, 300}


def test_png_of_frames_is_a_folder(layer: tuple[Viewer, Labels], tmp_path: Path) -> None:
    """Of indexed pictures; one of a single image is a file."""
    viewer, lazy = layer
    lazy.data = lazy.data % 255  # 300 becomes 45

    written = viewer.layers.save(tmp_path / "a.png")
    single = viewer.add_labels(labels()[0] % 255, name="single")
    viewer.layers.selection = {single}
    viewer.layers.save(tmp_path / "one.png", selected=True)

    assert written == [str(tmp_path / "a" / f"{t:05d}.png") for t in range(T)]
    for t, path in enumerate(written):
        with Image.open(path) as picture:
            assert picture.mode == "P"
            np.testing.assert_array_equal(np.asarray(picture), labels()[t] % 255)
    with Image.open(tmp_path / "one.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), labels()[0] % 255)


def test_frames_are_read_one_by_one(
    make_napari_viewer: Callable[[], Viewer], tmp_path: Path
) -> None:
    """Never all at once."""
    viewer = make_napari_viewer()
    sizes: list[int] = []

    def read(block: np.ndarray) -> np.ndarray:
        sizes.append(block.size)
        return block

    data = da.from_array(labels(), chunks=(1, H, W)).map_blocks(read, dtype=np.uint16)
    viewer.add_labels(data, name="lazy")

    viewer.layers.save(tmp_path / "a.ome.tif")

    assert max(sizes) == H * W


def test_a_folder_is_not_written_over(layer: tuple[Viewer, Labels], tmp_path: Path) -> None:
    """Nor does a stack of volumes become a video."""
    viewer, lazy = layer
    viewer.layers.save(tmp_path / "a.zarr")
    with pytest.raises(FrtmError, match="is there already"):
        viewer.layers.save(tmp_path / "a.zarr")
    lazy.data = np.zeros((3, 4, 5, 6), np.uint8)
    with pytest.raises(FrtmError, match="label images have time, height and width"):
        viewer.layers.save(tmp_path / "b.zarr")


def test_the_dialog_offers_them(layer: tuple[Viewer, Labels]) -> None:
    """Of *Save Selected Layers*."""
    from napari.plugins._npe2 import file_extensions_string_for_layers

    text, _ = file_extensions_string_for_layers([layer[1]])

    for offered in ("FRTM OME-TIFF with scale", "*.zarr", "FRTM indexed PNG", "*.npz", "*.json"):
        assert offered in text
