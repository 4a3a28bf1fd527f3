"""Sessions that worker processes follow beside napari, as one batch after the other."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_frtm.batch.report import PAGE
from napari_frtm.errors import FrtmError
from napari_frtm.plugin.run.batch_process import (
    GRACE,
    batch_folder,
    clip_names,
    followed,
    job_text,
)
from napari_frtm.plugin.run.job import Job

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from napari_frtm.plugin.run.batch_process import Sent


class Sending(QObject):  # type: ignore[misc]
    """Runs ``napari-frtm batch`` on sessions; those that come meanwhile are the next batch.

    Attributes
    ----------
    sent : dict of Path to Sent
        By session, in the order in which they came.
    workers : int
        Processes on this machine; 0 for as many as it has room for.
    scheduler : str
        Address of a running dask scheduler, in place of processes of this machine.
    folder : Path or None
        Of the batch under way or the last one: its job, its report, what its workers said.
    changed : Signal
        Something is further than before.
    returned : Signal
        With the folder of a session that nobody works on any more.
    failed : Signal
        With what went wrong.
    """

    changed = Signal()
    returned = Signal(object)
    failed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.sent: dict[Path, Sent] = {}
        self.workers = 0
        self.scheduler = ""
        self.folder: Path | None = None
        self._job: Job | None = None
        self._grace = 0.0  # a window that closes does not wait
        self._under_way: dict[str, Path] = {}  # sessions still to be done, by clip

    @property
    def report(self) -> Path | None:
        """The page about the last batch, once it is written."""
        page = None if self.folder is None else self.folder / PAGE
        return page if page is not None and page.is_file() else None

    @property
    def is_running(self) -> bool:
        """Whether a batch is under way."""
        return self._job is not None

    def check(self) -> None:
        """Check that batches can run here.

        Raises
        ------
        FrtmError
            If dask.distributed is missing.
        """
        if find_spec("distributed") is None:
            raise FrtmError(
                'Batches need dask.distributed: pip install "napari-frtm[batch]", then try again.'
            )

    def send(self, sent: Sent) -> None:
        """Follow a session, now or as soon as the batch under way is done."""
        self.sent.pop(sent.session, None)
        self.sent[sent.session] = sent
        if not self.is_running:
            self._begin()
        self.changed.emit()

    def stop(self) -> None:
        """Stop; what is finished is kept, and sessions go on there another time."""
        if self._job is not None:
            self._grace = GRACE
            self._job.cancel()
            self.changed.emit()

    def close(self) -> None:
        """Tell the batch to end, and do not wait for it: napari is closing."""
        if self._job is not None:
            self._job.cancel()

    def _begin(self) -> None:
        """Start a batch of all that waits."""
        waiting = [sent for sent in self.sent.values() if sent.state == "waiting"]
        names = clip_names([sent.session for sent in waiting])
        self._under_way = {name: session for session, name in names.items()}
        if not waiting:
            return
        self._grace = 0.0
        job = self._job = Job("a batch (FRTM)")
        job.yielded.connect(self._take)
        job.failed.connect(self.failed)
        job.ended.connect(self._end)
        self.folder = batch_folder(datetime.now())
        job.start(followed, job_text(waiting), self.folder, self._where(), lambda: self._grace)

    def _where(self) -> list[str]:
        if self.scheduler:
            return ["--scheduler", self.scheduler]
        return ["--workers", str(self.workers)] if self.workers else []

    def _take(self, line: Mapping[str, Any] | None) -> None:
        """Take a line that the batch has written about a clip."""
        if line is None or line["clip"] not in self._under_way:
            return
        known = self.sent[self._under_way[line["clip"]]]
        state = str(line["state"]).replace("done before", "done")
        now = replace(
            known,
            state=state,
            done=int(line["done"]),
            total=int(line["total"]),
            confidence=line["confidence"],
            reason=line["reason"],
        )
        self.sent[now.session] = now
        if not now.is_open:
            del self._under_way[line["clip"]]  # it may be sent again before the others are done
            self.returned.emit(now.session)
        self.changed.emit()

    def _end(self) -> None:
        """Give back what was not done, and begin with what has come meanwhile."""
        stopping = self._job is not None and self._job.stopping
        self._job = None
        for path in self._under_way.values():
            self.sent[path] = replace(self.sent[path], state="stopped")
            self.returned.emit(path)
        if stopping:
            for path, sent in list(self.sent.items()):
                if sent.state == "waiting":
                    self.sent[path] = replace(sent, state="stopped")
                    self.returned.emit(path)
        else:
            self._begin()
        self.changed.emit()
