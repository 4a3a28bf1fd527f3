"""The *Sketch* dock in a real napari window; leaves two pictures for docs/rotoscoping.md.

    xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/sketch_tour.py [--out docs/images]

A stroke is drawn on the fish in the middle of the bundled clip, and one on what is wrongly taken
for it; what is found is compared with the truth, and accepted.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import napari
import numpy as np
import tifffile
from in_window import rest, take, wait
from qtpy import API_NAME

from napari_frtm.evaluation.metrics import jaccard

if TYPE_CHECKING:
    from napari_frtm.plugin.docks.sketch import Sketch

SAMPLES = Path(__file__).parents[1] / "sample_data"
FRAME = 48


def stroke(dock: Sketch, frame: int, places: np.ndarray) -> np.ndarray:
    """Draw a line through places (row, column), and return what is found."""
    strokes = dock.sketch.strokes
    line = [a + (b - a) * t for a, b in pairwise(places) for t in np.arange(0, 1, 0.05)]
    with strokes.block_history():
        for y, x in line:
            strokes.paint((frame, round(y), round(x)), strokes.selected_label)
    rest(0.1)
    wait(lambda: not dock.sketch.is_working, "an answer")
    return np.asarray(dock.sketch.viewer.layers["sketch"].data)


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    out = parser.parse_args().out
    truth = tifffile.imread(SAMPLES / "roto_truth.tif")[FRAME] > 0
    with tempfile.TemporaryDirectory() as folder:
        movie = Path(folder) / "koi.mp4"
        shutil.copy(SAMPLES / "roto.mp4", movie)
        viewer = napari.Viewer(title="napari")
        viewer.window.resize(1500, 950)
        viewer.open(str(movie), plugin="napari-frtm")
        viewer.dims.set_current_step(0, FRAME)
        _, dock = viewer.window.add_plugin_dock_widget("napari-frtm", "Sketch")
        dock.strokes_button.click()
        rows, columns = np.nonzero(truth)
        middle = np.array([rows.mean(), columns.mean()])
        along = np.linalg.svd(np.stack([rows, columns], 1) - middle, full_matrices=False)[2][0]
        length = 0.3 * np.ptp(columns)
        found = stroke(dock, FRAME, np.array([middle - length * along, middle + length * along]))
        print(f"{API_NAME}: J {jaccard(found > 0, truth):.3f} after one stroke")
        dock.not_it.setChecked(True)
        wrong = (found > 0) & ~truth
        if wrong.any():
            y, x = np.argwhere(wrong)[len(np.argwhere(wrong)) // 2]
            found = stroke(dock, FRAME, np.array([[y, x], [y + 3, x + 6]]))
            print(f"J {jaccard(found > 0, truth):.3f} after one more, on what is not it")
        take(viewer, out / "sketch_1_found.jpg")
        dock.accept_button.click()
        assert FRAME in dock.sketch.session_view.session.store.keyframes
        take(viewer, out / "sketch_2_accepted.jpg")
        viewer.close()


if __name__ == "__main__":
    main()
