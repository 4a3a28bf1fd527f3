"""The work of a user in a real napari window; leaves pictures and checks the layers.

    xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/tour.py [WHICH] [--out docs/images]

Open, new masks layer, paint, propagate, close the dock in mid-run, open it, paint while it runs,
correct, propagate from there, undo, redo, clean up, close napari by its button, reopen in the same
process, go on by the command line, open that; and two channels of one file.
The pictures of the tutorials in docs/ are made by it. QT_API chooses the Qt binding.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import napari
import numpy as np
import tifffile
from in_window import rest, take, wait
from PIL import Image
from qtpy import API_NAME

from napari_frtm.evaluation.metrics import jaccard
from napari_frtm.io.labels import read_labels
from napari_frtm.plugin.view.workspace_view import workspace_view

if TYPE_CHECKING:
    from napari.layers import Image as Video
    from napari.layers import Labels

    from napari_frtm.plugin.view.session_view import SessionView

SAMPLES = Path(__file__).parents[1] / "sample_data"


class Camera:
    """Takes pictures of a window."""

    def __init__(self, folder: Path | None, prefix: str) -> None:
        self._folder = folder
        self._prefix = prefix

    def take(self, viewer: napari.Viewer, name: str) -> None:
        """Save a picture of the window."""
        if self._folder is None:
            rest()
        else:
            take(viewer, self._folder / f"{self._prefix}_{name}.jpg")


def paint(layer: Labels, frame: int, truth: np.ndarray) -> None:
    """Draw the outlines of all objects on a frame, as with napari's polygon tool."""
    for object_id in np.unique(truth[truth > 0]):
        layer.selected_label = int(object_id)
        mask = (truth == object_id).astype(np.uint8)
        outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        for outline in outlines:
            points = outline[:, 0, ::-1].astype(float)
            if len(points) > 2:
                place = np.full((len(points), 1), float(frame))
                layer.paint_polygon(np.concatenate([place, points], 1), int(object_id))


def open_docks(viewer: napari.Viewer) -> tuple[object, object]:
    """Open *Propagate* at the right and *Review* below."""
    _, propagate = viewer.window.add_plugin_dock_widget("napari-frtm", "Propagate")
    _, review = viewer.window.add_plugin_dock_widget("napari-frtm", "Review")
    rest()
    return propagate, review


def open_movie(movie: Path) -> tuple[napari.Viewer, Video]:
    """Open a movie through the reader, in a window of its own."""
    viewer = napari.Viewer(title="napari")
    viewer.window.resize(1500, 950)
    (video,) = viewer.open(str(movie), plugin="napari-frtm")
    return viewer, video


def begin(
    camera: Camera, viewer: napari.Viewer, video: Video, first: np.ndarray
) -> tuple[object, object]:
    """Open the docks, and paint the first frame on a new masks layer."""
    viewer.reset_view()
    assert viewer.dims.current_step[0] == 0
    camera.take(viewer, "1_open")
    propagate, review = open_docks(viewer)
    propagate.new_masks_button.click()
    view = workspace_view(viewer).open(video)
    paint(view.masks, 0, first)
    wait(lambda: view.session.store.keyframes, "the keyframe")
    assert jaccard(view.masks.data[0] > 0, first > 0) > 0.95
    view.masks.mode = "pan_zoom"
    if video.scale[-1] != 1:
        assert propagate.form.options.preset.value == "cells"
    camera.take(viewer, "2_painted")
    return propagate, review


