"""How responsive napari stays while *Propagate* runs, in a real window.

    xvfb-run -a python benchmarks/responsiveness.py [--size 480x854] [--frames 200] [--follow]

A timer asks for a turn of the event loop every 5 ms; how long the turns are apart is what a user
feels. The video is a lazy dask stack of drawn frames. The run is started twice: the first time
loads torch and the network, the second one is measured.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import dask.array as da
import napari
import numpy as np
import psutil
from memory import Drawn
from qtpy.QtCore import QTimer

_TURN = 5  # milliseconds
_WARM_UP = 8  # frames of the first run


def stack(drawn: Drawn) -> da.Array:
    """Return a lazy array of shape (T, H, W, 3), one chunk a frame."""

    def read(block_info: dict[None, dict[str, list[tuple[int, int]]]]) -> np.ndarray:
        return drawn[block_info[None]["array-location"][0][0]][None]

    length, height, width, _ = drawn.shape
    chunks = ((1,) * length, (height,), (width,), (3,))
    return da.map_blocks(read, chunks=chunks, dtype=np.uint8, meta=np.empty((0,) * 4, np.uint8))


class Measurement:
    """Waits between turns, and what a run was like."""

    def __init__(self, widget: object) -> None:
        self._widget = widget
        self.gaps: list[float] = []
        self.memory: list[tuple[int, float]] = []
        self.first = self.begun = self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.setInterval(_TURN)
        self._timer.timeout.connect(self._turn)

    def start(self) -> None:
        """Press the button, and measure from then on."""
        self.gaps, self.memory, self.first = [], [], 0.0
        self._widget.start()
        self.begun = self._last = time.perf_counter()
        self._timer.start()

    def stop(self) -> float:
        """Return how long the run took, seconds."""
        self._timer.stop()
        return time.perf_counter() - self.begun

    def _turn(self) -> None:
        now = time.perf_counter()
        self.gaps.append(1000 * (now - self._last))
        self._last = now
        run = self._widget.workspace.run
        if run is None or run.newest is None:
            return
        if not self.first:
            self.first = now - self.begun
        if not self.memory or run.progress.done >= self.memory[-1][0] + 250:
            self.memory.append((run.progress.done, psutil.Process().memory_info().rss / 1e6))


def main() -> None:
    """Run it and print a table."""
    os.environ["XDG_DATA_HOME"] = tempfile.mkdtemp()  # where work on arrays is saved
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--size", default="480x854", help="height x width, pixels")
    parser.add_argument("--masks", choices=("Refined", "Coarse"), default="Refined")
    parser.add_argument("--follow", action="store_true", help="show the newest frame all along")
    parser.add_argument("--picture", type=Path, help="where to save a picture of the window")
    options = parser.parse_args()
    height, width = (int(side) for side in options.size.split("x"))
    drawn = Drawn(options.frames, (height, width))

    viewer = napari.Viewer()
    viewer.window.resize(1400, 900)
    viewer.add_image(stack(drawn), rgb=True, name="video", axis_labels=("t", "y", "x"))
    labels = np.zeros((options.frames, height, width), np.uint8)
    labels[0] = drawn.mask(0)
    viewer.add_labels(labels, name="painted", axis_labels=("t", "y", "x"))
    viewer.dims.set_current_step(0, 0)
    _, widget = viewer.window.add_plugin_dock_widget("napari-frtm", "Propagate")
    widget.form.options.masks.value = options.masks
    widget.form.follow.setChecked(options.follow)
    measurement = Measurement(widget)

    def warmed() -> None:
        widget.workspace.ended.disconnect(warmed)
        widget.workspace.ended.connect(ended)
        widget.form.frames.whole.setChecked(True)
        QTimer.singleShot(1000, measurement.start)

    def ended(outcome: str) -> None:
        seconds = measurement.stop()
        gaps = np.array(measurement.gaps)
        print(f"{options.size}, {outcome} {options.frames / seconds:.1f} frames a second.")
        print(f"First masks {measurement.first:.2f} s after the click (network loaded before).")
        print(
            f"{len(gaps)} turns of the event loop: {100 * (gaps < 100).mean():.1f} % under 100 ms, "
            f"95 % under {np.percentile(gaps, 95):.0f} ms, longest {gaps.max():.0f} ms."
        )
        weighted = np.sort(gaps)[::-1]
        share = weighted[weighted > 100].sum() / gaps.sum()
        print(f"Time spent in turns of over 100 ms: {100 * share:.1f} %.")
        for frame, megabytes in measurement.memory:
            print(f"  frame {frame}: {megabytes:.0f} MB")
        if options.picture:
            viewer.window.screenshot(str(options.picture), canvas_only=False, flash=False)
        viewer.close()

    widget.form.frames.span = range(_WARM_UP)
    widget.workspace.ended.connect(warmed)
    QTimer.singleShot(2000, widget.start)
    napari.run()


if __name__ == "__main__":
    main()
