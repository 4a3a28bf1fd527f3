"""Follow the objects of many clips, on the processes of this machine or on a cluster.

JOB is a job file (TOML; docs/batch.md has all that can stand in it), or a folder in the layout of
DAVIS, where the first label image of each sequence is followed. Each clip becomes a session,
OUT/NAME.frtm, which napari opens for review and corrections. A clip that fails is tried again on
another worker; the others go on. The same command again does only what is missing.

for example:
  napari-frtm batch shots.toml
  napari-frtm batch DAVIS --split 2017/val --out results --export png --workers 2
  napari-frtm batch shots.toml --scheduler tcp://10.0.0.1:8786
  napari-frtm batch shots.toml --scheduler-file /shared/scheduler.json
"""

from __future__ import annotations

import argparse
import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_frtm.cli.method import path
from napari_frtm.cli.output.batch_table import JsonLines, Table
from napari_frtm.cli.output.progress import Interrupted
from napari_frtm.errors import FrtmError
from napari_frtm.io.export.formats import FORMATS

if TYPE_CHECKING:
    from napari_frtm.batch.cluster import Connection, LocalWorkers, RunningScheduler
    from napari_frtm.batch.job import BatchJob
    from napari_frtm.batch.run import Batch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    add = parser.add_argument
    add("job", type=path, metavar="JOB", help="job file (TOML), or a folder in DAVIS layout")
    add("--out", type=path, metavar="DIR", help="folder of the results (as the job file says)")
    add("--split", metavar="NAME", help="of a DAVIS folder: which sequences, such as 2017/val")
    add(
        "--export",
        action="append",
        default=[],
        choices=FORMATS,
        metavar="NAME",
        help="write each clip in this format as well, to DIR/NAME/CLIP; repeat for more",
    )
    add(
        "--overwrite",
        action="store_true",
        help="replace results of other masks, settings or videos in DIR",
    )
    add("--json", action="store_true", help="tell the progress as lines of JSON, for programs")
    _add_workers(parser)


def _add_workers(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where clips are followed."""
    workers = parser.add_argument_group("workers")
    add = workers.add_argument
    add(
        "--workers",
        type=_count,
        metavar="N",
        help="processes on this machine (one for each GPU, or else for each four cores)",
    )
    add(
        "--threads",
        type=_count,
        metavar="N",
        help="threads of each, on cores of its own (all cores are shared out)",
    )
    add(
        "--memory",
        default="auto",
        metavar="SIZE",
        help="what each may use at most, such as 8GB (an equal share)",
    )
    add("--no-gpu", action="store_true", help="leave GPUs alone")
    where = workers.add_mutually_exclusive_group()
    where.add_argument("--scheduler", metavar="ADDRESS", help="of dask, such as tcp://HOST:8786")
    where.add_argument(
        "--scheduler-file", type=path, metavar="FILE", help="of dask, which says where it is"
    )
    add(
        "--timeout",
        type=_seconds,
        default=30.0,
        metavar="S",
        help="seconds to wait for the scheduler (30)",
    )


def run(options: argparse.Namespace) -> None:
    """Run this command."""
    job = _job(options)
    where = _where(options)
    from napari_frtm.batch.cluster import connected

    began = time.monotonic()
    with connected(where, retries=job.retries) as connection:
        from napari_frtm.batch.run import Batch

        batch = Batch(job, connection, overwrite=options.overwrite)
        _introduce(options, job, connection)
        try:
            _follow(batch, options)
        except KeyboardInterrupt:
            _report(batch, began, options)
            raise Interrupted(
                f"Stopped. What is done is kept in {job.out}; the same command goes on there."
            ) from None
        except FrtmError:  # the scheduler is lost
            _report(batch, began, options)
            raise
    _report(batch, began, options)
    failed = [clip for clip in batch.clips.values() if clip.state == "failed"]
    if failed:
        raise FrtmError(
            f"{len(failed)} of {len(batch.clips)} clips failed: "
            f"{', '.join(clip.name for clip in failed[:8])}. The report says why; the same command "
            "tries only these again."
        )


def _job(options: argparse.Namespace) -> BatchJob:
    from napari_frtm.batch.job import Export
    from napari_frtm.batch.job_file import davis_job, read_job

    if options.job.is_dir():
        if options.out is None:
            raise FrtmError("Say where the results of a DAVIS folder go: --out DIR.")
        job = davis_job(options.job, options.out, options.split)
    elif options.split is not None:
        raise FrtmError("--split is for folders in the layout of DAVIS, not for job files.")
    else:
        job = read_job(options.job, options.out)
    wanted = tuple(
        Export(format=name, to=f"{name}/{{name}}{FORMATS[name].suffix}") for name in options.export
    )
    return replace(job, exports=job.exports + wanted)


def _where(options: argparse.Namespace) -> LocalWorkers | RunningScheduler:
    from napari_frtm.batch.cluster import LocalWorkers, RunningScheduler

    if options.scheduler is None and options.scheduler_file is None:
        return LocalWorkers(
            workers=options.workers,
            threads=options.threads,
            memory=options.memory,
            gpus=not options.no_gpu,
        )
    if options.workers is not None or options.memory != "auto":
        raise FrtmError(
            "--workers and --memory are for processes of this machine. Those of a scheduler were "
            "started with their own."
        )
    return RunningScheduler(
        address=options.scheduler,
        file=options.scheduler_file,
        threads=options.threads,
        timeout=options.timeout,
    )


def _introduce(options: argparse.Namespace, job: BatchJob, connection: Connection) -> None:
    if options.json:
        return
    print(f"{len(job.clips)} clips; results in {job.out}.")
    if link := connection.dashboard:
        print(f"Dashboard of dask: {link}")


def _follow(batch: Batch, options: argparse.Namespace) -> None:
    """Show how far the clips are until all are done."""
    table = JsonLines() if options.json else Table()
    with closing(batch.events()) as events, closing(table):
        for overview in events:
            table.show(overview)


def _report(batch: Batch, began: float, options: argparse.Namespace) -> None:
    from napari_frtm.batch.report import write_report

    seconds = time.monotonic() - began
    clips = list(batch.clips.values())
    page, table = write_report(batch.job.out, clips, seconds)
    if not options.json:
        done = sum(clip.state in ("done", "done before") for clip in clips)
        print(f"{done} of {len(clips)} clips are done. Report: {page}, {table.name}")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number from 1 on")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of seconds above 0")
    return value
