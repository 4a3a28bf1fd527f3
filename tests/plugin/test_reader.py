"""Reader and sample data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import dask.array as da
import numpy as np
import pytest
from napari.layers import Layer
from PIL import Image

import napari_frtm
from napari_frtm.errors import FrtmError
from napari_frtm.plugin.reader import get_reader
from napari_frtm.plugin.sample_data import cells, roto

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_frtm.plugin.reader import LayerData

SAMPLES = Path(napari_frtm.__path__[0]) / "sample_data"


def test_movie_becomes_a_lazy_rgb_layer() -> None:
    """With its frame rate, and axes named."""
    path = str(SAMPLES / "roto.mp4")
    reader = get_reader(path)
    assert reader is not None

    layer = Layer.create(*reader(path)[0])

    assert isinstance(layer.data, da.Array)
    assert (layer.name, layer.rgb, layer.ndim) == ("roto", True, 3)
    assert layer.axis_labels == ("t", "y", "x")
    assert layer.metadata["fps"] == 24
    assert layer.metadata["source"] == path


def test_folder_of_images_is_a_video(tmp_path: Path) -> None:
    """Frames keep the names of their files."""
    for name in ("b2", "b10", "b1"):
        Image.fromarray(np.zeros((8, 9), np.uint8)).save(tmp_path / f"{name}.png")
    reader = get_reader(str(tmp_path))
    assert reader is not None

    ((frames, options, _),) = reader(str(tmp_path))

    assert frames.shape == (3, 8, 9)
    assert options["metadata"]["names"] == ("b1", "b2", "b10")


def test_others_are_left_to_other_readers(tmp_path: Path) -> None:
    """Several files at once, text, and folders without images."""
    assert get_reader(["a.mp4", "b.mp4"]) is None
    assert get_reader("notes.txt") is None
    assert get_reader(str(tmp_path)) is None


def test_damaged_movie_is_refused_in_words(tmp_path: Path) -> None:
    """The message reaches napari as it is."""
    path = tmp_path / "broken.mp4"
    path.write_bytes(b"not a movie")
    reader = get_reader(str(path))
    assert reader is not None

    with pytest.raises(FrtmError, match=r"broken\.mp4"):
        reader(str(path))


@pytest.mark.parametrize(("sample", "objects"), [(roto, 1), (cells, 10)])
def test_samples_are_painted_in_frame_0(
    sample: Callable[[], list[LayerData]], objects: int
) -> None:
    """And nowhere else; labels lie on the image."""
    image, labels = (Layer.create(*data) for data in sample())

    assert labels.data.shape == image.data.shape[:3]
    assert np.unique(labels.data[0]).tolist() == list(range(objects + 1))
    assert not labels.data[1:].any()
    np.testing.assert_array_equal(labels.scale, image.scale)


def test_cells_are_measured_in_micrometres() -> None:
    """And shown with a contrast that suits their counts."""
    image, labels = (Layer.create(*data) for data in cells())

    np.testing.assert_allclose(image.scale, (1, 0.325, 0.325))
    assert [str(unit) for unit in image.units] == ["pixel", "micrometer", "micrometer"]
    assert image.units == labels.units
    assert image.contrast_limits[1] < 3000
