"""Saving in the background, on disks that are full for a while."""

from __future__ import annotations

from functools import partial
from threading import Event

import pytest

from napari_frtm.errors import OutputError
from napari_frtm.session.store.saving import Saver


class Disk:
    """Takes writes, unless it is full."""

    def __init__(self) -> None:
        self.full = False
        self.written: list[str] = []

    def write(self, what: str) -> None:
        """Take it."""
        if self.full:
            raise OutputError(f"no space for {what}")
        self.written.append(what)


@pytest.fixture
def disk() -> Disk:
    """Return a disk."""
    return Disk()


def test_what_failed_is_written_later(disk: Disk) -> None:
    """With the next write; only the newest of each thing, and it is told twice in all."""
    saver, told = Saver(), []
    saver.on_failure = told.append
    disk.full = True
    for name in ("a1", "b", "a2"):
        saver.submit((name[0], 0), lambda name=name: disk.write(name))
    reason = saver.flush()
    assert (saver.is_failing, saver.has_unsaved("a"), saver.has_unsaved("c")) == (True, True, False)

    disk.full = False
    saver.submit("c", lambda: disk.write("c"))

    assert reason.startswith("no space for")
    assert saver.flush() == ""
    assert disk.written == ["c", "b", "a2"]
    assert [bool(reason) for reason in told] == [True, False]
    assert not saver.is_failing
    saver.close()


def test_a_write_that_waits_is_known(disk: Disk) -> None:
    """So that the timeline is not copied for nothing."""
    saver, go_on = Saver(), Event()
    saver.submit("slow", partial(go_on.wait, 10))
    saver.submit("timeline", lambda: disk.write("timeline"))

    waiting = saver.is_waiting("timeline")
    go_on.set()
    saver.flush()

    assert (waiting, saver.is_waiting("timeline")) == (True, False)
    saver.close()


def test_the_end_writes_what_it_can(disk: Disk) -> None:
    """Closing does not hang on what cannot be written."""
    saver = Saver()
    disk.full = True
    saver.submit("a", lambda: disk.write("a"))
    saver.flush()
    disk.full = False

    saver.submit("b", lambda: disk.write("b"))
    saver.close()

    assert disk.written == ["b", "a"]
