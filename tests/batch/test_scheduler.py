"""Batches on a scheduler and workers of their own, as on a cluster, which end when they like."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest
from clips import clip_table, masks_of, write_clip, write_job

from napari_frtm.batch.clip import follow_clip
from napari_frtm.batch.cluster import RunningScheduler, connected
from napari_frtm.batch.job import Task
from napari_frtm.batch.job_file import read_job
from napari_frtm.batch.run import Batch
from napari_frtm.cli import batch as command
from napari_frtm.cli import main
from napari_frtm.cli.output.batch_table import JsonLines
from napari_frtm.session.run.carry_out import NetworkCache

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_frtm.batch.job import BatchJob
    from napari_frtm.batch.progress import ClipState, Overview

LENGTH = 80


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the masks of the long clip as this process makes them, in one go."""
    folder = tmp_path_factory.mktemp("single")
    job = write(folder)
    for _ in follow_clip(Task(clip=job.clips[1], out=job.out), NetworkCache()):
        pass
    return masks_of(job.out / "long.frtm")


@pytest.fixture
def job(tmp_path: Path) -> BatchJob:
    """Return a job of a short clip and a long one."""
    return write(tmp_path)


def write(folder: Path) -> BatchJob:
    """Write a job of a short clip and a long one."""
    write_clip(folder, "short", 8)
    write_clip(folder, "long", LENGTH)
    return read_job(write_job(folder, clip_table("short") + clip_table("long")))


class Cluster:
    """A scheduler and workers in processes, each of which may be ended."""

    def __init__(self, file: Path) -> None:
        self.file = file
        file.unlink(missing_ok=True)
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0")
        while not file.exists():
            time.sleep(0.05)
        self.workers: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def address(self) -> str:
        """Where the scheduler is."""
        address: str = json.loads(self.file.read_text())["address"]
        return address

    def add_worker(self, name: str) -> None:
        """Start a worker, without a nanny that would start it again."""
        scratch = str(self.file.parent / name)
        words = "--nthreads", "1", "--no-nanny", "--local-directory", scratch
        self.workers[name] = self._start("worker", *words)

    def lose(self) -> None:
        """End the scheduler as a machine does that fails; its workers end by themselves."""
        self.scheduler.kill()
        self.scheduler.wait(10)
        self.file.unlink()
        for worker in self.workers.values():
            worker.wait(20)

    def close(self) -> None:
        """End all that are left."""
        for started in (*self.workers.values(), self.scheduler):
            started.kill()
            started.wait(10)

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        where = ["--scheduler-file", str(self.file), "--no-dashboard"]
        with self.file.with_suffix(".log").open("ab") as log:
            return subprocess.Popen([sys.executable, "-m", "dask", *words, *where], stderr=log)


@contextmanager
def cluster(job: BatchJob, *workers: str) -> Iterator[Cluster]:
    """Give a scheduler with workers."""
    started = Cluster(job.out.parent / "scheduler.json")
    try:
        for name in workers:
            started.add_worker(name)
        yield started
    finally:
        started.close()


def is_under_way(clip: ClipState) -> bool:
    """Whether a clip has some of its frames."""
    return 0 < clip.done < clip.total


def test_a_worker_that_is_told_to_end_hands_its_clip_on(
    job: BatchJob, single: dict[str, bytes]
) -> None:
    """As a batch system does when its time is over: what was computed is kept."""
    with (
        cluster(job, "first") as started,
        connected(RunningScheduler(file=started.file, threads=1)) as connection,
    ):
        batch = Batch(job, connection)
        for _ in batch.events():
            if len(started.workers) == 1 and is_under_way(batch.clips["long"]):
                started.add_worker("second")
                started.workers["first"].send_signal(signal.SIGTERM)

    clip = batch.clips["long"]
    assert (clip.state, clip.attempts, clip.failures) == ("done", 2, [])
    assert clip.result is not None
    assert 0 < clip.result.computed < LENGTH
    assert masks_of(job.out / "long.frtm") == single


def test_the_scheduler_comes_back_elsewhere(job: BatchJob, single: dict[str, bytes]) -> None:
    """The clip goes on where it was when the first one was lost."""
    with ExitStack() as stack:
        first = stack.enter_context(cluster(job, "first"))
        connection = stack.enter_context(connected(RunningScheduler(file=first.file, threads=1)))
        batch = Batch(job, connection)
        lost = False
        for _ in batch.events():
            if not lost and is_under_way(batch.clips["long"]):
                first.lose()
                stack.enter_context(cluster(job, "second"))
                lost = True

    clip = batch.clips["long"]
    assert (clip.state, clip.attempts, clip.failures) == ("done", 2, [])
    assert clip.result is not None
    assert 0 < clip.result.computed < LENGTH
    assert masks_of(job.out / "long.frtm") == single


def test_the_scheduler_does_not_come_back(
    job: BatchJob,
    single: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The command ends and says so; again, it does only what is missing."""
    words = ["batch", str(job.out.parent / "job.toml"), "--json", "--timeout", "1"]

    class Lines(JsonLines):
        def show(self, overview: Overview) -> None:
            super().show(overview)
            short, long = overview.clips
            if is_under_way(long) and short.result and started.scheduler.poll() is None:
                started.lose()

    with cluster(job, "first") as started, monkeypatch.context() as patch:
        patch.setattr(command, "JsonLines", Lines)
        lost = main([*words, "--scheduler", started.address])
    told = capsys.readouterr()
    with cluster(job, "second") as started:
        again = main([*words, "--scheduler", started.address, "--timeout", "30"])

    assert lost == 1, told.out
    assert "No scheduler answers at tcp://127.0.0.1:" in told.err
    assert "What is done is kept; run the job again to go on." in told.err
    assert (job.out / "report.html").exists()
    then = capsys.readouterr()
    assert (again, then.err) == (0, "")
    assert '"clip": "short", "state": "done before"' in then.out
    known = json.loads((job.out / "results/long.json").read_text())
    assert 0 < known["computed"] < LENGTH
    assert masks_of(job.out / "long.frtm") == single
