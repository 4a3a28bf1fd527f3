"""Where clips are followed: processes of this machine, or the workers of a running scheduler."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import shutil
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_frtm import __version__
from napari_frtm.errors import FrtmError, first_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Client

_CORES_TOGETHER = 4
"""Cores of one worker, without GPU: more threads help one clip less than two clips help each."""

_ATTEMPT = 5.0
"""Seconds at one address, before it is looked for again: its file may say another by then."""


class ClusterError(FrtmError):
    """There are no workers, or none that can be reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalWorkers:
    """The processes to start on this machine.

    Attributes
    ----------
    workers : int or None
        How many; one for each GPU, or else for each four cores, if not said.
    threads : int or None
        Threads, and cores, of each; all cores are shared out if not said.
    memory : str
        What each may use at most, such as ``8GB``; an equal share if ``auto``.
    gpus : bool
        Whether GPUs are used, if there are any.
    """

    workers: int | None = None
    threads: int | None = None
    memory: str = "auto"
    gpus: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningScheduler:
    """A scheduler that is there already.

    Attributes
    ----------
    address : str or None
        Such as ``tcp://10.0.0.1:8786``.
    file : Path or None
        A file that says where it is, as ``dask scheduler --scheduler-file`` writes it.
    threads : int or None
        Threads of torch on each worker.
    timeout : float
        Seconds to wait for it.
    """

    address: str | None = None
    file: Path | None = None
    threads: int | None = None
    timeout: float = 30.0

    def connect(self) -> Client:
        """Return a client of the scheduler.

        Raises
        ------
        ClusterError
            If it cannot be reached in time, or is of another version.
        """
        from distributed import Client

        end = time.monotonic() + self.timeout
        while True:
            try:
                address = self.address or _address_in(self.file)
                left = min(_ATTEMPT, max(1.0, end - time.monotonic()))
                client = Client(address, timeout=left, set_as_default=False)
            except (OSError, ValueError, TypeError, KeyError, ImportError) as error:
                if time.monotonic() < end and isinstance(error, OSError):
                    time.sleep(0.5)
                    continue
                raise ClusterError(
                    f"No scheduler answers at {self.address or self.file} ({first_line(error)}). "
                    "Check the address, that 'dask scheduler' runs there, and that it can be "
                    "reached from here; wait longer with --timeout."
                ) from error
            return client


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Connection:
    """What the clips of a batch are given to.

    Attributes
    ----------
    client : Client
        Of the scheduler.
    scheduler : RunningScheduler or None
        How to find it again; None if it is in this process.
    threads : int or None
        Threads of torch on each worker.
    memory : str
        What a worker may use at most, in words; empty if not known.
    dashboard : str
        Where dask shows what its workers do; empty if it does not.
    """

    client: Client
    scheduler: RunningScheduler | None = None
    threads: int | None = None
    memory: str = ""
    dashboard: str = ""


