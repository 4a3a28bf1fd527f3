"""Small whole files of every kind, to be damaged."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path

import numpy as np
import tifffile
import torch
import zarr
from nd2_writer import write_nd2
from PIL import Image
from weights import random_network

from napari_frtm.config import preset
from napari_frtm.io.labels import write_labels
from napari_frtm.io.session.folder import SessionFolder, VideoIdentity
from napari_frtm.io.weights.checkpoint import save_checkpoint
from napari_frtm.session.run.carry_out import description
from napari_frtm.session.run.coverage import Scope
from napari_frtm.session.run.request import Request, Settings
from napari_frtm.session.store.store import Store
from napari_frtm.timeline import Timeline
from napari_frtm.types import Contrast

AUTHORS = Path(__file__).parents[1] / "parity" / "segnet_rn18.pth"
RANDOM = np.random.default_rng(0)
STACK = np.cumsum(RANDOM.integers(0, 9, (5, 24, 32)), axis=2).astype(np.uint16)
MOVIES = {
    "h264.mp4": ("libx264", "-bf", "2", "-g", "4", "-pix_fmt", "yuv420p"),
    "h264.ts": ("libx264", "-bf", "2", "-g", "4", "-pix_fmt", "yuv420p"),
    "hevc.mkv": ("libx265", "-x265-params", "log-level=none", "-pix_fmt", "yuv420p"),
    "vp9.webm": ("libvpx-vp9", "-deadline", "realtime", "-g", "4"),
    "mpeg4.avi": ("mpeg4", "-bf", "1"),
    "mpeg2.mpg": ("mpeg2video", "-bf", "2"),
    "prores.mov": ("prores_ks",),
    "a.gif": ("gif",),
    "theora.ogv": ("libtheora",),
}
PICTURES = {
    "a.dpx": "rgb48be",
    "a.tga": "bgra",
    "a.jp2": "rgb24",
    "a.webp": "bgra",
    "a.ppm": "rgb48be",
    "a.exr": "gbrpf32le",
    "a.bmp": "bgr24",
}


def write_all(folder: Path) -> dict[str, list[Path]]:
    """Write samples; return them by what opens them."""
    writers = {
        "video": movies,
        "stack": stacks,
        "image": images,
        "mask": masks,
        "session": sessions,
        "checkpoint": checkpoints,
        "job": jobs,
    }
    samples = {}
    for action, write in writers.items():
        (folder / action).mkdir()
        write(folder / action)
        samples[action] = sorted((folder / action).iterdir())
    return samples


def ffmpeg(path: Path, *options: str) -> None:
    """Write some frames with ffmpeg, if it is there."""
    if shutil.which("ffmpeg"):
        source = ("-f", "lavfi", "-i", "mandelbrot=s=64x48:r=25,trim=end_frame=10")
        subprocess.run(["ffmpeg", "-v", "error", *source, *options, path], check=True)


def movies(folder: Path) -> None:
    """Write movies of several codecs."""
    for name, options in MOVIES.items():
        ffmpeg(folder / name, "-c:v", *options)


def stacks(folder: Path) -> None:
    """Write TIFF, zarr and NumPy stacks."""
    gray = {"photometric": "minisblack"}
    tifffile.imwrite(folder / "plain.tif", STACK, **gray)
    tifffile.imwrite(folder / "imagej.tif", STACK, imagej=True, metadata={"axes": "TYX"})
    tifffile.imwrite(folder / "ome.tif", STACK, ome=True, metadata={"axes": "TYX"})
    for kind in ("lzw", "zstd", "deflate", "lzma", "packbits", "jpeg2000", "jpegxl", "webp"):
        eight = kind == "webp"
        data = np.stack([STACK.astype(np.uint8)] * 3, -1) if eight else STACK
        look = {"photometric": "rgb"} if eight else gray
        tifffile.imwrite(folder / f"{kind}.tif", data, compression=kind, tile=(16, 16), **look)
    colour = np.stack([STACK.astype(np.uint8)] * 3, -1)
    tifffile.imwrite(folder / "jpeg.tif", colour, compression="jpeg", photometric="rgb")
    table = RANDOM.integers(0, 65536, (3, 256)).astype(np.uint16)
    eight = STACK.astype(np.uint8)
    tifffile.imwrite(folder / "palette.tif", eight, photometric="palette", colormap=table)
    np.save(folder / "a.npy", STACK)
    np.savez_compressed(folder / "a.npz", STACK)
    zarr.create_array(folder / "a.zarr", data=STACK, chunks=(1, 24, 32))
    zarr.create_array(folder / "v2.zarr", data=STACK, chunks=(1, 24, 32), zarr_format=2)
    group = zarr.open_group(folder / "ome.zarr", mode="w")
    group.create_array("0", data=STACK, chunks=(1, 24, 32))
    axes = [{"name": axis} for axis in "tyx"]
    group.attrs["multiscales"] = [{"axes": axes, "datasets": [{"path": "0"}]}]
    czi(folder)
    write_nd2(folder / "a.nd2", STACK[:, None, None])


def czi(folder: Path) -> None:
    """Write CZI files, if Zeiss's library is there."""
    try:
        from pylibCZIrw.czi import create_czi
    except ImportError:
        return
    for name, compression in (("plain", None), ("zstd", "zstd1:ExplicitLevel=2")):
        with create_czi(str(folder / f"{name}.czi"), compression_options=compression) as file:
            for t, image in enumerate(STACK):
                file.write(data=image[..., None], plane={"T": t})
            file.write_metadata(name, scale_x=1e-6, scale_y=1e-6)


