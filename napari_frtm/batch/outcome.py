"""What came of a task, and why it failed, in words that a user can act on."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distributed import Future

    from napari_frtm.batch.job import Task


def outcome(future: Future) -> dict[str, Any]:
    """Return what a task has said; if dask gave it up as its workers died, ``killed``: the last."""
    from distributed.scheduler import KilledWorker

    if future.status == "finished":
        said: dict[str, Any] = future.result()
        return said
    error = future.exception()
    if isinstance(error, KilledWorker):
        return {"failed": "its worker died", "killed": error.last_worker.address}
    return {"failed": f"{type(error).__name__}: {error}"}


def death(tries: int, worker: str, memory: str | None) -> str:
    """Say why the worker of a clip died, as far as is known.

    Parameters
    ----------
    tries : int
        How often the clip was begun.
    worker : str
        Address of the last one.
    memory : str or None
        The limit that it went over, in words; None if its nanny did not end it for that.
    """
    times = f" {tries} times" if tries > 1 else ""
    died = f"its worker died{times} while following it"
    if memory is not None:
        last = ", the last time" if tries > 1 else ""
        return (
            f"{died}{last} because it went over {memory}. Let fewer workers share the memory "
            "(--workers), give them more (--memory), or lower short_side."
        )
    return (
        f"{died} (the last: {worker}): killed by someone, or by the system because memory ran out. "
        "Look at the log of that machine; fewer workers need less memory."
    )


def keep_trace(task: Task, trace: str) -> None:
    """Keep what a programmer wants to see of a failure; if it cannot be, that is no harm."""
    path = task.result.with_suffix(".log")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(trace, encoding="utf-8")
