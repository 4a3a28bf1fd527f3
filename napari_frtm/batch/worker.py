"""What runs on a worker: a clip at a time, with the network kept between them."""

from __future__ import annotations

import json
import os
import time
import traceback
from contextlib import closing, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask
from distributed import WorkerPlugin, get_worker
from distributed.core import Status

from napari_frtm import __version__
from napari_frtm.batch.clip import follow_clip
from napari_frtm.batch.job import Task
from napari_frtm.batch.parts import join
from napari_frtm.errors import FrtmError, first_line
from napari_frtm.session.run.carry_out import NetworkCache

if TYPE_CHECKING:
    from collections.abc import Generator

    from distributed import Worker

    from napari_frtm.batch.clip import ClipProgress
    from napari_frtm.batch.result import ClipResult

PLUGIN = "napari-frtm"
CORES = "NAPARI_FRTM_CORES"
"""Environment variable of a worker: the cores that it may use, separated by commas."""
_AT_WORK = Status.running, Status.paused
_TELLS = 0.5  # seconds between two messages of how far a clip is


class ClipWorker(WorkerPlugin):  # type: ignore[misc]
    """What a worker keeps from clip to clip.

    Parameters
    ----------
    threads : int, optional
        Threads of torch; as torch is set up there if not given.

    Attributes
    ----------
    networks : NetworkCache
        The network of the last clip.
    stopped : set of str
        Runs that were stopped: their clips end after the frames that are being computed.
    """

    name = PLUGIN

    def __init__(self, threads: int | None = None) -> None:
        self.threads = threads
        self.networks = NetworkCache()
        self.stopped: set[str] = set()

    def setup(self, worker: Worker) -> None:
        """Take the cores that the worker has been given."""
        cores = os.environ.get(CORES)
        if cores is not None and hasattr(os, "sched_setaffinity"):
            for thread in Path("/proc/self/task").iterdir():  # those to come inherit it
                with suppress(OSError):
                    os.sched_setaffinity(int(thread.name), {int(core) for core in cores.split(",")})


def run_task(version: str, run: str, text: str, parts: tuple[str, ...] = ()) -> dict[str, Any]:
    """Follow a clip or a part, or join parts, and tell how far it is; return what came of it.

    Everything that can go wrong is told as data: errors of ours need not exist where they arrive.

    Parameters
    ----------
    version : str
        Of napari-frtm where the task was made.
    run : str
        The batch that it belongs to, which is the topic of messages, too.
    text : str
        The `Task`.
    parts : tuple of str
        The parts of the clip, if they are to be joined.

    Returns
    -------
    dict
        Either ``result``, with the fields of a `ClipResult` or None, or ``failed``, why; or
        ``stopped``, if the run was stopped or the worker is to end: the clip goes on another time.
    """
    worker = get_worker()
    if version != __version__:
        return {
            "failed": f"the worker {worker.address} has napari-frtm {__version__}, not {version}. "
            "Install the same version there.",
        }
    plugin = worker.plugins[PLUGIN]
    try:
        task = Task.of_text(text)
        steps = (
            join(task, [Task.of_text(part) for part in parts])
            if parts
            else follow_clip(task, plugin.networks)
        )
        result = _followed(task, run, steps, plugin)
    except (FrtmError, OSError) as error:
        return {"failed": str(error)}
    except Exception as error:  # noqa: BLE001 - of torch, or unforeseen: other clips go on
        plugin.networks = NetworkCache()  # which may hold what fills a memory
        return {"failed": _reason(error), "trace": traceback.format_exc()}
    if _is_stopped(worker, run):
        return {"stopped": True}
    return {"result": None if result is None else json.loads(json.dumps(asdict(result)))}


def stop(run: str, dask_worker: Worker) -> None:
    """Let the clips of a run end; for ``Client.run``."""
    plugin = dask_worker.plugins.get(PLUGIN)
    if plugin is not None:
        plugin.stopped.add(run)


def _is_stopped(worker: Worker, run: str) -> bool:
    """Whether clips of a run are to end here: its scheduler may be gone, or its time be over."""
    plugin = worker.plugins.get(PLUGIN)
    return worker.status not in _AT_WORK or (plugin is not None and run in plugin.stopped)


def _reason(error: Exception) -> str:
    """Return what is unforeseen in one line, with advice if memory ran out."""
    text = first_line(error)
    if "memory" not in text.lower() and not isinstance(error, MemoryError):
        return f"{type(error).__name__}: {text}"
    return (
        f"memory ran out ({text.rstrip('.')}). Lower short_side, or let fewer workers share the "
        "memory or the GPU."
    )


def _followed(
    task: Task,
    run: str,
    steps: Generator[ClipProgress, None, ClipResult | None],
    plugin: ClipWorker,
) -> ClipResult | None:
    """Take all steps of a clip, unless it is stopped, and tell how far it is."""
    if plugin.threads is not None:
        import torch

        torch.set_num_threads(plugin.threads)
    worker = get_worker()
    known = {"clip": task.clip.name, "task": task.name, "worker": worker.address}
    worker.log_event(run, {**known, "begins": True})
    told = -_TELLS
    # frames are read right here: given to the scheduler, they would wait for this very thread
    with dask.config.set(scheduler="synchronous"), closing(steps):
        while not _is_stopped(worker, run):
            try:
                step = next(steps)
            except StopIteration as end:
                result: ClipResult | None = end.value
                return result
            if time.monotonic() - told > _TELLS or step.done == step.total:
                told = time.monotonic()
                worker.log_event(run, {**known, **asdict(step)})
    return None