@contextmanager
def connected(where: LocalWorkers | RunningScheduler, *, retries: int = 2) -> Iterator[Connection]:
    """Give workers to follow clips on; those of this machine end with the block.

    Raises
    ------
    ClusterError
        If dask.distributed is not installed, the scheduler cannot be reached, or is of another
        version.
    """
    import dask

    # before distributed is imported here and in workers: it would write to the terminal
    quiet = dict.fromkeys(("distributed", "distributed.client", "tornado", "bokeh"), "critical")
    with dask.config.set({"logging": quiet}), warnings.catch_warnings():
        try:
            from distributed.versions import VersionMismatchWarning
        except ImportError as error:
            raise ClusterError(
                "Many clips need dask.distributed, which is not installed here: pip install "
                "'napari-frtm[batch]'."
            ) from error
        warnings.simplefilter("ignore", VersionMismatchWarning)  # `check_versions` tells it
        for name in ("distributed", "tornado"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        if isinstance(where, RunningScheduler):
            client = where.connect()
            try:
                check_versions(client)
                link = client.dashboard_link or ""
                yield Connection(
                    client=client, scheduler=where, threads=where.threads, dashboard=link
                )
            finally:
                client.close(timeout=5)
        else:
            with _local(where, retries) as connection:
                yield connection


def check_versions(client: Client) -> None:
    """Check that the workers there are can do what they will be asked to.

    Raises
    ------
    ClusterError
        Naming the first that cannot.
    """
    try:
        found = client.get_versions(packages=["napari-frtm"])
    except (OSError, ValueError) as error:
        raise ClusterError(f"The scheduler does not say its versions: {error}.") from error
    wanted = {"napari-frtm": __version__, "distributed": _version(found["client"], "distributed")}
    for address, said in found["workers"].items():
        for package, version in wanted.items():
            there = _version(said, package)
            if there != version:
                raise ClusterError(
                    f"The worker {address} has {package} {there or 'not installed'}, and here it "
                    f"is {version}. Install the same version there."
                )


def _version(said: dict[str, Any], package: str) -> str | None:
    version: str | None = said.get("packages", {}).get(package)
    return version


@contextmanager
def _local(where: LocalWorkers, retries: int) -> Iterator[Connection]:
    """Start workers on this machine."""
    import dask
    from distributed import Client, Nanny, Scheduler, SpecCluster
    from distributed.system import MEMORY_LIMIT

    gpus = _gpus() if where.gpus else []
    cores = _cores()
    count = where.workers or len(gpus) or max(1, len(cores) // _CORES_TOGETHER)
    threads = where.threads or max(1, len(cores) // count)
    memory = _bytes(where.memory, MEMORY_LIMIT // count)
    settings = {
        # a clip is of no use in part: no spilling, no pause
        **{f"distributed.worker.memory.{name}": False for name in ("target", "spill", "pause")},
        "distributed.scheduler.allowed-failures": retries,
        "distributed.worker.daemon": True,
    }
    workers = {}
    for n in range(count):
        own = [cores[(n * threads + k) % len(cores)] for k in range(min(threads, len(cores)))]
        workers[n] = {
            "cls": Nanny,
            "options": {
                "nthreads": 1,
                "memory_limit": memory,
                "dashboard": False,
                "host": "127.0.0.1",
                "resources": {"GPU": 1} if gpus else {},
                "silence_logs": logging.CRITICAL,
                "env": _environment(threads, own, gpus[n % len(gpus)] if gpus else None),
            },
        }
    shown = importlib.util.find_spec("bokeh") is not None
    scheduler = {
        "cls": Scheduler,
        "options": {
            "host": "127.0.0.1",
            "dashboard": shown,
            "dashboard_address": "127.0.0.1:0",
        },
    }
    with (
        dask.config.set(settings),
        SpecCluster(workers, scheduler, silence_logs=logging.CRITICAL) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield Connection(
            client=client,
            threads=threads,
            memory=dask.utils.format_bytes(memory),
            dashboard=client.dashboard_link if shown else "",
        )


def _environment(threads: int, cores: list[int], gpu: str | None) -> dict[str, str]:
    """Return what a worker finds set, before it loads torch."""
    from napari_frtm.batch.worker import CORES

    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    known = dict.fromkeys(names, str(threads)) | {"OMP_WAIT_POLICY": "passive"}
    known[CORES] = ",".join(map(str, cores))
    return known if gpu is None else known | {"CUDA_VISIBLE_DEVICES": gpu}


def _gpus() -> list[str]:
    """Return how CUDA calls the GPUs that may be used."""
    if shutil.which("nvidia-smi") is None and not Path("/dev/nvidia0").exists():
        return []  # without torch, which takes long to load
    import torch

    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = [name.strip() for name in visible.split(",")] if visible else []
    return [names[n] if n < len(names) else str(n) for n in range(torch.cuda.device_count())]


def _cores() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _bytes(text: str, share: int) -> int:
    """Return an amount of memory."""
    import dask

    if text == "auto":
        return share
    try:
        return int(dask.utils.parse_bytes(text))
    except ValueError as error:
        raise ClusterError(f"--memory: '{text}' is no amount of memory, such as 8GB.") from error


def _address_in(file: Path | None) -> str:
    """Return the address that a scheduler file says."""
    assert file is not None
    try:
        address: str = json.loads(file.read_text())["address"]
    except ValueError:  # it is just being written
        raise OSError(f"{file} holds no address") from None
    return address
