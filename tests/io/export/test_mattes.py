"""Soft mattes in files: images, EXR, Cryptomatte, cut-outs; matting."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import cv2
import numpy as np
import OpenEXR
import pytest
import tifffile
from PIL import Image

from napari_frtm.errors import OutputError
from napari_frtm.io.export.export import export
from napari_frtm.io.export.job import Job
from napari_frtm.io.export.mattes.alpha import Mattes, antialiased
from napari_frtm.io.export.mattes.cryptomatte import id_float, id_hash, murmur3
from napari_frtm.io.export.mattes.exr import is_whole, write_exr
from napari_frtm.io.export.mattes.matting import estimated, foreground
from napari_frtm.io.export.settings import EdgeSettings, ExportSettings
from napari_frtm.io.export.source import MaskSource

from .conftest import LENGTH

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from .conftest import Work

    Exported = Callable[..., Path]


def alphas(work: Work, object_id: int, **settings: object) -> list[NDArray[np.float32]]:
    """Return the mattes of an object."""
    wanted = ExportSettings(format="exr", destination=work.folder, **settings)
    job = Job(source=work.source(), settings=wanted, span=range(LENGTH), object_ids=(1, 3))
    mattes = Mattes(job)
    return [mattes.alpha(t, object_id) for t in range(LENGTH)]


@pytest.mark.parametrize("depth", [8, 16])
def test_matte_images(exported: Exported, work: Work, depth: int) -> None:
    """PNG and TIFF of both depths, rounded."""
    edges = EdgeSettings(grow=0.5, feather=2, smooth=1)
    png = exported("matte-png", "png", depth=depth, edges=edges)
    tiff = exported("matte-tiff", "tiff", depth=depth, edges=edges)

    for t, alpha in enumerate(alphas(work, 1, edges=edges)):
        expected = np.rint(alpha * (2**depth - 1)).astype(f"uint{depth}")
        with Image.open(png / "Left_eye" / f"{t:05d}.png") as picture:
            np.testing.assert_array_equal(np.asarray(picture), expected)
        read = tifffile.imread(tiff / "Left_eye" / f"{t:05d}.tif")
        assert read.dtype == expected.dtype
        np.testing.assert_array_equal(read, expected)


@pytest.mark.parametrize(("depth", "dtype"), [(0, np.float16), (16, np.float16), (32, np.float32)])
def test_exr(exported: Exported, work: Work, depth: int, dtype: type) -> None:
    """Half and float, a folder for each object."""
    folder = exported("exr", "exr", depth=depth, names="plate.%04d", start=1001)

    for t, alpha in enumerate(alphas(work, 3)):
        with OpenEXR.File(
            str(folder / "ball" / f"plate.{1001 + t}.exr"), separate_channels=True
        ) as file:
            channels = file.channels()
            assert set(channels) == set("RGBA")
            assert file.header()["frame"] == 1001 + t
            for channel in channels.values():
                assert channel.pixels.dtype == dtype
                np.testing.assert_array_equal(channel.pixels, alpha.astype(dtype))


def test_exr_layers(exported: Exported, work: Work) -> None:
    """A layer for each object, called by its name."""
    folder = exported("exr-layers", "exr", depth=32)

    one, three = alphas(work, 1), alphas(work, 3)
    for t in range(LENGTH):
        with OpenEXR.File(str(folder / f"{t:05d}.exr"), separate_channels=True) as file:
            channels = file.channels()
            assert set(channels) == {*"RGBA", "Left_eye.A", "ball.A"}
            np.testing.assert_array_equal(channels["Left_eye.A"].pixels, one[t])
            np.testing.assert_array_equal(channels["ball.A"].pixels, three[t])
            total = np.minimum(one[t] + three[t], 1)
            np.testing.assert_array_equal(channels["A"].pixels, total)


def test_cryptomatte(exported: Exported, work: Work) -> None:
    """Decoded as its specification says: pick a name from the manifest, sum its coverage."""
    folder = exported("cryptomatte", "crypto")

    mattes = {"Left_eye": alphas(work, 1), "ball": alphas(work, 3)}
    for t in range(LENGTH):
        with OpenEXR.File(str(folder / f"{t:05d}.exr"), separate_channels=True) as file:
            header, channels = dict(file.header()), dict(file.channels())
        (prefix,) = {key[:19] for key in header if key.startswith("cryptomatte/")}
        layer = header[f"{prefix}/name"]
        assert prefix == f"cryptomatte/{id_hash(layer):08x}"[:19]
        assert header[f"{prefix}/hash"] == "MurmurHash3_32"
        assert header[f"{prefix}/conversion"] == "uint32_to_float32"
        manifest = json.loads(header[f"{prefix}/manifest"])
        total = np.maximum(mattes["Left_eye"][t] + mattes["ball"][t], 1)
        assert set(manifest) == set(mattes)
        for name, number in manifest.items():
            wanted = np.array(int(number, 16), np.uint32).view(np.float32)
            coverage = np.zeros(total.shape, np.float32)
            for rank in range(3):
                for identity, share in ("RG", "BA"):
                    there = channels[f"{layer}{rank:02d}.{identity}"].pixels == wanted
                    coverage += np.where(there, channels[f"{layer}{rank:02d}.{share}"].pixels, 0)
            np.testing.assert_allclose(coverage, mattes[name][t] / total, atol=1e-6)
        first, second = (channels[f"{layer}00.{c}"].pixels for c in "GA")
        assert (first >= second).all()


@pytest.mark.parametrize(
    ("text", "value"),
    [("", 0), ("hello", 0x248BFA47), ("hello, world", 0x149BBB7F), ("a", 0x3C2569B2)],
)
def test_murmur(text: str, value: int) -> None:
    """Against published values."""
    assert murmur3(text.encode()) == value


def test_ids_are_normal_numbers() -> None:
    """Names whose hash would be infinite, not a number or denormal get another bit."""
    ids = np.array([id_float(f"object_{n}") for n in range(4000)])

    assert np.isfinite(ids).all()
    assert (np.abs(ids) >= np.finfo(np.float32).tiny).all()
    assert sum(murmur3(f"object_{n}".encode()) != id_hash(f"object_{n}") for n in range(4000)) > 5


@pytest.mark.parametrize("premultiplied", [False, True])
@pytest.mark.parametrize("depth", [8, 16])
def test_cutouts(exported: Exported, work: Work, *, premultiplied: bool, depth: int) -> None:
    """Colours as the file says: straight, or multiplied by alpha."""
    options = {"premultiplied": premultiplied, "depth": depth}
    png, tiff = exported("cutout-png", "p", **options), exported("cutout-tiff", "t", **options)

    one, three = alphas(work, 1), alphas(work, 3)
    top = 2**depth - 1
    for t in range(LENGTH):
        with tifffile.TiffFile(tiff / f"{t:05d}.tif") as file:
            assert file.pages[0].extrasamples == ((1 if premultiplied else 2),)
            read = file.asarray()
        alpha = np.minimum(one[t] + three[t], 1)
        np.testing.assert_array_equal(read[..., 3], np.rint(alpha * top))
        colours = work.frames[t] / 255 * (alpha[..., None] if premultiplied else 1)
        solid = alpha > 0
        np.testing.assert_allclose(read[solid][:, :3], np.rint(colours * top)[solid], atol=1)
        other = cv2.imread(str(png / f"{t:05d}.png"), cv2.IMREAD_UNCHANGED)[..., [2, 1, 0, 3]]
        np.testing.assert_array_equal(other, read)
        with Image.open(png / f"{t:05d}.png") as picture:
            picture.load()
            assert picture.text == {"Alpha": "premultiplied" if premultiplied else "straight"}


@pytest.mark.parametrize("colour", [True, False], ids=["colour", "gray"])
def test_colours_of_16_bits_keep_their_levels(tmp_path: Path, *, colour: bool) -> None:
    """Those of a TIFF of 12 bits in 16, say, whose contrast is less; gray data are shown by it."""
    rng = np.random.default_rng(0)
    frames = rng.integers(300, 4000, (2, 40, 50, 3) if colour else (2, 40, 50), np.uint16)
    tifffile.imwrite(
        tmp_path / "a.tif", frames, photometric="rgb" if colour else "minisblack", metadata=None
    )
    labels = np.zeros((2, 40, 50), np.uint8)
    labels[:, 10:30, 10:30] = 1
    source = MaskSource(masks=labels).of_video(tmp_path / "a.tif")
    inside = np.s_[15:25, 15:25]

    for form in ("cutout-png", "cutout-tiff"):
        path = tmp_path / form
        list(export(source, ExportSettings(format=form, destination=path, depth=16)))

        for t, name in enumerate(sorted(path.iterdir())):
            if form == "cutout-png":
                read = cv2.imread(str(name), cv2.IMREAD_UNCHANGED)[..., [2, 1, 0, 3]]
            else:
                read = tifffile.imread(name)
            assert (read.dtype, read[20, 20, 3]) == (np.uint16, 65535)
            if colour:
                np.testing.assert_array_equal(read[inside][..., :3], frames[t][inside])
            else:
                assert read[inside][..., :3].max() > 60000


def hair() -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.bool_]]:
    """Return a picture of a fuzzy disc over stripes, its true alpha, and a mask of it."""
    rng = np.random.default_rng(0)
    size = 120
    y, x = np.indices((size, size)) - size / 2
    spikes = 8 * cv2.GaussianBlur(rng.random((1, 360)).astype(np.float32), (1, 1), 0)[0]
    angle = (np.degrees(np.arctan2(y, x)).astype(int) % 360) // 3 * 3
    radius = np.hypot(y, x)
    alpha = cv2.GaussianBlur((radius < 30 + spikes[angle]).astype(np.float32), (0, 0), 1)
    front = np.array([230, 180, 60]) + rng.normal(0, 4, (size, size, 3))
    back = np.where(x[..., None] // 12 % 2, [20, 60, 120], [30, 110, 140])
    image = alpha[..., None] * front + (1 - alpha[..., None]) * back
    return np.clip(np.rint(image), 0, 255).astype(np.uint8), alpha, radius < 34


def test_matting_finds_hair() -> None:
    """From a smooth mask, the error in the band becomes a fraction; outside nothing changes."""
    image, truth, mask = hair()
    start = antialiased(mask)

    alpha = estimated(image, start, 10)

    assert np.abs(alpha - truth).mean() < 0.25 * np.abs(start - truth).mean()
    far = np.abs(np.hypot(*(np.indices(mask.shape) - 60)) - 34) > 13
    np.testing.assert_array_equal(alpha[far], mask[far])


def test_foreground_colours_have_no_background() -> None:
    """At half transparent pixels they are near those of the object."""
    image, truth, _ = hair()
    soft = (truth > 0.3) & (truth < 0.7)

    front = foreground(image, truth)

    wanted = np.array([230, 180, 60])
    before = np.abs(image[soft].astype(float) - wanted).mean()
    assert np.abs(front[soft].astype(float) - wanted).mean() < 0.3 * before
    np.testing.assert_array_equal(front[truth == 1], image[truth == 1])


@pytest.mark.parametrize(
    ("form", "package", "edges"),
    [
        ("exr", "OpenEXR", EdgeSettings()),
        ("exr-layers", "OpenEXR", EdgeSettings()),
        ("cryptomatte", "OpenEXR", EdgeSettings()),
        ("matte-png", "pymatting", EdgeSettings(matting=True)),
        ("parquet", "pyarrow", EdgeSettings()),
    ],
)
def test_a_missing_package_is_named(
    exported: Exported,
    monkeypatch: pytest.MonkeyPatch,
    form: str,
    package: str,
    edges: EdgeSettings,
) -> None:
    """With the command that installs it."""
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(OutputError, match=rf"package {package}.*pip install 'napari-frtm\[export"):
        exported(form, "out.parquet" if form == "parquet" else "out", edges=edges)


@pytest.mark.parametrize(
    ("kept", "whole"), [(1.0, True), (0.99, False), (0.5, False), (0.001, False), (0, False)]
)
def test_a_cut_off_exr_is_noticed(tmp_path: Path, kept: float, *, whole: bool) -> None:
    """At its end, in its header, or if nothing was written; of 37 lines, no multiple of 16."""
    noise = np.random.default_rng(0).random((37, 50)).astype(np.float16)
    write_exr(tmp_path / "a.exr", dict.fromkeys("RGBA", noise), {"note": "x" * 300})
    data = (tmp_path / "a.exr").read_bytes()
    (tmp_path / "b.exr").write_bytes(data[: int(kept * len(data))])

    assert is_whole(tmp_path / "b.exr") == whole


@pytest.mark.parametrize(("form", "depth"), [("exr", 8), ("matte-png", 32), ("cutout-tiff", 32)])
def test_depths_that_a_format_has_not(exported: Exported, form: str, depth: int) -> None:
    """The message names those that it has."""
    with pytest.raises(OutputError, match="bits, not"):
        exported(form, "out", depth=depth)


def test_cutouts_need_the_video(tmp_path: Path) -> None:
    """And say how to give it."""
    source = MaskSource(masks=np.ones((2, 8, 8), np.uint8))
    settings = ExportSettings(format="cutout-png", destination=tmp_path / "a")

    with pytest.raises(Exception, match="--video"):
        list(export(source, settings))
