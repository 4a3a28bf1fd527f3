"""Drives that do not answer: a real one of FUSE whose server is stopped, and one that is slow."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
from threading import Event, Thread
from time import monotonic, sleep
from typing import TYPE_CHECKING

import pytest

from napari_frtm.io import silent_drive
from napari_frtm.io.atomic import write_bytes
from napari_frtm.io.silent_drive import told_if_silent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silent_drive, "PATIENCE", 0.2)
    monkeypatch.setattr(silent_drive, "_POLL", 0.05)


@pytest.fixture
def drive(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """Mount a folder, and return where, with the process that answers for it."""
    if shutil.which("bindfs") is None or not os.access("/dev/fuse", os.W_OK):
        pytest.skip("no drive can be made here: bindfs is missing, or may not mount")
    (tmp_path / "behind").mkdir()
    mount = tmp_path / "drive"
    mount.mkdir()
    command = ["bindfs", "-f", "-o", "entry_timeout=0,attr_timeout=0"]
    with subprocess.Popen([*command, tmp_path / "behind", mount]) as server:
        end = monotonic() + 5
        while not mount.is_mount() and server.poll() is None and monotonic() < end:
            sleep(0.02)
        if not mount.is_mount():
            server.kill()
            pytest.skip("bindfs may not mount here")
        yield mount, server.pid
        server.send_signal(signal.SIGCONT)
        server.terminate()


def until(caplog: pytest.LogCaptureFixture, word: str) -> None:
    """Wait until a word is in a message."""
    end = monotonic() + 10
    while not any(word in text for text in caplog.messages) and monotonic() < end:
        sleep(0.02)


def test_a_drive_that_is_silent_is_told_once_and_so_is_that_it_answers_again(
    drive: tuple[Path, int], caplog: pytest.LogCaptureFixture
) -> None:
    """The work goes on then by itself."""
    mount, server = drive
    written = Event()

    def write() -> None:
        write_bytes(mount / "a.bin", b"saved")
        written.set()

    os.kill(server, signal.SIGSTOP)
    with caplog.at_level(logging.WARNING):
        Thread(target=write, daemon=True).start()
        until(caplog, "No answer")
        sleep(1)
        assert not written.is_set()
        os.kill(server, signal.SIGCONT)
        assert written.wait(10)
        until(caplog, "answers again")

    assert (mount / "a.bin").read_bytes() == b"saved"
    first, last = caplog.messages
    assert f"No answer from the drive or network of {mount / 'a.bin'}" in first
    assert "answers again" in last


def test_an_answer_that_never_comes_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where no drive can be made: the system does not come back from opening the file."""
    answer = Event()
    opened = os.open

    def wait(*arguments: object) -> int:
        answer.wait(10)
        return opened(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(silent_drive.os, "open", wait)
    (tmp_path / "a.tif").write_bytes(b"")

    with told_if_silent(tmp_path / "a.tif"), told_if_silent(tmp_path / "a.tif"):
        until(caplog, "No answer")
        sleep(0.5)
        answer.set()
        until(caplog, "answers again")

    assert len([text for text in caplog.messages if "No answer" in text]) == 1


def test_work_that_takes_long_is_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The drive answers, that the file is there or that it is not."""
    (tmp_path / "a.tif").write_bytes(b"")

    with told_if_silent(tmp_path / "a.tif"), told_if_silent(tmp_path / "not there.tif"):
        sleep(1.5)

    assert not caplog.messages


def test_the_watcher_ends_when_there_is_nothing_to_watch(tmp_path: Path) -> None:
    """And begins again."""
    for _ in range(2):
        with told_if_silent(tmp_path):
            assert silent_drive._watched
        end = monotonic() + 5
        while silent_drive._watched and monotonic() < end:
            sleep(0.02)
        assert not silent_drive._watched
