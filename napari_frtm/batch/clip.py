"""One clip, from its files to a session with exports: what a worker does, without dask."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_frtm.batch.opening import KEY, Work, is_done, opened
from napari_frtm.batch.result import ClipResult, Effort, load_result, thumbnail
from napari_frtm.errors import FrtmError
from napari_frtm.io.export.export import export
from napari_frtm.io.export.opening import open_masks
from napari_frtm.io.session.folder import SessionFolder
from napari_frtm.io.session.section import kept_section
from napari_frtm.session.run.carry_out import carry_out
from napari_frtm.session.run.recording import enter_keyframes, nothing_to_follow, record
from napari_frtm.session.run.request import Advanced, Started

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from napari_frtm.batch.job import Export, Task
    from napari_frtm.session.run.carry_out import NetworkCache
    from napari_frtm.session.store.store import Store


@dataclass(frozen=True, slots=True)
class ClipProgress:
    """How far a clip is.

    Attributes
    ----------
    done, total : int
        Frames.
    confidence : float or None
        Mean so far of that of the worst object.
    step : str
        What is being done, in words.
    """

    done: int
    total: int
    confidence: float | None = None
    step: str = "following"


def follow_clip(
    task: Task, networks: NetworkCache
) -> Generator[ClipProgress, None, ClipResult | None]:
    """Yield how far a clip is, and return what came of it; close the generator to stop.

    A clip that is done is not done again: only exports that are missing are written. One that was
    broken off goes on where it stood. A part returns nothing.

    Raises
    ------
    FrtmError
        If something is wrong with the clip, or results cannot be written.
    """
    with opened(task) as work:
        known = None if task.is_part else load_result(task.result)
        done = is_done(task, work)
        if not done:
            known = yield from _follow(task, work, networks)
    for wanted in task.exports:
        yield from exported(task, wanted, remade=not done)
    return known


def exported(task: Task, wanted: Export, *, remade: bool) -> Iterator[ClipProgress]:
    """Yield how far an export of a finished clip is; nothing if it is there.

    Parameters
    ----------
    task : Task
        The clip.
    wanted : Export
        What to write.
    remade : bool
        Whether the masks are new: an export of others is replaced.

    Raises
    ------
    FrtmError
        If it cannot be written.
    """
    frames = task.clip.frames
    settings = wanted.settings(task.out, task.clip.name)
    settings = replace(settings, overwrite=True, span=None if frames is None else range(*frames))
    done = task.result.with_suffix(f".{wanted.format}.done")
    if not remade and done.exists() and settings.destination.exists():
        return
    done.unlink(missing_ok=True)
    source = open_masks(task.session)
    if source.video is None and task.clip.video is not None:
        source = source.of_video(task.clip.video, task.clip.section)
    for step in export(source, settings):
        yield ClipProgress(step.done, step.total, step=f"{wanted.format}: {step.step.lower()}")
    done.touch()


def _follow(
    task: Task, work: Work, networks: NetworkCache
) -> Generator[ClipProgress, None, ClipResult | None]:
    """Carry out the run of a clip."""
    request, store = work.request, work.store
    began = time.perf_counter()
    events = carry_out(request, networks, continues=work.continues)
    started = next(events)
    assert isinstance(started, Started)
    if not task.is_part and (reason := nothing_to_follow(request, started)):
        raise FrtmError(f"{reason} Choose another direction, or extend the frames.")
    kept: dict[str, Any] = {KEY: {"key": work.key}, **kept_section(work.video.section)}
    begin(task, work, kept)
    next(events)
    record(request, started, kept, continues=work.continues)
    yield _progress(store, started.done, started.total)
    for event in events:
        if isinstance(event, Advanced):
            yield _progress(store, event.done, started.total)
    effort = Effort(time.perf_counter() - began, started.total - started.done, started.device)
    if not task.is_part:
        return concluded(task, work, effort)
    folder = store.folder
    assert folder is not None
    folder.save_settings({**folder.settings, KEY: {"key": work.key, **effort._asdict()}})
    return None


def begin(task: Task, work: Work, kept: Mapping[str, Any]) -> None:
    """Make the session of a clip, if it has none, and let it know what is drawn.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    store = work.store
    if store.folder is None:
        store.keep_in(SessionFolder.create(task.session, work.identity, kept))
    enter_keyframes(work.request)


def concluded(task: Task, work: Work, effort: Effort) -> ClipResult:
    """Return what came of a clip, and keep it.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    store = work.store
    result = ClipResult.of(store, task.clip.name, work.key, effort)
    frame = np.asarray(work.video.frames[result.worst_frame])
    picture = thumbnail(frame, work.video.contrast, store, result.worst_frame)
    result.save(task.result, picture)
    return result


def _progress(store: Store, done: int, total: int) -> ClipProgress:
    doubt = store.timeline.doubt
    known = doubt[np.isfinite(doubt)]
    return ClipProgress(done, total, float(known.mean()) if known.size else None)
