"""The clips of a job on the workers of a scheduler, until each is done or has failed for good."""

from __future__ import annotations

import logging
import time
from collections import Counter
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from napari_frtm import __version__
from napari_frtm.batch.cluster import ClusterError
from napari_frtm.batch.job import Task
from napari_frtm.batch.parts import parts_of
from napari_frtm.batch.progress import ClipState, Pace, State
from napari_frtm.batch.result import ClipResult
from napari_frtm.batch.worker import ClipWorker, run_task, stop
from napari_frtm.errors import FrtmError
from napari_frtm.structure import structured

if TYPE_CHECKING:
    from collections.abc import Generator

    from distributed import Client, Future

    from napari_frtm.batch.cluster import Connection
    from napari_frtm.batch.job import BatchJob
    from napari_frtm.batch.progress import Overview

logger = logging.getLogger(__name__)

_TICK = 0.5  # seconds between two looks at what is done
_GRACE = 15.0  # seconds that clips get to save where they stand
_MEMORY = "worker-restart-memory"
"""Topic of dask's nannies that end a worker for its memory."""


class Batch:
    """One job under way.

    Parameters
    ----------
    job : BatchJob
        What to do.
    connection : Connection
        Where.
    overwrite : bool
        Whether results of other masks, settings or videos may be replaced.

    Attributes
    ----------
    clips : dict of str to ClipState
        What is known of each clip, by name.
    """

    def __init__(self, job: BatchJob, connection: Connection, *, overwrite: bool = False) -> None:
        self.job = job
        self.clips = {clip.name: ClipState(name=clip.name) for clip in job.clips}
        self._connection = connection
        self._client: Client = connection.client
        self._tasks = {
            clip.name: Task(clip=clip, out=job.out, exports=job.exports, overwrite=overwrite)
            for clip in job.clips
        }
        self._parts: dict[str, list[Task]] = {}
        self._running: dict[Future, tuple[Task, tuple[str, ...]]] = {}
        self._tries: Counter[str] = Counter()
        self._out_of_memory: dict[str, int] = {}  # bytes, by worker
        self._news: SimpleQueue[tuple[str, dict[str, Any]]] = SimpleQueue()
        self._run = ""

    def events(self) -> Generator[Overview, None, None]:
        """Yield how far the job is, about twice a second; close the generator to stop.

        Clips that are being followed then save where they stand, and go on there another time.

        Raises
        ------
        FrtmError
            If the scheduler is lost and does not come back.
        """
        pace = Pace()
        try:
            for _ in self._begin():
                yield pace.overview(self.clips.values(), 0)
            for task in self._tasks.values():
                self._plan(task)
            while self._running:
                self._listen()
                if self._is_lost():
                    self._begin_again()
                self._collect()
                yield pace.overview(self.clips.values(), len(self._workers()))
        finally:
            self._stop()

    def _begin(self) -> Generator[None, None, None]:
        """Set up the workers that are there and those to come; wait for the first."""
        self._run = f"napari-frtm-{uuid4().hex}"
        client = self._client
        client.subscribe_topic(self._run, lambda event: self._news.put(("clip", event[1])))
        client.subscribe_topic(_MEMORY, lambda event: self._news.put(("memory", event[1])))
        client.register_plugin(ClipWorker(self._connection.threads))
        while not self._workers():
            time.sleep(_TICK)
            yield

    def _workers(self) -> dict[str, Any]:
        known: dict[str, Any] = self._client.scheduler_info(n_workers=-1)["workers"]
        return known

    def _plan(self, task: Task) -> None:
        """Submit a clip, or its parts first."""
        name = task.clip.name
        try:
            self._parts[name] = parts_of(task)
        except (FrtmError, OSError) as error:
            self.clips[name].fail(str(error))
            return
        for part in self._parts[name] or [task]:
            self._submit(part)

    def _submit(self, task: Task, parts: tuple[str, ...] = (), avoid: str = "") -> None:
        """Give a task to the workers, to another than `avoid` if there is one."""
        workers = self._workers()
        with_gpu = any(known.get("resources", {}).get("GPU") for known in workers.values())
        wants_gpu = task.clip.settings.device in (None, "auto", "cuda") and not parts
        others = [address for address in workers if address != avoid]
        future = self._client.submit(
            run_task,
            *(__version__, self._run, task.to_text(), parts),
            key=f"{task.name}-{uuid4().hex[:8]}",
            pure=False,
            resources={"GPU": 1} if with_gpu and wants_gpu else None,
            **({"workers": others, "allow_other_workers": True} if avoid and others else {}),
        )
        self._running[future] = task, parts

    def _listen(self) -> None:
        """Take all messages of workers; wait a moment for the first."""
        wait = _TICK
        while True:
            try:
                kind, message = self._news.get(timeout=wait) if wait else self._news.get_nowait()
            except Empty:
                return
            wait = 0.0
            if kind == "memory":
                self._out_of_memory[message["worker"]] = message["rss"]
            elif (clip := self.clips.get(message["clip"])) is not None:
                clip.take(message)

    def _collect(self) -> None:
        """Take what is done, and go on from there."""
        for future in [f for f in self._running if f.status not in ("pending", "lost")]:
            task, parts = self._running.pop(future)
            said = _outcome(future)
            if "failed" in said:
                if trace := said.get("trace"):
                    _keep(task, trace)
                self._failed(task, parts, str(said["failed"]), said.get("worker", ""))
            elif task.is_part:
                self._part_done(task)
            else:
                result = said.get("result")
                self._done(task, None if result is None else structured(ClipResult, result))

    def _done(self, task: Task, result: ClipResult | None) -> None:
        self.clips[task.clip.name].conclude(result)

    def _part_done(self, part: Task) -> None:
        """Join the parts of a clip, if this was the last one."""
        name = part.clip.name
        still = any(task.clip.name == name for task, _ in self._running.values())
        if not still and self.clips[name].state is not State.FAILED:
            parts = tuple(each.to_text() for each in self._parts[name])
            self._submit(self._tasks[name], parts)

    def _failed(self, task: Task, parts: tuple[str, ...], reason: str, final: str) -> None:
        """Try a task again, elsewhere, unless that was done often enough."""
        clip = self.clips[task.clip.name]
        self._tries[task.name] += 1
        elsewhere = len(self._workers()) > 1
        if final or self._tries[task.name] > self.job.retries or not elsewhere:
            clip.fail(self._explained(reason, final))
            return
        clip.failures.append(reason)
        clip.state = State.WAITING
        self._submit(task, parts, avoid=clip.worker)

    def _explained(self, reason: str, worker: str) -> str:
        """Say why a worker that followed a clip was killed, as far as is known."""
        if not worker:
            return reason
        if worker in self._out_of_memory:
            limit = self._connection.memory or "the worker"
            return (
                f"{reason}, each time by the memory limit of {limit}. Let fewer workers share the "
                "memory (--workers), give them more (--memory), or lower short_side."
            )
        return (
            f"{reason}: killed by someone, or by the system because memory ran out. Look at the "
            "log of that machine; fewer workers need less memory."
        )

    def _is_lost(self) -> bool:
        return self._client.status != "running" or any(
            future.status == "cancelled" for future in self._running
        )

    def _begin_again(self) -> None:
        """Go on when the scheduler is back: all that is not done is given to it again."""
        where = self._connection.scheduler
        if where is None:
            raise ClusterError("The scheduler in this program has ended. Run the job again.")
        logger.warning("The scheduler is gone. Waiting for it to come back.")
        open_tasks = list(self._running.values())
        self._running.clear()
        try:
            self._client.close(timeout=1)
            self._client = where.connect()
            for _ in self._begin():
                pass
        except ClusterError as error:
            raise ClusterError(
                f"{error} What is done is kept; run the job again to go on."
            ) from error
        for task, parts in open_tasks:
            self._submit(task, parts)

    def _stop(self) -> None:
        """End what is still running, after it has saved where it stands."""
        client, running = self._client, list(self._running)
        self._running.clear()
        if client.status != "running":
            return
        try:
            if running:
                active = [f for f in running if f.status == "pending"]
                client.run(stop, self._run, wait=False, on_error="ignore")
                self._await(active)
                client.cancel(running)
            client.unsubscribe_topic(self._run)
            client.unsubscribe_topic(_MEMORY)
        except OSError:  # of a scheduler that is gone
            logger.debug("The scheduler is gone.", exc_info=True)

    def _await(self, futures: list[Future]) -> None:
        end = time.monotonic() + _GRACE
        while time.monotonic() < end:
            processing = self._client.processing()
            if not any(processing.values()) or all(f.status != "pending" for f in futures):
                return
            time.sleep(0.1)


def _keep(task: Task, trace: str) -> None:
    """Keep what a programmer wants to see of a failure; if it cannot be, that is no harm."""
    path = task.result.with_suffix(".log")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(trace, encoding="utf-8")


def _outcome(future: Future) -> dict[str, Any]:
    """Return what a task has said; if its worker died again and again, that."""
    from distributed.scheduler import KilledWorker

    if future.status == "finished":
        said: dict[str, Any] = future.result()
        return said
    if future.status == "cancelled":
        return {"failed": "it was cancelled on the scheduler"}
    error = future.exception()
    if isinstance(error, KilledWorker):
        times = error.allowed_failures + 1
        worker = error.last_worker.address
        return {
            "failed": f"its worker died {times} times while following it (the last: {worker})",
            "worker": worker,
        }
    return {"failed": f"{type(error).__name__}: {error}"}
