"""Hard masks, read back by readers that others wrote, pixel by pixel."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import tifffile
import zarr
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from napari_frtm.io.export.export import export
from napari_frtm.io.export.settings import ExportSettings
from napari_frtm.io.export.source import MaskSource
from napari_frtm.io.labels import davis_palette
from napari_frtm.io.video.stacks.pixel_size import PixelSize
from napari_frtm.io.video.stacks.stack import open_stack

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Work

    Exported = Callable[..., Path]


def test_indexed_png(exported: Exported, work: Work) -> None:
    """Values are ids, colours those of DAVIS; names and numbers as wished."""
    folder = exported("png", "masks", names="shot_%04d", start=1001)

    names = sorted(path.name for path in folder.iterdir())
    assert names == [f"shot_{1001 + t}.png" for t in range(len(work.truth))]
    for t, name in enumerate(names):
        with Image.open(folder / name) as picture:
            assert picture.mode == "P"
            np.testing.assert_array_equal(np.asarray(picture), work.truth[t])
            assert picture.getpalette()[:12] == davis_palette()[:4].ravel().tolist()


def test_binary_png(exported: Exported, work: Work) -> None:
    """A folder for each object, called by its name."""
    folder = exported("png-binary", "masks", span=range(2, 5))

    assert sorted(path.name for path in folder.iterdir()) == ["Left_eye", "ball"]
    for name, object_id in (("Left_eye", 1), ("ball", 3)):
        for t in (2, 3, 4):
            with Image.open(folder / name / f"{t:05d}.png") as picture:
                expected = (work.truth[t] == object_id) * np.uint8(255)
                np.testing.assert_array_equal(np.asarray(picture), expected)


@pytest.mark.parametrize(("depth", "dtype"), [(0, np.uint8), (8, np.uint8), (16, np.uint16)])
def test_ome_tiff(exported: Exported, work: Work, depth: int, dtype: type) -> None:
    """Axes and type are in the file."""
    path = exported("tiff", "masks.ome.tif", depth=depth)

    with tifffile.TiffFile(path) as tiff:
        assert tiff.is_ome
        assert tiff.series[0].axes == "TYX"
        labels = tiff.asarray()
    assert labels.dtype == dtype
    np.testing.assert_array_equal(labels, work.truth)


@pytest.mark.parametrize(("form", "version"), [("zarr", 3), ("zarr-0.4", 2)])
def test_ome_zarr(exported: Exported, work: Work, form: str, version: int) -> None:
    """As ome-zarr reads it, and zarr itself."""
    path = exported(form, "masks.zarr")

    nodes = list(Reader(parse_url(path / "labels" / "masks"))())
    np.testing.assert_array_equal(nodes[0].data[0].compute(), work.truth)
    array = zarr.open_array(path / "labels" / "masks" / "0", mode="r")
    assert array.metadata.zarr_format == version
    assert array.chunks == (1, *work.truth.shape[1:])


def test_npz(exported: Exported, work: Work) -> None:
    """NumPy reads it without pickles."""
    with np.load(exported("npz", "masks.npz", span=range(1, 4), start=10)) as archive:
        np.testing.assert_array_equal(archive["labels"], work.truth[1:4])
        assert archive["frames"].tolist() == [10, 11, 12]
        assert archive["names"].tolist() == ["Left_eye", "ball"]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools
def test_coco(exported: Exported, work: Work) -> None:
    """Pycocotools loads it, and decodes each mask."""
    path = exported("coco", "masks.json")

    dataset = COCO(str(path))
    assert [category["name"] for category in dataset.loadCats([1, 3])] == ["Left_eye", "ball"]
    for t, labels in enumerate(work.truth):
        found = np.zeros_like(labels)
        for annotation in dataset.loadAnns(dataset.getAnnIds(imgIds=t)):
            mask = dataset.annToMask(annotation)
            found[mask > 0] = annotation["category_id"]
            assert annotation["area"] == mask.sum()
            assert annotation["bbox"] == coco_mask.toBbox(annotation["segmentation"]).tolist()
        np.testing.assert_array_equal(found, labels)


def test_coco_run_lengths_are_those_of_pycocotools() -> None:
    """Character by character, also where runs shrink and where the first pixel is set."""
    from napari_frtm.io.export.masks.polygons import compressed

    rng = np.random.default_rng(0)
    for scale in (1, 4, 40):
        noise = np.kron(rng.integers(0, 2, (9, 7)), np.ones((scale, scale))).astype(np.uint8)
        for mask in (noise, 1 - noise, np.zeros_like(noise), np.ones_like(noise)):
            expected = coco_mask.encode(np.asfortranarray(mask))["counts"].decode()
            assert compressed(mask) == expected


def test_yolo(exported: Exported, work: Work) -> None:
    """Filled again, the polygons are the masks, except holes and bridges between pieces."""
    folder = exported("yolo", "yolo")

    assert '0: "Left_eye"' in (folder / "data.yaml").read_text()
    height, width = work.truth.shape[1:]
    for t, labels in enumerate(work.truth):
        found = np.zeros_like(labels)
        for line in (folder / "labels" / f"{t:05d}.txt").read_text().splitlines():
            number, *values = line.split()
            corners = np.array(values, float).reshape(-1, 2) * (width, height) - 0.5
            cv2.fillPoly(found, [np.rint(corners).astype(np.int32)], (1, 3)[int(number)])
        if t < 3:
            np.testing.assert_array_equal(found, labels)
        else:
            assert np.count_nonzero(found != labels) < 60


def test_objects_and_range(exported: Exported, work: Work) -> None:
    """What was not chosen is background."""
    path = exported("tiff", "masks.tif", objects=(3,), span=range(2))

    expected = np.where(work.truth[:2] == 3, 3, 0)
    np.testing.assert_array_equal(tifffile.imread(path), expected)


def test_coco_frame_without_objects_is_listed(exported: Exported, work: Work) -> None:
    """An image without annotations is still an image of the set."""
    path = exported("coco", "masks.json", objects=(3,))

    content = json.loads(path.read_text())
    assert len(content["images"]) == len(work.truth)
    assert {a["image_id"] for a in content["annotations"]} == set(range(len(work.truth) - 1))


@pytest.mark.parametrize(("form", "name"), [("tiff", "a.ome.tif"), ("zarr", "a.zarr")])
def test_pixel_sizes_are_kept(tmp_path: Path, form: str, name: str) -> None:
    """Nanometres and seconds come out as they went in; copies have their own scale."""
    masks = np.zeros((2, 600, 520), np.uint8)
    size = PixelSize({"y": (65.0, "nanometer"), "x": (60.0, "nanometer")}, 2.5)
    source = MaskSource(masks=masks, pixel_size=size)
    settings = ExportSettings(format=form, destination=tmp_path / name)

    for _ in export(source, settings):
        pass

    image = tmp_path / name / "labels" / "masks" if form == "zarr" else tmp_path / name
    assert open_stack(image).pixel_size == size
    if form == "zarr":
        ome = zarr.open_group(image, mode="r").attrs["ome"]
        (scale,) = ome["multiscales"][0]["datasets"][1]["coordinateTransformations"]
        assert scale == {"type": "scale", "scale": [2.5, 130.0, 120.0]}
        assert zarr.open_array(image / "1", mode="r").shape == (2, 300, 260)
