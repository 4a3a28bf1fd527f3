"""What `kill_campaign` kills in place of napari: a video worked on, from wherever it stands.

    QT_QPA_PLATFORM=offscreen python scripts/kill_session.py FOLDER/clip.tif [--window]

Paint the first frame, propagate, correct a frame, propagate from there. Begun again after a kill,
it does what is missing. What the program has told as saved goes to ``journal.txt`` at once. Without
``--window`` there is the model of a viewer alone, which is made sooner and saves the same.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import napari
import numpy as np
from in_window import wait
from napari.components import ViewerModel
from napari.qt import get_qapp
from npe2 import PluginManager
from qtpy.QtWidgets import QApplication

from napari_frtm.io.labels import read_labels
from napari_frtm.plugin.docks.propagate.dock import Propagate
from napari_frtm.plugin.view.workspace_view import workspace_view

if TYPE_CHECKING:
    from napari_frtm.plugin.work.session import Session

CORRECTED = 12


class Work:
    """The work on one video, with a journal of what is saved."""

    def __init__(self, movie: Path, *, window: bool) -> None:
        self.viewer = napari.Viewer() if window else ViewerModel()
        (self.video,) = self.viewer.open(str(movie), plugin="napari-frtm")
        if window:
            add = self.viewer.window.add_plugin_dock_widget
            self.dock: Propagate = add("napari-frtm", "Propagate")[1]
            add("napari-frtm", "Review")
        else:
            self.dock = Propagate(self.viewer)
        self.dock.form.options.masks.value = "Coarse"
        self.workspace = workspace_view(self.viewer).workspace
        wait(lambda: not self.workspace.is_opening, "earlier work")
        self.mask = read_labels(movie.with_name(f"{movie.stem}_mask.png"))
        with np.load(movie.with_name(f"{movie.stem}_truth.npz")) as saved:
            self.truth = saved["truth"]
        self.journal = movie.with_name("journal.txt").open("a", buffering=1)
        self.session.redrawn.connect(self._note)

    @property
    def session(self) -> Session:
        """The session of the video."""
        return workspace_view(self.viewer).open(self.video).session

    def carry_on(self) -> None:
        """Do what is missing."""
        session = self.session
        if session.has_unfinished_run:
            self._run("continue")
        if CORRECTED not in session.store.keyframes:
            self._first_half()
        if not self.journal_says("again"):
            workspace_view(self.viewer).open(self.video).go_to(CORRECTED)
            self._run("here")
        self._say("end")

    def journal_says(self, word: str) -> bool:
        """Whether something was noted, by this process or one before."""
        return f"{word}\n" in Path(self.journal.name).read_text()

    def _first_half(self) -> None:
        """Paint, propagate and correct, as far as it is to be done."""
        session = self.session
        if 0 not in session.store.keyframes:
            self.dock.new_masks_button.click()
            wait(lambda: session.store.folder is not None, "the folder")
            self._draw(0, self.mask)
        if not session.timeline.filled.all():
            self._run("range")
        self._draw(CORRECTED, self.truth[CORRECTED])
        self._say(f"corrected {CORRECTED}")

    def _draw(self, frame: int, labels: np.ndarray) -> None:
        session = self.session
        session.keyframes.draw(frame, labels)
        reason = session.store.saver.flush()
        assert not reason, reason

    def _run(self, what: str) -> None:
        start = {"here": self.dock.start_here, "continue": self.dock.go_on}
        start.get(what, self.dock.start_range)()
        wait(lambda: not self.dock.running, what)
        self.session.announce()
        if CORRECTED in self.session.store.keyframes:
            self._say("again")

    def _note(self, frames: set[int]) -> None:
        """Note which frames the window shows as filled: they are in the folder by then."""
        store = self.session.store
        if store.folder is not None:
            for frame in sorted(frames):
                if store.labels(frame).any():
                    self._say(f"mask {frame}")

    def _say(self, text: str) -> None:
        self.journal.write(f"{text}\n")


def main() -> None:
    """Work on the video until all is done."""
    window = "--window" in sys.argv
    application = get_qapp() if window else QApplication([])
    PluginManager.instance().discover()
    work = Work(Path(sys.argv[1]), window=window)
    work.carry_on()
    workspace_view(work.viewer).close()
    if window:
        work.viewer.close()
    else:
        work.dock.deleteLater()
    application.processEvents()


if __name__ == "__main__":
    main()
