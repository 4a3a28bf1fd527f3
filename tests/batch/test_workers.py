"""Batches on real worker processes, one of which is killed; what comes is that of one process."""

from __future__ import annotations

import csv
import os
import signal
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest
from clips import clip_table, masks_of, write_clip, write_job

from napari_frtm.batch.clip import follow_clip
from napari_frtm.batch.cluster import ClusterError, LocalWorkers, RunningScheduler, connected
from napari_frtm.batch.job import Task
from napari_frtm.batch.job_file import read_job
from napari_frtm.batch.progress import State
from napari_frtm.batch.report import write_report
from napari_frtm.batch.run import Batch
from napari_frtm.cli import main
from napari_frtm.io.labels import write_labels
from napari_frtm.session.run.carry_out import NetworkCache

if TYPE_CHECKING:
    from pathlib import Path

    from napari_frtm.batch.job import BatchJob

LENGTH = 80


def kill_worker(batch: Batch, name: str) -> None:
    """End the process that follows a clip, as the system does when memory runs out."""
    port = batch.clips[name].worker.rpartition(":")[2]
    for process in psutil.Process().children(recursive=True):
        if any(str(c.laddr.port) == port for c in process.net_connections() if c.laddr):
            os.kill(process.pid, signal.SIGKILL)
            return
    raise AssertionError(f"no process listens on {port}")


@pytest.fixture
def job(tmp_path: Path) -> BatchJob:
    """Return a job of a long clip, a short one, and one whose video cannot be read."""
    write_clip(tmp_path, "long", LENGTH)
    write_clip(tmp_path, "short", 8)
    write_clip(tmp_path, "bad", 4)
    (tmp_path / "bad.npy").write_bytes(b"no video")
    return read_job(write_job(tmp_path, "".join(map(clip_table, ("long", "short", "bad")))))


def test_a_worker_is_killed_in_mid_clip(job: BatchJob, tmp_path: Path) -> None:
    """Its clip goes on elsewhere, to the same bytes; a bad clip fails alone; then all is kept."""
    killed = False
    with connected(LocalWorkers(workers=2, threads=1, gpus=False)) as connection:
        batch = Batch(job, connection)
        for _ in batch.events():
            if not killed and batch.clips["long"].done:
                kill_worker(batch, "long")
                killed = True
        again = Batch(job, connection)
        for _ in again.events():
            pass

    assert killed
    clips = batch.clips
    assert [clips[n].state for n in ("long", "short", "bad")] == ["done", "done", "failed"]
    assert clips["long"].attempts == 2
    assert "bad.npy" in clips["bad"].failures[-1]
    assert again.clips["long"].state is again.clips["short"].state is State.KEPT
    alone = Task(clip=job.clips[0], out=tmp_path / "alone")
    for _ in follow_clip(alone, NetworkCache()):
        pass
    assert masks_of(job.out / "long.frtm") == masks_of(alone.session)
    page, table = write_report(job.out, list(clips.values()), 3.0)
    rows = {row["name"]: row for row in csv.DictReader(table.read_text().splitlines())}
    assert (rows["long"]["frames"], rows["long"]["attempts"]) == (str(LENGTH), "2")
    assert "data:image/jpeg" in page.read_text()


def test_a_clip_that_is_too_large_fails_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its worker goes over the limit and is ended; clips that wait there are not blamed for it."""
    np.lib.format.open_memmap(tmp_path / "large.npy", "w+", np.uint8, (4, 6000, 6000, 3))
    labels = np.zeros((6000, 6000), np.uint8)
    labels[1000:3000, 1000:3000] = 1
    write_labels(tmp_path / "large-0.png", labels)
    for name in ("second", "third"):
        write_clip(tmp_path, name, 4)
    clips = "".join(map(clip_table, ("large", "second", "third")))
    job = write_job(tmp_path, clips, more="retries = 0")

    words = "--workers", "1", "--threads", "1", "--no-gpu", "--memory", "1800MB"
    code = main(["batch", str(job), *words])

    said = capsys.readouterr()
    assert code == 1
    assert "2 of 3 clips are done" in said.out
    assert "1 of 3 clips failed: large." in said.err
    assert "large: failed: its worker died while following it because it went over" in said.err
    assert "the memory limit of 1.68 GiB. Let fewer workers share the memory" in said.err
    assert "large: failed" in said.err.split("second: done")[0]


def test_no_scheduler_answers(tmp_path: Path) -> None:
    """Told within the time to wait, with where it was looked for."""
    nowhere = RunningScheduler(address="tcp://127.0.0.1:1", timeout=1)
    said = r"No scheduler answers at tcp://127.0.0.1:1"
    with pytest.raises(ClusterError, match=said), connected(nowhere):
        pass


def test_the_command_says_what_failed(
    job: BatchJob, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With an exit code, after the others are done; a report is there."""
    code = main(["batch", str(tmp_path / "job.toml"), "--workers", "1", "--threads", "1"])

    said = capsys.readouterr()
    assert code == 1
    assert "2 of 3 clips are done" in said.out
    assert "1 of 3 clips failed: bad" in said.err
    assert (job.out / "report.html").exists()