def propagate_all(
    camera: Camera, viewer: napari.Viewer, video: Video, truth: np.ndarray, propagate: object
) -> tuple[SessionView, object]:
    """Propagate through the whole video; meanwhile close the dock, open it again, and paint."""
    view, workspace = workspace_view(viewer).open(video), propagate.workspace
    last = len(truth) - 1
    propagate.panel.start_button.click()
    wait(lambda: workspace.run.progress is not None and workspace.run.progress.done >= 8, "frames")
    viewer.window.remove_dock_widget(propagate)
    done = workspace.run.progress.done
    wait(lambda: workspace.run.progress.done > done, "the run, which needs no dock")
    _, propagate = viewer.window.add_plugin_dock_widget("napari-frtm", "Propagate")
    propagate.panel.pause_button.click()
    wait(lambda: workspace.run.is_paused, "the pause")
    view.go_to(last)
    paint(view.masks, last, truth[last])
    wait(lambda: last in view.session.store.keyframes, "the keyframe painted meanwhile")
    drawn = view.masks.data[last].copy()
    view.go_to(12)
    camera.take(viewer, "3_paused")
    propagate.panel.pause_button.click()
    wait(lambda: not propagate.running, "the end of the run")
    assert view.session.timeline.filled.all()
    np.testing.assert_array_equal(view.masks.data[last], drawn)
    camera.take(viewer, "4_finished")
    return view, propagate


def correct(camera: Camera, view: SessionView, frame: int, truth: np.ndarray) -> None:
    """Erase and paint on the masks of a frame until they are right."""
    view.go_to(frame)
    rest()
    before = view.masks.data[frame].copy()
    view.masks.mode = "paint"
    wrong = (before > 0) & (truth == 0)
    view.masks.data_setitem((np.full(wrong.sum(), frame), *np.nonzero(wrong)), 0)
    paint(view.masks, frame, np.where(before > 0, 0, truth))
    wait(lambda: frame in view.session.store.keyframes, "the keyframe")
    view.masks.mode = "pan_zoom"
    camera.take(view.viewer, "5_corrected")


def propagate_from(
    camera: Camera, view: SessionView, frame: int, before: np.ndarray, propagate: object
) -> None:
    """Propagate a correction from the displayed frame on, undo that, and do it again."""
    drawn = view.masks.data[frame].copy()
    propagate.start_here()
    wait(lambda: not propagate.running, "the run from here")
    changed = [t for t in range(len(before)) if (view.masks.data[t] != before[t]).any()]
    assert min(changed) >= frame, changed
    np.testing.assert_array_equal(view.masks.data[frame], drawn)
    camera.take(view.viewer, "6_from_here")
    after = view.masks.data[:].copy()
    assert view.session.edits.undo().startswith("Propagate")
    wait(lambda: not view.session.edits.is_busy, "the undo")
    later = [t for t in changed if t != frame]
    assert all((view.masks.data[t] == before[t]).all() for t in later)
    assert view.session.edits.redo().startswith("Propagate")
    wait(lambda: not view.session.edits.is_busy, "the redo")
    np.testing.assert_array_equal(view.masks.data[:], after)


def clean_up(camera: Camera, view: SessionView, review: object) -> None:
    """Drop specks from all frames, after a preview."""
    review.clean_up.operation.setCurrentText("Drop specks")
    review.clean_up_fold.expand(animate=False)
    review.clean_up.preview.setChecked(True)
    camera.take(view.viewer, "7_clean_up")
    review.clean_up.apply()
    wait(lambda: not review.clean_up.running, "the clean-up")


def reopen(camera: Camera, movie: Path, masks: np.ndarray, keyframes: set[int]) -> None:
    """Open the movie again in the same program: all is as it was."""
    viewer, video = open_movie(movie)
    open_docks(viewer)
    view = workspace_view(viewer).open(video)
    wait(lambda: view.masks is not None, "the earlier work")
    np.testing.assert_array_equal(view.masks.data[:], masks)
    assert set(view.session.store.keyframes) == keyframes
    view.go_to(max(keyframes))
    camera.take(viewer, "8_reopened")
    close_by_button(viewer)


def close_by_button(viewer: napari.Viewer) -> None:
    """Close the window as its button does."""
    closed: list[bool] = []
    window = viewer.window._qt_window
    window.destroyed.connect(lambda: closed.append(True))
    window.close()
    wait(lambda: closed, "the end of the window")


