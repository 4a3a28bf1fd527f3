"""One run at a time beside a responsive viewer: start, pause, go on, cancel."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error
from qtpy.QtCore import QObject, Signal

from napari_frtm.errors import FrtmError
from napari_frtm.plugin.run.carry_out import Networks, carry_out
from napari_frtm.plugin.run.progress import Progress
from napari_frtm.plugin.run.request import Plan, Written
from napari_frtm.plugin.run.worker import start_worker

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_frtm.plugin.run.request import Request
    from napari_frtm.plugin.run.worker import Worker
    from napari_frtm.plugin.work.history import Step
    from napari_frtm.plugin.work.session import Session

logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Run:
    """A run under way; step and progress come with its plan."""

    request: Request
    needed: tuple[Layer | None, ...]
    worker: Worker | None = None
    stopping: bool = False
    error: str = ""
    plan: Plan | None = None
    step: Step | None = None
    progress: Progress | None = None
    newest: int | None = None

    @property
    def session(self) -> Session:
        """The session that it writes to."""
        return self.request.session

    @property
    def outcome(self) -> str:
        """How it ended, for the user."""
        if self.progress is None:
            return self.error or "Cancelled."
        count = f"{self.progress.done} of {self.progress.total} frames"
        if self.error:
            return f"Failed after {count}: {self.error}"
        return f"Cancelled after {count}." if self.stopping else f"Finished: {count}."


class Runner(QObject):  # type: ignore[misc]
    """Carries out requests in a thread, and hands their results to the session.

    Attributes
    ----------
    run : Run or None
        The one under way.
    """

    planned = Signal()
    advanced = Signal()
    paused = Signal()
    resumed = Signal()
    ended = Signal(str)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.run: Run | None = None
        self._networks = Networks()

    @property
    def is_paused(self) -> bool:
        """Whether there is a run that waits."""
        return self.run is not None and self.run.worker is not None and self.run.worker.is_paused

    def start(self, request: Request, needed: tuple[Layer | None, ...]) -> None:
        """Start a run that makes no sense without the layers that are needed."""
        self.run = Run(request, needed)
        connect: dict[str, Any] = {
            "yielded": self._receive,
            "errored": self._fail,
            "finished": self._finish,
            "paused": self.paused,
            "resumed": self.resumed,
        }
        worker = start_worker(
            carry_out, "the propagation of masks (FRTM)", connect, request, self._networks
        )
        self.run.worker = worker
        self.destroyed.connect(worker.quit)

    def pause(self) -> None:
        """Wait after the frames that are being computed."""
        if self.run is not None and self.run.worker is not None:
            self.run.worker.pause()

    def resume(self) -> None:
        """Go on."""
        if self.run is not None and self.run.worker is not None:
            self.run.worker.resume()
            if self.run.progress is not None:
                self.run.progress.restart()

    def cancel(self) -> None:
        """Stop after the frames that are being computed; finished frames stay."""
        if self.run is not None and self.run.worker is not None:
            self.run.stopping = True
            self.run.worker.quit()

    def _receive(self, item: Plan | Written) -> None:
        """Take what the worker has yielded."""
        run = self.run
        if run is None or (run.stopping and run.plan is None):
            return
        try:
            self._begin(run, item) if isinstance(item, Plan) else self._take(run, item)
        except (FrtmError, OSError, MemoryError) as error:
            self.cancel()
            self._fail(error)

    def _begin(self, run: Run, plan: Plan) -> None:
        run.plan = plan
        session = run.session
        frames = plan.course.frames
        run.step = session.edits.begin(f"Propagate {frames.start}-{frames.stop - 1}")
        run.progress = Progress(plan.total, plan.done)
        session.set_painted(plan.painted)
        session.results.prepare(plan.largest_id)
        session.layers.runs.append(provenance(run.request, plan))
        session.layers.show()
        self.planned.emit()

    def _take(self, run: Run, written: Written) -> None:
        if run.step is None or run.progress is None:
            return
        run.progress.reach(written.done)
        run.session.take(written.frames, run.step)
        if written.frames:
            run.newest = written.frames[-1].index
            run.session.layers.show()
        self.advanced.emit()

    def _fail(self, error: Exception) -> None:
        """Tell the user; at length in the status line, as napari's notifications are short."""
        text = str(error)
        if not isinstance(error, FrtmError):
            logger.error("Propagation failed.", exc_info=error)
            text = f"Something unexpected went wrong ({type(error).__name__}: {text})."
        show_error(text)
        if self.run is not None:
            self.run.error = text

    def _finish(self) -> None:
        """Come to rest; the worker's last signal, after an error too."""
        run = self.run
        if run is None:
            return
        self.run = None
        if run.worker is not None:
            self.destroyed.disconnect(run.worker.quit)
        if run.step is not None:
            run.session.edits.end(run.step)
        if run.stopping and run.session.results.folder is not None:
            run.session.results.folder.end_run()
        run.session.touch()
        self.ended.emit(run.outcome)


def provenance(request: Request, plan: Plan) -> dict[str, Any]:
    """Return how a run was made, as plain values."""
    settings, frames = request.settings, plan.course.frames
    return {
        "version": version("napari-frtm"),
        "preset": settings.preset,
        "variant": plan.config.variant.value,
        "config": asdict(plan.config),
        "device": plan.device,
        "contrast": list(plan.contrast),
        "range": [frames.start, frames.stop - 1],
        "direction": plan.course.direction.value,
        "keyframes": sorted({*plan.course.annotated, *plan.course.references}),
    }