def images(folder: Path) -> None:
    """Write pictures."""
    for name, pixels in PICTURES.items():
        ffmpeg(folder / name, "-frames:v", "1", "-pix_fmt", pixels)
    gray, colour = STACK[0].astype(np.uint8), np.stack([STACK[0].astype(np.uint8)] * 3, -1)
    Image.fromarray(colour).save(folder / "a.png")
    Image.fromarray(STACK[0]).save(folder / "deep.png")
    Image.fromarray(gray).convert("P").save(folder / "indexed.png")
    Image.fromarray(colour).save(folder / "a.jpg")
    Image.fromarray(colour).save(folder / "a.avif")
    Image.fromarray(colour).save(folder / "a.tif", compression="tiff_lzw")
    exr(folder, "layers.exr", {"RGB": colour.astype(np.float32), "Z": gray.astype(np.float32)})


def exr(folder: Path, name: str, channels: dict[str, np.ndarray]) -> None:
    """Write an EXR image, if OpenEXR is there."""
    try:
        import OpenEXR
    except ImportError:
        return
    for number, compression in enumerate((OpenEXR.ZIP_COMPRESSION, OpenEXR.PIZ_COMPRESSION)):
        head = {"compression": compression, "type": OpenEXR.scanlineimage}
        OpenEXR.File(head, channels).write(str(folder / f"{number}{name}"))


def masks(folder: Path) -> None:
    """Write label images."""
    labels = np.zeros((24, 32), np.uint8)
    labels[4:12, 4:20], labels[10:20, 18:30] = 1, 2
    write_labels(folder / "indexed.png", labels)
    write_labels(folder / "a.tif", labels)
    Image.fromarray(labels * 100).save(folder / "grey.png")
    Image.fromarray((labels > 0) * np.uint8(255)).save(folder / "a.jpg")
    Image.fromarray(np.dstack([labels * 0] * 3 + [(labels > 0) * np.uint8(255)])).save(
        folder / "out.png"
    )
    tifffile.imwrite(folder / "lzw.tif", labels, compression="lzw")
    np.save(folder / "a.npy", labels.astype(np.int32))
    exr(folder, "a.exr", {"Y": labels.astype(np.float32)})


def sessions(folder: Path) -> None:
    """Write a session with something of everything."""
    video = VideoIdentity(source=None, shape=(6, 20, 30), dtype="uint8", digest="ab")
    session = SessionFolder.create(folder / "movie.frtm", video)
    session.write_frame(1, np.ones((20, 30), np.uint8), np.ones((2, 2), np.float16), None)
    session.save_keyframe(0, np.ones((20, 30), np.uint8), complete=True)
    session.save_timeline(Timeline.empty(6))
    seen = Contrast(0.0, 9.0, 0.5)
    request = Request(
        frames=np.zeros((6, 20, 30), np.uint8),
        keyframes={0: np.ones((20, 30), np.uint8)},
        complete=frozenset(),
        store=Store((6, 20, 30)),
        settings=Settings(config=preset("lite"), preset="lite"),
        span=range(6),
        scope=Scope.RANGE,
    )
    described = description(request, seen)
    run = {"range": [0, 5], "contrast": seen.plain(), "config": asdict(preset("lite"))}
    session.save_settings({"runs": [run], "section": {"channel": 1, "plane": "max"}})
    session.save_run(described, {"tracker.weights": torch.ones(3, 4)})
    session.release()


def checkpoints(folder: Path) -> None:
    """Write a checkpoint of this package, and one of the authors'."""
    state = random_network("mobilenet_v2", 4).state_dict()
    save_checkpoint(folder / "own.safetensors", {}, state, "mobilenet_v2")
    (folder / "theirs.pth").write_bytes(AUTHORS.read_bytes())
    torch.save(
        torch.load(AUTHORS, weights_only=True),
        folder / "old.pth",
        _use_new_zipfile_serialization=False,
    )


def jobs(folder: Path) -> None:
    """Write a job file with something of everything; clip and masks are other samples."""
    clip, mask = folder.parent / "stack" / "a.npy", folder.parent / "mask" / "a.tif"
    text = f"""out = "out"
retries = 1
[settings]
short_side = 48
preset = "lite"
direction = "both"
[[exports]]
format = "png"
to = "{{name}}/masks"
objects = [1, 2]
depth = 16
edges = {{ grow = 0.5 }}
[[clips]]
name = "first"
video = {json.dumps(str(clip))}
masks = [{json.dumps(f"0:{mask}")}, {json.dumps(f"2:{mask}")}]
frames = [0, 3]
contrast = [0.5, 99]
gamma = 0.5
channel = 1
projection = "max"
mask_threshold = 0.5
settings = {{ direction = "forward", soft = true }}
"""
    (folder / "job.toml").write_text(text)
