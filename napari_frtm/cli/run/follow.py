"""One run from the command line: load, follow, write, report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from napari_frtm.cli.output.progress import take
from napari_frtm.cli.run.protection import new_folder
from napari_frtm.config import Direction
from napari_frtm.errors import FrtmError
from napari_frtm.io.export.overlay import OverlayMovie, overlay, to_uint8
from napari_frtm.session.edits.division_search import denied_divisions, possible_divisions
from napari_frtm.session.mask_files import KEY
from napari_frtm.session.run.carry_out import NetworkCache, carry_out
from napari_frtm.session.run.recording import enter_keyframes, nothing_to_follow, record
from napari_frtm.session.run.request import Started
from napari_frtm.timeline import DOUBTFUL
from napari_frtm.types import BYTES

if TYPE_CHECKING:
    from napari_frtm.cli.run.job import Job
    from napari_frtm.session.store.store import Store
    from napari_frtm.types import Contrast

_LISTED = 8  # objects or stretches of frames that are named, at most


def follow(job: Job) -> None:
    """Run a job with a progress bar; print what was done."""
    events = carry_out(job.request, NetworkCache(), continues=job.continues)
    started = next(events)
    assert isinstance(started, Started)
    if reason := nothing_to_follow(job.request, started):
        raise FrtmError(f"{reason} Add --direction with another way, or extend the --range.")
    _open(job)
    next(events)
    _record(job, started)
    _introduce(job, started)
    seconds = take(events, started, job.store, job.masks)
    new = started.total - started.done
    _report(job, f"{new} new in {seconds:.1f} s, {new / max(seconds, 1e-9):.1f} frames per second")


def finish(job: Job) -> None:
    """Bring the label images of a run that has ended to where the session stands; say so."""
    _update(job)
    _report(job, "0 new: there is no unfinished run")


def _update(job: Job) -> None:
    if job.masks is not None:
        job.masks.update(job.store, np.flatnonzero(job.store.timeline.filled).tolist())


def _report(job: Job, new: str) -> None:
    """Print what there is now, and write the overlay movie."""
    store = job.store
    frames = np.flatnonzero(store.timeline.filled).tolist()
    place = job.session if job.masks is None else job.masks.folder
    print(f"{len(frames)} masks in {place} ({new}).")
    if job.masks is not None:
        print(f"Session, to review in napari or to go on with: {job.session}")
    print(_doubts(store))
    if job.request.settings.preset == "cells":
        print(_divisions(store))
    if job.overlay is not None:
        write_overlay(job, frames)
        print(f"Overlay movie: {job.overlay}")


def write_overlay(job: Job, indices: list[int]) -> None:
    """Write a movie of the masks over the video."""
    assert job.overlay is not None
    video = job.video
    size = video.frames.shape[1:3]
    with OverlayMovie(job.overlay, video.fps, size, video.pixel_aspect) as movie:
        for index in tqdm(indices, desc="overlay", unit="frame", leave=False):
            movie.write(overlay_frame(job, index))


def overlay_frame(job: Job, index: int) -> np.ndarray:
    """Return one frame with its mask drawn over it, uint8 of shape (H, W, 3)."""
    frame = to_uint8(np.asarray(job.video.frames[index]), job.video.contrast)
    return overlay(frame, job.store.labels(index))


def _open(job: Job) -> None:
    """Make the session or take it up, and bring the label images to where it stands."""
    store = job.store
    if store.folder is None:
        store.keep_in(new_folder(job))
    enter_keyframes(job.request)


def _record(job: Job, started: Started) -> None:
    """Let the session know how its masks are made, and bring label images to where it stands."""
    also = {} if job.masks is None else {KEY: job.masks.settings(job.session)}
    record(job.request, started, also, continues=job.continues)
    _update(job)


def _introduce(job: Job, started: Started) -> None:
    count, height, width = job.video.frames.shape[:3]
    objects = _some([str(i) for i in started.objects], f"{len(started.objects)} in all")
    print(f"{job.source.name}: {count} frames, {width} x {height}; objects: {objects}.")
    if job.continues:
        print(
            f"Continuing {job.session}: {started.done} of {started.total} frames are finished; "
            "target models and memory are restored as they were."
        )
    covered, config, settings = started.coverage, started.config, started.settings
    left_out = len(covered.frames) - started.total
    if left_out:
        where = "after" if covered.direction is Direction.BACKWARD else "before"
        print(f"{left_out} frames {where} the masks get none; --direction both fills them too.")
    if job.video.frames.dtype != np.uint8 or started.contrast != BYTES:
        print(_seen(started.contrast))
    if config.variant != settings.config.variant:
        print(
            f"Coarse masks only: there are no weights of the segmentation network for "
            f"{config.backbone} here, so variant '{config.variant}' runs. For fine masks give "
            "--checkpoint, or import some once ('napari-frtm weights import')."
        )
    weights = settings.checkpoint
    source = f" with {weights.name}" if weights is not None and config.variant.refines else ""
    name = f"Preset {settings.preset}: " if settings.preset else ""
    print(f"{name}{config.backbone}, variant {config.variant}{source}, on {started.device}.")


def _seen(contrast: Contrast) -> str:
    """Return how intensities are seen, and the options that change it."""
    low, high, gamma = contrast
    seen = f"Intensities {low:g} to {high:g} are seen as black to white (--contrast)"
    return f"{seen}." if gamma == 1 else f"{seen}, with a gamma of {gamma:.3g} (--gamma)."


def _doubts(store: Store) -> str:
    """Return how sure the program is, and where to look."""
    doubt = store.timeline.doubt
    known = np.isfinite(doubt)
    if not known.any():
        return "Confidence: unknown."
    mean = f"Confidence: {doubt[known].mean():.2f} on average"
    with np.errstate(invalid="ignore"):
        low = np.flatnonzero(doubt < DOUBTFUL)
    if not low.size:
        return f"{mean}, on no frame below {DOUBTFUL}."
    stretches = np.split(low, np.flatnonzero(np.diff(low) > 1) + 1)
    names = [f"{s[0]}" if len(s) == 1 else f"{s[0]}-{s[-1]}" for s in stretches]
    return f"{mean}; below {DOUBTFUL}, worth a look: {_some(names, f'{low.size} frames in all')}."


def _divisions(store: Store) -> str:
    """Return which objects may have divided, and where; they are left as they are."""
    denied = denied_divisions({} if store.folder is None else store.folder.settings)
    frames = np.flatnonzero(store.timeline.filled).tolist()
    steps = possible_divisions(store.labels, frames, denied)
    bar = tqdm(steps, total=len(frames), desc="divisions", unit="frame", leave=False)
    found = [each for _, new in bar for each in new]
    if not found:
        return "Divisions: none was found in these masks."
    names = [f"object {each.object_id} at frame {each.frame}" for each in found]
    listed = _some(names, f"{len(found)} in all")
    return f"May have divided, to be looked at in napari (Review, Divisions): {listed}."


def _some(names: list[str], all_of_them: str) -> str:
    shown = ", ".join(names[:_LISTED])
    return shown if len(names) <= _LISTED else f"{shown}, ... ({all_of_them})"
