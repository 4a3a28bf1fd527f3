"""Every export format from real sessions, read back by other programs and compared.

    python scripts/export_check.py --data DAVIS [--sequences dance-jump,kite-walk] [--frames 12]

A sequence of DAVIS is propagated by the command line (lite); then a frame is corrected to its
truth, another one is frozen, and a second object is painted on all of them. Needs what the group
`dev` in pyproject.toml lists. Fails with the first difference that a format has no excuse for.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import geff
import numpy as np
import OpenEXR
import pyarrow.parquet
import tifffile
import zarr
from PIL import Image, ImageDraw
from pycocotools import mask as coco_mask
from scipy.ndimage import binary_fill_holes

from napari_frtm.cli import main as cli
from napari_frtm.io.export.formats import FORMATS
from napari_frtm.io.labels import read_labels
from napari_frtm.io.session.folder import SessionFolder
from napari_frtm.session.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Masks = NDArray[np.integer[Any]]

NAMES = {1: "object_1", 2: "object_2"}


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of DAVIS")
    parser.add_argument("--sequences", default="dance-jump,kite-walk")
    parser.add_argument("--frames", type=int, default=12)
    options = parser.parse_args()
    for name in options.sequences.split(","):
        with tempfile.TemporaryDirectory() as folder:
            masks = _work(options.data, name, options.frames, Path(folder))
            print(f"\n{name}, {options.frames} frames\n")
            print("| format | read by | compared |\n|---|---|---|")
            for form in FORMATS:
                out = Path(folder) / f"out_{form}" / f"it{FORMATS[form].suffix}"
                words = ["export", Path(folder, "work.frtm"), out, "--format", form]
                assert cli([*map(str, words), "--range", f"0:{options.frames}"]) == 0, form
                reader, told = CHECKS[form](out, masks)
                print(f"| {form} | {reader} | {told} |", flush=True)


def _work(data: Path, name: str, frames: int, folder: Path) -> Masks:
    """Make a session with corrections; return its masks."""
    (video,) = (data / "JPEGImages").glob(f"*/{name}")
    (truth,) = (data / "Annotations").glob(f"*/{name}")
    session = folder / "work.frtm"
    words = ["segment", video, "--mask", truth / "00000.png", "--out", folder / "masks"]
    words += ["--session", session, "--range", f"0:{frames}", "--probabilities"]
    assert cli(list(map(str, words))) == 0
    store = Store.of_folder(SessionFolder.open(session))
    store.timeline.frozen[2] = True
    corrected = frames // 2
    for t in range(frames):
        labels = store.labels(t)
        if t == corrected:
            labels = read_labels(truth / f"{t:05d}.png").astype(labels.dtype)
        labels[10:60, 10:90] = 2
        store.replace(t, labels)
    store.set_keyframe(corrected, store.labels(corrected), complete=True)
    masks = np.stack([store.labels(t) for t in range(frames)])
    store.close()
    return masks


def _same(read: Any, masks: Masks) -> str:
    np.testing.assert_array_equal(np.asarray(read), masks)
    return "every pixel equal"


def _png(out: Path, masks: Masks) -> tuple[str, str]:
    return "Pillow", _same([np.asarray(Image.open(p)) for p in sorted(out.glob("*.png"))], masks)


def _png_binary(out: Path, masks: Masks) -> tuple[str, str]:
    for i, name in NAMES.items():
        read = [np.asarray(Image.open(p)) for p in sorted((out / name).glob("*.png"))]
        _same(read, np.where(masks == i, 255, 0))
    return "Pillow", "every pixel equal"


def _tiff(out: Path, masks: Masks) -> tuple[str, str]:
    with tifffile.TiffFile(out) as file:
        assert file.series[0].axes == "TYX"
        return "tifffile", _same(file.asarray(), masks)


def _zarr(out: Path, masks: Masks) -> tuple[str, str]:
    level = zarr.open_array(out / "labels" / "masks" / "0", mode="r")
    return "zarr", _same(level[:], masks)


def _npz(out: Path, masks: Masks) -> tuple[str, str]:
    with np.load(out) as archive:
        return "NumPy", _same(archive["labels"], masks)


def _coco(out: Path, masks: Masks) -> tuple[str, str]:
    read = np.zeros_like(masks)
    for each in json.loads(out.read_text())["annotations"]:
        inside = coco_mask.decode(each["segmentation"]) > 0
        read[each["image_id"]][inside] = each["category_id"]
    return "pycocotools", _same(read, masks)


def _yolo(out: Path, masks: Masks) -> tuple[str, str]:
    """Polygons are filled by Pillow; the format has no holes."""
    height, width = masks.shape[1:]
    least = 1.0
    for t, path in enumerate(sorted((out / "labels").glob("*.txt"))):
        for line in path.read_text().splitlines():
            number, *values = line.split()
            corners = np.array(values, float).reshape(-1, 2) * (width, height) - 0.5
            picture = Image.new("1", (width, height))
            ImageDraw.Draw(picture).polygon([tuple(c) for c in corners], fill=1, outline=1)
            read, mask = np.asarray(picture), binary_fill_holes(masks[t] == int(number) + 1)
            least = min(least, (read & mask).sum() / (read | mask).sum())
    assert least > 0.95, least
    return "Pillow", f"IoU at least {least:.3f}, holes filled"


def _ctc(out: Path, masks: Masks) -> tuple[str, str]:
    read = [tifffile.imread(path) for path in sorted(out.glob("mask*.tif"))]
    rows = [list(map(int, line.split())) for line in (out / "res_track.txt").open()]
    for label, first, last, _parent in rows:
        there = [t for t, frame in enumerate(read) if (frame == label).any()]
        assert there == list(range(first, last + 1))
    return "tifffile", _same(read, masks)


def _centroids(masks: Masks) -> dict[tuple[int, int], NDArray[np.float64]]:
    return {
        (i, t): np.argwhere(frame == i).mean(0)
        for t, frame in enumerate(masks)
        for i in NAMES
        if (frame == i).any()
    }


def _tracks(out: Path, masks: Masks) -> tuple[str, str]:
    rows = list(csv.DictReader(out.open()))
    expected = _centroids(masks)
    for row in rows:
        place = expected.pop((int(row["track_id"]), int(row["t"])))
        np.testing.assert_allclose([float(row["y"]), float(row["x"])], place, atol=1e-3)
    assert not expected
    return "csv", "centroids by NumPy, to 0.001 pixels"


def _geff(out: Path, masks: Masks) -> tuple[str, str]:
    graph, _metadata = geff.read(out, backend="networkx")
    expected = _centroids(masks)
    assert graph.number_of_nodes() == len(expected)
    for _node, each in graph.nodes(data=True):
        place = expected[int(each["object"]), int(each["t"])]
        np.testing.assert_allclose([each["y"], each["x"]], place, atol=1e-3)
    return "geff", "centroids by NumPy, to 0.001 pixels"


def _rows(rows: list[dict[str, Any]], masks: Masks) -> str:
    expected = _centroids(masks)
    for row in rows:
        key = int(row["object"]), int(row["index"])
        assert int(row["area_px"]) == (masks[key[1]] == key[0]).sum()
        place = [float(row["centroid_y_px"]), float(row["centroid_x_px"])]
        np.testing.assert_allclose(place, expected.pop(key), atol=1e-6)
    assert not expected
    return "areas and centroids by NumPy"


def _csv(out: Path, masks: Masks) -> tuple[str, str]:
    return "csv", _rows(list(csv.DictReader(out.open())), masks)


def _parquet(out: Path, masks: Masks) -> tuple[str, str]:
    return "pyarrow", _rows(pyarrow.parquet.read_table(out).to_pylist(), masks)


def _soft(alphas: dict[int, list[NDArray[Any]]], masks: Masks, *, lossy: bool = False) -> str:
    """Compare mattes in [0, 1] by object with masks: at 0.5 they are the same."""
    worst = 0.0
    for i, frames in alphas.items():
        assert len(frames) == len(masks)
        for alpha, frame in zip(frames, masks, strict=True):
            mask = frame == i
            worst = max(worst, ((alpha >= 0.5) != mask).sum() / mask.sum())
    assert worst <= (0.02 if lossy else 0), worst
    if not lossy:
        return "every pixel equal at 0.5"
    return f"at 0.5, {100 * worst:.1f} % of the area at most is another pixel"


def _exr(path: Path) -> dict[str, NDArray[Any]]:
    with OpenEXR.File(str(path), separate_channels=True) as file:
        known = {name: each.pixels.copy() for name, each in file.channels().items()}
        known |= {key: value for key, value in file.header().items() if "manifest" in key}
        return known


def _matte(suffix: str, read: Callable[[Path], NDArray[Any]], reader: str) -> Any:
    def check(out: Path, masks: Masks) -> tuple[str, str]:
        alphas = {
            i: [read(path) for path in sorted((out / name).glob(f"*{suffix}"))]
            for i, name in NAMES.items()
        }
        return reader, _soft(alphas, masks)

    return check


def _exr_layers(out: Path, masks: Masks) -> tuple[str, str]:
    files = [_exr(path) for path in sorted(out.glob("*.exr"))]
    return "OpenEXR", _soft({i: [f[f"{n}.A"] for f in files] for i, n in NAMES.items()}, masks)


def _cryptomatte(out: Path, masks: Masks) -> tuple[str, str]:
    files = [_exr(path) for path in sorted(out.glob("*.exr"))]
    alphas: dict[int, list[NDArray[Any]]] = {}
    for i, name in NAMES.items():
        for file in files:
            manifest = next(str(file[key]) for key in file if "manifest" in key)
            wanted = np.array(int(json.loads(manifest)[name], 16), np.uint32).view(np.float32)
            total = np.zeros(masks.shape[1:], np.float32)
            for rank in range(3):
                for identity, share in ("RG", "BA"):
                    there = file[f"object{rank:02d}.{identity}"] == wanted
                    total += np.where(there, file[f"object{rank:02d}.{share}"], 0)
            alphas.setdefault(i, []).append(total)
    return "OpenEXR", _soft(alphas, masks)


def _together(alphas: list[NDArray[Any]], masks: Masks, *, lossy: bool = False) -> str:
    return _soft({1: alphas}, (masks > 0).astype(np.uint8), lossy=lossy)


def _cutout_png(out: Path, masks: Masks) -> tuple[str, str]:
    read = [np.asarray(Image.open(path))[..., 3] / 255 for path in sorted(out.glob("*.png"))]
    return "Pillow", _together(read, masks)


def _cutout_tiff(out: Path, masks: Masks) -> tuple[str, str]:
    read = [tifffile.imread(path)[..., 3] / 255 for path in sorted(out.glob("*.tif"))]
    return "tifffile", _together(read, masks)


def _movie(decoder: str = "") -> Any:
    def check(out: Path, masks: Masks) -> tuple[str, str]:
        with av.open(str(out)) as container:
            stream = container.streams.video[0]
            codec = stream.codec_context.name
            context = av.CodecContext.create(decoder, "r") if decoder else None
            packets = container.demux(stream)
            frames = [f for p in packets for f in (context.decode(p) if context else p.decode())]
            alphas = [frame.to_ndarray(format="rgba")[..., 3] / 255 for frame in frames]
        lossless = codec in ("ffv1", "huffyuv")
        return f"PyAV ({codec})", _together(alphas, masks, lossy=not lossless)

    return check


def _shown(out: Path, masks: Masks) -> tuple[str, str]:
    with av.open(str(out)) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    assert len(frames) == len(masks)
    height, width, _channels = frames[0].shape
    return f"PyAV ({stream.codec_context.name})", f"{len(frames)} frames of {width} x {height}"


def _matte_movie(out: Path, masks: Masks) -> tuple[str, str]:
    with av.open(str(out)) as container:
        frames = [frame.to_ndarray(format="gray") / 255 for frame in container.decode(video=0)]
    return "PyAV (h264)", _together(frames, masks, lossy=True)


CHECKS = {
    "png": _png,
    "png-binary": _png_binary,
    "tiff": _tiff,
    "zarr": _zarr,
    "zarr-0.4": _zarr,
    "npz": _npz,
    "coco": _coco,
    "yolo": _yolo,
    "ctc": _ctc,
    "tracks": _tracks,
    "geff": _geff,
    "csv": _csv,
    "parquet": _parquet,
    "matte-png": _matte(".png", lambda path: np.asarray(Image.open(path)) / 255, "Pillow"),
    "matte-tiff": _matte(".tif", lambda path: tifffile.imread(path) / 255, "tifffile"),
    "exr": _matte(".exr", lambda path: _exr(path)["A"], "OpenEXR"),
    "exr-layers": _exr_layers,
    "cryptomatte": _cryptomatte,
    "cutout-png": _cutout_png,
    "cutout-tiff": _cutout_tiff,
    "prores": _movie(),
    "ffv1": _movie(),
    "huffyuv": _movie(),
    "webm": _movie("libvpx-vp9"),
    "overlay": _shown,
    "side-by-side": _shown,
    "checker": _shown,
    "matte-movie": _matte_movie,
}


if __name__ == "__main__":
    sys.exit(main())
