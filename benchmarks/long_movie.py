"""What a user of a long movie waits for: turns of napari's event loop at opening, Start, reopening.

    xvfb-run -a python benchmarks/long_movie.py [--minutes 10]

The movie is of 1920 x 1080 pixels, 30 frames a second, made by ffmpeg and kept for the next time.
A timer asks for a turn of the event loop every 5 ms; how long the turns are apart is what a user
feels. For comparison, layers of the same shapes are added by napari alone to the same window: what
napari itself needs cannot be taken away here.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import dask.array as da
import napari
import numpy as np
from qtpy.QtCore import QEventLoop, QTimer
from qtpy.QtWidgets import QApplication

from napari_frtm.io.video.opening import open_video
from napari_frtm.plugin.view.workspace_view import workspace_view

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from napari_frtm.plugin.work.workspace import Workspace

_TURN = 5  # milliseconds
_LONG = 0.1  # seconds
_SIZE = (1080, 1920)


class Turns:
    """Measures how far the turns of the event loop are apart, and where the long ones are spent."""

    def __init__(self) -> None:
        self.gaps: list[float] = []
        self.where: list[tuple[float, str]] = []
        self._last = time.perf_counter()
        self._gui = threading.get_ident()
        self._stack = ""
        self._timer = QTimer()
        self._timer.setInterval(_TURN)
        self._timer.timeout.connect(self._turn)
        self._timer.start()
        threading.Thread(target=self._watch, daemon=True).start()

    def during(self, name: str, action: Callable[[], object], until: Callable[[], bool]) -> None:
        """Do something, let the loop turn until it is done and for two seconds more, and print."""
        self._spin(lambda: False, 1)
        self.gaps, self.where = [], []
        begun = self._last = time.perf_counter()
        action()
        self._spin(until, 300)
        seconds = time.perf_counter() - begun
        self._spin(lambda: False, 2)
        longest = sorted(self.gaps, reverse=True)[:4]
        print(
            f"{name}: {seconds:.1f} s; longest turns "
            f"{', '.join(f'{1000 * gap:.0f}' for gap in longest)} ms; "
            f"{sum(gap > _LONG for gap in self.gaps)} over 100 ms",
            flush=True,
        )
        for gap, stack in self.where:
            print(f"    {1000 * gap:.0f} ms in {stack}", flush=True)

    def _spin(self, until: Callable[[], bool], seconds: float) -> None:
        end = time.perf_counter() + seconds
        loop = QEventLoop()
        timer = QTimer()
        timer.setInterval(_TURN)
        timer.timeout.connect(lambda: loop.quit() if until() or time.perf_counter() > end else None)
        timer.start()
        loop.exec()

    def _turn(self) -> None:
        now = time.perf_counter()
        gap, self._last = now - self._last, now
        self.gaps.append(gap)
        if gap > _LONG:
            self.where.append((gap, self._stack))
        self._stack = ""

    def _watch(self) -> None:
        while True:
            time.sleep(0.02)
            if time.perf_counter() - self._last > 0.06 and not self._stack:
                frames = sys._current_frames()
                self._stack = " < ".join(_places(frames[self._gui]))


def _places(frame: FrameType) -> Iterator[str]:
    for entry in reversed(traceback.extract_stack(frame)):
        if "importlib" not in entry.filename:
            yield f"{Path(entry.filename).stem}.{entry.name}:{entry.lineno}"


def movie(minutes: float) -> Path:
    """Return a movie of that length, made by ffmpeg unless it is there already."""
    path = Path(tempfile.gettempdir()) / f"long_movie_{minutes:g}.mp4"
    if not path.exists():
        height, width = _SIZE
        source = f"testsrc2=size={width}x{height}:rate=30"
        made = path.with_suffix(".part.mp4")
        quick = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]
        command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", source]
        subprocess.run([*command, "-t", str(60 * minutes), *quick, str(made)], check=True)
        made.replace(path)
    return path


def main() -> None:
    """Open, start, cancel, close and reopen; print the turns of each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    source = movie(parser.parse_args().minutes)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / source.name
        path.hardlink_to(source)
        _work(path)


def _work(path: Path) -> None:
    viewer = napari.Viewer()
    viewer.window.resize(1400, 900)
    QApplication.processEvents()
    turns = Turns()
    viewer.open(str(path), plugin="napari-frtm")  # the first one loads libraries
    viewer.layers.clear()

    turns.during("open", lambda: viewer.open(str(path), plugin="napari-frtm"), lambda: True)
    _, dock = viewer.window.add_plugin_dock_widget("napari-frtm", "Propagate")
    view = workspace_view(viewer)
    turns.during("new masks layer", dock.new_masks, lambda: view.current.masks is not None)
    masks = view.current.masks
    masks.selected_label = 1
    turns.during("paint", lambda: masks.paint((0, 540, 960), 1), lambda: True)
    workspace = view.workspace
    outcome: list[str] = []
    workspace.ended.connect(outcome.append)
    turns.during("Start, to the first masks", dock.start_range, lambda: _filled(workspace) > 1)
    turns.during("while it runs", lambda: None, lambda: _filled(workspace) > 20)
    turns.during("cancel", dock.cancel, lambda: bool(outcome))
    turns.during("close", viewer.layers.clear, lambda: not workspace.sessions)
    turns.during(
        "reopen",
        lambda: viewer.open(str(path), plugin="napari-frtm"),
        lambda: view.current is not None and view.current.masks is not None,
    )
    viewer.layers.clear()
    _napari_alone(viewer, path, turns)
    viewer.close()


def _filled(workspace: Workspace) -> int:
    session = workspace.current
    return 0 if session is None else int(session.store.timeline.filled.sum())


def _napari_alone(viewer: napari.Viewer, path: Path, turns: Turns) -> None:
    """Add the layers that a session adds, of arrays of napari's users, to the same window."""
    length = round(open_video(path).frames.shape[0])
    height, width = _SIZE
    shape = (length, height, width)
    video = da.zeros((*shape, 3), dtype=np.uint8, chunks=(1, height, width, 3))
    masks = da.zeros(shape, dtype=np.uint8, chunks=(1, height, width))
    scores = da.zeros((length, height // 16, width // 16), dtype=np.float16, chunks=(1, -1, -1))
    turns.during("napari alone, video", lambda: viewer.add_image(video, rgb=True), lambda: True)
    turns.during("napari alone, masks", lambda: viewer.add_labels(masks), lambda: True)
    turns.during(
        "napari alone, scores", lambda: viewer.add_image(scores, visible=False), lambda: True
    )


if __name__ == "__main__":
    main()
