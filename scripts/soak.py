"""The same work again and again in one real napari window, to see whether anything grows.

    xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/soak.py [--minutes 60]

A round is: propagate, correct a frame, propagate from there, undo both, and export. After each,
memory (RSS), what of it is allocated, threads, open files and warnings are printed; in the end,
whether they grow: the median slope (Theil and Sen) of all rounds but the first fifth, in which
caches fill; one step, such as a further thread of a pool, moves it little. Allocated is
what programs and libraries hold of C's heap (glibc); what RSS has beside that are pieces given
back, which the heap keeps between others, and code.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import logging
import shutil
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import napari
import numpy as np
import psutil
from in_window import rest, wait
from kill_works import clip
from napari.utils.notifications import notification_manager
from scipy.stats import theilslopes

from napari_frtm.io.labels import read_labels
from napari_frtm.plugin.docks.export.dock import Export
from napari_frtm.plugin.view.workspace_view import workspace_view

if TYPE_CHECKING:
    from napari_frtm.plugin.docks.propagate.dock import Propagate
    from napari_frtm.plugin.view.session_view import SessionView

CORRECTED = 12
FORMATS = ("png", "tiff", "overlay")
GROWS = {
    "rss": 0.05,
    "allocated": 0.01,
    "threads": 0.01,
    "files": 0.01,
    "warnings": 0.01,
    "objects": 20.0,
}
"""What a round may add, MB or pieces, before it is said to grow."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a process holds after a round.

    Attributes
    ----------
    seconds : float
        Since the first round began.
    rss : float
        Memory, MB.
    allocated : float
        What is held of C's heap, MB; 0 where there is no glibc.
    threads, files, warnings, objects : int
        Threads, open file handles, warnings and errors so far, objects that Python's collector
        knows.
    """

    seconds: float
    rss: float
    allocated: float
    threads: int
    files: int
    warnings: int
    objects: int


class Warnings(logging.Handler):
    """Counts what was warned of: by Python, by logs, in napari's notifications."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []
        logging.captureWarnings(True)
        warnings.simplefilter("always", ResourceWarning)
        logging.getLogger().addHandler(self)
        notification_manager.notification_ready.connect(self._notified)

    def emit(self, record: logging.LogRecord) -> None:
        """Note a message."""
        self.texts.append(record.getMessage())

    def _notified(self, notification: object) -> None:
        self.texts.append(str(notification))


class Soak:
    """The work on one clip in one window.

    Parameters
    ----------
    folder : Path
        Where the clip, its session and the exports are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        movie, mask, truth = clip(folder)
        with np.load(truth) as saved:
            self.truth = saved["truth"]
        self.viewer = napari.Viewer()
        self.viewer.window.resize(1500, 950)
        (self.video,) = self.viewer.open(str(movie), plugin="napari-frtm")
        add = self.viewer.window.add_plugin_dock_widget
        self.propagate: Propagate = add("napari-frtm", "Propagate")[1]
        add("napari-frtm", "Review")
        self.export = Export(self.viewer)
        self.viewer.window.add_dock_widget(self.export, name="Export", area="right", tabify=True)
        self.propagate.form.options.masks.value = "Coarse"
        self.propagate.new_masks_button.click()
        self.view.session.keyframes.draw(0, read_labels(mask))
        wait(lambda: self.view.session.store.folder is not None, "the folder")

    @property
    def view(self) -> SessionView:
        """The session as it is shown."""
        return workspace_view(self.viewer).open(self.video)

    def round(self, number: int) -> None:
        """Propagate, correct, propagate from there, undo, export."""
        session = self.view.session
        self._run(self.propagate.start_range)
        assert session.timeline.filled.all()
        before = self.view.masks.data[CORRECTED + 1].copy()
        self.view.go_to(CORRECTED)
        session.keyframes.draw(CORRECTED, self.truth[CORRECTED])
        self._run(self.propagate.start_here)
        session.edits.undo()
        wait(lambda: not session.edits.is_busy, "the undo")
        assert (self.view.masks.data[CORRECTED + 1] == before).all()
        session.keyframes.drop(CORRECTED)
        self._export(FORMATS[number % len(FORMATS)])
        rest(0.3)

    def _run(self, start: object) -> None:
        start()
        wait(lambda: not self.propagate.running, "the run")
        assert self.propagate.panel.status.text().startswith("Finished"), (
            self.propagate.panel.status.text()
        )

    def _export(self, form: str) -> None:
        place = self.folder / "exported"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        chosen = self.export.form
        chosen.format.setCurrentIndex(chosen.format.findData(form))
        name = {"png": "masks", "tiff": "masks.ome.tif", "overlay": "masks.mp4"}[form]
        chosen.destination.setText(str(place / name))
        self.export.start()
        workspace = self.export.workspace
        wait(lambda: workspace.exporting is None, "the export")
        assert (place / name).exists(), self.export.status.text()


def allocated() -> float:
    """Return what is held of C's heap, MB, as glibc says it of all of its arenas."""
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "malloc_info"):
        return 0.0
    libc.fopen.restype = ctypes.c_void_p
    with tempfile.NamedTemporaryFile() as told:
        file = ctypes.c_void_p(libc.fopen(told.name.encode(), b"w"))
        libc.malloc_info(0, file)
        libc.fclose(file)
        root = ElementTree.fromstring(Path(told.name).read_text())
    sizes = {total.get("type"): int(total.get("size", 0)) for total in root.findall("total")}
    taken = int(root.find("system[@type='current']").get("size"))  # type: ignore[union-attr, arg-type]
    return (taken + sizes["mmap"] - sizes["fast"] - sizes["rest"]) / 2**20


def growth(samples: list[Sample], name: str) -> tuple[float, float, float]:
    """Return what a round adds, first and last value, of all rounds but the first fifth."""
    later = samples[max(1, len(samples) // 5) :]
    values = np.array([getattr(sample, name) for sample in later], float)
    slope = theilslopes(values)[0] if len(values) > 2 else 0.0
    return float(slope), float(values[0]), float(values[-1])


def main() -> None:
    """Go round until the time is over; print samples, then what grows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    options = parser.parse_args()
    heard, process, samples = Warnings(), psutil.Process(), []
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(Path(folder))
        began = time.monotonic()
        print("round      s   RSS MB  alloc MB  threads  files  warnings  objects")
        while time.monotonic() - began < 60 * options.minutes:
            soak.round(len(samples))
            gc.collect()
            sample = Sample(
                time.monotonic() - began,
                process.memory_info().rss / 2**20,
                allocated(),
                process.num_threads(),
                process.num_fds(),
                len(heard.texts),
                len(gc.get_objects()),
            )
            samples.append(sample)
            print(
                f"{len(samples):5d} {sample.seconds:6.0f} {sample.rss:8.1f} "
                f"{sample.allocated:9.2f} {sample.threads:8d} {sample.files:6d} "
                f"{sample.warnings:9d} {sample.objects:8d}",
                flush=True,
            )
        soak.viewer.close()
    print()
    for name, limit in GROWS.items():
        slope, first, last = growth(samples, name)
        verdict = "GROWS" if slope > limit else "steady"
        print(f"{name:9s} {first:10.2f} to {last:10.2f}, {slope:+.3f} a round: {verdict}")
    for text in sorted(set(heard.texts)):
        print(f"warned {heard.texts.count(text)} times: {text[:300]}")


if __name__ == "__main__":
    main()
