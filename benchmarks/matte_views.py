"""Time of a frame for each view of a matte, in a viewer without a window: what scrubbing costs.

    QT_QPA_PLATFORM=offscreen python benchmarks/matte_views.py [--size 2160x3840] [--objects 2]

The video is drawn before; masks and soft masks are of discs, as a run leaves them. Milliseconds,
the median over frames: the picture alone, and with giving it to napari.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

import cv2
import numpy as np
from napari.components import ViewerModel

from napari_frtm.plugin.source.axes import VideoAxes
from napari_frtm.plugin.view import matte_view as views
from napari_frtm.plugin.view.matte_pictures import Look
from napari_frtm.plugin.view.workspace_view import workspace_view

if TYPE_CHECKING:
    from napari_frtm.session.store.store import Store

FRAMES = 8
WORKING = 480


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", default="2160x3840", help="height x width, pixels")
    parser.add_argument("--objects", type=int, default=2)
    options = parser.parse_args()
    height, width = (int(side) for side in options.size.split("x"))
    viewer = ViewerModel()
    noise = np.random.default_rng(0).integers(0, 255, (FRAMES, height, width, 3), np.uint8)
    video = viewer.add_image(noise, rgb=True, name="clip")
    view = workspace_view(viewer).open(video, VideoAxes())
    for frame in range(FRAMES):
        _fill(view.session.store, frame, options.objects)
    for frame in (0, FRAMES - 1):
        view.session.keyframes.make(frame)
    view.show()
    print(f"{width} x {height}, {options.objects} objects\n")
    print("| view | picture | shown |\n|---|---|---|")
    shown = views.matte_view(viewer)
    for look in list(Look)[1:]:
        shown.set_look(look)
        pictures, all_in_all = [], []
        for frame in range(1, FRAMES - 1):
            start = time.perf_counter()
            views._picture(view, look)
            pictures.append(time.perf_counter() - start)
            start = time.perf_counter()
            view.go_to(frame)
            all_in_all.append(time.perf_counter() - start)
        print(f"| {look} | {1e3 * np.median(pictures):.0f} | {1e3 * np.median(all_in_all):.0f} |")
    shown.set_look(Look.MASKS)
    start = time.perf_counter()
    for frame in range(1, FRAMES - 1):
        view.go_to(frame)
    print(f"| {Look.MASKS} | | {1e3 * (time.perf_counter() - start) / (FRAMES - 2):.0f} |")
    workspace_view(viewer).close()


def _fill(store: Store, frame: int, objects: int) -> None:
    height, width = store.size[1:]
    labels = np.zeros((height, width), np.uint8)
    for k in range(objects):
        angle = frame / 10 + 2 * np.pi * k / objects
        centre = (
            int(width * (0.5 + 0.3 * np.cos(angle))),
            int(height * (0.5 + 0.25 * np.sin(angle))),
        )
        cv2.circle(labels, centre, height // 8, k + 1, -1)
    store.put(frame, labels)
    ids = range(1, objects + 1)
    store.timeline.record(
        frame, dict.fromkeys(ids, 0.9), {i: float((labels == i).sum()) for i in ids}
    )
    small = (width * WORKING // height, WORKING)
    store.put_soft(
        frame,
        {
            i: cv2.resize((labels == i) * np.uint8(255), small, interpolation=cv2.INTER_AREA)
            for i in ids
        },
    )


if __name__ == "__main__":
    main()
