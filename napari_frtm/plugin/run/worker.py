"""Run a generator in a thread, beside a responsive viewer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from napari.qt.threading import create_worker
from superqt.utils import GeneratorWorker

from napari_frtm.errors import FrtmError, first_line

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

P = ParamSpec("P")
Y = TypeVar("Y")
S = TypeVar("S")
R = TypeVar("R")


class Worker(GeneratorWorker):  # type: ignore[misc]
    """A generator's thread; leaves the display of errors to whoever started it.

    Attributes
    ----------
    has_ended : bool
        Whether it was started and has come to its end.
    """

    has_ended = False

    def work(self) -> Any:
        """Run the generator to its end, or until `quit`; then let it clean up in this thread."""
        try:
            return super().work()
        finally:
            self._gen.close()
            self.has_ended = True


def start_worker(
    func: Callable[P, Generator[Y, None, R]],
    name: str,
    connect: Mapping[str, Callable[..., None]],
    *args: P.args,
    **kwargs: P.kwargs,
) -> Worker:
    """Start a generator function in a thread, and return its worker.

    Parameters
    ----------
    func : callable
        Generator function; each ``yield`` is a point where the run can be stopped.
    name : str
        What napari calls this task when it asks before closing.
    connect : dict of str to callable
        What to call in the GUI thread, by signal: ``yielded``, ``errored`` (always given) and
        ``finished``. Methods of a QObject, so that they end with it.
    """
    task = _Task(guarded, func)
    task.name = name
    worker: Worker = create_worker(
        task, *args, _connect=dict(connect), _worker_class=Worker, **kwargs
    )
    return worker


def guarded(
    func: Callable[P, Generator[Y, S, R]], *args: P.args, **kwargs: P.kwargs
) -> Generator[Y, S, R]:
    """Run a generator so that errors of torch, which superqt drops, reach the user.

    Raises
    ------
    FrtmError
        In place of a `RuntimeError` or `MemoryError`, with advice.
    """
    try:
        return (yield from func(*args, **kwargs))
    except (RuntimeError, MemoryError) as error:
        raise FrtmError(_advice(error)) from error


class _Task(partial[Any]):
    """A call that napari's closing dialog shows by a name."""

    name = ""

    def __repr__(self) -> str:
        return self.name


def _advice(error: RuntimeError | MemoryError) -> str:
    text = str(error)
    if isinstance(error, MemoryError) or "memory" in text.lower():
        return (
            "There is not enough memory. Lower the working resolution, close other programs, or "
            "choose the CPU as device (both under Advanced)."
        )
    said = first_line(error)
    return f"The computation failed: {said}. Choosing the CPU as device (Advanced) may help."
