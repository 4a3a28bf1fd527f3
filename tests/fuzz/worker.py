"""Opens files that it is told of, one a line, and says what came of it; see `test_fuzz`."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
import traceback
import warnings
from pathlib import Path

import numpy as np

from napari_frtm.batch.job_file import read_job
from napari_frtm.config import preset
from napari_frtm.errors import FrtmError
from napari_frtm.io.labels import read_labels
from napari_frtm.io.session.folder import SessionFolder
from napari_frtm.io.session.section import section_of
from napari_frtm.io.video.images.image import read_image
from napari_frtm.io.video.opening import open_video
from napari_frtm.io.video.stacks.stack import open_stack
from napari_frtm.io.weights.checkpoint import load_network
from napari_frtm.io.weights.inspection import inspect
from napari_frtm.session.earlier import earlier_run


def video(path: Path) -> None:
    """Open it, and read frames forward and at random."""
    frames = open_video(path).frames
    count = frames.shape[0]
    for index in (0, 1, count - 1, count // 2):
        if index < count:
            try:
                np.asarray(frames[index])
            except FrtmError:
                continue


def stack(path: Path) -> None:
    """Open it with all its axes, and as a video."""
    opened = open_stack(path)
    data = opened.levels[0]
    np.asarray(data[(0,) * (len(opened.axes) - 2)])
    video(path)


def image(path: Path) -> None:
    """Read one image."""
    read_image(path)


def mask(path: Path) -> None:
    """Read labels, hard and soft."""
    try:
        read_labels(path)
    except FrtmError:
        read_labels(path, 0.5)


def session(path: Path) -> None:
    """Open a session with its arrays and its run; frames are read by whoever shows them."""
    folder = SessionFolder.open(path)
    try:
        folder.masks()
        folder.scores()
        earlier_run(folder)
        section_of(folder.settings, path)
    finally:
        folder.release()


def checkpoint(path: Path) -> None:
    """Look at every value; use it for the preset that it is for."""
    found = inspect(path)
    name = {"mobilenet_v2": "lite", "resnet18": "fast"}[found.backbone]
    if found.has("backbone") or name == "lite":
        load_network(preset(name), device="cpu", checkpoint=path)


def job(path: Path) -> None:
    """Read what a batch is asked to do."""
    read_job(path)


ACTIONS = {f.__name__: f for f in (video, stack, image, mask, session, checkpoint, job)}


def peak() -> int:
    """Return the most memory in use since `reset`, bytes; 0 where that is not known."""
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s*(\d+)", status.read_text()) if status.exists() else None
    return 1024 * int(found[1]) if found else 0


def reset() -> None:
    """Begin to measure `peak` anew."""
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        clear.write_text("5")


def main() -> None:
    """Answer each line ``[action, path]`` with an outcome, its details, memory and seconds."""
    logging.disable()
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        action, path = json.loads(line)
        reset()
        before, started = peak(), time.perf_counter()
        outcome, details = "opened", ""
        try:
            ACTIONS[action](Path(path))
        except FrtmError as error:
            outcome, details = "refused", str(error)
        except BaseException:  # noqa: BLE001 - that is what is looked for
            outcome, details = "raised", traceback.format_exc()
        used = peak() - before
        answer = [outcome, details, used, time.perf_counter() - started]
        sys.stdout.write(f"\n#{json.dumps(answer)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
