"""Resident memory and time of exports of a long session: memory must not grow with its length.

    python benchmarks/export_memory.py [--frames 3000] [--size 2160x3840] [--formats png,overlay]

The session is made first, in a temporary folder: two discs that move, with soft masks at working
size, over a video that is drawn frame by frame. Exports are written beside it and deleted one by
one. The log has the memory every 100 frames, of both passes.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import cv2
import numpy as np

from napari_frtm.io.export.export import export
from napari_frtm.io.export.formats import FORMATS
from napari_frtm.io.export.opening import open_masks
from napari_frtm.io.export.settings import ExportSettings
from napari_frtm.io.session.folder import SessionFolder, VideoIdentity
from napari_frtm.io.video.opening import Video
from napari_frtm.timeline import Timeline

if TYPE_CHECKING:
    import dask.array as da
    from numpy.typing import NDArray

    from napari_frtm.io.export.source import MaskSource

WORKING = 480
EVERY = 100
DEFAULT = "png,matte-png,overlay"


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
        source = replace(open_masks(session), video=_video(options.frames, (height, width)))
        print(f"before: {_resident():.0f} MB\n")
        print("| format | ms a frame | MB after 100 frames | half of them | all | size, MB |")
        print("|---|---|---|---|---|---|")
        for name in options.formats.split(","):
            _measure(source, name, folder / "out")
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


class Moving:
    """Smooth noise that moves, drawn frame by frame."""

    def __init__(self, frames: int, height: int, width: int) -> None:
        self.shape, self.ndim, self.dtype = (frames, height, width, 3), 4, np.dtype(np.uint8)
        noise = np.random.default_rng(0).integers(0, 255, (height + 64, width, 3), np.uint8)
        self._ground = cv2.GaussianBlur(noise, (0, 0), 4)

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        """Draw a frame."""
        return self._ground[index % 64 :][: self.shape[1]].copy()


def _video(frames: int, size: tuple[int, int]) -> Video:
    moving = cast("da.Array", Moving(frames, *size))
    return Video(frames=moving, fps=24.0, names=(), contrast=(0, 255), axes=("t", "y", "x", "c"))


def _measure(source: MaskSource, name: str, out: Path) -> None:
    path = out / f"it{FORMATS[name].suffix}"
    seen, start = {}, time.perf_counter()
    for step, done, total in export(source, ExportSettings(format=name, destination=path)):
        if done % EVERY == 0 or done == total:
            print(f"{name}: {step}, {done}: {_resident():.0f} MB", file=sys.stderr, flush=True)
            if step == "Writing":
                seen[done] = _resident()
    per_frame = 1000 * _since(start) / source.length
    marks = sorted(seen)
    shown = (marks[0], marks[len(marks) // 2], marks[-1])
    memory = " | ".join(f"{seen[mark]:.0f}" for mark in shown)
    size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file()) / 1e6
    print(f"| {name} | {per_frame:.0f} | {memory} | {size:.0f} |", flush=True)
    shutil.rmtree(out)


def _since(start: float) -> float:
    return time.perf_counter() - start


def _resident() -> float:
    """Return the resident memory of this process in MB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


if __name__ == "__main__":
    main()
