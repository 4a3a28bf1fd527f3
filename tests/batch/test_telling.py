"""What a user is told of a batch while it runs, and of what goes wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from napari_frtm.batch.outcome import death
from napari_frtm.batch.progress import ClipState, Overview, State
from napari_frtm.batch.worker import _reason
from napari_frtm.cli.output.batch_table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence


def show(table: Table, workers: Sequence[int], clip: ClipState) -> None:
    """Show an overview for each number of workers."""
    for count in workers:
        table.show(Overview(clips=(clip,), workers=count, speed=0.0, left=None))


def test_no_workers_are_told_each_time(capsys: pytest.CaptureFixture[str]) -> None:
    """At the start and when all are gone, but not when nothing is left to do."""
    table, clip = Table(), ClipState(name="a")

    show(table, (0, 0, 1, 0, 0), clip)
    first = capsys.readouterr().err
    clip.fail("it is bad")
    show(table, (1, 0), clip)

    assert first == "Waiting for workers.\nWaiting for workers.\n"
    assert "Waiting" not in capsys.readouterr().err


MEMORY = [
    pytest.param(MemoryError(), "memory ran out (Out of memory). Lower short_side", id="python"),
    pytest.param(
        RuntimeError("CUDA out of memory. Tried to allocate 2 GiB.\nMore."),
        "memory ran out (CUDA out of memory. Tried to allocate 2 GiB). Lower short_side",
        id="cuda",
    ),
    pytest.param(
        RuntimeError("DefaultCPUAllocator: can't allocate memory"), "memory ran out", id="cpu"
    ),
    pytest.param(KeyError("x"), "KeyError: 'x'", id="other"),
]


@pytest.mark.parametrize(("error", "expected"), MEMORY)
def test_what_is_unforeseen_is_told_in_a_line(error: Exception, expected: str) -> None:
    """With advice if memory ran out, whoever noticed it."""
    assert _reason(error).startswith(expected)


DEATHS = [
    pytest.param(1, "the limit", "its worker died while following it because it went", id="once"),
    pytest.param(3, "the limit", "its worker died 3 times while following it, the last", id="more"),
    pytest.param(
        2, None, r"its worker died 2 times while following it (the last: tcp://w)", id="?"
    ),
]


@pytest.mark.parametrize(("tries", "memory", "expected"), DEATHS)
def test_deaths_of_workers_are_told(tries: int, memory: str | None, expected: str) -> None:
    """As far as it is known why."""
    assert death(tries, "tcp://w", memory).startswith(expected)


def test_a_clip_that_begins_again_is_counted() -> None:
    """Whatever its worker said of it last."""
    clip = ClipState(name="a")
    for _ in range(2):
        clip.take({"worker": "tcp://w", "begins": True})

    assert (clip.state, clip.attempts) == (State.RUNNING, 2)
