"""Follow the object of the bundled clip, and compare with the truth.

for example:
  napari-frtm demo
  napari-frtm demo --out my_folder --view
"""

from __future__ import annotations

import subprocess
import sys
import time
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tifffile
from PIL import Image

from napari_frtm.cli.method import add_method_arguments, method_settings, path
from napari_frtm.cli.run.follow import follow, overlay_frame
from napari_frtm.cli.run.job import Job
from napari_frtm.errors import FrtmError
from napari_frtm.evaluation.metrics import jaccard
from napari_frtm.io.atomic import replacing
from napari_frtm.io.export.overlay import contact_sheet
from napari_frtm.io.labels import read_labels
from napari_frtm.io.session.folder import is_session
from napari_frtm.io.video.opening import open_video
from napari_frtm.session.mask_files import MaskFiles, Outputs
from napari_frtm.session.run.coverage import Scope
from napari_frtm.session.run.recording import releasing
from napari_frtm.session.run.request import Request
from napari_frtm.session.store.store import Store

if TYPE_CHECKING:
    import argparse

    from napari_frtm.io.video.opening import Video

CLIP, SESSION = "roto.mp4", "roto.frtm"
_SHEET = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument(
        "--out",
        type=path,
        default=Path("demo_output"),
        metavar="DIR",
        help="folder for the results; those of an earlier demo are replaced (default: demo_output)",
    )
    parser.add_argument("--view", action="store_true", help="open the result in napari")
    add_method_arguments(parser)


def run(options: argparse.Namespace) -> None:
    """Run this command."""
    started = time.perf_counter()
    if not _may_replace(options.out):
        raise FrtmError(f"{options.out} is there and not of a demo. Choose another --out.")
    samples = Path(str(files("napari_frtm") / "sample_data"))
    video = open_video(samples / CLIP)
    job = _job(options, samples, video)
    with releasing(job.store):
        follow(job)
        overlaps = _overlaps(job, tifffile.imread(samples / "roto_truth.tif"))
        sheet = _contact_sheet(job, options.out, overlaps)
    print(f"Contact sheet: {sheet}")
    print(
        f"Mean J against the exact truth, frames 1 to {len(overlaps) - 1}: "
        f"{np.mean(overlaps[1:]):.3f}"
    )
    print(f"Done in {time.perf_counter() - started:.1f} s.")
    if options.view:
        _view(job, options.out)


def _job(options: argparse.Namespace, samples: Path, video: Video) -> Job:
    length, height, width = video.frames.shape[:3]
    return Job(
        source=samples / CLIP,
        video=video,
        request=Request(
            frames=video.frames,
            keyframes={0: read_labels(samples / "roto_mask.png")},
            complete=frozenset(),
            store=Store((length, height, width), in_memory=False),
            settings=method_settings(options),
            span=range(length),
            scope=Scope.RANGE,
            contrast=video.contrast,
        ),
        session=options.out / SESSION,
        masks=MaskFiles.of(options.out, video.names, Outputs(), 1),
        overlay=options.out / "overlay.mp4",
        overwrite=True,
    )


def _may_replace(folder: Path) -> bool:
    """Whether a folder is free, or holds an earlier demo."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return True
    return is_session(folder / SESSION)


def _overlaps(job: Job, truth: np.ndarray) -> list[float]:
    """Return J of every frame."""
    return [jaccard(job.store.labels(t) > 0, truth[t] > 0) for t in range(len(truth))]


def _contact_sheet(job: Job, folder: Path, overlaps: list[float]) -> Path:
    shown = np.linspace(0, len(overlaps) - 1, _SHEET).round().astype(int).tolist()
    images = [overlay_frame(job, t) for t in shown]
    captions = [f"frame {t}   J {overlaps[t]:.2f}" for t in shown]
    path = folder / "contact_sheet.png"
    with replacing(path) as temporary:
        Image.fromarray(contact_sheet(images, captions)).save(temporary)
    return path


def _view(job: Job, folder: Path) -> None:
    """Open napari in a process of its own: the command line does without Qt."""
    viewer = [sys.executable, "-m", "napari_frtm.plugin.standalone"]
    code = subprocess.call([*viewer, str(job.source), str(folder)])
    if code:
        raise FrtmError("napari could not be opened. Install it with: pip install napari-frtm[all]")
