"""The guard around generators, progress in words, and triton beside OpenGL."""

from __future__ import annotations

import sys
from time import sleep
from typing import TYPE_CHECKING

import pytest

from napari_frtm.errors import FrtmError
from napari_frtm.plugin.run import preload
from napari_frtm.plugin.run.progress import Progress, duration
from napari_frtm.plugin.run.worker import guarded, start_worker
from napari_frtm.plugin.view.workspace_view import workspace_view

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot


def _steps(error: Exception | None) -> Generator[int, None, str]:
    yield 1
    if error:
        raise error
    return "end"


def _forever() -> Generator[None, None, None]:
    while True:
        yield
        sleep(0.01)


def test_guarded_passes_everything_on() -> None:
    """What is yielded, and what is returned."""
    generator = guarded(_steps, None)

    assert next(generator) == 1
    with pytest.raises(StopIteration) as stopped:
        next(generator)
    assert stopped.value.value == "end"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "Lower the working"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "Lower the working"),
        (MemoryError(), "Lower the working"),
        (RuntimeError("cuDNN error\nmore"), r"failed: cuDNN error\. Choosing the CPU"),
        (FrtmError("as it is"), "^as it is$"),
    ],
)
def test_guarded_gives_advice(error: Exception, message: str) -> None:
    """In place of errors that superqt would drop."""
    generator = guarded(_steps, error)
    next(generator)

    with pytest.raises(FrtmError, match=message):
        next(generator)


def test_nothing_is_left_of_threads_that_have_ended(
    make_napari_viewer: Callable[[], Viewer], qtbot: QtBot
) -> None:
    """Of each thread, napari keeps a record and its worker: thousands after a day's work."""
    viewer, ended = make_napari_viewer(), [0]
    workspace = workspace_view(viewer).workspace

    def count() -> None:
        ended[0] += 1

    for _ in range(3):
        start_worker(_steps, "a thread", {"finished": count}, None)
    running = start_worker(_forever, "the long work", {"yielded": id})

    def are_gone() -> bool:  # each lets go of itself a moment after it has ended
        workspace.run_changed.emit()  # as whenever anything begins, goes on or ends
        return len(viewer.window._task_status_manager._tasks) == 1

    qtbot.waitUntil(lambda: ended[0] == 3, timeout=20_000)
    qtbot.waitUntil(are_gone, timeout=20_000)
    (status,) = viewer.window._task_status_manager.get_status()
    running.quit()
    qtbot.waitUntil(lambda: not running.is_running, timeout=20_000)

    assert "the long work" in status
    workspace_view(viewer).close()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")],
)
def test_duration(seconds: float, text: str) -> None:
    """In the unit that suits."""
    assert duration(seconds) == text


def test_progress_tells_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """20 frames in 10 seconds are 2 a second; 76 are left."""
    now = 100.0
    monkeypatch.setattr("napari_frtm.plugin.run.progress.monotonic", lambda: now)
    progress = Progress(96)
    assert progress.text == "0 / 96 frames"

    now += 10
    progress.reach(20)

    assert progress.text == "20 / 96 frames, 2.0 fps, 38 s left"
    progress.reach(96)
    assert progress.text == "96 / 96 frames"


def test_speed_is_that_since_the_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames of an earlier run do not count either."""
    now = 100.0
    monkeypatch.setattr("napari_frtm.plugin.run.progress.monotonic", lambda: now)
    progress = Progress(96, 40)

    now += 1000
    progress.restart()
    now += 2
    progress.reach(44)

    assert progress.text == "44 / 96 frames, 2.0 fps, 26 s left"


def test_triton_is_left_alone_without_a_driver_s_llvm(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is loaded only where it would crash later."""
    maps, looked_for = tmp_path / "maps", []
    monkeypatch.setattr(preload, "_MAPS", maps)
    monkeypatch.setattr(preload, "find_spec", looked_for.append)
    monkeypatch.delitem(sys.modules, "triton", raising=False)

    preload.load_triton()
    maps.write_text("7f00 /usr/lib/libGL.so.1\n")
    preload.load_triton()
    assert looked_for == []

    maps.write_text("7f00 /usr/lib/libLLVM.so.15\n")
    preload.load_triton()
    assert looked_for == ["triton"]
