"""Resident memory and time of exports of a long session: memory must not grow with its length.

    python benchmarks/export_memory.py [--frames 3000] [--size 2160x3840] [--formats tiff,zarr,csv]

The session is made first, in a temporary folder: two discs that move, with soft masks at working
size. Exports are written beside it and deleted one by one.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from napari_frtm.io.export.export import export
from napari_frtm.io.export.formats import FORMATS
from napari_frtm.io.export.opening import open_masks
from napari_frtm.io.export.settings import ExportSettings
from napari_frtm.io.session.folder import SessionFolder, VideoIdentity
from napari_frtm.timeline import Timeline

WORKING = 480
DEFAULT = "png,tiff,zarr,npz,coco,ctc,matte-png,exr-layers,csv"


def main() -> None:
    """Make a session, export it, and print the memory on the way."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--frames", type=int, default=3000)
    parser.add_argument("--size", default="2160x3840", help="height x width, pixels")
    parser.add_argument("--formats", default=DEFAULT)
    options = parser.parse_args()
    height, width = (int(side) for side in options.size.split("x"))
    folder = Path(tempfile.mkdtemp(prefix="export_memory_"))
    try:
        start = time.perf_counter()
        session = _make(folder / "long.frtm", options.frames, (height, width))
        print(f"{options.frames} frames of {width} x {height}, made in {_since(start):.0f} s\n")
        print("| format | ms a frame | MB after 10 % | MB after 50 % | MB at the end | size, MB |")
        print("|---|---|---|---|---|---|")
        for name in options.formats.split(","):
            _measure(session, name, folder / "out")
    finally:
        shutil.rmtree(folder)


def _make(path: Path, frames: int, size: tuple[int, int]) -> Path:
    height, width = size
    video = VideoIdentity(source=None, shape=(frames, *size), dtype="uint8", digest="")
    session = SessionFolder.create(path, video)
    timeline = Timeline.empty(frames)
    for t in range(frames):
        labels = np.zeros(size, np.uint8)
        for k, object_id in enumerate((1, 2)):
            angle = t / 40 + k * np.pi
            y = int(height * (0.5 + 0.25 * np.sin(angle)))
            x = int(width * (0.5 + 0.3 * np.cos(angle)))
            cv2.circle(labels, (x, y), height // 8, object_id, -1)
        small = (width * WORKING // height, WORKING)
        soft = {
            i: cv2.resize((labels == i) * np.uint8(255), small, interpolation=cv2.INTER_AREA)
            for i in (1, 2)
        }
        session.write_frame(t, labels, None, soft)
        timeline.record(t, {1: 0.9, 2: 0.8}, {})
    session.save_timeline(timeline)
    session.release()
    return path


def _measure(session: Path, name: str, out: Path) -> None:
    path = out / f"it{FORMATS[name].suffix}"
    source = open_masks(session)
    seen, start = [], time.perf_counter()
    marks = {source.length // 10, source.length // 2, source.length}
    for step, done, _ in export(source, ExportSettings(format=name, destination=path)):
        if step == "Writing" and done in marks:
            seen.append(f"{_resident():.0f}")
    per_frame = 1000 * _since(start) / source.length
    size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file()) / 1e6
    print(f"| {name} | {per_frame:.0f} | {' | '.join(seen)} | {size:.0f} |", flush=True)
    shutil.rmtree(out)


def _since(start: float) -> float:
    return time.perf_counter() - start


def _resident() -> float:
    """Return the resident memory of this process in MB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


if __name__ == "__main__":
    main()