def on_the_command_line(movie: Path, frame: int) -> None:
    """Go on with the session by the command line, and open what that did."""
    folder = movie.with_suffix(".frtm")
    command = [sys.executable, "-m", "napari_frtm", "segment", str(folder)]
    subprocess.run(
        [*command, "--from-here", str(frame), "--out", str(movie.parent / "masks")], check=True
    )
    viewer, video = open_movie(movie)
    view = workspace_view(viewer).open(video)
    wait(lambda: view.masks is not None, "what the command line did")
    names = sorted((movie.parent / "masks").glob("*.*"))
    for path, t in ((path, int(path.stem)) for path in names if path.stem.isdecimal()):
        np.testing.assert_array_equal(read_labels(path), view.masks.data[t])
    assert view.session.runs[-1]["range"][0] >= frame
    close_by_button(viewer)


def tour(camera: Camera, movie: Path, first: np.ndarray, truth: np.ndarray, scale: float) -> None:
    """Go through the whole work on one video, opened three times."""
    viewer, video = open_movie(movie)
    assert video.scale[-1] == scale
    propagate, review = begin(camera, viewer, video, first)
    view, propagate = propagate_all(camera, viewer, video, truth, propagate)
    doubtful = view.session.timeline.next_doubtful(0) or len(truth) // 2
    before = view.masks.data[:].copy()
    correct(camera, view, doubtful, truth[doubtful])
    propagate_from(camera, view, doubtful, before, propagate)
    assert {layer.name for layer in viewer.layers} >= {f"{video.name} masks"}
    np.testing.assert_allclose(view.masks.scale, video.scale)
    clean_up(camera, view, review)
    final, keyframes = view.masks.data[:].copy(), set(view.session.store.keyframes)
    close_by_button(viewer)
    reopen(camera, movie, final, keyframes)
    on_the_command_line(movie, doubtful)
    overlap = jaccard(final > 0, truth > 0)
    print(f"{API_NAME}: corrected frame {doubtful}; J of the union of all objects {overlap:.3f}.")


def two_channels(camera: Camera) -> None:
    """Work on both channels of one file: each has its own session, and both come back."""
    with tempfile.TemporaryDirectory() as folder:
        cells = tifffile.imread(SAMPLES / "cells.tif")[:8]
        movie = Path(folder) / "two.tif"
        stack = np.stack([cells, cells[:, :, ::-1]], 1)
        tifffile.imwrite(movie, stack, ome=True, metadata={"axes": "TCYX"})
        first = tifffile.imread(SAMPLES / "cells_mask.tif")
        viewer, _ = open_movie(movie)
        propagate, _ = open_docks(viewer)
        for channel, labels in enumerate((first, first[:, ::-1])):
            propagate.form.axes.takes[0].setCurrentIndex(channel)
            propagate.form.options.masks.value = "Coarse"
            propagate.new_masks_button.click()
            view = workspace_view(viewer).current
            assert list(view.session.source.axes.takes.values()) == [channel]
            ids = np.unique(labels)[1:3]
            view.masks.data[0, 0] = np.where(np.isin(labels, ids), labels, 0)
            view.session.keyframes.paint(0, None)
            propagate.start()
            wait(lambda: not propagate.running, f"channel {channel}")
            assert view.session.timeline.filled.all()
        camera.take(viewer, "9_channels")
        close_by_button(viewer)
        assert len(list(Path(folder).glob("*.frtm"))) == 2


def main() -> None:
    """Take the tour with one of the samples, or both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("which", nargs="*", default=["rotoscoping", "microscopy"])
    parser.add_argument("--out", type=Path, help="folder for pictures; none are taken without it")
    options = parser.parse_args()
    clips = {
        "rotoscoping": ("roto.mp4", "roto_mask.png", 1.0),
        "microscopy": ("cells.tif", "cells_mask.tif", 0.325),
    }
    for which in options.which:
        clip, mask, scale = clips[which]
        with tempfile.TemporaryDirectory() as folder:
            movie = Path(shutil.copy(SAMPLES / clip, folder))
            first = (
                np.asarray(Image.open(SAMPLES / mask))
                if mask.endswith("png")
                else tifffile.imread(SAMPLES / mask)
            )
            truth = tifffile.imread(SAMPLES / f"{movie.stem}_truth.tif")
            tour(Camera(options.out, which), movie, first, truth, scale)
    two_channels(Camera(options.out, "microscopy"))


if __name__ == "__main__":
    main()
