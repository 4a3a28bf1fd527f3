"""Objects, views and timeline in a real napari window; leaves three pictures.

    xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/tour_objects.py [--out docs/images]

The masks are the sample's own truth, so that nothing has to be computed. An object gets another
number from a frame on, a name and a parent; its matte is looked at on a
checker; In to Out is played.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import napari
import numpy as np
import tifffile
from in_window import rest, take, wait

from napari_frtm.io.session.objects import SessionObject
from napari_frtm.plugin.view.matte_pictures import Look
from napari_frtm.plugin.view.matte_view import matte_view
from napari_frtm.plugin.view.workspace_view import workspace_view
from napari_frtm.plugin.work.object_work import describe_object
from napari_frtm.session.store.store import areas

if TYPE_CHECKING:
    from napari_frtm.plugin.view.session_view import SessionView

SAMPLES = Path(__file__).parents[1] / "sample_data"


def open_sample(movie: Path) -> SessionView:
    """Open the movie, with the true masks on all frames and two keyframes."""
    viewer = napari.Viewer(title="napari")
    viewer.window.resize(1500, 950)
    (video,) = viewer.open(str(movie), plugin="napari-frtm")
    view = workspace_view(viewer).open(video)
    truth = tifffile.imread(SAMPLES / "roto_truth.tif")
    for frame, labels in enumerate(truth):
        ids = np.unique(labels[labels > 0]).tolist()
        view.session.store.put(frame, labels)
        sure = dict.fromkeys(ids, 0.9 - 0.4 * (abs(frame - len(truth) / 2) < 3))
        view.session.timeline.record(frame, sure, areas(labels, ids))
    for frame in (0, len(truth) - 1):
        view.session.keyframes.make(frame)
    viewer.reset_view()
    return view


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    out = parser.parse_args().out
    with tempfile.TemporaryDirectory() as folder:
        movie = Path(folder) / "koi.mp4"
        shutil.copy(SAMPLES / "roto.mp4", movie)
        view = open_sample(movie)
        viewer, session = view.viewer, view.session
        last = session.source.size[0] - 1
        _, review = viewer.window.add_plugin_dock_widget("napari-frtm", "Review")
        _, timeline = viewer.window.add_plugin_dock_widget("napari-frtm", "Timeline")
        view.go_to(last // 2)
        session.set_span(range(last // 4, 3 * last // 4))
        (object_id, *_) = session.timeline.object_ids
        review.objects_fold.expand(animate=False)
        review.objects.operation.setCurrentText("Renumber")
        review.objects.object_id.setValue(object_id)
        review.objects.other.setValue(object_id + 1)
        review.objects.apply()
        wait(lambda: not session.edits.is_busy, "the new number")
        describe_object(session, object_id, SessionObject(name="koi"))
        describe_object(session, object_id + 1, SessionObject(name="koi, later", parent=object_id))
        take(viewer, out / "objects.jpg")
        review.objects_fold.collapse(animate=False)
        view.masks.visible = False
        matte_view(viewer).set_look(Look.CHECKER)
        take(viewer, out / "views.jpg")
        matte_view(viewer).set_look(Look.ONION)
        timeline.zoom.setValue(4)
        timeline.loop_button.click()
        rest(2)
        assert view.current in session.span
        take(viewer, out / "timeline.jpg")
        timeline.loop_button.click()
        viewer.close()


if __name__ == "__main__":
    main()
