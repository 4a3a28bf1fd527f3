"""The lower half of *Propagate*: buttons, progress and status of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil
from qtpy.QtWidgets import QGridLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_frtm.types import BYTES

if TYPE_CHECKING:
    from napari_frtm.plugin.work.running import Run
    from napari_frtm.session.run.request import Started

_KINDS = {True: "refined masks", False: "coarse masks (target model only)"}
_MANY = 4  # objects; from here on they may be cells
_DEVICES = {"cpu": "CPU", "cuda": "NVIDIA GPU", "mps": "Apple GPU"}


class RunPanel(QWidget):  # type: ignore[misc]
    """Buttons to start and stop a run, and how far it is."""

    def __init__(self) -> None:
        super().__init__()
        self.start_button = QPushButton("Start")
        self.here_button = QPushButton("From here")
        self.continue_button = QPushButton("Continue unfinished run")
        self.pause_button = QPushButton("Pause")
        self.cancel_button = QPushButton("Cancel")
        self.send_button = QPushButton("Send to batch")
        self.bar = QProgressBar()
        self.progress_text = QLabel()
        self.status = QLabel()
        self._beginning = (
            self.start_button,
            self.here_button,
            self.continue_button,
            self.send_button,
        )
        self._lay_out()
        self._describe()
        self.show_idle(unfinished=False)

    def show_idle(self, *, unfinished: bool) -> None:
        """Offer to start, or to go on with a run that was broken off."""
        for button in self._beginning:
            button.setEnabled(True)
        self.continue_button.setVisible(unfinished)
        self.pause_button.setEnabled(False)
        self.pause_button.setText("Pause")
        self.cancel_button.setEnabled(False)
        self.bar.hide()
        self.progress_text.hide()

    def show_busy(self) -> None:
        """Offer to pause and to stop, from the moment that a run begins."""
        for button in self._beginning:
            button.setEnabled(False)
        self.pause_button.setEnabled(True)
        self.cancel_button.setEnabled(True)
        self.bar.setRange(0, 0)
        self.bar.show()
        self.progress_text.setText("Loading the network…")
        self.progress_text.show()
        self.status.clear()

    def show_run(self, run: Run) -> None:
        """Say where and how a run is carried out, and how far it is."""
        self.show_busy()
        stopping, paused = run.stopping, run.is_paused
        self.cancel_button.setEnabled(not stopping)
        self.pause_button.setEnabled(not stopping and run.started is not None)
        self.pause_button.setText("Resume" if paused else "Pause")
        if run.started is not None and run.progress is not None:
            self._show_started(run.started)
            self.bar.setRange(0, run.started.total)
            self.bar.setValue(run.progress.done)
            text = run.progress.text if run.newest is not None else "Learning the objects…"
            if paused:
                text = f"Paused at {run.progress.done} of {run.progress.total} frames."
            self.progress_text.setText(f"{text}\n{_memory()}")
        if stopping:
            self.status.setText("Stopping after the current frames…")

    def _show_started(self, started: Started) -> None:
        kind = _KINDS[started.config.variant.refines]
        text = f"{name_of(started.device)}, {started.settings.preset}: {kind}"
        low, high, gamma = started.contrast
        if started.contrast != BYTES:
            text += f"\nIntensities {low:g} to {high:g} are seen as black to white"
            text += "." if gamma == 1 else f", with a gamma of {gamma:.3g}."
        if len(started.objects) >= _MANY and started.config.locality is None:
            text += "\nMany alike objects? Advanced, Search: Near the last place keeps them apart."
        if not started.coverage.annotated:
            text += "\nNo frame of this range is painted; masks come from painted frames outside."
        self.status.setText(text)

    def _lay_out(self) -> None:
        buttons = QGridLayout()
        buttons.addWidget(self.start_button, 0, 0)
        buttons.addWidget(self.here_button, 0, 1)
        buttons.addWidget(self.pause_button, 1, 0)
        buttons.addWidget(self.cancel_button, 1, 1)
        buttons.addWidget(self.continue_button, 2, 0, 1, 2)
        buttons.addWidget(self.send_button, 3, 0, 1, 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(buttons)
        for widget in (self.bar, self.progress_text, self.status):
            layout.addWidget(widget)
        self.bar.setTextVisible(False)
        self.progress_text.setWordWrap(True)
        self.status.setWordWrap(True)

    def _describe(self) -> None:
        self.start_button.setToolTip("Learn the painted objects and find them in every frame. (S)")
        self.here_button.setToolTip(
            "Compute again only what depends on the displayed frame: up to the next painted frame "
            "in the direction chosen. For after a correction. (R)"
        )
        self.pause_button.setToolTip("Wait after the current frames, and go on later. (S)")
        self.cancel_button.setToolTip("Stop; the frames that are finished stay. (Q)")
        self.continue_button.setToolTip("Go on with the run that was broken off.")
        self.send_button.setToolTip(
            "Let other processes do it, while you work on other videos; the masks come back when "
            "they are done. The dock Batch shows how far they are."
        )


def name_of(device: str) -> str:
    """Return what people call a device of torch, and what else computes there."""
    name, *program = device.split(maxsplit=1)
    return " ".join([_DEVICES.get(name.split(":")[0], name), *program])


def _memory() -> str:
    gib = 2**30
    used = psutil.Process().memory_info().rss / gib
    free = psutil.virtual_memory().available / gib
    return f"{used:.1f} GB in use, {free:.0f} GB free"
