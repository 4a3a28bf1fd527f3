"""One run from the command line: load, follow, write, report."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from napari_frtm import __version__
from napari_frtm.cli.progress import take
from napari_frtm.config import Direction
from napari_frtm.errors import FrtmError
from napari_frtm.io.atomic import reporting
from napari_frtm.io.export.overlay import OverlayMovie, overlay, to_uint8
from napari_frtm.io.labels import read_labels
from napari_frtm.io.results import Outputs, ResultsFolder
from napari_frtm.io.video.numbering import is_pattern
from napari_frtm.io.video.opening import MOVIES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from napari_frtm.cli.method import Method
    from napari_frtm.config import FrtmConfig
    from napari_frtm.engine.networks.network import FrtmNetwork
    from napari_frtm.engine.tracking.propagate import Propagation
    from napari_frtm.io.video.opening import Video
    from napari_frtm.types import Labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """All that a run needs; see the options of ``napari-frtm segment``."""

    source: Path
    video: Video
    annotations: Mapping[int, Labels]
    mask_files: tuple[Path, ...] = ()
    method: Method
    out: Path
    span: range
    direction: Direction = Direction.FORWARD
    outputs: Outputs = field(default_factory=Outputs)
    overlay: Path | None = None
    resume: bool = False
    overwrite: bool = False


def follow(job: Job) -> ResultsFolder:
    """Run a job with a progress bar; print what was done. Returns the folder written."""
    _protect_files(job)
    run = _propagation(job)
    results = _results(job, run.config)
    done = _begin(job, results, run)
    _introduce(job, run.config, run.network)
    seconds = take(run, results, done)
    frames = len(run.order)
    new = frames - done
    speed = f", {new / seconds:.1f} frames per second" if new else ""
    print(f"{frames} masks in {job.out} ({new} new in {seconds:.1f} s{speed}).")
    if job.overlay is not None:
        write_overlay(job, results, sorted(run.order))
        print(f"Overlay movie: {job.overlay}")
    return results


def write_overlay(job: Job, results: ResultsFolder, indices: list[int]) -> None:
    """Write a movie of the masks over the video, from the files of the run."""
    assert job.overlay is not None
    with OverlayMovie(job.overlay, job.video.fps, job.video.frames.shape[1:3]) as movie:
        for index in tqdm(indices, desc="overlay", unit="frame", leave=False):
            movie.write(overlay_frame(job, results, index))


def overlay_frame(job: Job, results: ResultsFolder, index: int) -> np.ndarray:
    """Return one frame with its mask drawn over it, uint8 of shape (H, W, 3)."""
    frame = to_uint8(np.asarray(job.video.frames[index]), job.video.contrast)
    return overlay(frame, read_labels(results.mask_path(index)))


def _protect_files(job: Job) -> None:
    """Refuse what would replace the video, or an overlay of another run."""
    images = job.source if job.source.is_dir() else None
    images = job.source.parent if is_pattern(job.source) else images
    if images is not None and job.out.resolve() == images.resolve():
        raise FrtmError(
            f"The masks would replace the video: {job.out} is its own folder. Choose another one."
        )
    if job.overlay is None:
        return
    if job.overlay.suffix.lower() not in MOVIES or job.overlay.resolve() == job.source.resolve():
        raise FrtmError(
            f"The overlay cannot be written to {job.overlay}: choose another name, ending in .mp4."
        )
    if job.overlay.exists() and not (job.resume or job.overwrite):
        raise FrtmError(f"{job.overlay} is there already. Replace it with --overwrite.")
    with reporting(job.overlay):
        job.overlay.parent.mkdir(parents=True, exist_ok=True)


def _propagation(job: Job) -> Propagation:
    """Load the networks and prepare the run."""
    from napari_frtm.engine.tracking.propagate import Propagation

    config, network = job.method.load()
    return Propagation(
        network,
        config,
        job.video.frames,
        job.annotations,
        contrast=job.video.contrast,
        span=job.span,
        direction=job.direction,
    )


def _results(job: Job, config: FrtmConfig) -> ResultsFolder:
    identity = {
        "version": __version__,
        "video": job.source.name,
        "bytes": job.source.stat().st_size if job.source.is_file() else None,
        "shape": list(job.video.frames.shape),
        "contrast": list(job.video.contrast),
        "masks": [[t, _digest(labels)] for t, labels in sorted(job.annotations.items())],
        "range": f"{job.span.start}:{job.span.stop}",
        "direction": str(job.direction),
        "config": asdict(config),
        "checkpoint": _file_digest(job.method.checkpoint),
        "backbone weights": _file_digest(job.method.backbone_weights),
        "outputs": asdict(job.outputs),
    }
    largest = max(int(labels.max()) for labels in job.annotations.values())
    return ResultsFolder(job.out, job.video.names, identity, largest, job.outputs)


def _begin(job: Job, results: ResultsFolder, run: Propagation) -> int:
    """Start or continue; return how many frames are finished already."""
    if not job.resume:
        results.start(overwrite=job.overwrite, keep=job.mask_files)
        return 0
    state = results.resume()
    if state is None:
        print(f"The run in {job.out} had not finished a frame; it starts from the beginning.")
        return 0
    try:
        run.load_state_dict(state)
    except (KeyError, ValueError, IndexError, RuntimeError) as error:
        raise results.damaged(error) from error
    done = run.finished
    results.check_masks(run.order[:done])
    print(
        f"Continuing {job.out}: {done} of {len(run.order)} frames are finished; target models "
        "and memory are restored as they were."
    )
    return done


def _introduce(job: Job, config: FrtmConfig, network: FrtmNetwork) -> None:
    objects = sorted(
        {int(i) for labels in job.annotations.values() for i in np.unique(labels) if i}
    )
    count, height, width = job.video.frames.shape[:3]
    print(f"{job.source.name}: {count} frames, {width} x {height}; objects: {_some(objects)}.")
    if job.video.frames.dtype != np.uint8:
        low, high = job.video.contrast
        print(f"Intensities {low:g} to {high:g} are seen as black to white (--contrast).")
    if config.variant != job.method.config.variant:
        print(
            f"Coarse masks only: there are no weights of the segmentation network for "
            f"{config.backbone} here, so variant '{config.variant}' runs. For fine masks give "
            "--checkpoint, or import some once ('napari-frtm weights import')."
        )
    weights = job.method.checkpoint
    source = f" with {weights.name}" if weights is not None and config.variant.refines else ""
    print(f"{config.backbone}, variant {config.variant}{source}, on {network.device}.")


def _some(objects: list[int]) -> str:
    shown = ", ".join(map(str, objects[:8]))
    return shown if len(objects) <= 8 else f"{shown}, ... ({len(objects)} in all)"


def _digest(labels: Labels) -> str:
    return hashlib.sha256(np.ascontiguousarray(labels, np.int32).tobytes()).hexdigest()[:16]


def _file_digest(path: Path | None) -> str | None:
    if path is None:
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
