"""Reader and sample data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import av
import dask.array as da
import numpy as np
import pytest
import tifffile
import zarr
from napari.layers import Layer
from PIL import Image

import napari_frtm
from napari_frtm.errors import FrtmError
from napari_frtm.io.video.movies import movie
from napari_frtm.io.video.opening import open_video
from napari_frtm.plugin.reader import get_reader
from napari_frtm.plugin.sample_data import cells, roto
from napari_frtm.plugin.source.layers import contrast_of, displayed_frame, video_frames

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.viewer import Viewer

    from napari_frtm.plugin.source.files import LayerData

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


def test_red_is_red_in_the_viewer(make_napari_viewer: Callable[[], Viewer], tmp_path: Path) -> None:
    """Frame 3 of a movie, as napari's reader plugins give it."""
    path = tmp_path / "red.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(6):
            image = np.full((48, 64, 3), (255, 0, 0) if index == 3 else (0, 90, 200), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    viewer = make_napari_viewer()

    (layer,) = viewer.open(path, plugin="napari-frtm")

    assert viewer.dims.nsteps[0] == 6
    assert viewer.dims.axis_labels == ("t", "y", "x")
    for index in (3, 4, 3):
        viewer.dims.set_current_step(0, index)
        red, green, blue = layer._slice.image.raw[24, 32]
        assert (red > 240 and green < 15 and blue < 15) == (index == 3)


def test_scrubbing_forward_decodes_each_frame_once(
    make_napari_viewer: Callable[[], Viewer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And none when stepping back over them."""
    decoded: list[int] = []
    put = movie._FrameCache.put
    monkeypatch.setattr(
        movie._FrameCache, "put", lambda self, i, f: (decoded.append(i), put(self, i, f))
    )
    viewer = make_napari_viewer()
    viewer.open(SAMPLES / "roto.mp4", plugin="napari-frtm")
    viewer.dims.set_current_step(0, 30)
    decoded.clear()

    for index in range(31, 60):
        viewer.dims.set_current_step(0, index)
    for index in reversed(range(60)):
        viewer.dims.set_current_step(0, index)

    assert decoded == sorted(set(decoded))
    assert decoded[-1] == 59


def test_tiff_stack_is_lazy_and_measured_in_micrometres(tmp_path: Path) -> None:
    """With its axes named, and a contrast that shows 12 bits in 16."""
    path = str(tmp_path / "cells.ome.tif")
    pixels = np.random.default_rng(0).integers(100, 4000, (6, 2, 40, 50)).astype(np.uint16)
    size = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5, "TimeIncrement": 4}
    tifffile.imwrite(path, pixels, metadata={"axes": "TCYX", **size})
    reader = get_reader(path)
    assert reader is not None

    layer = Layer.create(*reader(path)[0])

    assert isinstance(layer.data, da.Array)
    assert (layer.name, layer.axis_labels) == ("cells", ("t", "c", "y", "x"))
    assert [str(unit) for unit in layer.units] == ["pixel", "pixel", "micrometer", "micrometer"]
    np.testing.assert_allclose(layer.scale, (1, 1, 0.5, 0.5))
    assert layer.metadata["fps"] == 0.25
    assert 90 < layer.contrast_limits[0] < layer.contrast_limits[1] < 4000
    np.testing.assert_array_equal(video_frames(layer)[5], pixels[5, 0])


def test_linear_light_is_shown_as_the_network_sees_it(tmp_path: Path) -> None:
    """The layer's limits and gamma are those of the command line."""
    library = pytest.importorskip("OpenEXR", reason="OpenEXR is not installed")
    y, x = np.mgrid[:40, :60] / 60
    light = np.stack([y, x, x * y], axis=2).astype(np.float32)
    light[:3, :3] = 60
    for t in range(3):
        library.File({"type": library.scanlineimage}, {"RGB": light}).write(f"{tmp_path}/{t}.exr")
    reader = get_reader(str(tmp_path))
    assert reader is not None

    layer = Layer.create(*reader(str(tmp_path))[0])

    assert layer.gamma == pytest.approx(1 / 2.2)
    assert layer.contrast_limits[1] < 3
    assert contrast_of(layer) == open_video(tmp_path).contrast


@pytest.mark.parametrize("plugin", ["napari", "napari-frtm"])
@pytest.mark.parametrize("kind", ["array", "levels"])
def test_zarr_is_lazy_with_either_reader(
    make_napari_viewer: Callable[[], Viewer], tmp_path: Path, plugin: str, kind: str
) -> None:
    """Ours names the axes, too."""
    pixels = np.random.default_rng(0).integers(0, 4000, (6, 40, 50)).astype(np.uint16)
    path = tmp_path / "a.zarr"
    if kind == "array":
        zarr.create_array(path, data=pixels, chunks=(1, 40, 50))
    else:
        group = zarr.open_group(path, mode="w")
        for name, step in (("0", 1), ("1", 2)):
            group.create_array(name, data=pixels[:, ::step, ::step])
        datasets = [{"path": "0"}, {"path": "1"}]
        group.attrs["multiscales"] = [{"axes": ["t", "y", "x"], "datasets": datasets}]

    (layer,) = make_napari_viewer().open(path, plugin=plugin)

    frames = video_frames(layer)
    assert isinstance(frames.data, da.Array)
    assert layer.multiscale == (kind == "levels")
    assert frames.shape == pixels.shape
    np.testing.assert_array_equal(frames[4], pixels[4])
    assert plugin == "napari" or layer.axis_labels == ("t", "y", "x")


def test_single_tiff_and_npy_of_napari(
    make_napari_viewer: Callable[[], Viewer], tmp_path: Path
) -> None:
    """One picture is one picture; arrays that napari's own reader gives are videos."""
    tifffile.imwrite(tmp_path / "one.tif", np.eye(9, dtype=np.uint8))
    np.save(tmp_path / "a.npy", np.zeros((6, 40, 50), np.uint16))
    reader = get_reader(str(tmp_path / "one.tif"))
    assert reader is not None

    layer = Layer.create(*reader(str(tmp_path / "one.tif"))[0])
    (stack,) = make_napari_viewer().open(tmp_path / "a.npy", plugin="napari")

    np.testing.assert_array_equal(layer.data, np.eye(9))
    assert video_frames(stack).shape == (6, 40, 50)


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


@pytest.mark.parametrize("sample", ["roto", "cells"])
def test_samples_open_at_the_painted_frame(
    make_napari_viewer: Callable[[], Viewer], sample: str
) -> None:
    """Also beside layers that are there already; what is opened later moves nothing."""
    viewer = make_napari_viewer()
    for _ in range(2):
        image, labels = viewer.open_sample("napari-frtm", sample)

        assert viewer.dims.current_step[0] == 0
        assert displayed_frame(image, viewer.dims.point) == 0
        assert labels._slice.image.raw.any()
        viewer.dims.set_current_step(0, 20)

    viewer.add_labels(np.zeros((65, 9, 9), np.uint8))
    assert viewer.dims.current_step[0] == 20


def test_what_is_odd_about_a_folder_is_told(tmp_path: Path, messages: list[str]) -> None:
    """A gap in the numbers is a notification, not a line in a log that nobody sees."""
    for number in (1, 2, 5):
        Image.new("L", (32, 24), number).save(tmp_path / f"f_{number:04d}.png")
    reader = get_reader(str(tmp_path))
    assert reader is not None

    reader(str(tmp_path))

    assert "lacks the numbers 3 to 4" in messages[-1]
