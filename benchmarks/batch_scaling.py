"""The same job on one worker and on two, in one run: clips a minute, and the ratio.

    python benchmarks/batch_scaling.py [--clips 6] [--frames 24] [--repeats 1]

Each worker has one thread and a core of its own. A clip is a video of 480 x 854 pixels with two
textured squares, followed by `lite` at `short_side` 240. The clock runs from the first clip that is
given to a worker until the last one is done; torch is loaded before, the network is not. Runs on
one and two workers take turns, and the faster of each counts. The processor's time, of the workers
alone, is changed less by what else the machine has to do.
"""

from __future__ import annotations

import argparse
import importlib
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

from napari_frtm.batch.cluster import LocalWorkers, connected
from napari_frtm.batch.job import BatchJob, Clip, ClipSettings
from napari_frtm.batch.run import Batch
from napari_frtm.io.labels import write_labels

_SIZE = (480, 854)
_SIDE = 90


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=6)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--repeats", type=int, default=1)
    options = parser.parse_args()
    best: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips = tuple(write_clip(folder, n, options.frames) for n in range(options.clips))
        for n in range(options.repeats):
            for workers in (1, 2):
                job = BatchJob(out=folder / f"{workers}-{n}", clips=clips)
                seconds, processor = follow(job, workers)
                best[workers] = min(seconds, best.get(workers, seconds))
                print(
                    f"{workers} workers: {60 * len(clips) / seconds:.2f} clips a minute, "
                    f"{processor / len(clips):.1f} s of the processor a clip, "
                    f"load of the machine {os.getloadavg()[0]:.1f}",
                    flush=True,
                )
    for workers, seconds in best.items():
        print(f"best of {workers}: {60 * options.clips / seconds:.2f} clips a minute")
    print(f"ratio: {best[1] / best[2]:.2f}")


def write_clip(folder: Path, number: int, frames: int) -> Clip:
    """Write a video of two textured squares that drift over noise, and its first label image."""
    rng = np.random.default_rng(number)
    height, width = _SIZE
    video = np.repeat(rng.integers(60, 130, (1, height, width, 3), np.uint8), frames, 0)
    patches = rng.integers(0, 256, (2, _SIDE // 6, _SIDE // 6, 3), np.uint8)
    patches = patches.repeat(6, 1).repeat(6, 2)
    labels = np.zeros(_SIZE, np.uint8)
    for t in range(frames):
        for k, (y, x) in enumerate([(60 + t, 80 + 4 * t), (300 - t, 600 - 4 * t)]):
            place = slice(y, y + _SIDE), slice(x, x + _SIDE)
            video[t][place] = patches[k]
            if t == 0:
                labels[place] = k + 1
    np.save(folder / f"{number}.npy", video)
    write_labels(folder / f"{number}.png", labels)
    return Clip(
        name=f"clip{number}",
        video=folder / f"{number}.npy",
        masks=(str(folder / f"{number}.png"),),
        settings=ClipSettings(preset="lite", short_side=240, device="cpu"),
    )


def follow(job: BatchJob, workers: int) -> tuple[float, float]:
    """Return the seconds that a job takes, on the clock and of the workers' processors."""
    before = set(psutil.Process().children(recursive=True))
    with connected(LocalWorkers(workers=workers, threads=1, gpus=False)) as connection:
        connection.client.run(importlib.import_module, "torch")
        started = set(psutil.Process().children(recursive=True)) - before
        busy = -_processor(started)
        batch = Batch(job, connection)
        begun = time.perf_counter()
        for _ in batch.events():
            pass
        seconds = time.perf_counter() - begun
        busy += _processor(started)
    undone = [clip.name for clip in batch.clips.values() if clip.state != "done"]
    if undone:
        raise SystemExit(f"not done: {undone}")
    return seconds, busy


def _processor(processes: set[psutil.Process]) -> float:
    times = [process.cpu_times() for process in processes]
    return sum(each.user + each.system for each in times)


if __name__ == "__main__":
    main()
