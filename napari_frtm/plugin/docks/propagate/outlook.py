"""What to expect of a run, before it is started: what masks, where, with how much memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_frtm.errors import FrtmError
from napari_frtm.plugin.delivery import delivery
from napari_frtm.plugin.docks.propagate.devices import find_gpus, may_have_gpus
from napari_frtm.plugin.docks.propagate.entries import parse_objects
from napari_frtm.plugin.docks.propagate.estimate import memory_needed
from napari_frtm.plugin.run.worker import start_worker

if TYPE_CHECKING:
    from qtpy.QtGui import QShowEvent

    from napari_frtm.plugin.docks.propagate.devices import Gpu
    from napari_frtm.plugin.docks.propagate.options import Options

_TIP = (
    "Memory of a run on the CPU, beside napari itself: estimated from the preset, the size of the "
    "video at the working resolution, and the number of objects."
)


class Outlook(QWidget):  # type: ignore[misc]
    """Says what the options of a run will give, and what that takes.

    Attributes
    ----------
    gpus : list of Gpu
        The GPUs of this machine, once the driver has answered.
    """

    gpus_found = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.masks, self.needs = QLabel(), QLabel()
        self.needs.setToolTip(_TIP)
        self.gpus: list[Gpu] = []
        self._asked = False
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for label in (self.masks, self.needs):
            label.setWordWrap(True)
            layout.addWidget(label)

    def foresee(self, options: Options, size: tuple[int, int] | None) -> None:
        """Say what to expect.

        Parameters
        ----------
        options : Options
            What the form says.
        size : tuple of int, optional
            Height and width of the video, pixels.
        """
        try:
            given = delivery(options.config, options.checkpoint)
        except FrtmError as error:
            self.masks.setText(f"⚠ {error}")
        else:
            self.masks.setText(given.text if given.is_as_asked else f"⚠ {given.text}")
        gpu = self._gpu(options.device)
        self.needs.setText(gpu or f"{_place(options.device)}: {_memory(options, size)}")

    def showEvent(self, event: QShowEvent) -> None:
        """Ask once which GPUs there are."""
        if not self._asked and may_have_gpus():
            self._asked = True
            start_worker(find_gpus, "the search for GPUs (FRTM)", {"yielded": self._take})
        super().showEvent(event)

    def _take(self, gpus: list[Gpu]) -> None:
        self.gpus = gpus
        self.gpus_found.emit()

    def _gpu(self, device: str) -> str:
        """Return the GPU on which a run will be computed, in words; empty if none is known."""
        wanted = {"auto": "cuda:0", "cuda": "cuda:0"}.get(device, device)
        return next((str(gpu) for gpu in self.gpus if gpu.device == wanted), "")


def _place(device: str) -> str:
    """Return in words where a run will be computed."""
    words = {"auto": "On a GPU if there is one; on the CPU", "cpu": "On the CPU"}
    return words.get(device, f"On {device} if it is there; on the CPU")


def _memory(options: Options, size: tuple[int, int] | None) -> str:
    """Return how much memory a run takes, in words."""
    try:
        objects = parse_objects(options.objects)
    except FrtmError:  # said when the run is started
        objects = None
    one, two = (memory_needed(options.preset, options.config, size, n) for n in (1, 2))
    if objects:
        needed = memory_needed(options.preset, options.config, size, len(objects))
        return f"about {needed:.1f} GB"
    return f"about {one:.1f} GB for one object, {two - one:.2f} GB for each further one"
