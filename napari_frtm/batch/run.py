"""The clips of a job on the workers of a scheduler, until each is done or has failed for good."""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from itertools import count
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from napari_frtm import __version__
from napari_frtm.batch.cluster import ClusterError
from napari_frtm.batch.job import Task
from napari_frtm.batch.outcome import death, keep_trace, outcome
from napari_frtm.batch.parts import parts_of
from napari_frtm.batch.progress import ClipState, Pace, State
from napari_frtm.batch.result import ClipResult
from napari_frtm.batch.worker import ClipWorker, run_task, stop
from napari_frtm.errors import FrtmError
from napari_frtm.structure import structured

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from distributed import Client, Future

    from napari_frtm.batch.cluster import Connection
    from napari_frtm.batch.job import BatchJob
    from napari_frtm.batch.progress import Overview

logger = logging.getLogger(__name__)

_TICK = 0.5  # seconds between two looks at what is done
_GRACE = 15.0  # seconds that clips get to save where they stand
_MEMORY = "worker-restart-memory"
"""Topic of dask's nannies that end a worker for its memory."""
_BLAMED = 10
"""How often dask may give up a clip that was never begun: workers may die before they say so."""


class _Step(NamedTuple):
    """A task to give to the workers: the parts to join, and the worker to avoid, if any."""

    task: Task
    parts: tuple[str, ...] = ()
    avoid: str = ""

    @property
    def wants_gpu(self) -> bool:
        return self.task.clip.settings.device in (None, "auto", "cuda") and not self.parts


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
        self._waiting: deque[_Step] = deque()
        self._running: dict[Future, _Step] = {}
        self._order = count()
        self._begun: Counter[str] = Counter()
        self._ended: Counter[str] = Counter()
        self._out_of_memory: set[str] = set()  # workers
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
            self._begin()
            for task in self._tasks.values():
                self._plan(task)
            while self._running or self._waiting:
                if self._is_lost():
                    self._begin_again()
                self._give()
                self._listen()
                self._collect()
                yield pace.overview(self.clips.values(), len(self._workers()))
        finally:
            self._stop()

    def _begin(self) -> None:
        """Set up the workers that are there and those to come."""
        self._run = f"napari-frtm-{uuid4().hex}"
        client = self._client
        client.subscribe_topic(self._run, lambda event: self._news.put(("clip", event[1])))
        client.subscribe_topic(_MEMORY, lambda event: self._news.put(("memory", event[1])))
        client.register_plugin(ClipWorker(self._connection.threads))

    def _workers(self) -> dict[str, dict[str, Any]]:
        """Return what is known of the workers that are at work, by address."""
        known = self._client.scheduler_info(n_workers=-1)
        workers = known.get("workers", {})  # none once the client is closed
        return {a: said for a, said in workers.items() if said["status"] in ("running", "paused")}

    def _plan(self, task: Task) -> None:
        """Put a clip, or its parts first, in the row."""
        name = task.clip.name
        try:
            self._parts[name] = parts_of(task)
        except (FrtmError, OSError) as error:
            self.clips[name].fail(str(error))
            return
        self._waiting.extend(_Step(each) for each in self._parts[name] or [task])

    def _give(self) -> None:
        """Give the workers what they can follow now, and as much again to go on with.

        Not more: when a worker dies, dask blames all tasks that wait there.
        """
        workers = self._workers() if self._waiting else {}
        gpus = sum(known.get("resources", {}).get("GPU", 0) for known in workers.values())
        threads = sum(known["nthreads"] for known in workers.values())
        room = max(1, 2 * threads) - len(self._running)
        gpu_room = 2 * gpus - sum(step.wants_gpu for step in self._running.values())
        for _ in range(len(self._waiting)):
            if room <= 0 or self._is_lost():
                return
            step = self._waiting.popleft()
            on_gpu = step.wants_gpu and gpus > 0
            if on_gpu and gpu_room <= 0:
                self._waiting.append(step)
                continue
            self._submit(step, workers, on_gpu=on_gpu)
            room -= 1
            gpu_room -= on_gpu

    def _submit(self, step: _Step, workers: Iterable[str], *, on_gpu: bool) -> None:
        others = [address for address in workers if address != step.avoid] if step.avoid else []
        future = self._client.submit(
            run_task,
            *(__version__, self._run, step.task.to_text(), step.parts),
            # all begin alike: dask learns from the first how long those to come will take
            key=f"clip-{uuid4().hex[:8]}-{step.task.name}",
            priority=-next(self._order),  # what is given within 100 ms is in no order else
            pure=False,
            resources={"GPU": 1} if on_gpu else None,
            **({"workers": others, "allow_other_workers": True} if others else {}),
        )
        self._running[future] = step

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
                self._out_of_memory.add(message["worker"])
            elif (clip := self.clips.get(message["clip"])) is not None:
                self._begun[message["task"]] += message.get("begins", False)
                clip.take(message)

    def _collect(self) -> None:
        """Take what is done, and go on from there."""
        for future in [f for f in self._running if f.status in ("finished", "error")]:
            step = self._running.pop(future)
            said = outcome(future)
            if "failed" in said:
                self._failed(step, said)
            elif "stopped" in said:  # its worker was told to end
                self._waiting.append(step)
            elif step.task.is_part:
                self._part_done(step.task)
            else:
                result = said.get("result")
                self._done(step.task, None if result is None else structured(ClipResult, result))

    def _done(self, task: Task, result: ClipResult | None) -> None:
        self.clips[task.clip.name].conclude(result)

    def _part_done(self, part: Task) -> None:
        """Join the parts of a clip, if this was the last one."""
        name = part.clip.name
        steps = *self._running.values(), *self._waiting
        still = any(step.task.clip.name == name for step in steps)
        if not still and self.clips[name].state is not State.FAILED:
            parts = tuple(each.to_text() for each in self._parts[name])
            self._waiting.append(_Step(self._tasks[name], parts))

    def _failed(self, step: _Step, said: dict[str, Any]) -> None:
        """Try a task again, elsewhere, unless that was done often enough."""
        name = step.task.name
        clip = self.clips[step.task.clip.name]
        self._ended[name] += 1
        reason, tries, final = str(said["failed"]), self._ended[name], len(self._workers()) < 2
        if trace := said.get("trace"):
            keep_trace(step.task, trace)
        if worker := said.get("killed"):
            # dask blames it for deaths of workers at which it only waited, too
            tries, final = self._begun[name], self._ended[name] > _BLAMED
            reason = death(tries, worker, self._exceeded(worker))
        if final or tries > self.job.retries:
            clip.fail(reason)
            return
        if tries:
            clip.failures.append(reason)
        clip.state = State.WAITING
        self._waiting.append(step._replace(avoid=clip.worker))

    def _exceeded(self, worker: str) -> str | None:
        """Return the limit of memory that a worker died of, in words; None if it did not."""
        if worker not in self._out_of_memory:
            self._listen()  # the nanny's word may come later than the end of its worker
        if worker not in self._out_of_memory:
            return None
        limit = self._connection.memory
        return f"the memory limit of {limit}" if limit else "its memory limit"

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
        self._waiting.extendleft(reversed(self._running.values()))
        self._running.clear()
        for clip in self.clips.values():
            if clip.state is State.RUNNING:
                clip.state = State.WAITING
        try:
            self._client.close(timeout=1)
            self._client = where.connect()
            self._begin()
        except (ClusterError, OSError) as error:
            raise ClusterError(
                f"{error} What is done is kept; run the job again to go on."
            ) from error

    def _stop(self) -> None:
        """End what is still running, after it has saved where it stands."""
        client, running = self._client, list(self._running)
        self._running.clear()
        try:
            if client.status != "running":
                return
            if running:
                active = [f for f in running if f.status == "pending"]
                client.run(stop, self._run, wait=False, on_error="ignore")
                self._await(active)
                client.cancel(running)
            client.unsubscribe_topic(self._run)
            client.unsubscribe_topic(_MEMORY)
        except OSError:  # of a scheduler that is gone
            logger.debug("The scheduler is gone.", exc_info=True)
        finally:
            if client is not self._connection.client:
                client.close(timeout=5)

    def _await(self, futures: list[Future]) -> None:
        end = time.monotonic() + _GRACE
        while time.monotonic() < end:
            processing = self._client.processing()
            if not any(processing.values()) or all(f.status != "pending" for f in futures):
                return
            time.sleep(0.1)
